"""Moments of parameters' own values, and what they say that a law does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from app.architecture.understanding import understand
from app.core.meanfield.predict import UNIFORM01, predict
from app.core.meanfield.step import WeightMoments
from app.core.meanfield.weights import moments_of_values


def values(shape, mean=0.0, std=0.1, seed=0):
    return np.random.default_rng(seed).normal(mean, std, shape)


def test_moments_are_those_of_all_values():
    array = values((300, 200), mean=0.02)
    found = moments_of_values(array)
    assert (found.mean, found.second) == pytest.approx((array.mean(), (array**2).mean()))
    assert found.row == pytest.approx((array.sum(axis=1) ** 2).mean() / 200)


def test_a_large_parameter_is_read_in_pieces():
    array = values((3, 700_000)).astype(np.float32)
    found = moments_of_values(array)
    assert found.second == pytest.approx(float(np.mean(array.astype(np.float64) ** 2)), rel=1e-12)


def test_independent_weights_have_rows_like_their_squares():
    """E (Σ_j w_j)²/n = E w² + (n − 1)(E w)²."""
    assert WeightMoments(mean=0.5, second=1.0).rows(5) == 2.0


def test_values_that_are_no_numbers_leave_no_rows():
    array = values((4, 4))
    array[0, 0] = np.nan
    assert moments_of_values(array).row is None


def test_the_outputs_of_a_transposed_convolution_are_on_its_second_axis():
    """8 inputs in 2 groups, 6 outputs each: an output is a sum over 4 inputs and 9 positions."""
    weight = torch.from_numpy(values((8, 6, 3, 3), mean=0.05))
    found = moments_of_values(weight.numpy(), kind="ConvTranspose2d", groups=2)
    ones = torch.ones(1, 8, 1, 1, dtype=torch.float64)
    sums = F.conv_transpose2d(ones, weight, groups=2).sum((2, 3))[0]
    assert found.row == pytest.approx(float((sums**2).mean()) / 36)


def test_the_outputs_of_conv1d_are_on_its_last_axis():
    array = values((20, 30), mean=0.1)
    turned = moments_of_values(array.T.copy()).row
    assert moments_of_values(array, kind="Conv1D").row == pytest.approx(turned, rel=1e-12)


@pytest.mark.parametrize("mean", [0.0, 0.02, -0.01])
def test_real_weights_are_predicted_by_the_sums_of_their_rows(mean):
    """E h_i² = Σ_j w_ij² Var x + μ² (Σ_j w_ij)² + b_i², averaged over i: exact for these rows."""
    graph = understand("Linear(400, 300)")
    weight, bias = values((300, 400), mean=mean), values((300,), std=0.2, seed=1)
    moments = {"0.weight": moments_of_values(weight), "0.bias": moments_of_values(bias)}
    found = predict(graph, weights=moments, inputs=UNIFORM01).nodes["0"]
    sums = weight.sum(axis=1)
    each = (weight**2).sum(axis=1) / 12 + (sums / 2 + bias) ** 2
    # What a row's sum and its bias share is left out: their covariance over 300 outputs.
    rest = np.mean(sums * bias) - sums.mean() * bias.mean()
    assert found.rms**2 == pytest.approx(each.mean() - rest, rel=1e-9)


def test_rows_that_sum_to_nothing_pass_nothing_on_that_all_inputs_share():
    graph = understand("Linear(64, 64, bias=False)")
    weight = values((64, 64))
    weight -= weight.mean(axis=1, keepdims=True)
    found = predict(graph, weights={"0.weight": moments_of_values(weight)}, inputs=UNIFORM01)
    assert found.nodes["0"].input_share == pytest.approx(1.0)
