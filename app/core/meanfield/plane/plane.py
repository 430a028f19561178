"""Every fixed point of an activation at once: the phase plane of (σ_w², σ_b²), read off a table.

Where a layer keeps q, `σ_w² = (q − σ_b²)/E φ²(√q z)`: for one σ_b² that is a curve over q, and the
q that layers come to from 1 is the first place along it that has their σ_w². So one table of
moments over q answers for all layers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from scipy.interpolate import CubicSpline

from app.core.meanfield.nonlinear.nonlinearities import Array, Nonlinearity
from app.core.meanfield.plane.phase import NEAR
from app.core.meanfield.plane.sweep import seconds, squared_series

_LOG_Q: Final = np.linspace(math.log(1e-7), math.log(1e4), 331)  # of the table, 13 a factor e
_STEPS: Final = 24  # of Newton; most correlations need 8
_POLISHINGS: Final = 3
_LEAST: Final = 1e-300
_CLOSE: Final = 1e-6  # of a correlation to 1
Flags: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
_TABLES: Final = 32  # kept: activations


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Where layers of each of several kinds settle, as `phase.FixedPoint`: arrays of one shape."""

    q: Array  # 0 where it vanishes, inf where it explodes
    chi: Array  # χ₁; of an exploding layer what it tends to
    correlation: Array  # of two inputs, at the end
    correlation_depth: Array  # layers in which its deviation falls by e; inf where it does not

    @property
    def ordered(self) -> Flags:
        """Where two inputs merge and gradients vanish."""
        found: Flags = self.chi < 1 - NEAR
        return found

    @property
    def chaotic(self) -> Flags:
        """Where two inputs part and gradients explode."""
        found: Flags = self.chi > 1 + NEAR
        return found


class Table:
    """Moments of one activation over q, and what layers come to by them."""

    def __init__(self, activation: Nonlinearity) -> None:
        self.activation = activation
        self.log_q = _LOG_Q
        self.q = np.exp(_LOG_Q)
        self.second, self.slope = seconds(activation, self.q)
        self._series = squared_series(activation, self.q)
        self._rest = np.maximum(self.second - self._series.sum(axis=1), 0.0)
        self._log_second = CubicSpline(self.log_q, np.log(np.maximum(self.second, _LEAST)))
        self._slopes = CubicSpline(self.log_q, self.slope)
        self._start = int(np.searchsorted(self.log_q, 0.0))

    def settled(self, weight: Array, bias: Array) -> Settled:
        """Where layers settle from q = 1.

        Args:
            weight: σ_w² of each kind of layer.
            bias: σ_b² of each, of the same shape.
        """
        w, b = np.ravel(weight).astype(float), np.ravel(bias).astype(float)
        q = np.empty_like(w)
        for value in np.unique(b):
            at = b == value
            q[at] = self._fixed_points(w[at], float(value))
        if self.activation.homogeneous is not None:
            q = self._scale_free(w, b)
        chi = w * self._slope_at(q)
        correlation, rate = self._correlations(w, b, q, chi)
        return Settled(
            q=q.reshape(np.shape(weight)),
            chi=chi.reshape(np.shape(weight)),
            correlation=correlation.reshape(np.shape(weight)),
            correlation_depth=depths(rate).reshape(np.shape(weight)),
        )

    def _fixed_points(self, weight: Array, bias: float) -> Array:
        """The first q on the way from 1 at which each σ_w² keeps it."""
        needed = (self.q - bias) / np.maximum(self.second, _LEAST)  # σ_w² that keeps each q
        start = self._start
        up = np.maximum.accumulate(needed[start:])
        down = np.minimum.accumulate(needed[: start + 1][::-1])
        q = np.empty_like(weight)
        rises = weight > needed[start]
        q[rises] = _crossed(self.log_q[start:], up, weight[rises], beyond=math.inf)
        falls = _crossed(self.log_q[: start + 1][::-1], -down, -weight[~rises], beyond=-math.inf)
        q[~rises] = falls
        below = bias / np.maximum(1 - weight * self.second[0] / self.q[0], _LEAST)
        inside = np.isfinite(q)
        q[inside] = self._polished(q[inside], weight[inside], bias)
        found: Array = np.where(np.isneginf(q), np.minimum(below, self.q[0]), np.exp(q))
        return found

    def _polished(self, log_q: Array, weight: Array, bias: float) -> Array:
        """Fixed points between two of the table's places, by Newton on a cubic through these."""
        step = self.log_q[1] - self.log_q[0]
        at = log_q
        for _ in range(_POLISHINGS):
            second = weight * np.exp(self._log_second(at))
            left = np.exp(at) - bias - second
            slope = np.exp(at) - second * self._log_second(at, 1)
            move = np.where(slope == 0, 0.0, left / np.where(slope == 0, 1.0, slope))
            at = np.clip(at - move, log_q - step, log_q + step)
        return at

    def explosion(self, bias: float) -> float:
        """The σ_w² above which no q stops the growth from 1."""
        needed = (self.q - bias) / np.maximum(self.second, _LEAST)
        return float(needed[self._start :].max())

    def _scale_free(self, weight: Array, bias: Array) -> Array:
        rate = weight * self.second[self._start] / self.q[self._start]
        gone = np.where((np.isclose(rate, 1.0, rtol=1e-9)) & (bias == 0), 1.0, math.inf)
        held = bias / np.where(rate < 1, 1 - rate, 1.0)
        found: Array = np.where((rate < 1) & ~np.isclose(rate, 1.0, rtol=1e-9), held, gone)
        return found

    def _slope_at(self, q: Array) -> Array:
        """E φ'², by its logarithm between the table's places."""
        with np.errstate(divide="ignore"):
            places = np.clip(np.log(q), self.log_q[0], self.log_q[-1])
        found: Array = np.maximum(self._slopes(places), 0.0)
        return found

    def _correlations(
        self, weight: Array, bias: Array, q: Array, chi: Array
    ) -> tuple[Array, Array]:
        """The stable correlation of two inputs, and by what its deviation shrinks a layer."""
        correlation, rate = np.ones_like(q), chi.copy()
        rate[np.isinf(q)] = 1.0
        open_ = (chi > 1 + NEAR) & np.isfinite(q) & (q > 0)
        if self.activation.homogeneous is not None or not open_.any():
            return correlation, rate
        series, rest = self._coefficients(q[open_])
        w, b, size = weight[open_], bias[open_], q[open_]
        # The map is convex, so Newton's steps from 0 rise to the lower of its fixed points.
        here = np.zeros(size.size)
        for _ in range(_STEPS):
            joint, slope = _map(series, rest, here)
            left = (w * joint + b) / size - here
            step = left / np.maximum(1 - w * slope / size, _CLOSE)
            here = np.minimum(here + np.maximum(step, 0.0), 1 - _CLOSE)
            if step.max() < _CLOSE:
                break
        correlation[open_] = here
        rate[open_] = w * _map(series, rest, here)[1] / size
        return correlation, rate

    def _coefficients(self, q: Array) -> tuple[Array, Array]:
        """The squared Hermite coefficients at each q: [ORDERS, n], and what they leave out."""
        at = np.clip((np.log(q) - self.log_q[0]) / (self.log_q[1] - self.log_q[0]), 0, None)
        left = np.minimum(at.astype(int), self.log_q.size - 2)
        part = at - left
        series = self._series[left].T * (1 - part) + self._series[left + 1].T * part
        rest = self._rest[left] * (1 - part) + self._rest[left + 1] * part
        return series, rest


@lru_cache(maxsize=_TABLES)
def table(activation: Nonlinearity) -> Table:
    """The table of an activation; calculated once."""
    return Table(activation)


def depths(rate: Array) -> Array:
    """Layers in which a deviation that shrinks by `rate` a layer falls by e."""
    size = np.abs(rate)
    with np.errstate(divide="ignore"):
        found: Array = np.where(size < 1, -1 / np.log(np.minimum(size, 1 - 1e-15)), math.inf)
    found[size == 0] = 0.0
    return found


def _crossed(log_q: Array, reached: Array, wanted: Array, *, beyond: float) -> Array:
    """The log q at which a rising curve first reaches what is wanted; `beyond` where never."""
    at = np.searchsorted(reached, wanted)
    inside = np.clip(at, 1, reached.size - 1)
    low, high = reached[inside - 1], reached[inside]
    step = np.where(high > low, (wanted - low) / np.where(high > low, high - low, 1.0), 1.0)
    found = log_q[inside - 1] + np.clip(step, 0, 1) * (log_q[inside] - log_q[inside - 1])
    return np.where(at >= reached.size, beyond, found)


def _map(series: Array, rest: Array, correlation: Array) -> tuple[Array, Array]:
    """`E φ(u)φ(v)` and its derivative, for each column of coefficients and its correlation."""
    joint, slope = rest * correlation, rest.copy()
    for row in series[::-1]:
        slope = slope * correlation + joint
        joint = joint * correlation + row
    return joint, slope
