"""Rules of activations."""

from __future__ import annotations

from dataclasses import replace

from app.core.meanfield.alike import sloped
from app.core.meanfield.nonlinear.nonlinearities import Nonlinearity, nonlinearity
from app.core.meanfield.rules.activated import activated
from app.core.meanfield.rules.composed import applied, composition, pull_through
from app.core.meanfield.step import Situation, Step, single
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
    argument = _given(situation)
    signal, phi = situation.signal(argument), _nonlinearity(situation)
    note = applied(situation, argument, phi)
    inner = composition(situation, argument)
    found = activated(signal, phi)
    after = found.signal
    if not inner.straight:
        after = activated(situation.signals[inner.base], note.function).signal
    pull = pull_through(signal, phi, found.slope_second)
    step = single(situation, after, pull, argument, by_draws=True, note=note)
    return replace(step, sharing=sloped(signal, phi, situation.batch))


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
    if name == "ELU" and situation.number("scale", 1) != 1:
        return nonlinearity("SELU")
    given = {
        ours: value
        for theirs, ours in _ARGUMENTS.get(name, {}).items()
        if isinstance(value := situation.node.arguments.get(theirs), int | float | str)
    }
    return nonlinearity(name, given)
