"""Joint draws that have the moments of theory."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.meanfield.signals.matched import draws_of, gaussian, matched


def covariances(places, *, size=1.0):
    """Within and across inputs, of places that lie on a line."""
    apart = np.abs(np.subtract.outer(np.arange(places), np.arange(places)))
    return size * (0.3 + 0.7 * 0.5**apart), size * np.full((places, places), 0.3)


def moments(draws):
    first, second = draws[:, 0], draws[:, 1]
    within = (first.T @ first + second.T @ second) / (2 * len(draws))
    across = (first.T @ second + second.T @ first) / (2 * len(draws))
    return within, across


@pytest.mark.parametrize("size", [1e-60, 1.0, 1e60])
def test_gaussian_draws_have_the_moments_they_are_drawn_from(size):
    """Single precision within: six digits."""
    within, across = covariances(30, size=size)
    found = moments(gaussian(7, np.zeros(30), within, across))
    assert found[0] == pytest.approx(within, rel=1e-4, abs=1e-5 * size)
    assert found[1] == pytest.approx(across, rel=1e-4, abs=1e-5 * size)


def test_gaussian_draws_have_no_mean_but_the_given_one():
    within, across = covariances(10)
    mean = np.linspace(-1, 1, 10)
    outer = np.outer(mean, mean)
    draws = gaussian(3, mean, within + outer, across + outer)
    assert draws.mean(axis=(0, 1)) == pytest.approx(mean, abs=1e-6)


def test_draws_of_another_law_are_turned_to_the_given_moments():
    within, across = covariances(12)
    draws = np.random.default_rng(0).exponential(size=(draws_of(12), 2, 12))
    found = moments(matched(draws, np.zeros(12), within, across))
    assert found[0] == pytest.approx(within, abs=1e-5)
    assert found[1] == pytest.approx(across, abs=1e-5)


def test_inputs_that_cannot_be_told_apart_are_drawn_alike():
    within, _ = covariances(8)
    draws = gaussian(1, np.zeros(8), within, within)
    assert draws[:, 0] == pytest.approx(draws[:, 1], abs=1e-3)


def test_many_places_take_fewer_draws():
    assert draws_of(1) == draws_of(32) == 8192
    assert draws_of(256) == 1024
    assert draws_of(1100) == 512
