"""Where layers of one kind turn from order to chaos: σ_w² at which χ₁ = 1."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy import optimize

from app.core.meanfield.nonlinear.gaussian import moments
from app.core.meanfield.nonlinear.nonlinearities import Nonlinearity
from app.core.meanfield.plane.phase import LOST, NEAR, TINY, chi, settled_q, unit_gain
from app.core.meanfield.plane.sweep import seconds

_LOG_Q: Final = np.linspace(-18.0, 6.0, 49)  # of q − σ_b², between which the edge is looked for
_LOOKS: Final = 64  # at q from LOST to 1
_ROUNDING: Final = 1e-9  # of growth that is 1


def critical_weight(activation: Nonlinearity, *, bias: float) -> float | None:
    """The σ_w² at which χ₁ = 1 where q settles, for this σ_b²: the edge of chaos.

    Without biases and with φ(0) = 0 that is where q = 0 stops drawing signals in: 1/φ'(0)².

    Returns:
        None where no such layer settles with q − σ_b² between 1.5e-8 and 400, nor at 0.

    Source:
        Schoenholz et al. 2017; for ReLU-like activations Hayou et al., On the impact of the
        activation function on deep neural networks training, 2019: σ_w² = 1/E φ'² with σ_b = 0.
    """
    if activation.homogeneous is not None:
        edge = 1 / moments(activation, variance=1.0).slope_second
        return edge if bias == 0 else None
    if bias == 0 and (edge_at_0 := _edge_at_0(activation)):
        return edge_at_0
    places = bias + np.exp(_LOG_Q)
    second, slope = seconds(activation, places)
    above = (places - bias) / np.maximum(second, TINY) * slope > 1
    for place in np.flatnonzero(above[1:] != above[:-1]):
        q = _critical_q(activation, bias, float(_LOG_Q[place]), float(_LOG_Q[place + 1]))
        weight = _weight_for(activation, q, bias)
        if _comes_to(activation, q, weight=weight, bias=bias):
            return weight
    return None


def _edge_at_0(activation: Nonlinearity) -> float | None:
    """1/E φ'² of ever smaller signals, where those of q = 1 come down to them; None elsewhere."""
    slope = moments(activation, variance=TINY).slope_second
    if slope == 0 or float(activation.value(np.zeros(1))[0]) != 0:
        return None
    places = np.exp(np.linspace(math.log(LOST), 0.0, _LOOKS))
    growth = seconds(activation, places)[0] / (slope * places)
    return 1 / slope if growth.max() <= 1 + _ROUNDING else None


def _critical_q(activation: Nonlinearity, bias: float, low: float, high: float) -> float:
    """The q at which χ₁ = 1, its log above σ_b² between these."""

    def height(log_q: float) -> float:
        q = bias + math.exp(log_q)
        return chi(activation, q, weight=_weight_for(activation, q, bias)) - 1

    if (height(low) > 0) == (height(high) > 0):  # 0 at one end but for rounding
        return bias + math.exp(low)
    return bias + math.exp(float(optimize.brentq(height, low, high, xtol=1e-12)))


def fading_gain(activation: Nonlinearity) -> float | None:
    """The σ_w up to which q falls from 1 to 0 without biases, and from which it explodes.

    Returns:
        None where it settles somewhere between.
    """
    gain = unit_gain(activation)
    below, above = (
        settled_q(activation, weight=gain**2 * part, bias=0.0) for part in (1 - NEAR, 1 + NEAR)
    )
    return gain if below == 0 and math.isinf(above) else None


def _weight_for(activation: Nonlinearity, q: float, bias: float) -> float:
    """The σ_w² that keeps q."""
    return (q - bias) / max(moments(activation, variance=q).second, TINY)


def _comes_to(activation: Nonlinearity, q: float, *, weight: float, bias: float) -> bool:
    """Whether layers settle at q, and not at another of their fixed points."""
    settled = settled_q(activation, weight=weight, bias=bias)
    return math.isclose(settled, q, rel_tol=1e-3)
