"""Fixed points and depth scales against published numbers."""

from __future__ import annotations

import math

import pytest

from app.core.meanfield.nonlinear.nonlinearities import nonlinearity
from app.core.meanfield.plane.phase import fixed_point, settled_q, unit_gain


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


def test_silus_q_passes_where_the_derivative_would_be_critical():
    """At σ_w² = 2.274118, σ_b² = .2, q = 2.452276 the reference has χ₁ = 1: q grows past it."""
    activation = nonlinearity("SiLU")
    assert math.isinf(settled_q(activation, weight=2.274118, bias=0.2))


def test_a_kinked_chaotic_layer_has_its_correlation():
    """χ₁ = 1.25 > 1: two inputs part, however near quadrature is to its limit next to c = 1."""
    found = fixed_point(nonlinearity("Hardtanh"), weight=1.69, bias=0.0025)
    assert found.phase == "chaotic"
    assert 0.0 < found.correlation < 0.5
    assert math.isfinite(found.correlation_depth)


def test_a_kink_at_0_counts_half_on_either_side_where_the_signal_fades():
    """E φ'² of SELU at q → 0: (λ² + (λα)²)/2 = (1.104 + 3.091)/2 = 2.0975."""
    found = fixed_point(nonlinearity("SELU"), weight=0.4, bias=0.0)
    assert (found.q, found.chi) == (0.0, pytest.approx(0.4 * 2.0975, rel=1e-4))
