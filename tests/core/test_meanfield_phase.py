"""Fixed points, depth scales and the edge of chaos against published numbers."""

from __future__ import annotations

import math

import pytest

from app.core.meanfield.nonlinearities import nonlinearity
from app.core.meanfield.phase import critical_weight, fixed_point, settled_q, unit_gain

# σ_b², σ_w² and q* where χ₁ = 1. Source: the propagation reference, iterated from q = 1.
EDGES = [
    ("Tanh", 0.0001, 1.086026, 0.045709),
    ("Tanh", 0.2, 2.285152, 1.164496),
    ("erf", 0.05, 1.375839, 0.517177),
    ("sin", 0.01, 1.304773, 0.314773),
    ("Softsign", 0.2, 4.415313, 1.013078),
    ("Hardtanh", 0.01, 1.052061, 0.259146),
    ("ELU", 0.0001, 1.130918, 0.031884),
    ("SELU", 0.0001, 0.564177, 0.025185),
    ("GELU", 0.2, 1.970672, 4.470950),
    ("Mish", 0.2, 1.949706, 3.959345),
]


@pytest.mark.parametrize(("name", "bias", "weight", "q"), EDGES)
def test_the_edge_of_chaos_is_where_it_was_found(name, bias, weight, q):
    activation = nonlinearity(name)
    found = critical_weight(activation, bias=bias)
    assert found == pytest.approx(weight, abs=6e-7)
    assert settled_q(activation, weight=found, bias=bias) == pytest.approx(q, abs=6e-7)


def test_silu_with_a_bias_of_a_fifth_has_no_edge_of_chaos():
    """Where χ₁ = 1, q is not a fixed point that layers come to: they pass it on their way up."""
    assert critical_weight(nonlinearity("SiLU"), bias=0.2) is None


def test_relu_is_critical_at_he_without_biases():
    assert critical_weight(nonlinearity("ReLU"), bias=0.0) == pytest.approx(2.0, rel=1e-14)
    assert critical_weight(nonlinearity("ReLU"), bias=0.1) is None
    assert fixed_point(nonlinearity("ReLU"), weight=2.0, bias=0.0).phase == "critical"


def test_torchs_default_leaves_a_relu_network_its_biases():
    """q* = (1/(3n)) / (1 - 1/6) = 0.4/n, and gradients fall by √(1/6) = 0.408 a layer."""
    found = fixed_point(nonlinearity("ReLU"), weight=1 / 3, bias=1 / (3 * 512))
    assert found.q == pytest.approx(0.4 / 512, rel=1e-12)
    assert math.sqrt(found.chi) == pytest.approx(0.408248290463863, rel=1e-12)
    assert (found.phase, found.correlation) == ("ordered", 1.0)


def test_torchs_tanh_gain_is_chaotic():
    found = fixed_point(nonlinearity("Tanh"), weight=25 / 9, bias=0.0)
    assert found.q == pytest.approx(1.1784804903859, rel=1e-10)
    assert found.chi == pytest.approx(1.2098313203828317, rel=1e-10)
    assert (found.phase, found.correlation) == ("chaotic", 0.0)


def test_gelu_with_hes_gain_vanishes():
    found = fixed_point(nonlinearity("GELU"), weight=2.0, bias=0.0)
    assert (found.q, found.chi) == (0.0, pytest.approx(0.5, rel=1e-12))


def test_erf_settles_at_the_arc_sine_fixed_point():
    q = settled_q(nonlinearity("erf"), weight=2.25, bias=0.09)
    assert q == pytest.approx(2.25 * 2 / math.pi * math.asin(2 * q / (1 + 2 * q)) + 0.09, rel=1e-10)
    assert q == pytest.approx(1.219168952761653, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "gain"),
    [("GELU", 1.53353), ("SiLU", 1.67653), ("Tanh", 1.59254), ("Mish", 1.48685), ("SELU", 1.0)],
)
def test_the_unit_gain_keeps_the_second_moment(name, gain):
    assert unit_gain(nonlinearity(name)) == pytest.approx(gain, abs=6e-6)


def test_a_relu_network_above_hes_gain_explodes():
    assert math.isinf(settled_q(nonlinearity("ReLU"), weight=2.1, bias=0.0))
