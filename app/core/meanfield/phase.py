"""Where a deep network of one kind of layer settles: fixed points, χ₁, depth scales, its phase.

A layer multiplies by weights of variance σ_w²/n and adds biases of variance σ_b²; its
pre-activations have second moment q, which the next layer maps to `σ_w² E φ²(√q z) + σ_b²`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import optimize

from app.core.meanfield.gaussian import cross, expectation, moments, slope_cross
from app.core.meanfield.nonlinearities import Array, Nonlinearity

MOST_STEPS: Final = 20_000
TOLERANCE: Final = 1e-13  # relative change of q in one layer at which it has settled
LOST: Final = 1e-60  # q below this has vanished
GONE: Final = 1e60  # and above this has exploded
NEAR: Final = 1e-3  # of χ₁ = 1, within which a depth scale is beyond any network
_LOG_Q: Final = np.linspace(-18.0, 6.0, 49)  # of q − σ_b², between which the edge is looked for


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

    Source:
        Poole et al., Exponential expressivity in deep neural networks through transient chaos,
        2016.
    """
    if activation.homogeneous is not None:
        return _scale_free_q(activation, weight=weight, bias=bias, start=start)
    q = start
    for _ in range(MOST_STEPS):
        following = next_q(activation, q, weight=weight, bias=bias)
        if following < LOST or (
            following < q and _falls_to_zero(activation, following, weight, bias)
        ):
            return 0.0
        if following > GONE:
            return math.inf
        if abs(following - q) <= TOLERANCE * following:
            return following
        q = following
    return q


def chi(activation: Nonlinearity, q: float, *, weight: float) -> float:
    """`χ₁ = σ_w² E φ'²(√q z)`.

    Source:
        Schoenholz et al., Deep information propagation, 2017.
    """
    return weight * moments(activation, variance=q).slope_second


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


def critical_weight(activation: Nonlinearity, *, bias: float) -> float | None:
    """The σ_w² at which χ₁ = 1 where q settles, for this σ_b²: the edge of chaos.

    Returns:
        None where no such layer settles with q − σ_b² between 1.5e-8 and 400.

    Source:
        Schoenholz et al. 2017; for ReLU-like activations Hayou et al., On the impact of the
        activation function on deep neural networks training, 2019: σ_w² = 1/E φ'² with σ_b = 0.
    """
    if activation.homogeneous is not None:
        edge = 1 / moments(activation, variance=1.0).slope_second
        return edge if bias == 0 else None

    def height(log_q: float) -> float:
        q = bias + math.exp(log_q)
        return chi(activation, q, weight=_weight_for(activation, q, bias)) - 1

    heights = [height(float(place)) for place in _LOG_Q]
    for place in range(1, len(heights)):
        if (heights[place - 1] < 0) != (heights[place] < 0):
            bounds = float(_LOG_Q[place - 1]), float(_LOG_Q[place])
            q = bias + math.exp(float(optimize.brentq(height, *bounds, xtol=1e-12)))
            weight = _weight_for(activation, q, bias)
            if _comes_to(activation, q, weight=weight, bias=bias):
                return weight
    return None


def _weight_for(activation: Nonlinearity, q: float, bias: float) -> float:
    """The σ_w² that keeps q."""
    return (q - bias) / moments(activation, variance=q).second


def _comes_to(activation: Nonlinearity, q: float, *, weight: float, bias: float) -> bool:
    """Whether layers settle at q, and not at another of their fixed points."""
    settled = settled_q(activation, weight=weight, bias=bias)
    return math.isclose(settled, q, rel_tol=1e-3)


def _scale_free_q(activation: Nonlinearity, *, weight: float, bias: float, start: float) -> float:
    rate = weight * moments(activation, variance=1.0).second
    if math.isclose(rate, 1.0, rel_tol=TOLERANCE):
        return start if bias == 0 else math.inf
    return math.inf if rate > 1 else bias / (1 - rate)


def _falls_to_zero(activation: Nonlinearity, q: float, weight: float, bias: float) -> bool:
    """Whether nothing stops q on its way down: without a bias, and losing where φ is linear."""
    tiny = 1e-8
    return bias == 0 and q < tiny and next_q(activation, q, weight=weight, bias=0.0) < q


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

    high = 1 - 1e-6
    low = 0.0 if excess(0.0) >= 0 else -high
    if excess(low) <= 0 or excess(high) >= 0:
        return low if excess(low) <= 0 else 1.0
    return float(optimize.brentq(excess, low, high, xtol=1e-12))


def _depth(slope: float) -> float:
    """Layers in which a deviation that shrinks by `slope` a layer falls by e."""
    size = abs(slope)
    if size == 0:
        return 0.0
    return math.inf if size >= 1 - TOLERANCE else float(-1 / math.log(size))
