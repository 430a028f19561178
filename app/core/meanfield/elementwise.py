"""Rules of activations and dropout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.core.meanfield.activated import activated
from app.core.meanfield.nonlinearities import Array, Nonlinearity, nonlinearity
from app.core.meanfield.signal import Draw, Signal, gaussian_draw
from app.core.meanfield.step import NoRule, Situation, Step, single
from app.core.operators import ACTIVATIONS

_ARGUMENTS = {
    "LeakyReLU": {"negative_slope": "negative_slope"},
    "ELU": {"alpha": "alpha"},
    "CELU": {"alpha": "alpha"},
    "GELU": {"approximate": "approximate"},
    "Softplus": {"beta": "beta"},
    "Hardtanh": {"min_val": "min_val", "max_val": "max_val"},
    "Hardshrink": {"lambd": "lambd"},
    "Softshrink": {"lambd": "lambd"},
    "Threshold": {"threshold": "threshold", "value": "value"},
}
_FUNCTIONS = {f"aten.{name}.default": name for name in ("abs", "erf", "sin", "square")}


def activation(situation: Situation) -> Step:
    """φ of each number; the gradient's second moment times E φ'²."""
    signal, phi = situation.signal(_given(situation)), _nonlinearity(situation)
    found = activated(signal, phi)

    def pull(gradient: Array) -> Array:
        if gradient.ndim == 1:
            return gradient * found.slope_second
        slopes: Array = phi.slope(gaussian_draw(signal)) ** 2
        return gradient * slopes

    return single(situation, found.signal, pull, _given(situation), by_draws=True)


def _given(situation: Situation) -> str:
    return next(name for name in ("self", "input") if name in situation.node.arguments)


def _nonlinearity(situation: Situation) -> Nonlinearity:
    op = situation.node.op
    if op in _FUNCTIONS:
        return nonlinearity(_FUNCTIONS[op])
    name = ACTIVATIONS.get(op, "")
    if name == "PReLU":
        law = situation.weight("weight")
        return nonlinearity("PReLU", {"init": law.mean if law else 0.25})
    if name == "RReLU":
        low, high = situation.number("lower", 1 / 8), situation.number("upper", 1 / 3)
        return nonlinearity("LeakyReLU", {"negative_slope": (low + high) / 2})
    if name == "ELU" and situation.number("scale", 1) != 1:
        return nonlinearity("SELU")
    given = {
        ours: value
        for theirs, ours in _ARGUMENTS.get(name, {}).items()
        if isinstance(value := situation.node.arguments.get(theirs), int | float | str)
    }
    return nonlinearity(name, given)


def dropout(situation: Situation) -> Step:
    """`E x²/(1−p)` at a place; what two places or inputs share stays."""
    signal = situation.signal()
    p = situation.number("p", 0.5)
    if not situation.training or not situation.node.arguments.get("train", True) or p == 0:
        return single(situation, signal, lambda gradient: gradient)
    if p >= 1:
        raise NoRule("dropout of everything")
    grown = signal.within.copy()
    if "feature" in situation.node.op:
        grown /= 1 - p
    else:
        np.fill_diagonal(grown, np.diag(grown) / (1 - p))
    draw = _dropped(signal, p)
    after = replace(signal, within=grown, kurtosis=signal.kurtosis / (1 - p), draw=draw)
    return single(situation, after, lambda gradient: gradient / (1 - p))


def _dropped(signal: Signal, p: float) -> Draw:
    def draw() -> Array:
        draws = gaussian_draw(signal)
        kept = np.random.default_rng(~signal.seed & 0xFFFF_FFFF).random(draws.shape) >= p
        return draws * kept / (1 - p)

    return draw
