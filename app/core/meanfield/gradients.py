"""A gradient's second moments on the way back, and how those of several uses add up.

One gradient is told in one of three ways: by place, [P]; with what two places share, [P, P], where
tokens are mixed; by joint draws of the signal there, [draws, 2, P], where a maximum or a slope
chose by them. A rule that knows less takes the plain second moments.
"""

from __future__ import annotations

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array, Nonlinearity
from app.core.meanfield.nonlinear.series import expansions
from app.core.meanfield.signals.signal import Signal
from app.core.meanfield.step import Pull
from app.core.operators import FAMILY

_ALIKE = frozenset({"linear", "shape", "cast", "dropout", "selection"})
_ALIKE_OPS = frozenset(
    f"aten.{name}"
    for name in (
        "add.Tensor", "add.Scalar", "sub.Tensor", "sub.Scalar", "mul.Scalar", "div.Scalar",
        "layer_norm.default", "rms_norm.default",
    )
)  # fmt: skip
"""Operators that multiply the gradient by one number at each place, the same in all channels."""
_JOINING = frozenset({"aten.mean.dim", "aten.select.int"})
_OWN = frozenset(
    {"activation", "attention", "recurrent"}
)  # families whose pulls take pairs themselves
MOST_PLACES = 1100  # of which pairs are kept


def settled(gradient: Array) -> Array:
    """The second moments by place: [P]."""
    if gradient.ndim == 3:
        return np.asarray(gradient.mean(axis=(0, 1)))
    return np.diag(gradient).copy() if gradient.ndim == 2 else gradient


def added(one: Array, other: Array) -> Array:
    """The sum of two independent gradients of one value."""
    if one.ndim == other.ndim or min(one.ndim, other.ndim) == 0:
        return one + other
    low, high = sorted((one, other), key=lambda gradient: gradient.ndim)
    if high.ndim == 3:
        return np.asarray(high + settled(low))
    total: Array = high + np.diag(np.broadcast_to(low, len(high)))
    return total


def passed(pull: Pull, gradient: Array, *, op: str, by_draws: bool) -> Array:
    """What one operation hands back to one of its inputs.

    Args:
        pull: Of the operation.
        gradient: That arrives, in any of the three ways.
        op: The operator.
        by_draws: Whether the pull takes a gradient by draws.
    """
    if gradient.ndim == 3:
        return pull(gradient if by_draws else settled(gradient))
    if gradient.ndim == 2 and FAMILY.get(op) not in _OWN:
        return _alike(pull, gradient, op)
    if op in _JOINING and gradient.size == 1:
        return _joined(pull(gradient.reshape(-1)))
    return pull(gradient)


def slopes_shared(signal: Signal, activation: Nonlinearity, own: Array) -> Array:
    """`E φ'(x_α) φ'(x_α')` for each pair of places of a Gaussian signal: [P, P].

    With `E φφ' = Σ a_k² ρ^k` it is `Σ k a_k² ρ^{k−1}/σ²`, of the middle place, and at each place
    as large as its own.

    Args:
        signal: Before φ.
        activation: φ.
        own: `E φ'²` at each place.
    """
    variances = signal.variances
    middle = signal.average(variances)
    spread = np.sqrt(np.outer(variances, variances))
    shared = signal.within - np.outer(signal.mean, signal.mean)
    correlation = np.divide(shared, spread, out=np.zeros_like(shared), where=spread > 0)
    one = expansions(activation, variances=np.array([middle]), means=np.array([signal.first]))[0]
    total = np.zeros_like(shared)
    for order in range(len(one.coefficients) - 1, 0, -1):
        total = total * correlation + order * one.coefficients[order] ** 2
    typical = signal.average(own) * middle
    size = np.sqrt(np.outer(own, own))
    pairs: Array = total * size / typical if typical > 0 else np.zeros_like(total)
    np.fill_diagonal(pairs, own)
    return pairs


def _alike(pull: Pull, gradient: Array, op: str) -> Array:
    own = pull(settled(gradient))
    factors = np.sqrt(np.maximum(pull(np.ones(len(gradient))), 0.0))
    known = FAMILY.get(op) in _ALIKE or op in _ALIKE_OPS
    if not known or own.ndim != 1 or factors.shape != (len(gradient),):
        return own
    if FAMILY.get(op) == "dropout":
        factors = np.ones_like(factors)  # two places are dropped apart: E m m' = (1−p)²
    pairs: Array = gradient * np.outer(factors, factors)
    np.fill_diagonal(pairs, own)
    return pairs


def _joined(own: Array) -> Array:
    """Of one place that is the mean of many: their gradients are one and the same."""
    if own.ndim != 1 or not 1 < own.size <= MOST_PLACES:
        return own
    roots = np.sqrt(own)
    return np.asarray(np.outer(roots, roots))
