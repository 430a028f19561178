"""Gaussian moments against closed forms and published numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from app.core.meanfield.nonlinear.gaussian import cross, moments, slope_cross
from app.core.meanfield.nonlinear.nonlinearities import Nonlinearity, nonlinearity

# E φ, E φ², E φ'² and E φ⁴/(E φ²)² at N(0,1), six decimals. Source: Gaussian quadrature of the
# propagation reference, checked against Monte Carlo there.
TABLE = {
    "ReLU": (0.398942, 0.500000, 0.500000, 6.0000),
    "LeakyReLU": (0.394953, 0.500050, 0.500050, 5.9988),
    "ReLU6": (0.398942, 0.500000, 0.500000, 6.0000),
    "ELU": (0.160521, 0.644945, 0.668102, 3.7760),
    "SELU": (0.0, 1.0, 1.071575, 2.5031),
    "GELU": (0.282095, 0.425221, 0.455851, 7.2156),
    "SiLU": (0.206621, 0.355776, 0.379482, 7.2617),
    "Mish": (0.240404, 0.452342, 0.479084, 6.3494),
    "Tanh": (0.0, 0.394294, 0.464403, 1.6273),
    "erf": (0.0, 0.464559, 0.569410, 1.5598),
    "Sigmoid": (0.5, 0.293379, 0.044836, 1.5289),
    "Softplus": (0.806059, 0.921246, 0.293379, 2.7545),
    "Softsign": (0.0, 0.183014, 0.227671, 1.5878),
    "Hardtanh": (0.0, 0.516059, 0.682689, 1.6132),
    "Hardsigmoid": (0.5, 0.277639, 0.027703, 1.3776),
    "Hardswish": (0.166217, 0.331567, 0.358532, 7.6710),
    "Softshrink": (0.0, 0.419279, 0.617075, 5.5011),
    "Hardshrink": (0.0, 0.969140, 0.617075, 3.1892),
    "Tanhshrink": (0.0, 0.182883, 0.252992, 8.6890),
    "LogSigmoid": (-0.806059, 0.921246, 0.293379, 2.7545),
    "sin": (0.0, 0.432332, 0.567668, 1.6445),
}


@pytest.mark.parametrize("name", TABLE)
def test_unit_moments_are_the_published_ones(name):
    found = moments(nonlinearity(name), variance=1.0)
    mean, second, slope, kurtosis = TABLE[name]
    # Half a unit of the last decimal that is printed there.
    assert (found.mean, found.second, found.slope_second) == pytest.approx(
        (mean, second, slope), abs=5.1e-7
    )
    assert found.kurtosis == pytest.approx(kurtosis, abs=5.1e-5)


def test_a_number_without_variance_is_its_mean():
    found = moments(nonlinearity("Tanh"), variance=0.0, mean=0.5)
    assert (found.mean, found.second) == (math.tanh(0.5), math.tanh(0.5) ** 2)


def test_relus_cross_moment_is_the_arc_cosine_kernel():
    found = cross(nonlinearity("ReLU"), variances=(1.0, 1.0), covariance=0.5)
    angle = math.acos(0.5)
    assert found == pytest.approx((math.sin(angle) + (math.pi - angle) / 2) / (2 * math.pi), 1e-14)


def test_quadrature_over_two_numbers_agrees_with_the_closed_form_for_relu():
    relu = nonlinearity("ReLU")
    plain = Nonlinearity(name="ReLU", value=relu.value, slope=relu.slope, kinks=relu.kinks)
    for covariance in (-1.2, -0.3, 0.0, 0.7, 1.2, math.sqrt(1.5)):
        exact = cross(relu, variances=(1.0, 1.5), covariance=covariance)
        # The outer integrand has a kink of its own width √(1−ρ²) that no node splits.
        assert cross(plain, variances=(1.0, 1.5), covariance=covariance) == pytest.approx(
            exact, abs=1e-9
        )


def test_erfs_cross_moment_is_the_arc_sine_kernel():
    found = cross(nonlinearity("erf"), variances=(1.0, 2.0), covariance=0.5)
    exact = 2 / math.pi * math.asin(2 * 0.5 / math.sqrt((1 + 2 * 1.0) * (1 + 2 * 2.0)))
    assert found == pytest.approx(exact, rel=1e-12)


def test_gelus_cross_moment_is_the_published_kernel():
    q, r, c = 1.0, 2.0, 0.5
    root = math.sqrt((1 + q) * (1 + r) - c * c)
    exact = (c * c + q * r * root**2) / ((1 + q) * (1 + r) * root) + c * math.atan(c / root)
    exact = exact / (2 * math.pi) + c / 4
    assert cross(nonlinearity("GELU"), variances=(q, r), covariance=c) == pytest.approx(
        exact, rel=1e-12
    )


@pytest.mark.parametrize("name", ["Hardtanh", "Softplus", "Hardswish", "ELU"])
def test_a_cross_moment_of_one_number_with_itself_is_its_second_moment(name):
    activation = nonlinearity(name)
    whole = moments(activation, variance=1.3, mean=0.2).second
    found = cross(activation, variances=(1.3, 1.3), covariance=1.3, means=(0.2, 0.2))
    assert found == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("name", ["ReLU", "Tanh", "Hardtanh"])
def test_cross_moments_of_independent_numbers_are_products(name):
    activation = nonlinearity(name)
    means = [moments(activation, variance=v, mean=0.3).mean for v in (0.7, 1.9)]
    found = cross(activation, variances=(0.7, 1.9), covariance=0.0, means=(0.3, 0.3))
    assert found == pytest.approx(np.prod(means), rel=1e-12)


def test_relus_slopes_agree_on_the_share_of_the_plane_where_both_are_positive():
    found = slope_cross(nonlinearity("ReLU"), variances=(1.0, 1.0), covariance=0.5)
    # The inner integral jumps nowhere but the outer changes over a width of √(1−ρ²) = 0.87.
    assert found == pytest.approx((math.pi - math.acos(0.5)) / (2 * math.pi), abs=1e-9)
