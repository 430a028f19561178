"""Rules of signals side by side: along channels, along places, along a new axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.core.graph import Value
from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.opening import expect_room
from app.core.meanfield.rules.operands import aligned, fixed_signal, parameter
from app.core.meanfield.rules.placing import joined_axis
from app.core.meanfield.signals.axes import Axes, Factor, place
from app.core.meanfield.signals.signal import Draw, Signal, gaussian_draw
from app.core.meanfield.step import NoRule, Pull, Situation, Step, Unfit, multiplied


def concatenate(situation: Situation) -> Step:
    """Signals side by side: the average over channels, or one after another along places."""
    names = _names(situation)
    signals = _signals(situation, names)
    axis = int(situation.number("dim", 0)) % len(signals[0].axes)
    sizes = [situation.shapes[n][axis] if n in situation.shapes else
             math.prod(f.whole for f in s.axes[axis])
             for n, s in zip(names, signals, strict=True)]  # fmt: skip
    roles = {factor.role for signal in signals for factor in signal.axes[axis]}
    if roles == {"channel"} or (not roles and _is_channel(signals[0], axis)):
        return _along_channels(situation, names, signals, axis, sizes)
    if roles - {"place"}:
        raise NoRule("a concatenation of channels with places, or of inputs")
    return _along_places(situation, names, signals, axis, sizes)


def stack(situation: Situation) -> Step:
    """Signals along a new axis: as places of their own."""
    names = _names(situation)
    signals = _signals(situation, names)
    axis = int(situation.number("dim", 0)) % (len(signals[0].axes) + 1)
    grown = [replace(one, axes=(*one.axes[:axis], (), *one.axes[axis:])) for one in signals]
    return _along_places(situation, names, grown, axis, [1] * len(grown))


def _names(situation: Situation) -> list[str]:
    items = situation.node.arguments.get("tensors", ())
    found = items if isinstance(items, tuple) else ()
    return [item.value for item in found if isinstance(item, Value)]


def _signals(situation: Situation, names: Sequence[str]) -> list[Signal]:
    """Each part as a signal: parameters and fixed numbers by the axes of a signal among them.

    Raises:
        NoRule: If there is no signal among them, or a part is unknown.
    """
    known = [situation.signals[name] for name in names if name in situation.signals]
    if not known:
        raise NoRule(f"{situation.operation} of something that is no signal")
    found = []
    for name in names:
        if name in situation.signals:
            found.append(situation.signals[name])
        elif name in situation.weights:
            found.append(_whole(situation, name, known[0]))
        elif name in situation.fixed and situation.fixed[name].size:
            found.append(fixed_signal(situation.fixed[name], known[0].axes))
        elif name not in situation.fixed:
            raise NoRule(f"{situation.operation} with something that is no signal")
    return found


def _whole(situation: Situation, name: str, like: Signal) -> Signal:
    """A parameter as a signal; the axis of inputs, along which it is repeated, is no part of it."""
    shape = [
        1 if any(factor.role == "batch" for factor in axis) else size
        for axis, size in zip(like.axes, situation.shapes[name], strict=True)
    ]
    shapes = {**situation.shapes, name: tuple(shape)}
    own = tuple(
        axis if math.prod(f.whole for f in axis) == size else ()
        for axis, size in zip(like.axes, shape, strict=True)
    )
    return parameter(replace(situation, shapes=shapes), name, own)


def _is_channel(signal: Signal, axis: int) -> bool:
    """Whether an axis of one number is the channels': no other axis is."""
    return axis == 1 and not any(f.role == "channel" for one in signal.axes for f in one)


def _along_channels(
    situation: Situation,
    names: Sequence[str],
    signals: Sequence[Signal],
    axis: int,
    sizes: Sequence[int],
) -> Step:
    every = [aligned(signals[0], one, [1] * len(signals[0].axes)) for one in _bare(signals, axis)]
    widest = max((pair.grid for pair in every), key=len)
    parts = [pair.right for pair in every]
    if any(pair.grid != widest for pair in every):
        raise NoRule("a concatenation of signals with different places")
    shares = np.array(sizes, float) / sum(sizes)
    axes = list(signals[0].axes)
    axes[axis] = (Factor("channel", situation.node.shapes[0][axis]),)
    after = Signal(
        axes=tuple(axes),
        grid=widest,
        mean=_average([one.mean for one in parts], shares),
        within=_average([one.within for one in parts], shares),
        across=_average([one.across for one in parts], shares),
        draw=_either(parts, shares),
        inherited=float(_average([np.array(one.inherited) for one in parts], shares)),
    )
    pulls: dict[str, Pull] = {
        name: multiplied(names.count(name))
        for name in names  # it may stand there several times
    }
    return Step(signals=(after,), pulls=(pulls,))


def _bare(signals: Sequence[Signal], axis: int) -> list[Signal]:
    return [
        replace(one, axes=tuple(() if at == axis else a for at, a in enumerate(one.axes)))
        for one in signals
    ]


def _along_places(
    situation: Situation,
    names: Sequence[str],
    signals: Sequence[Signal],
    axis: int,
    sizes: Sequence[int],
) -> Step:
    """Each part's own moments; parts of different weights share no more than their means."""
    _expect_apart(situation, names)
    if any(factor.sample for one in signals for factor in one.grid):
        raise Unfit
    given = signals
    signals = [joined_axis(one, axis) for one in signals]
    reference = _frame(signals[_richest(signals, axis)], axis)
    joint = place(sum(sizes))
    axes: Axes = (*reference.axes[:axis], (joint,), *reference.axes[axis + 1 :])
    grid = tuple(f for each in axes for f in each if f.role == "place")
    expect_room(math.prod(factor.size for factor in grid))
    blocks = [
        _Block(aligned(reference, one, [1] * len(axes)).right, axes, joint) for one in signals
    ]
    borders = [int(border) for border in np.cumsum([0, *sizes])]
    after = Signal(
        axes=axes,
        grid=grid,
        mean=np.concatenate([one.mean for one in blocks], axis=blocks[0].at).ravel(),
        within=_matrix(blocks, borders, "within"),
        across=_matrix(blocks, borders, "across"),
        kurtosis=float(np.average([one.kurtosis for one in signals], weights=sizes)),
        joint=float(np.average([one.joint for one in signals], weights=sizes)),
        inherited=max(one.inherited for one in signals),
    )
    whole = tuple(factor.size for factor in grid)
    pulls: dict[str, Pull] = {
        name: _cut(whole, blocks[at], (borders[at], borders[at + 1]), given[at])
        for at, name in enumerate(names)
        if name in situation.signals
    }
    return Step(signals=(after,), pulls=(pulls,))


class _Block:
    """One part on its grid, with the joined axis among its axes."""

    def __init__(self, signal: Signal, axes: Axes, joint: Factor) -> None:
        every = [f for axis in axes for f in axis if f.role == "place"]
        self.at = [factor.key for factor in every].index(joint.key)
        others = {factor.key for factor in every}
        self.own = next((f for f in signal.grid if f.key not in others), None)
        self.grid = tuple(
            (self.own or Factor("place", 1)) if f.key == joint.key else f for f in every
        )
        self.signal = signal
        self.sizes = tuple(factor.size for factor in self.grid)
        self.mean = signal.mean.reshape(self.sizes)

    def moments(self, name: str) -> Array:
        """[places…, places…] of `within` or `across`."""
        found: Array = getattr(self.signal, name)
        return found.reshape(*self.sizes, *self.sizes)


def _matrix(blocks: Sequence[_Block], borders: Sequence[int], name: str) -> Array:
    at, count = blocks[0].at, len(blocks[0].sizes)
    whole = list(blocks[0].sizes)
    whole[at] = borders[-1]
    mean = np.concatenate([one.mean for one in blocks], axis=at).ravel()
    found = np.outer(mean, mean).reshape(*whole, *whole)
    for one, low, high in zip(blocks, borders[:-1], borders[1:], strict=True):
        cut = [slice(None)] * (2 * count)
        cut[at] = cut[at + count] = slice(low, high)
        found[tuple(cut)] = one.moments(name)
    return found.reshape(mean.size, mean.size)


def _cut(whole: tuple[int, ...], block: _Block, ends: tuple[int, int], given: Signal) -> Pull:
    def pull(gradient: Array) -> Array:
        part = gradient.reshape(whole).take(range(*ends), axis=block.at).reshape(-1)
        return part if part.size == given.mean.size else np.full(given.mean.size, part.mean())

    return pull


def _frame(signal: Signal, axis: int) -> Signal:
    """Nothing but the signal's axes and places beside one axis."""
    axes = tuple(() if at == axis else each for at, each in enumerate(signal.axes))
    grid = tuple(f for each in axes for f in each if f.role == "place")
    places = math.prod(factor.size for factor in grid)
    none = np.zeros((places, places))
    return Signal(axes=axes, grid=grid, mean=np.zeros(places), within=none, across=none)


def _richest(signals: Sequence[Signal], axis: int) -> int:
    """The part that has the most places beside the joined axis."""
    return max(
        range(len(signals)),
        key=lambda at: sum(len(a) for i, a in enumerate(signals[at].axes) if i != axis),
    )


def _expect_apart(situation: Situation, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        roots = situation.roots.get(name, frozenset())
        if seen & roots:
            raise NoRule("a concatenation along places of signals that depend on each other")
        seen |= roots


def _average(values: Sequence[Array], shares: Array) -> Array:
    total: Array = sum(
        (value * share for value, share in zip(values, shares, strict=True)), np.zeros(1)
    )
    return total.reshape(values[0].shape)


def _either(signals: Sequence[Signal], shares: Array) -> Draw | None:
    """Draws of each part, as many as its share of the channels."""
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
