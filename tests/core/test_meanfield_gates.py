"""Gated and bilinear layers, dropout in all its kinds and random slopes, in closed form."""

from __future__ import annotations

import math

import pytest
from torch import nn

from app.core.meanfield.nonlinear.gaussian import moments
from app.core.meanfield.nonlinear.nonlinearities import nonlinearity
from tests.theory_checks import agrees, last, predicted, sampled

SIGMOID = moments(nonlinearity("Sigmoid"), variance=1.0)


def test_a_gated_linear_unit_multiplies_two_independent_halves():
    """Of N(0,1): E a² E σ(b)², no mean."""
    found = last("input: [64]\nGLU()")
    assert found.rms**2 == pytest.approx(SIGMOID.second, rel=1e-9)
    assert found.mean == pytest.approx(0.0, abs=1e-12)


def test_half_of_a_gates_gradient_goes_to_each_side():
    found = predicted("input: [64]\nGLU()").gradients["input"]
    assert found == pytest.approx((SIGMOID.second + SIGMOID.slope_second) / 2, rel=1e-9)


def test_a_bilinear_layer_at_torchs_default():
    """n² of a weight 1/(3n), and 2n of the squares on the diagonal, as both inputs are one."""
    n = 64
    found = last(f"input: [{n}]\nBilinear({n}, {n}, 32)")
    assert found.rms**2 == pytest.approx((n * n + 2 * n + 1) / (3 * n), rel=1e-9)


def test_bilinear_layers_that_torch_draws():
    class Form(nn.Bilinear):
        def forward(self, x):
            return super().forward(x, x)

    drawn = sampled(lambda: Form(24, 24, 64), (24,))
    found = predicted("input: [24]\nBilinear(24, 24, 64)")
    assert agrees(list(found.nodes.values())[-1].rms ** 2, drawn.squares)
    assert agrees(found.gradients["input"], drawn.gradients, finite=0.1)  # 1/24 of it, twice


def test_alpha_dropout_keeps_a_standard_normal():
    """Exactly so for N(0,1), whatever p."""
    found = last("input: [64]\nAlphaDropout(0.3)")
    assert (found.mean, found.std) == pytest.approx((0.0, 1.0), abs=1e-12)


@pytest.mark.parametrize("name", ["AlphaDropout", "Dropout"])
def test_dropout_after_a_relu_is_torchs(name):
    drawn = sampled(lambda: nn.Sequential(nn.ReLU(), getattr(nn, name)(0.4)), (400,))
    found = last(f"input: [400]\nReLU()\n{name}(0.4)")
    assert agrees(found.rms**2, drawn.squares, finite=0)
    assert agrees(found.mean, drawn.means, finite=0)


def test_channels_that_are_dropped_whole_keep_what_their_places_share():
    """Before and after a mean over 8 × 8 places: (1/64)/(1−p) of independent numbers."""
    found = last("input: [16, 8, 8]\nDropout2d(0.5)\nAdaptiveAvgPool2d(1)")
    assert found.rms**2 == pytest.approx(2 / 64, rel=1e-9)


def test_alpha_dropout_of_whole_channels_averages_to_its_two_levels():
    drawn = sampled(
        lambda: nn.Sequential(nn.FeatureAlphaDropout(0.5), nn.AdaptiveAvgPool2d(1)), (64, 4, 4)
    )
    found = last("input: [64, 4, 4]\nFeatureAlphaDropout(0.5)\nAdaptiveAvgPool2d(1)")
    assert agrees(found.rms**2, drawn.squares, finite=0)


def test_nothing_is_dropped_in_evaluation():
    assert last("input: [16]\nAlphaDropout(0.5)", training=False).rms == pytest.approx(1.0)


def test_a_random_slope_has_its_mean_square_in_training_and_its_mean_in_evaluation():
    low, high = 0.1, 0.5
    text = f"input: [16]\nRReLU({low}, {high})"
    middle, square = (low + high) / 2, (high**2 + low * high + low**2) / 3
    assert last(text).rms ** 2 == pytest.approx((1 + square) / 2, rel=1e-9)
    assert last(text, training=False).rms ** 2 == pytest.approx((1 + middle**2) / 2, rel=1e-9)
    assert last(text).mean == pytest.approx((1 - middle) / math.sqrt(2 * math.pi), rel=1e-9)


def test_the_gradient_of_a_random_slope_has_the_mean_square_of_the_slope():
    found = predicted("input: [16]\nRReLU(0.1, 0.5)").gradients["input"]
    assert found == pytest.approx((1 + 0.31 / 3) / 2, rel=1e-9)


def test_a_softmax_of_many_channels_is_log_normal():
    """`E p² = e^{σ²}/C²` of logits of variance σ² = 1/3."""
    found = last("input: [64]\nLinear(64, 4096, bias=False)\nSoftmax(dim=-1)")
    assert found.mean == pytest.approx(1 / 4096, rel=1e-9)
    assert found.rms == pytest.approx(math.exp(1 / 6) / 4096, rel=1e-9)


def test_a_log_softmax_shifts_by_the_logarithm_of_the_sum():
    drawn = sampled(
        lambda: nn.Sequential(nn.Linear(64, 512), nn.LogSoftmax(dim=-1)), (64,), inputs=32
    )
    found = predicted("input: [64]\nLinear(64, 512)\nLogSoftmax(dim=-1)")
    end = list(found.nodes.values())[-1]
    assert agrees(end.mean, drawn.means, finite=1e-3)
    assert agrees(found.gradients["input"], drawn.gradients)
