"""Correlations after an activation, from draws of many places, without the noise of the draws.

The correlation of two places after φ is a smooth function of that before, nearly the same for all
pairs. Drawn pair by pair, thousands of small correlations each carry the draws' noise, and whatever
sums their squares, as the freedom of a measured variance does, sums the noise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.signals.signal import Signal

POWERS: Final = 5  # of the correlation before
FEWEST: Final = 25  # places from which on there are enough pairs
_ALIKE: Final = 0.9  # a correlation of two inputs above which draws tell small differences better


def smoothed(after: Signal, before: Signal) -> Signal:
    """The signal after φ with each correlation the fitted function of that before.

    Args:
        after: With moments of draws.
        before: The signal that φ was applied to, on the same places.
    """
    if after.mean.size < FEWEST:
        return after
    old = [correlations(before, moments) for moments in (before.within, before.across)]
    if float(np.median(np.diag(old[1]))) > _ALIKE:
        return after
    new = [correlations(after, moments) for moments in (after.within, after.across)]
    apart = ~np.eye(after.mean.size, dtype=bool)
    once = np.triu_indices(after.mean.size, 1)
    given = np.concatenate([one[once] for one in old])
    found = np.concatenate([one[once] for one in new])
    powers = np.empty((POWERS, given.size))
    powers[0] = given
    for power in range(1, POWERS):
        np.multiply(powers[power - 1], given, out=powers[power])
    fitted = np.linalg.lstsq(powers @ powers.T, powers @ found, rcond=1e-10)[0]
    spread = np.sqrt(after.variances)
    outer, scale = np.outer(after.mean, after.mean), np.outer(spread, spread)
    within, across = (
        np.where(apart, outer + scale * _polynomial(fitted, one), drawn)
        for one, drawn in zip(old, (after.within, after.across), strict=True)
    )
    return replace(after, within=within, across=across)


def _polynomial(fitted: Array, correlation: Array) -> Array:
    total = np.zeros_like(correlation)
    for factor in fitted[::-1]:
        total = (total + factor) * correlation
    return np.clip(total, -1.0, 1.0)


def correlations(signal: Signal, moments: Array) -> Array:
    """Of each pair of places, for second moments of them; 0 where a place is fixed."""
    spread = np.sqrt(signal.variances)
    scale = np.outer(spread, spread)
    shared = moments - np.outer(signal.mean, signal.mean)
    found: Array = np.divide(shared, scale, out=np.zeros_like(shared), where=scale > 0)
    return np.clip(found, -1.0, 1.0)
