"""Rules of plain functions of each number: powers, roots, exponentials, and their like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from scipy import special

from app.core.meanfield.nonlinear.nonlinearities import Array, Nonlinearity
from app.core.meanfield.notes import Average
from app.core.meanfield.rules.composed import applied, as_function, least
from app.core.meanfield.signals.signal import Signal
from app.core.meanfield.step import NoRule, Situation, Step

_LEAST: Final = 1e-4  # of the largest value: where 1/x² still has a mean

Pair = tuple[Callable[[Array], Array], Callable[[Array], Array]]

_SMOOTH: Final[dict[str, Pair]] = {
    "exp": (np.exp, np.exp),
    "exp2": (np.exp2, lambda x: np.exp2(x) * np.log(2)),
    "expm1": (np.expm1, np.exp),
    "cos": (np.cos, lambda x: -np.sin(x)),
    "atan": (np.arctan, lambda x: 1 / (1 + x * x)),
    "sinh": (np.sinh, np.cosh),
    "cosh": (np.cosh, np.sinh),
    "asinh": (np.arcsinh, lambda x: 1 / np.sqrt(1 + x * x)),
    "erfc": (special.erfc, lambda x: -2 / np.sqrt(np.pi) * np.exp(-x * x)),
}
_POSITIVE: Final[dict[str, Pair]] = {
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "rsqrt": (lambda x: 1 / np.sqrt(x), lambda x: -0.5 * x**-1.5),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / x**2),
    "log": (np.log, lambda x: 1 / x),
    "log2": (np.log2, lambda x: 1 / (x * np.log(2))),
    "log10": (np.log10, lambda x: 1 / (x * np.log(10))),
    "log1p": (np.log1p, lambda x: 1 / (1 + x)),
}
"""Functions that need numbers above 0."""


def function(situation: Situation) -> Step:
    """`f(x)` of each number, as an activation.

    Of one number for many channels, which is its mean but for little, f of the mean.
    """
    phi = _function(situation)
    if isinstance(situation.notes.get(situation.name("self")), Average):
        return _of_average(situation, phi)
    if situation.operation in _POSITIVE or _is_root(situation):
        _expect_positive(situation)
    return as_function(situation, applied(situation, "self", phi, everywhere=False))


def _function(situation: Situation) -> Nonlinearity:
    name = situation.operation
    if name in ("clamp", "clamp_min", "clamp_max"):
        return _clamped(situation)
    if name == "pow":
        return _power(situation.number("exponent", 1))
    value, slope = (_SMOOTH | _POSITIVE)[name]
    return Nonlinearity(name=name, value=value, slope=slope)


def _power(exponent: float) -> Nonlinearity:
    def slope(x: Array) -> Array:
        return exponent * np.power(x, exponent - 1) if exponent else np.zeros_like(x)

    return Nonlinearity(name="pow", value=lambda x: np.power(x, exponent), slope=slope)


def _clamped(situation: Situation) -> Nonlinearity:
    ends = [situation.node.arguments.get(name) for name in ("min", "max")]
    low, high = (
        float(end) if isinstance(end, int | float) else fallback
        for end, fallback in zip(ends, (-np.inf, np.inf), strict=True)
    )
    return Nonlinearity(
        name="clamp",
        value=lambda x: np.clip(x, low, high),
        slope=lambda x: ((x > low) & (x < high)).astype(np.float64),
        kinks=tuple(end for end in (low, high) if np.isfinite(end)),
    )


def _is_root(situation: Situation) -> bool:
    exponent = situation.number("exponent", 1) if situation.operation == "pow" else 1
    return exponent != int(exponent) or exponent < 0


def _expect_positive(situation: Situation) -> None:
    lowest = least(situation, "self")
    bare_root = situation.operation in ("sqrt", "log1p") or (
        situation.operation == "pow" and situation.number("exponent", 1) > 0
    )
    if lowest < (0.0 if bare_root else _LEAST):
        raise NoRule(f"{situation.operation} of a signal that comes down to 0")


def _of_average(situation: Situation, phi: Nonlinearity) -> Step:
    """The first order in what the average varies by."""
    signal = situation.signal("self")
    with np.errstate(all="ignore"):
        mean, slope = phi.value(signal.mean), phi.slope(signal.mean)
    if not np.all(np.isfinite(mean)):
        raise NoRule(f"{situation.operation} of a signal that leaves where it is defined")
    slope = np.where(np.isfinite(slope), slope, 0.0)
    outer, steep = np.outer(signal.mean, signal.mean), np.outer(slope, slope)
    after: Signal = replace(
        signal,
        mean=mean,
        within=np.outer(mean, mean) + steep * (signal.within - outer),
        across=np.outer(mean, mean) + steep * (signal.across - outer),
        draw=None,
    )
    return Step(signals=(after,), pulls=({},), notes=(Average(),))


NAMES: Final = " ".join(
    [*_SMOOTH, *_POSITIVE, "clamp", "clamp_min", "clamp_max", "pow.Tensor_Scalar"]
)
"""Operators that are such functions."""
