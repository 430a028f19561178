"""Functions of one and the same signal, put together: what they share is followed exactly.

`x·σ(1.7x)`, `x/(1+|x|)` and a GELU written out are one activation of x, of which theory knows the
moments; as sums and products of independent signals they would be something else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from app.core.meanfield.alike import sloped
from app.core.meanfield.gradients import slopes_shared
from app.core.meanfield.nonlinear.gaussian import REACH
from app.core.meanfield.nonlinear.nonlinearities import Array, Nonlinearity, nonlinearity
from app.core.meanfield.notes import Composition
from app.core.meanfield.rules.activated import activated
from app.core.meanfield.signals.signal import Signal, gaussian_draw
from app.core.meanfield.step import NoRule, Pull, Situation, Step

_GRID: Final = 4001  # numbers at which a function is looked at
_LEAST: Final = 1e-4  # of its largest value: a divisor that comes below has no mean square
_IDENTITY: Final = nonlinearity("Identity")


def composition(situation: Situation, argument: str) -> Composition:
    """The function that an argument is of its base; of itself where nothing else is known."""
    name = situation.name(argument)
    note = situation.notes.get(name)
    if isinstance(note, Composition) and _on_one_grid(situation, name, note.base):
        return note
    return Composition(base=name, function=_IDENTITY, straight=True)


def _on_one_grid(situation: Situation, name: str, base: str) -> bool:
    known = situation.signals
    if base not in known:
        return False
    return name not in known or known[name].grid == known[base].grid


def one_source(situation: Situation, left: str = "self", right: str = "other") -> bool:
    """Whether both sides are functions of the same numbers."""
    names = situation.name(left), situation.name(right)
    if any(name not in situation.signals for name in names):
        return False
    return composition(situation, left).base == composition(situation, right).base


def combined(situation: Situation, *, factor: float = 1.0) -> Step:
    """The sum, product or quotient of two functions of one signal, as one function of it.

    Args:
        situation: Of the node.
        factor: Of the right side of a sum.
    """
    left, right = composition(situation, "self"), composition(situation, "other")
    f, g = left.function, right.function
    if situation.operation in ("div", "true_divide"):
        _expect_divisor(situation, right)
    value, slope = _formulas(situation.operation, f, g, factor)
    function = Nonlinearity(
        name=situation.operation,
        value=value,
        slope=slope,
        kinks=tuple(sorted({*f.kinks, *g.kinks})),
    )
    straight = left.straight and right.straight and situation.operation in ("add", "sub", "rsub")
    return as_function(situation, Composition(base=left.base, function=function, straight=straight))


def _formulas(
    operation: str, f: Nonlinearity, g: Nonlinearity, factor: float
) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    if operation == "mul":
        return (
            lambda x: f.value(x) * g.value(x),
            lambda x: f.slope(x) * g.value(x) + f.value(x) * g.slope(x),
        )
    if operation in ("div", "true_divide"):
        return (
            lambda x: f.value(x) / g.value(x),
            lambda x: (f.slope(x) - f.value(x) / g.value(x) * g.slope(x)) / g.value(x),
        )
    return (
        lambda x: f.value(x) + factor * g.value(x),
        lambda x: f.slope(x) + factor * g.slope(x),
    )


def applied(
    situation: Situation, argument: str, outer: Nonlinearity, *, everywhere: bool = True
) -> Composition:
    """A function of what an argument is already a function of.

    Args:
        situation: Of the node.
        argument: Of the node.
        outer: The function.
        everywhere: Whether it is defined for every number.

    Raises:
        NoRule: If it is not defined everywhere that the signal goes.
    """
    situation.signal(argument)  # refuses parameters
    inner = composition(situation, argument)
    f = inner.function
    if everywhere and f is _IDENTITY:
        return Composition(base=inner.base, function=outer)
    kinks = set(f.kinks)
    if outer.kinks or not everywhere:
        at = _reach(situation.signals[inner.base])
        with np.errstate(all="ignore"):
            defined = everywhere or bool(np.all(np.isfinite(outer.value(f.value(at)))))
        if not defined:
            raise NoRule(f"{situation.operation} of a signal that leaves where it is defined")
        kinks |= _crossings(f, outer.kinks, at)
    found = Nonlinearity(
        name=outer.name,
        value=lambda x: outer.value(f.value(x)),
        slope=lambda x: outer.slope(f.value(x)) * f.slope(x),
        kinks=tuple(sorted(kinks)),
    )
    return Composition(base=inner.base, function=found)


def as_function(situation: Situation, found: Composition) -> Step:
    """The step of a function of a signal; its gradient goes to that signal."""
    signal = situation.signals[found.base]
    after = activated(signal, found.function)
    pull = pull_through(signal, found.function, after.slope_second)
    return Step(
        signals=(after.signal,),
        pulls=({found.base: pull},),
        by_draws=True,
        sharing=sloped(signal, found.function, situation.batch),
        notes=(found,),
    )


def pull_through(signal: Signal, function: Nonlinearity, own: Array) -> Pull:
    """A gradient times φ': its second moment times E φ'², E φ'φ' or φ'² by draws.

    Of a signal that is itself by draws so is the gradient: a residual sum cuts where its stem does.
    """

    def pull(gradient: Array) -> Array:
        if gradient.ndim == 1 and signal.draw is None:
            return gradient * own
        if gradient.ndim == 2 and signal.draw is None:
            return gradient * slopes_shared(signal, function, own)
        slopes: Array = function.slope(gaussian_draw(signal))
        if gradient.ndim == 2:
            rows = slopes.reshape(-1, slopes.shape[-1])
            pairs: Array = rows.T @ rows / len(rows)
            np.fill_diagonal(pairs, own)
            return gradient * pairs
        return gradient * slopes**2

    return pull


def least(situation: Situation, argument: str) -> float:
    """The smallest value that an argument takes, as a share of its largest size."""
    situation.signal(argument)  # refuses parameters
    found = composition(situation, argument)
    values = found.function.value(_reach(situation.signals[found.base]))
    return float(values.min() / (np.abs(values).max() or 1.0))


def _expect_divisor(situation: Situation, divisor: Composition) -> None:
    values = divisor.function.value(_reach(situation.signals[divisor.base]))
    if np.abs(values).min() < _LEAST * np.abs(values).max():
        raise NoRule("a division by a signal that comes close to 0")


def _reach(signal: Signal) -> Array:
    """Numbers over all that a signal takes."""
    spread = math.sqrt(float(signal.variances.max(initial=0.0)))
    low, high = float(signal.mean.min(initial=0.0)), float(signal.mean.max(initial=0.0))
    return np.linspace(low - REACH * spread, high + REACH * spread, _GRID)


def _crossings(function: Nonlinearity, levels: tuple[float, ...], at: Array) -> set[float]:
    """Where a function goes through some levels."""
    values = function.value(at)
    found = set()
    for level in levels:
        above = values > level
        for place in np.flatnonzero(above[1:] != above[:-1]):
            rise = values[place + 1] - values[place]
            part = (level - values[place]) / rise if rise else 0.0
            found.add(float(at[place] + part * (at[place + 1] - at[place])))
    return found
