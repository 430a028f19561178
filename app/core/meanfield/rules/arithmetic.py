"""Rules of the arithmetic of signals: sums, products, and signals side by side."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from app.core.meanfield.gradients import settled
from app.core.meanfield.nonlinear.nonlinearities import Nonlinearity
from app.core.meanfield.notes import Average, Logits
from app.core.meanfield.rules.composed import applied, combined, composition, one_source
from app.core.meanfield.rules.operands import Pair, is_tensor, operands, sent_back
from app.core.meanfield.rules.written_attention import attention_logits, masked_sum
from app.core.meanfield.signals.signal import Draw, Signal, gaussian_draw, summed_draw
from app.core.meanfield.step import NoRule, Note, Pull, Situation, Step, multiplied


def add(situation: Situation) -> Step:
    """The sum of two signals, or of a signal and a number.

    Signals of different weights share no more than their means; functions of one signal are one
    function of it.
    """
    factor = _factor(situation)
    flipped = situation.operation == "rsub"
    if not is_tensor(situation, "other"):
        shift = situation.number("other", 0) * (1.0 if flipped else factor)
        return _straight(situation, "self", factor if flipped else 1.0, shift)
    if not is_tensor(situation, "self"):
        return _straight(situation, "other", factor, situation.number("self", 0))
    if (logits := attention_logits(situation)) is not None:
        return masked_sum(situation, logits)
    if one_source(situation) and not flipped:
        return combined(situation, factor=factor)
    weights = (factor, 1.0) if flipped else (1.0, factor)
    if not _averages(situation):
        _expect_apart(situation, "a sum")
    return _sum(situation, weights)


def _factor(situation: Situation) -> float:
    factor = situation.number("alpha", 1)
    return -factor if situation.operation in ("sub", "rsub") else factor


def _sum(situation: Situation, weights: tuple[float, float]) -> Step:
    pair = operands(situation)
    left, right = _times(pair.left, weights[0]), _times(pair.right, weights[1])
    mixed = np.outer(left.mean, right.mean) + np.outer(right.mean, left.mean)
    after = Signal(
        axes=pair.axes,
        grid=pair.grid,
        mean=left.mean + right.mean,
        within=left.within + right.within + mixed,
        across=left.across + right.across + mixed,
    )
    after = replace(after, draw=_added(left, right, after))
    after = _mixed(after, left, right)
    pulls: dict[str, Pull] = {}
    for name, weight, source in zip(("self", "other"), weights, pair.sources, strict=True):
        if not isinstance(situation.notes.get(situation.name(name)), Average):
            pulls[situation.name(name)] = _back(weight**2, pair, source)
    return Step(signals=(after,), pulls=(pulls,), by_draws=True)


def scale(situation: Situation) -> Step:
    """A signal times a number, or times another signal.

    Signals of different weights are independent: a gate that is calculated from a signal by weights
    of its own is so in wide layers. The gradient of a side that is repeated over places is a sum in
    which each place's gradient goes with what stands there; theory does not follow it.
    """
    dividing = situation.operation in ("div", "true_divide")
    if situation.node.arguments.get("rounding_mode") is not None:
        raise NoRule("a division that rounds")
    if not is_tensor(situation, "other"):
        factor = situation.number("other", 1)
        return _straight(situation, "self", 1 / factor if dividing else factor, 0.0)
    if not is_tensor(situation, "self"):
        if dividing:
            raise NoRule("a number divided by a signal")
        return _straight(situation, "other", situation.number("self", 1), 0.0)
    if one_source(situation):
        return combined(situation)
    if not _averages(situation):
        _expect_apart(situation, "a product")
    return _product(situation, dividing=dividing)


def negative(situation: Situation) -> Step:
    """A signal times −1."""
    return _straight(situation, "self", -1.0, 0.0)


def _straight(situation: Situation, argument: str, factor: float, shift: float) -> Step:
    """`a·x + b`: what the value was a function of, it still is."""
    signal = situation.signal(argument)
    after = _times(signal, factor)
    moved = shift * (after.mean[:, None] + after.mean[None, :]) + shift**2
    after = replace(
        after,
        mean=after.mean + shift,
        within=after.within + moved,
        across=after.across + moved,
        draw=None if signal.draw is None else (lambda: gaussian_draw(signal) * factor + shift),
    )
    note = _note(situation, argument, factor, shift)
    pulls = {} if isinstance(note, Average) else {situation.name(argument): multiplied(factor**2)}
    return Step(signals=(after,), pulls=(pulls,), by_draws=True, notes=(note,))


def _note(situation: Situation, argument: str, factor: float, shift: float) -> Note | None:
    known = situation.notes.get(situation.name(argument))
    if isinstance(known, Logits):
        return replace(known, scale=known.scale * factor)
    if isinstance(known, Average):
        return known
    outer = Nonlinearity(
        name="a·x + b", value=lambda x: factor * x + shift, slope=lambda x: np.full_like(x, factor)
    )
    inner = composition(situation, argument)
    return replace(applied(situation, argument, outer), straight=inner.straight)


def _times(signal: Signal, factor: float) -> Signal:
    if factor == 1:
        return signal
    return replace(
        signal,
        mean=signal.mean * factor,
        within=signal.within * factor**2,
        across=signal.across * factor**2,
        draw=None if signal.draw is None else (lambda: gaussian_draw(signal) * factor),
    )


def _averages(situation: Situation) -> bool:
    names = situation.name("self"), situation.name("other")
    return any(isinstance(situation.notes.get(name), Average) for name in names)


def _expect_apart(situation: Situation, what: str) -> None:
    """Refuse sides that are random by the same weights or inputs.

    Raises:
        NoRule: If they are.
    """
    roots = [situation.roots.get(situation.name(name), frozenset()) for name in ("self", "other")]
    if roots[0] & roots[1]:
        raise NoRule(f"{what} of signals that depend on each other")


def _product(situation: Situation, *, dividing: bool) -> Step:
    pair = operands(situation)
    left, right = (
        _fixed(situation, name, side) for name, side in (("self", pair.left), ("other", pair.right))
    )
    if dividing:
        right = _inverse(right)
    after = Signal(
        axes=pair.axes,
        grid=pair.grid,
        mean=left.mean * right.mean,
        within=left.within * right.within,
        across=left.across * right.across,
        draw=lambda: gaussian_draw(left) * gaussian_draw(right),
        kurtosis=left.kurtosis * right.kurtosis,
        joint=left.joint * right.joint,
        inherited=left.inherited + right.inherited,
    )
    pulls: dict[str, Pull] = {}
    sides = zip(("self", "other"), (right, left), pair.sources, strict=True)
    for name, other, source in sides:
        value = situation.name(name)
        if not isinstance(situation.notes.get(value), Average) and source.grid == pair.grid:
            pulls[value] = multiplied(np.diag(other.within))
    if dividing:
        pulls.pop(situation.name("other"), None)
    return Step(signals=(after,), pulls=(pulls,))


def _back(factor: float, pair: Pair, source: Signal) -> Pull:
    """The gradient times a number, at the places that a side has of its own."""
    if source.grid == pair.grid:
        return lambda gradient: gradient * factor
    return lambda gradient: sent_back(settled(gradient) * factor, pair.grid, source)


def _fixed(situation: Situation, argument: str, signal: Signal) -> Signal:
    """The signal; of an average over channels its mean alone, as it varies with each term."""
    if not isinstance(situation.notes.get(situation.name(argument)), Average):
        return signal
    outer = np.outer(signal.mean, signal.mean)
    return replace(signal, within=outer, across=outer, draw=None, kurtosis=1.0, joint=1.0)


def _inverse(divisor: Signal) -> Signal:
    """One over a signal that hardly varies.

    Raises:
        NoRule: If it does.
    """
    size = np.abs(divisor.mean).min(initial=np.inf)
    if size == 0 or divisor.variances.max(initial=0.0) > 0:
        raise NoRule("a division by a signal" if size else "a division by 0")
    mean = 1 / divisor.mean
    outer = np.outer(mean, mean)
    return replace(divisor, mean=mean, within=outer, across=outer, draw=None)


def _added(left: Signal, right: Signal, after: Signal) -> Draw | None:
    if left.draw is None and right.draw is None:
        return None
    return summed_draw(after, left, right)


def _mixed(after: Signal, left: Signal, right: Signal) -> Signal:
    """Kurtosis and uncertainty of a sum of independent signals.

    A branch is as uncertain as the stem that it begins at, so what both inherit goes together.
    """
    second = after.second
    if second <= 0:
        return after
    one, other = left.second / second, right.second / second
    apart = [side.average(np.diag(side.across)) / second for side in (left, right)]
    rooted = one * math.sqrt(left.inherited) + other * math.sqrt(right.inherited)
    return replace(
        after,
        kurtosis=one**2 * left.kurtosis + other**2 * right.kurtosis + 6 * one * other,
        joint=one**2 * left.joint
        + other**2 * right.joint
        + 2 * one * other
        + 4 * apart[0] * apart[1],
        inherited=rooted**2,
        stray=one**2 * left.stray + other**2 * right.stray,
    )
