"""What a norm of few numbers does to a gradient, against closed forms."""

from __future__ import annotations

import pytest

from app.architecture.understanding import understand
from app.core.meanfield.predict import predict
from app.core.meanfield.step import WeightMoments

NO_EPS = 1e-4  # relative: what 1e-5 beside a variance of 1 leaves


def theory(text, *, batch=64):
    """Of a network whose weights have the second moment 1/fan_in, without biases."""
    graph = understand(text)
    weights = {
        one.name: WeightMoments(mean=0.0, second=1 / one.facts.fan_in)
        if len(one.shape) > 1
        else WeightMoments(mean=0.0, second=0.0)
        if one.name.endswith("bias")
        else WeightMoments(mean=1.0, second=1.0)
        for one in graph.parameters
    }
    found = predict(graph, weights=weights, batch=batch)
    assert not found.stops
    return list(found.nodes.values())


@pytest.mark.parametrize("width", [8, 96])
def test_a_layer_norms_gradient_holds_the_mean_of_one_over_a_measured_variance(width):
    """Two of C numbers are lost and E 1/v̂ = C/(C−3) of normal ones: (C−2)/(C−3) together."""
    found = theory(f"Linear({width}, {width}, bias=False)\nLayerNorm({width})")
    expected = (width - 2) / (width - 3)
    assert found[0].grad_rms ** 2 == pytest.approx(expected, rel=NO_EPS)


def test_a_norm_of_a_norm_hands_the_gradient_on():
    """LayerNorm(LayerNorm(x)) is LayerNorm(x), and so is its gradient."""
    once = theory("Linear(16, 16, bias=False)\nLayerNorm(16)")
    twice = theory("Linear(16, 16, bias=False)\nLayerNorm(16)\nLayerNorm(16)")
    assert twice[0].grad_rms == pytest.approx(once[0].grad_rms, rel=NO_EPS)


def test_an_rms_norms_gradient_loses_its_part_along_the_signal():
    """One of C numbers is lost and E 1/q̂ = C/(C−2) of normal ones: (C−1)/(C−2) together."""
    found = theory("Linear(16, 16, bias=False)\nRMSNorm(16)")
    assert found[0].grad_rms ** 2 == pytest.approx(15 / 14, rel=NO_EPS)


def test_a_norm_leaves_nothing_to_vary_from_network_to_network():
    found = theory("Linear(16, 16, bias=False)\nLayerNorm(16)")
    assert (found[0].sd_log > 0.05, found[1].sd_log) == (True, 0.0)


def test_batch_norm_after_few_weights_sees_their_size():
    """In a large batch v̂ = |w|², and E 1/v̂ = n/(n−2) of n normal weights."""
    found = theory("Linear(9, 512, bias=False)\nBatchNorm1d(512)", batch=10**6)
    assert found[0].grad_rms ** 2 == pytest.approx(9 / 7, rel=NO_EPS)


def test_weights_before_batch_norm_are_small_where_their_gradient_is_large():
    """The gradient is orthogonal to the weights, as their size changes nothing: times (n−2)/n.

    With E 1/v̂ = n/(n−2) the two cancel: 512/9 outputs' gradients arrive at an input.
    """
    text = "Linear(9, 9, bias=False)\nLinear(9, 512, bias=False)\nBatchNorm1d(512)"
    found = theory(text, batch=10**6)
    assert found[0].grad_rms ** 2 == pytest.approx(512 / 9, rel=NO_EPS)
