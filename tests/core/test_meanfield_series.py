"""Products of an activation at pairs of places, by series and by quadrature."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.meanfield.nonlinear.gaussian import cross
from app.core.meanfield.nonlinear.nonlinearities import nonlinearity
from app.core.meanfield.nonlinear.series import expansion, expansions, products

NAMES = ("ReLU", "GELU", "Tanh", "SiLU", "ELU")


@pytest.mark.parametrize("name", NAMES)
def test_products_of_different_places_are_those_of_quadrature(name):
    """Eighty orders: a kink leaves (1−ρ)-singular terms below 1e-5 for ρ up to 0.8."""
    phi = nonlinearity(name)
    variances, means = np.array([0.5, 2.0]), np.array([0.1, -0.4])
    correlation = np.array([[0.0, 0.8], [0.8, -0.3]])
    each = expansions(phi, variances=variances, means=means)
    found = products(each, np.array([0, 1]), correlation)
    true = cross(
        phi,
        variances=(0.5, 2.0),
        covariance=0.8,
        means=(0.1, -0.4),
    )
    assert found[0, 1] == pytest.approx(true, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_places_that_are_alike_take_the_short_way(name):
    phi = nonlinearity(name)
    one = expansion(phi, variance=1.3, mean=0.2)
    correlation = np.full((40, 40), 0.35)
    np.fill_diagonal(correlation, 0.0)
    long = products([one, one], np.arange(40) % 2, correlation)
    assert products([one], np.zeros(40, int), correlation) == pytest.approx(long, rel=1e-10)


def test_a_scale_free_activation_is_expanded_once_for_all_sizes():
    phi = nonlinearity("LeakyReLU")
    small, large = expansions(phi, variances=np.array([1.0, 9.0]), means=np.zeros(2))
    assert large.moments.second == pytest.approx(9 * small.moments.second, rel=1e-12)
    assert large.coefficients == pytest.approx(3 * small.coefficients, rel=1e-12)


def test_a_number_that_is_fixed_is_expanded_to_its_value():
    found = expansion(nonlinearity("GELU"), variance=0.0, mean=0.7)
    value = float(nonlinearity("GELU").value(np.array([0.7]))[0])
    assert found.moments.mean == pytest.approx(value, rel=1e-12)
    assert found.moments.second == pytest.approx(value**2, rel=1e-12)
