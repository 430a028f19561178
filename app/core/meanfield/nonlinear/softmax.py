"""How a softmax over Gaussian logits spreads: the moments of its weights, exact for any number."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(64)
_SHARES: Final = _WEIGHTS / _WEIGHTS.sum()
_LOG_T: Final = np.linspace(-14.0, 8.0, 67)  # the integrand is below 1e-9 of its top outside
_GAUSS_UP_TO: Final = 2.5  # standard deviations of the logits that 64 nodes resolve
_WIDEST: Final = 12.0  # beyond it as at it: one key takes nearly all
_REACH: Final = 8.0  # standard deviations of one logit
_TOP: Final = 8.0  # of log t + z, from where e^{-t e^z} is 0
_DIGITS: Final = 9  # to which two logits' variances are one


def concentration(counts: Array, logits: Array) -> tuple[Array, Array]:
    """`E Σ_j A_j²` and `E Σ_j A_j³` of a softmax over independent Gaussian logits.

    Args:
        counts: Logits of each softmax, at least 1.
        logits: Their variance.

    Returns:
        Both, for each softmax: `n ∫ t^{k−1}/(k−1)! E[e^{kz} e^{−t e^z}] E[e^{−t e^z}]^{n−1} dt`,
        from `S^{−k} = ∫ t^{k−1} e^{−tS} dt/(k−1)!` for the sum S of the exponentials. For many
        logits of small variance the first is `e^{s²}/n`.
    """
    every = np.stack([counts, np.round(logits, _DIGITS)], axis=1)
    found, kind = np.unique(every, axis=0, return_inverse=True)
    square, cube = np.array([_moments(count, logit) for count, logit in found]).T
    each = kind.reshape(-1)
    return square[each], cube[each]


def _moments(count: float, logit: float) -> tuple[float, float]:
    if count <= 1:
        return 1.0, 1.0
    spread = math.sqrt(max(logit, 0.0))
    if spread > _GAUSS_UP_TO:
        square, cube = _wide(count, spread)
    else:
        log_t = _LOG_T - math.log(count) - spread**2 / 2
        square, cube = _integrated(count, log_t, spread * _NODES, _SHARES)
    square = min(max(square, 1 / count), 1.0)
    return square, min(max(cube, square**2), square)


def _wide(count: float, spread: float) -> tuple[float, float]:
    """Of logits so wide that a softmax's sum may be any of its terms.

    What the largest leaves to the others falls with 1/s for the widest, as the chance of a second
    logit near it does.
    """
    size = min(spread, _WIDEST)
    z = np.linspace(-_REACH, _REACH, math.ceil(8 * _REACH * size))
    shares = np.exp(-z * z / 2)
    low, high = -_REACH * size - math.log(count) - 14, _REACH * size + 8
    log_t = np.linspace(low, high, math.ceil(3 * (high - low)))
    square, cube = _integrated(count, log_t, size * z, shares / shares.sum())
    left = size / spread
    return 1 - (1 - square) * left, 1 - (1 - cube) * left


def _integrated(count: float, log_t: Array, logits: Array, shares: Array) -> tuple[float, float]:
    """Both sums over t, for logits at some nodes with these weights."""
    scaled = np.exp(np.minimum(log_t[:, None] + logits, _TOP))  # t e^z
    falling = np.exp(-scaled)
    others = (falling @ shares) ** (count - 1)
    square = np.trapezoid(((scaled**2 * falling) @ shares) * others, log_t)
    cube = np.trapezoid(((scaled**3 / 2 * falling) @ shares) * others, log_t)
    return count * float(square), count * float(cube)
