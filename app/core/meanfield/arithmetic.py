"""Rules of the arithmetic of signals: sums, products, and signals side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.core.graph import Value
from app.core.meanfield.axes import Axes, Factor, shape_of
from app.core.meanfield.nonlinearities import Array
from app.core.meanfield.signal import Draw, Signal, gaussian_draw, over_places
from app.core.meanfield.step import NoRule, Pull, Situation, Step, single


def add(situation: Situation) -> Step:
    """The sum of two signals, independent but for their means, or of a signal and a number."""
    factor = situation.number("alpha", 1)
    if situation.node.op.startswith("aten.sub"):
        factor = -factor
    terms = [situation.node.arguments.get(name) for name in ("self", "other")]
    if not _is_signal(situation, terms[1]):
        return _shifted(situation, factor * situation.number("other", 0))
    left, right = _parameter(situation, "self"), _parameter(situation, "other")
    axes, grid = _common(left.axes, right.axes, situation.node.shapes[0])
    left, right = over_places(left, grid), over_places(_renamed(right, left.axes), grid)
    mixed = factor * (np.outer(left.mean, right.mean) + np.outer(right.mean, left.mean))
    after = Signal(
        axes=axes,
        grid=grid,
        mean=left.mean + factor * right.mean,
        within=left.within + factor**2 * right.within + mixed,
        across=left.across + factor**2 * right.across + mixed,
        draw=_added(left, right, factor),
    )
    after = _mixed(after, left, right)
    names = [term.value for term in terms if isinstance(term, Value)]
    pulls: dict[str, Pull] = {names[0]: lambda gradient: gradient}
    pulls[names[1]] = lambda gradient: gradient * factor**2
    return Step(signals=(after,), pulls=(pulls,))


def scale(situation: Situation) -> Step:
    """A signal times a number, or times an independent signal."""
    dividing = situation.node.op.startswith("aten.div")
    other = situation.node.arguments.get("other")
    if _is_signal(situation, other):
        if dividing:
            raise NoRule("a division of signals")
        return _product(situation)
    factor = situation.number("other", 1)
    factor = 1 / factor if dividing else factor
    signal = situation.signal("self")
    after = replace(
        signal,
        mean=signal.mean * factor,
        within=signal.within * factor**2,
        across=signal.across * factor**2,
        draw=None if signal.draw is None else (lambda: gaussian_draw(signal) * factor),
    )
    return single(situation, after, lambda gradient: gradient * factor**2, "self")


def _product(situation: Situation) -> Step:
    names = situation.name("self"), situation.name("other")
    if names[0] == names[1]:
        raise NoRule("a product of a signal with itself")
    left, right = _parameter(situation, "self"), _parameter(situation, "other")
    axes, grid = _common(left.axes, right.axes, situation.node.shapes[0])
    left, right = over_places(left, grid), over_places(_renamed(right, left.axes), grid)
    after = Signal(
        axes=axes,
        grid=grid,
        mean=left.mean * right.mean,
        within=left.within * right.within,
        across=left.across * right.across,
        draw=lambda: gaussian_draw(left) * gaussian_draw(right),
        kurtosis=left.kurtosis * right.kurtosis,
        joint=left.joint * right.joint,
        inherited=left.inherited + right.inherited,
    )
    squares = np.diag(left.within), np.diag(right.within)
    pulls: dict[str, Pull] = {
        names[0]: lambda gradient: gradient * squares[1],
        names[1]: lambda gradient: gradient * squares[0],
    }
    return Step(signals=(after,), pulls=(pulls,))


def concatenate(situation: Situation) -> Step:
    """Signals side by side along the channels: the average over their channels."""
    items = situation.node.arguments.get("tensors", ())
    names = (
        [item.value for item in items if isinstance(item, Value)]
        if isinstance(items, tuple)
        else []
    )
    if not names or any(name not in situation.signals for name in names):
        raise NoRule("a concatenation with something that is no signal")
    signals = [situation.signals[name] for name in names]
    axis = int(situation.number("dim", 0)) % len(signals[0].axes)
    if any(factor.role != "channel" for signal in signals for factor in signal.axes[axis]):
        raise NoRule("a concatenation along places")
    grid = signals[0].grid
    signals = [over_places(_renamed(signal, signals[0].axes), grid) for signal in signals]
    shares = np.array([math.prod(f.size for f in signal.axes[axis]) for signal in signals], float)
    shares /= shares.sum()
    axes = list(signals[0].axes)
    axes[axis] = (Factor("channel", situation.node.shapes[0][axis]),)
    after = Signal(
        axes=tuple(axes),
        grid=grid,
        mean=_average([signal.mean for signal in signals], shares),
        within=_average([signal.within for signal in signals], shares),
        across=_average([signal.across for signal in signals], shares),
        draw=_either(signals, shares),
        inherited=float(_average([np.array(signal.inherited) for signal in signals], shares)),
    )
    return Step(signals=(after,), pulls=({name: (lambda gradient: gradient) for name in names},))


def _either(signals: Sequence[Signal], shares: Array) -> Draw | None:
    if all(signal.draw is None for signal in signals):
        return None

    def draw() -> Array:
        every = [gaussian_draw(signal) for signal in signals]
        borders = np.round(np.cumsum(shares) * len(every[0])).astype(int)
        starts = [0, *borders[:-1]]
        return np.concatenate(
            [one[start:stop] for one, start, stop in zip(every, starts, borders, strict=True)]
        )

    return draw


def _average(values: Sequence[Array], shares: Array) -> Array:
    total: Array = sum(
        (value * share for value, share in zip(values, shares, strict=True)), np.zeros(1)
    )
    return total.reshape(values[0].shape)


def _is_signal(situation: Situation, term: object) -> bool:
    return isinstance(term, Value) and (
        term.value in situation.signals or term.value in situation.weights
    )


def _parameter(situation: Situation, argument: str) -> Signal:
    """A signal, or a parameter as one: it is the same for all inputs."""
    name = situation.name(argument)
    if name in situation.signals:
        return situation.signals[name]
    law, shape = situation.weights[name], situation.shapes[name]
    other = situation.signals[situation.name("other" if argument == "self" else "self")]
    axes = _like(other.axes, shape)
    grid = tuple(factor for axis in axes for factor in axis if factor.role == "place")
    places = math.prod(factor.size for factor in grid)
    within = np.full((places, places), law.mean**2)
    np.fill_diagonal(within, law.second)
    return Signal(
        axes=axes, grid=grid, mean=np.full(places, law.mean), within=within, across=within
    )


def _like(axes: Axes, shape: Sequence[int]) -> Axes:
    """The axes of a tensor of this shape that is broadcast against these axes."""
    behind = axes[len(axes) - len(shape) :]
    return tuple(
        axis if math.prod(f.size for f in axis) == size else ()
        for axis, size in zip(behind, shape, strict=True)
    )


def _common(left: Axes, right: Axes, shape: Sequence[int]) -> tuple[Axes, tuple[Factor, ...]]:
    """Axes of a broadcast result and its grid; the left signal's names where both have one."""
    sides = [((),) * (len(shape) - len(axes)) + tuple(axes) for axes in (left, right)]
    axes = []
    for one, other in zip(*sides, strict=True):
        if one and other and shape_of((one,)) != shape_of((other,)):
            raise NoRule("signals whose axes are divided differently")
        axes.append(one or other)
    grid = tuple(factor for axis in axes for factor in axis if factor.role == "place")
    return tuple(axes), grid


def _renamed(signal: Signal, axes: Axes) -> Signal:
    """The signal with the other's places under the other's names."""
    names: dict[int, Factor] = {}
    behind = min(len(signal.axes), len(axes))
    for own, other in zip(signal.axes[-behind:], axes[-behind:], strict=True):
        if own and other and tuple(f.size for f in own) == tuple(f.size for f in other):
            names |= {mine.key: yours for mine, yours in zip(own, other, strict=True) if mine.key}
    return replace(
        signal,
        axes=tuple(tuple(_called(factor, names) for factor in axis) for axis in signal.axes),
        grid=tuple(_called(factor, names) for factor in signal.grid),
    )


def _called(factor: Factor, names: dict[int, Factor]) -> Factor:
    return names.get(factor.key, factor) if factor.key else factor


def _shifted(situation: Situation, shift: float) -> Step:
    signal = situation.signal("self")
    moved = shift * (signal.mean[:, None] + signal.mean[None, :]) + shift**2
    after = replace(
        signal,
        mean=signal.mean + shift,
        within=signal.within + moved,
        across=signal.across + moved,
        draw=None if signal.draw is None else (lambda: gaussian_draw(signal) + shift),
    )
    return single(situation, after, lambda gradient: gradient, "self")


def _added(left: Signal, right: Signal, factor: float) -> Draw | None:
    if left.draw is None and right.draw is None:
        return None

    def draw() -> Array:
        return gaussian_draw(left) + factor * gaussian_draw(right)

    return draw


def _mixed(after: Signal, left: Signal, right: Signal) -> Signal:
    """Kurtosis and uncertainty of a sum of independent signals."""
    second = after.second
    if second <= 0:
        return after
    one, other = left.second / second, right.second / second
    return replace(
        after,
        kurtosis=one**2 * left.kurtosis + other**2 * right.kurtosis + 6 * one * other,
        joint=one**2 * left.joint + other**2 * right.joint + 6 * one * other,
        inherited=one**2 * left.inherited + other**2 * right.inherited,
    )
