"""A signal after an elementwise activation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from app.core.meanfield.gaussian import Expansion, angular, expansion
from app.core.meanfield.nonlinearities import Array, Nonlinearity
from app.core.meanfield.signal import Signal, from_draws, gaussian_draw

STEP: Final = 1e-4  # relative, of the numerical derivative of log q
_DIGITS: Final = 11  # to which places are the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Activated:
    """The signal after φ, and what its gradient is multiplied by on the way back."""

    signal: Signal
    slope_second: Array  # E φ'² at each place


def activated(signal: Signal, activation: Nonlinearity) -> Activated:
    """φ of a signal: exact for a Gaussian one, by joint draws for another."""
    if signal.draw is not None:
        return _by_draws(signal, activation)
    return _by_moments(signal, activation)


def _by_draws(signal: Signal, activation: Nonlinearity) -> Activated:
    draws = gaussian_draw(signal)
    found = from_draws(signal, activation.value(draws))
    grown = from_draws(signal, activation.value(draws * (1 + STEP / 2)))
    elasticity = math.log(grown.second / found.second) / STEP if found.second > 0 else 1.0
    slopes = np.mean(activation.slope(draws) ** 2, axis=(0, 1))
    inherited = signal.inherited * elasticity**2
    return Activated(signal=replace(found, inherited=inherited), slope_second=slopes)


def _by_moments(signal: Signal, activation: Nonlinearity) -> Activated:
    places = _distinct(signal)
    each = [
        expansion(activation, mean=mean, variance=variance)
        for mean, variance in zip(places.means, places.variances, strict=True)
    ]
    seconds = places.spread([one.moments.second for one in each])
    within = _pairs(signal, activation, _correlation(signal, signal.within), places, each)
    np.fill_diagonal(within, seconds)
    shared = _correlation(signal, signal.across)
    middle = int(np.argsort(seconds)[seconds.size // 2])
    typical = each[places.kind[middle]]
    after = replace(
        signal,
        mean=places.spread([one.moments.mean for one in each]),
        within=within,
        across=_pairs(signal, activation, shared, places, each),
        kurtosis=typical.moments.kurtosis if typical.moments.second > 0 else 1.0,
        joint=typical.joint(float(shared[middle, middle])),
        inherited=signal.inherited * typical.elasticity**2,
        draw=lambda: activation.value(gaussian_draw(signal)),
    )
    return Activated(
        signal=after, slope_second=places.spread([one.moments.slope_second for one in each])
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """The different pairs of mean and variance, and which of them each place has."""

    means: Array
    variances: Array
    kind: np.ndarray[tuple[int, ...], np.dtype[np.intp]]

    def spread(self, values: Sequence[float]) -> Array:
        """A number of each pair, for each place."""
        return np.array(values)[self.kind]


def _distinct(signal: Signal) -> _Places:
    size = math.sqrt(signal.second) or 1.0
    variances = signal.variances
    pairs = np.stack([signal.mean / size, variances / size**2], axis=1).round(_DIGITS)
    _, first, kind = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    return _Places(means=signal.mean[first], variances=variances[first], kind=kind.reshape(-1))


def _correlation(signal: Signal, moments: Array) -> Array:
    """Of each pair of places, for second moments of them; 0 where a place is fixed."""
    spread = np.sqrt(signal.variances)
    scale = np.outer(spread, spread)
    shared = moments - np.outer(signal.mean, signal.mean)
    found: Array = np.divide(shared, scale, out=np.zeros_like(shared), where=scale > 0)
    return np.clip(found, -1.0, 1.0)


def _pairs(
    signal: Signal,
    activation: Nonlinearity,
    correlation: Array,
    places: _Places,
    each: Sequence[Expansion],
) -> Array:
    """`E φ(x_α) φ(x_α')` for each pair of places with this correlation."""
    if activation.homogeneous is not None and not signal.mean.any():
        spread = np.sqrt(signal.variances)
        return np.outer(spread, spread) * angular(activation.homogeneous, correlation)
    if correlation.size == 1:
        return np.array([[each[0].product(float(correlation[0, 0]))]])
    series = np.stack([one.coefficients for one in each], axis=1)[:, places.kind]
    rest = np.sqrt(places.spread([one.remainder for one in each]))
    total = np.outer(rest, rest)
    for coefficients in series[::-1]:
        total = total * correlation + np.outer(coefficients, coefficients)
    return total
