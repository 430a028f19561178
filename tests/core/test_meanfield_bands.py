"""The law of a single network's size: closed forms, and networks drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from app.core.meanfield.bands import (
    MISLEADING,
    below_mean,
    median_quantile,
    median_rms,
    misleads,
    network_band,
    seeds_band,
)

DRAWN = 40_000


def test_fifty_relu_layers_of_512_have_their_median_22_percent_below_the_mean():
    """Var log q = 50·5/512 = 0.488, so s = 0.70 and exp(−s²/2) = 0.783."""
    sd_log = math.sqrt(50 * 5 / 512)
    assert median_rms(math.sqrt(2), sd_log) ** 2 / 2 == pytest.approx(0.783, abs=5e-4)


def test_a_band_of_one_network_is_that_of_a_normal_logarithm():
    found = network_band(2.0, 0.6)
    away = 1.959963984540054 * 0.3
    assert math.log(found.high / found.median) == pytest.approx(away, rel=1e-12)
    assert math.log(found.median / found.low) == pytest.approx(away, rel=1e-12)


def test_without_a_spread_the_band_is_the_mean():
    found = network_band(1.5, 0.0)
    assert (found.low, found.median, found.high) == (1.5, 1.5, 1.5)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 8, 9, 64])
def test_the_median_of_several_lies_in_its_band_as_often_as_it_says(count):
    """A share of .95 of n draws has a standard error of √(.95·.05/n) = 1.1e-3: 5 of them."""
    drawn = np.median(np.random.default_rng(count).standard_normal((DRAWN, count)), axis=1)
    inside = np.mean(np.abs(drawn) < median_quantile(count, 0.975))
    assert inside == pytest.approx(0.95, abs=5 * math.sqrt(0.95 * 0.05 / DRAWN))


def test_the_median_of_two_is_their_mean():
    assert median_quantile(2, 0.975) == pytest.approx(1.959963984540054 / math.sqrt(2), rel=1e-9)


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_a_rare_median_keeps_its_digits(count):
    """One of 10⁹ on one side: of 1, the normal's own quantile; of more, nearer."""
    found = median_quantile(count, 1 - 1e-9)
    assert found <= special.ndtri(1 - 1e-9) * (1 + 1e-6)
    assert found > 0


def test_a_large_spread_gives_no_number_beyond_floats():
    found = seeds_band(1.0, 60.0, seeds=2)
    assert 0 <= found.low <= found.median <= found.high < math.inf


def test_a_mean_above_three_of_four_networks_misleads():
    assert pytest.approx(1.349, abs=5e-4) == MISLEADING
    assert below_mean(MISLEADING) == pytest.approx(0.75, rel=1e-12)
    assert misleads(1.4)
    assert not misleads(0.7)


def test_relu_networks_lie_in_their_band():
    """Ten ReLU layers of width 64, He's gain: Var log q = 10·5/64 at first order, s = 0.88.

    Of 400 networks at least 92 % must lie inside: .95 less 2.75 standard errors of .011.
    """
    depth, width, networks = 10, 64, 400
    rng = np.random.default_rng(7)
    signal = rng.standard_normal((networks, width))
    signal *= math.sqrt(width) / np.linalg.norm(signal, axis=1, keepdims=True)
    for _ in range(depth):
        weight = rng.normal(0, math.sqrt(2 / width), (networks, width, width))
        signal = np.maximum(np.einsum("nij,nj->ni", weight, signal), 0)
    # After the last ReLU half of q = 2 is left; its own n channels are among the ten.
    band = network_band(1.0, math.sqrt(depth * 5 / width))
    rms = np.sqrt(np.mean(signal**2, axis=1))
    assert np.mean((rms > band.low) & (rms < band.high)) > 0.92
