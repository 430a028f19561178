"""A signal after an elementwise activation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from app.core.meanfield.nonlinear.gaussian import angular
from app.core.meanfield.nonlinear.nonlinearities import Array, Nonlinearity
from app.core.meanfield.nonlinear.series import Expansion, expansions, products
from app.core.meanfield.signals.signal import Signal, from_draws, gaussian_draw
from app.core.meanfield.signals.smoothed import correlations, smoothed

STEP: Final = 1e-4  # relative, of the numerical derivative of log q
_FEW: Final = 4  # of so many draws one is enough for a ratio of means
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
    found = smoothed(from_draws(signal, activation.value(draws)), signal)
    slopes = activation.slope(draws[::2])
    slopes = np.mean(slopes * slopes, axis=(0, 1))
    inherited = signal.inherited
    if inherited and activation.homogeneous is None:
        inherited *= _elasticity(draws, activation) ** 2
    after = replace(found, inherited=inherited)
    return Activated(signal=after, slope_second=slopes)


def _elasticity(draws: Array, activation: Nonlinearity) -> float:
    """`d log E φ² / d log E x²`, both by the same few draws."""
    few = draws[::_FEW]
    before, after = (float(np.mean(activation.value(few * by) ** 2)) for by in (1, 1 + STEP / 2))
    return math.log(after / before) / STEP if before > 0 and after > 0 else 1.0


def _by_moments(signal: Signal, activation: Nonlinearity) -> Activated:
    places = _distinct(signal)
    each = expansions(activation, means=places.means, variances=places.variances)
    seconds = places.spread([one.moments.second for one in each])
    apart = correlations(signal, signal.within)
    np.fill_diagonal(apart, 0.0)  # a place with itself has E φ², without a series
    within = _pairs(signal, activation, apart, places, each)
    np.fill_diagonal(within, seconds)
    shared = correlations(signal, signal.across)
    middle = _middle(seconds)
    typical = each[places.kind[middle]]
    after = replace(
        signal,
        mean=places.spread([one.moments.mean for one in each]),
        within=within,
        across=_pairs(signal, activation, shared, places, each),
        inherited=signal.inherited * typical.elasticity**2,
        draw=lambda: activation.value(gaussian_draw(signal)),
    )
    after = _sized(after, signal, typical, float(shared[middle, middle]))
    return Activated(
        signal=after, slope_second=places.spread([one.moments.slope_second for one in each])
    )


def _middle(values: Array) -> int:
    """The place of the median; of those that differ by rounding always the same one."""
    size = float(values.max(initial=0.0)) or 1.0
    order = np.argsort(np.round(values / size, _DIGITS), kind="stable")
    return int(order[values.size // 2])


def _sized(after: Signal, signal: Signal, typical: Expansion, shared: float) -> Signal:
    """With kurtosis and joint moment after φ; less where a norm has fixed the size before."""
    kurtosis = typical.moments.kurtosis if typical.moments.second > 0 else 1.0
    steep, second = typical.elasticity**2, typical.moments.second
    slant = float(typical.coefficients[1]) ** 2 / second if second > 0 else 0.0
    joint = typical.joint(shared) + steep * (signal.joint - 1 - 2 * shared**2)
    return replace(
        after,
        kurtosis=max(kurtosis + steep * (signal.kurtosis - 3), 1.0),
        joint=max(joint, 1.0),
        stray=signal.stray * slant**2,
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
    variances = signal.variances
    if variances.size == 1:
        return _Places(means=signal.mean, variances=variances, kind=np.zeros(1, dtype=np.intp))
    size = math.sqrt(signal.second) or 1.0
    pairs = np.stack([signal.mean / size, variances / size**2], axis=1).round(_DIGITS)
    _, first, kind = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    return _Places(means=signal.mean[first], variances=variances[first], kind=kind.reshape(-1))


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
    return products(each, places.kind, correlation)
