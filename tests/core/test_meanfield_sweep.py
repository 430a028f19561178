"""Moments of many variances at once beside those of one at a time."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.meanfield.nonlinear.gaussian import moments
from app.core.meanfield.nonlinear.nonlinearities import names, nonlinearity
from app.core.meanfield.nonlinear.series import expansion
from app.core.meanfield.plane.sweep import seconds, squared_series

VARIANCES = np.geomspace(1e-6, 1e4, 23)


@pytest.mark.parametrize("name", names())
def test_many_variances_have_the_moments_of_each(name):
    """Both are Gauss-Legendre sums between the kinks: they differ by rounding alone."""
    activation = nonlinearity(name)
    second, slope = seconds(activation, VARIANCES)
    each = [moments(activation, variance=float(one)) for one in VARIANCES]
    # Of Softshrink at small variances nothing but the rule's cut at 10 standard deviations is left.
    assert second == pytest.approx([one.second for one in each], rel=1e-11, abs=1e-25)
    assert slope == pytest.approx([one.slope_second for one in each], rel=1e-11, abs=1e-22)


@pytest.mark.parametrize("name", ["Tanh", "SELU", "Hardtanh", "ReLU6", "Softshrink"])
def test_many_variances_have_the_series_of_each(name):
    activation = nonlinearity(name)
    found = squared_series(activation, VARIANCES)
    for row, variance in zip(found, VARIANCES, strict=True):
        exact = expansion(activation, variance=float(variance)).coefficients ** 2
        assert row == pytest.approx(exact, rel=1e-9, abs=1e-12 * variance)


def test_a_number_that_does_not_vary_has_the_activation_of_0():
    second, _ = seconds(nonlinearity("Hardsigmoid"), np.zeros(1))
    assert second[0] == pytest.approx(0.25, rel=1e-12)
