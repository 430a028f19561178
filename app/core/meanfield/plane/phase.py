"""Where a deep network of one kind of layer settles: fixed points, χ₁, depth scales, its phase.

A layer multiplies by weights of variance σ_w²/n and adds biases of variance σ_b²; its
pre-activations have second moment q, which the next layer maps to `σ_w² E φ²(√q z) + σ_b²`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import optimize

from app.core.meanfield.nonlinear.gaussian import cross, expectation, moments, slope_cross
from app.core.meanfield.nonlinear.nonlinearities import Array, Nonlinearity
from app.core.meanfield.plane.sweep import seconds

STRIDE: Final = 1.05  # factor between two q that a fixed point is looked for between
_STRIDES: Final = 64  # looked at together
_STRETCHES: Final = 512  # kept
TOLERANCE: Final = 1e-13  # relative, of q
TINY: Final = 1e-24
LOST: Final = 1e-9  # q that still falls below this vanishes: there every φ is a power
GONE: Final = 1e12  # and one that still rises above this explodes: there every φ is linear
NEAR: Final = 1e-3  # of χ₁ = 1, within which a depth scale is beyond any network
_BELOW_ONE: Final = (1 - 1e-6, 1 - 1e-4, 1 - 1e-3, 1 - 1e-2)


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedPoint:
    """What infinitely deep layers of one kind come to."""

    q: float  # second moment of the pre-activations: 0 if it vanishes, inf if it explodes
    chi: float  # χ₁ = σ_w² E φ'²: growth of the gradient's second moment a layer
    signal_depth: float  # layers in which a deviation from q falls by e; inf where it does not
    correlation: float  # of two inputs at the end; 1: they have become one
    correlation_depth: float  # layers in which its deviation falls by e

    @property
    def phase(self) -> str:
        """One of "ordered" (inputs merge, gradients vanish), "chaotic" and, between, "critical"."""
        if abs(self.chi - 1) < NEAR:
            return "critical"
        return "ordered" if self.chi < 1 else "chaotic"


def next_q(activation: Nonlinearity, q: float, *, weight: float, bias: float) -> float:
    """`σ_w² E φ²(√q z) + σ_b²`.

    Args:
        activation: φ.
        q: Second moment of a layer's pre-activations.
        weight: σ_w², fan_in times the variance of the weights.
        bias: σ_b², the variance of the biases.
    """
    return weight * moments(activation, variance=q).second + bias


def settled_q(activation: Nonlinearity, *, weight: float, bias: float, start: float = 1.0) -> float:
    """The q that layers come to from `start`; 0 if it vanishes and inf if it explodes.

    E φ² grows with q for every activation here, so q moves one way, to the nearest q that stays.

    Source:
        Poole et al., Exponential expressivity in deep neural networks through transient chaos,
        2016.
    """
    if activation.homogeneous is not None:
        return _scale_free_q(activation, weight=weight, bias=bias, start=start)

    def grown(q: float) -> float:
        return next_q(activation, q, weight=weight, bias=bias) - q

    rises = grown(start) > 0
    ends = _turn(activation, weight=weight, bias=bias, start=start, rises=rises)
    if ends is None:
        return math.inf if rises else 0.0
    low, high = (grown(end) for end in ends)
    if (low > 0) == (high > 0):  # both are 0 but for rounding
        return ends[0] if abs(low) < abs(high) else ends[1]
    return float(optimize.brentq(grown, *ends, xtol=TINY, rtol=TOLERANCE))


def _turn(
    activation: Nonlinearity, *, weight: float, bias: float, start: float, rises: bool
) -> tuple[float, float] | None:
    """The two q, a stride apart, between which growth turns; None if it never does."""
    way = GONE / start if rises else start / LOST
    strides = math.ceil(math.log(way) / math.log(STRIDE))
    before = start
    for first in range(1, strides + 1, _STRIDES):
        count = min(_STRIDES, strides + 1 - first)
        places, second = _stretch(activation, start, first, count, rises=rises)
        turned = np.flatnonzero((weight * second + bias > places) != rises)
        if turned.size:
            at = int(turned[0])
            return (float(places[at - 1]) if at else before), float(places[at])
        before = float(places[-1])
    return None


@lru_cache(maxsize=_STRETCHES)
def _stretch(
    activation: Nonlinearity, start: float, first: int, count: int, *, rises: bool
) -> tuple[Array, Array]:
    """Some q on the way from the start, and E φ² at each."""
    steps = np.arange(first, first + count, dtype=np.float64) * (1 if rises else -1)
    places: Array = start * np.exp(math.log(STRIDE) * steps)
    return places, seconds(activation, places)[0]


def chi(activation: Nonlinearity, q: float, *, weight: float) -> float:
    """`χ₁ = σ_w² E φ'²(√q z)`.

    Source:
        Schoenholz et al., Deep information propagation, 2017.
    """
    return weight * moments(activation, variance=max(q, TINY)).slope_second  # at 0, the limit


def fixed_point(
    activation: Nonlinearity, *, weight: float, bias: float, start: float = 1.0
) -> FixedPoint:
    """Where layers of this kind settle, and how fast.

    Args:
        activation: φ.
        weight: σ_w².
        bias: σ_b².
        start: Second moment of the first pre-activations; matters where there are several fixed
            points, or a line of them.
    """
    q = settled_q(activation, weight=weight, bias=bias, start=start)
    if math.isinf(q):
        growth = weight * moments(activation, variance=1.0).slope_second
        return FixedPoint(
            q=q, chi=growth, signal_depth=math.inf, correlation=1.0, correlation_depth=math.inf
        )
    rate = chi(activation, q, weight=weight)
    correlation = _settled_correlation(activation, q, weight=weight, bias=bias, rate=rate)
    slope = rate if correlation == 1.0 else _slope(activation, q, correlation, weight)
    return FixedPoint(
        q=q,
        chi=rate,
        signal_depth=_depth(_signal_slope(activation, q, weight)),
        correlation=correlation,
        correlation_depth=_depth(slope),
    )


def unit_gain(activation: Nonlinearity) -> float:
    """The σ_w that keeps q = 1 without biases: `1/√E φ²`."""
    return 1 / math.sqrt(moments(activation, variance=1.0).second)


def _scale_free_q(activation: Nonlinearity, *, weight: float, bias: float, start: float) -> float:
    rate = weight * moments(activation, variance=1.0).second
    if math.isclose(rate, 1.0, rel_tol=TOLERANCE):
        return start if bias == 0 else math.inf
    return math.inf if rate > 1 else bias / (1 - rate)


def _signal_slope(activation: Nonlinearity, q: float, weight: float) -> float:
    """`dq'/dq = σ_w² E[φ φ' z]/√q`."""
    if q == 0:
        return chi(activation, 0.0, weight=weight)
    root = math.sqrt(q)
    kinks = tuple(kink / root for kink in activation.kinks)

    def change(z: Array) -> Array:
        return activation.value(root * z) * activation.slope(root * z) * z

    return float(weight / root * expectation(change, kinks))


def _slope(activation: Nonlinearity, q: float, correlation: float, weight: float) -> float:
    return weight * slope_cross(activation, variances=(q, q), covariance=correlation * q)


def _settled_correlation(
    activation: Nonlinearity, q: float, *, weight: float, bias: float, rate: float
) -> float:
    """The stable fixed point of the correlation of two inputs."""
    if q == 0 or rate <= 1 + NEAR:
        return 1.0

    def excess(correlation: float) -> float:
        joint = cross(activation, variances=(q, q), covariance=correlation * q)
        return (weight * joint + bias) / q - correlation

    # Nearer to 1 the map is closer to its diagonal than quadrature between kinks can tell.
    high = next((one for one in _BELOW_ONE if excess(one) < 0), None)
    low = 0.0 if excess(0.0) >= 0 else -1 + 1e-6
    if excess(low) <= 0 or high is None:
        return low if excess(low) <= 0 else 1.0
    return float(optimize.brentq(excess, low, high, xtol=1e-12))


def _depth(slope: float) -> float:
    """Layers in which a deviation that shrinks by `slope` a layer falls by e."""
    size = abs(slope)
    if size == 0:
        return 0.0
    return math.inf if size >= 1 - TOLERANCE else float(-1 / math.log(size))
