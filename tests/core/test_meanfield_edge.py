"""The edge of chaos against published numbers, and against 1/φ'(0)² without biases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from app.core.meanfield.nonlinear.nonlinearities import SELU_ALPHA, SELU_SCALE, nonlinearity
from app.core.meanfield.plane.edge import critical_weight, fading_gain
from app.core.meanfield.plane.phase import fixed_point, settled_q

# σ_b², σ_w² and q* where χ₁ = 1. Source: the propagation reference, iterated from q = 1; its rows
# of SiLU are no fixed points, as the test of SiLU below tells.
EDGES = [
    ("Tanh", 0.0001, 1.086026, 0.045709),
    ("Tanh", 0.01, 1.424205, 0.273301),
    ("Tanh", 0.05, 1.760955, 0.570048),
    ("Tanh", 0.2, 2.285152, 1.164496),
    ("erf", 0.0001, 0.852588, 0.044604),
    ("erf", 0.01, 1.114280, 0.253210),
    ("erf", 0.05, 1.375839, 0.517177),
    ("erf", 0.2, 1.788180, 1.045933),
    ("sin", 0.0001, 1.066883, 0.066983),
    ("sin", 0.01, 1.304773, 0.314773),
    ("sin", 0.05, 1.502070, 0.552070),
    ("sin", 0.2, 1.731112, 0.931112),
    ("Softsign", 0.0001, 1.346665, 0.011621),
    ("Softsign", 0.01, 2.288770, 0.153958),
    ("Softsign", 0.05, 3.141247, 0.412183),
    ("Softsign", 0.2, 4.415313, 1.013078),
    ("Hardtanh", 0.0001, 1.001211, 0.095460),
    ("Hardtanh", 0.01, 1.052061, 0.259146),
    ("Hardtanh", 0.05, 1.165545, 0.463864),
    ("Hardtanh", 0.2, 1.410617, 0.897205),
    ("ELU", 0.0001, 1.130918, 0.031884),
    ("ELU", 0.01, 1.383325, 0.437829),
    ("ELU", 0.05, 1.533718, 1.300913),
    ("ELU", 0.2, 1.681835, 3.983338),
    ("SELU", 0.0001, 0.564177, 0.025185),
    ("SELU", 0.01, 0.760233, 0.308942),
    ("SELU", 0.05, 0.901766, 0.827302),
    ("SELU", 0.2, 1.070361, 2.158151),
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


@pytest.mark.parametrize("name", ["Tanh", "erf", "sin", "Softsign", "ELU", "CELU", "Hardtanh"])
def test_without_biases_the_edge_is_where_the_slope_at_0_keeps_a_signal(name):
    """1/φ'(0)²; E φ'² is taken at q = 1e-24, off by 4E|z|√q = 3.2e-12 where φ' has a kink."""
    activation = nonlinearity(name)
    slope = float(activation.slope(np.zeros(1))[0])
    assert critical_weight(activation, bias=0.0) == pytest.approx(1 / slope**2, rel=4e-12)


def test_without_biases_selus_edge_has_half_of_either_slope():
    edge = 2 / (SELU_SCALE**2 * (1 + SELU_ALPHA**2))
    assert critical_weight(nonlinearity("SELU"), bias=0.0) == pytest.approx(edge, rel=4e-12)


@pytest.mark.parametrize("name", ["Tanh", "erf", "sin", "Softsign", "ELU", "SELU"])
def test_without_biases_q_fades_below_the_edge_and_stays_above(name):
    activation = nonlinearity(name)
    edge = critical_weight(activation, bias=0.0)
    assert fixed_point(activation, weight=0.98 * edge, bias=0.0).q == 0.0
    above = fixed_point(activation, weight=1.02 * edge, bias=0.0)
    assert 0.0 < above.q < 0.2
    assert above.chi > 1


@pytest.mark.parametrize(("name", "bias"), [("Tanh", 1e-8), ("SELU", 1e-10)])
def test_the_edge_without_biases_is_the_end_of_the_edge_with_them(name, bias):
    activation = nonlinearity(name)
    ends = critical_weight(activation, bias=0.0), critical_weight(activation, bias=bias)
    assert ends[0] < ends[1] <= 1.01 * ends[0]


@pytest.mark.parametrize("name", ["GELU", "SiLU", "Mish", "Hardswish", "Softshrink", "Tanhshrink"])
def test_without_biases_what_is_flat_at_0_fades_or_explodes(name):
    """E φ²/q grows with q, so from 1 every q runs away from the σ_w that keeps 1."""
    activation = nonlinearity(name)
    assert critical_weight(activation, bias=0.0) is None
    gain = fading_gain(activation)
    assert fixed_point(activation, weight=(0.99 * gain) ** 2, bias=0.0).q == 0.0
    assert math.isinf(fixed_point(activation, weight=(1.01 * gain) ** 2, bias=0.0).q)


def test_tanh_settles_at_its_unit_gain():
    assert fading_gain(nonlinearity("Tanh")) is None
