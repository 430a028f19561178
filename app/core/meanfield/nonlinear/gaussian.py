"""Moments of activations of Gaussian numbers, exact to rounding.

Integrals over one Gaussian are Gauss-Legendre sums between the activation's kinks, where the
integrand is smooth; over two, sums of such sums, the inner split where the outer puts its kinks.
Scale-free activations (the ReLU family) have closed forms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array, Nonlinearity

REACH: Final = 10.0  # standard deviations: beyond lies 1.5e-23 of a Gaussian
POINTS: Final = 32  # of each smooth stretch
_LONGEST: Final = 2.5  # standard deviations of one stretch
_RULES: Final = 256  # kept
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(POINTS)
_ROOT: Final = math.sqrt(2 * math.pi)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Of φ(x) for a Gaussian x."""

    mean: float  # E φ
    second: float  # E φ²
    slope_second: float  # E φ'²
    fourth: float  # E φ⁴

    @property
    def variance(self) -> float:
        """E φ² − (E φ)²."""
        return max(self.second - self.mean**2, 0.0)

    @property
    def kurtosis(self) -> float:
        """E φ⁴ / (E φ²)²: what one layer of width n adds to the variance of log q is this − 1, / n.

        Source:
            Hanin and Nica, Products of many large random matrices and gradients in deep neural
            networks, 2018, for ReLU; the same expansion for others.
        """
        return self.fourth / self.second**2 if self.second > 0 else math.nan


def moments(activation: Nonlinearity, *, variance: float, mean: float = 0.0) -> Moments:
    """Moments of the activation of one Gaussian number.

    Args:
        activation: φ.
        variance: Of x, at least 0.
        mean: Of x.
    """
    if variance <= 0:
        at = np.array([mean])
        fixed, slope = float(activation.value(at)[0]), float(activation.slope(at)[0])
        return Moments(mean=fixed, second=fixed**2, slope_second=slope**2, fourth=fixed**4)
    spread = math.sqrt(variance)
    z, weight = rule(tuple((kink - mean) / spread for kink in activation.kinks))
    x = mean + spread * z
    value = activation.value(x)
    return Moments(
        mean=float(weight @ value),
        second=float(weight @ value**2),
        slope_second=float(weight @ activation.slope(x) ** 2),
        fourth=float(weight @ value**4),
    )


def cross(
    activation: Nonlinearity,
    *,
    variances: tuple[float, float],
    covariance: float,
    means: tuple[float, float] = (0.0, 0.0),
) -> float:
    """`E φ(u) φ(v)` of two Gaussian numbers.

    Args:
        activation: φ.
        variances: Of u and v, at least 0.
        covariance: Of u and v; beyond what the variances allow is cut to it.
        means: Of u and v.
    """
    spread = (math.sqrt(max(variances[0], 0.0)), math.sqrt(max(variances[1], 0.0)))
    scale = spread[0] * spread[1]
    if scale == 0:
        return _apart(activation, variances, means)
    correlation = min(max(covariance / scale, -1.0), 1.0)
    if activation.homogeneous is not None and means == (0.0, 0.0):
        return scale * float(angular(activation.homogeneous, np.array(correlation)))
    return _double(activation.value, activation.kinks, means, spread, correlation)


def slope_cross(
    activation: Nonlinearity,
    *,
    variances: tuple[float, float],
    covariance: float,
    means: tuple[float, float] = (0.0, 0.0),
) -> float:
    """`E φ'(u) φ'(v)` of two Gaussian numbers, as `cross`."""
    spread = (math.sqrt(max(variances[0], 0.0)), math.sqrt(max(variances[1], 0.0)))
    scale = spread[0] * spread[1]
    if scale == 0:
        at = np.array(means)
        return float(np.prod(activation.slope(at)))
    correlation = min(max(covariance / scale, -1.0), 1.0)
    return _double(activation.slope, activation.kinks, means, spread, correlation)


def expectation(function: Callable[[Array], Array], kinks: tuple[float, ...] = ()) -> float:
    """`E f(z)` for a standard normal z.

    Args:
        function: Of arrays, smooth between its kinks.
        kinks: Ascending.
    """
    z, weight = rule(kinks)
    return float(weight @ function(z))


def _apart(
    activation: Nonlinearity, variances: tuple[float, float], means: tuple[float, float]
) -> float:
    """Of two numbers of which one is fixed: the product of their means."""
    both = [
        moments(activation, variance=variance, mean=mean)
        for variance, mean in zip(variances, means, strict=True)
    ]
    return both[0].mean * both[1].mean


def angular(slopes: tuple[float, float], correlation: Array) -> Array:
    """`E φ(u) φ(v)` of unit normals for slopes a below 0 and b above, for each correlation.

    Source:
        Cho and Saul, Kernel methods for deep learning, 2009, for a = 0 and b = 1. The general case
        is φ(x) = (b+a)/2·x + (b−a)/2·|x|.
    """
    linear, even = (slopes[1] + slopes[0]) / 2, (slopes[1] - slopes[0]) / 2
    sine = np.sqrt(np.maximum(1 - correlation**2, 0.0))
    folded = 2 / math.pi * (sine + correlation * np.arcsin(correlation))  # E |u||v|
    total: Array = linear**2 * correlation + even**2 * folded
    return total


@lru_cache(maxsize=_RULES)
def rule(kinks: tuple[float, ...]) -> tuple[Array, Array]:
    """Nodes and weights whose sums are integrals over a standard normal, split at the kinks."""
    inside = [kink for kink in kinks if -REACH < kink < REACH]
    edges = np.unique(np.concatenate([[-REACH], inside, [REACH]]))
    counts = np.maximum(np.ceil(np.diff(edges) / _LONGEST), 1).astype(int)
    fine = [
        np.linspace(low, high, count, endpoint=False)
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    borders = np.append(np.concatenate(fine), edges[-1])
    half = np.diff(borders) / 2
    z = (borders[:-1] + half)[:, None] + half[:, None] * _NODES
    weight = half[:, None] * _WEIGHTS * np.exp(-z * z / 2) / _ROOT
    return z.ravel(), weight.ravel()


def _double(
    function: Callable[[Array], Array],
    kinks: tuple[float, ...],
    means: tuple[float, float],
    spread: tuple[float, float],
    correlation: float,
) -> float:
    if abs(correlation) > 1 - 1e-14:
        return _along(function, kinks, means, spread, math.copysign(1.0, correlation))
    z, weight = rule(tuple((kink - means[0]) / spread[0] for kink in kinks))
    heavy = weight > 1e-18
    z, weight = z[heavy], weight[heavy]
    rest = math.sqrt(1 - correlation**2)
    centre = means[1] + spread[1] * correlation * z
    inner = _smoothed(function, kinks, centre, spread[1] * rest)
    return float(weight @ (function(means[0] + spread[0] * z) * inner))


def _along(
    function: Callable[[Array], Array],
    kinks: tuple[float, ...],
    means: tuple[float, float],
    spread: tuple[float, float],
    sign: float,
) -> float:
    """Of two numbers that are one up to scale and sign."""
    places = [(kink - means[0]) / spread[0] for kink in kinks]
    places += [sign * (kink - means[1]) / spread[1] for kink in kinks]
    z, weight = rule(tuple(sorted(places)))
    return float(
        weight @ (function(means[0] + spread[0] * z) * function(means[1] + sign * spread[1] * z))
    )


def _smoothed(
    function: Callable[[Array], Array], kinks: tuple[float, ...], centre: Array, spread: float
) -> Array:
    """`E f(c + s·z)` for each centre c."""
    places = (np.asarray(kinks)[None, :] - centre[:, None]) / spread
    fixed = np.linspace(-REACH, REACH, 2 * math.ceil(REACH / _LONGEST) + 1)
    edges = np.concatenate(
        [np.clip(places, -REACH, REACH), np.broadcast_to(fixed, (centre.size, fixed.size))], axis=1
    )
    edges.sort(axis=1)
    half = np.diff(edges, axis=1)[:, :, None] / 2
    z = edges[:, :-1, None] + half + half * _NODES
    density = half * _WEIGHTS * np.exp(-z * z / 2) / _ROOT
    values: Array = np.sum(density * function(centre[:, None, None] + spread * z), axis=(1, 2))
    return values
