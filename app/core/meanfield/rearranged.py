"""Rules of operations that only move numbers: reshapes, permutations, splits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.core.meanfield.axes import Axes, Factor, Unfit, reshaped
from app.core.meanfield.nonlinearities import Array
from app.core.meanfield.signal import Signal
from app.core.meanfield.step import NoRule, Pull, Situation, Step, single, unchanged


def _argument(situation: Situation) -> str:
    return next(name for name in ("self", "input", "data") if name in situation.node.arguments)


def same(situation: Situation) -> Step:
    """A copy, a cast, or nothing at all."""
    return single(
        situation, situation.signal(_argument(situation)), unchanged, _argument(situation)
    )


def reshape(situation: Situation) -> Step:
    """Any row-major reshape: the axes are regrouped, the places stay in their order."""
    signal = situation.signal(_argument(situation))
    found = reshaped(signal.axes, situation.node.shapes[0])
    return single(situation, _on(signal, found.axes, found.splits), unchanged, _argument(situation))


def _on(signal: Signal, axes: Axes, splits: dict[int, tuple[Factor, ...]]) -> Signal:
    grid = tuple(part for factor in signal.grid for part in splits.get(factor.key, (factor,)))
    lost = {f.key for axis in axes for f in axis if f.role == "place"}
    if any(factor.size > 1 and factor.key not in lost for factor in grid):
        raise Unfit
    return replace(signal, axes=axes, grid=grid)


def permute(situation: Situation) -> Step:
    """Axes in another order."""
    signal = situation.signal(_argument(situation))
    count = len(signal.axes)
    op = situation.node.op
    order = list(range(count))
    if "permute" in op:
        order = [axis % count for axis in situation.integers("dims", ())]
    elif op == "aten.t.default":
        order = order[::-1]
    else:
        one = int(situation.number("dim0", 0)) % count
        other = int(situation.number("dim1", 1)) % count
        order[one], order[other] = other, one
    after = replace(signal, axes=tuple(signal.axes[axis] for axis in order))
    return single(situation, after, unchanged, _argument(situation))


def expand(situation: Situation) -> Step:
    """A signal repeated along new inputs; along places or channels there is no rule."""
    signal = situation.signal(_argument(situation))
    shape = situation.node.shapes[0]
    axes = ((),) * (len(shape) - len(signal.axes)) + signal.axes
    grown = []
    for axis, size in zip(axes, shape, strict=True):
        held = math.prod(factor.size for factor in axis)
        if held != size and size != situation.batch_size:
            raise NoRule("an expansion along places or channels")
        grown.append(axis if held == size else (Factor("batch", size),))
    return single(situation, replace(signal, axes=tuple(grown)), unchanged, _argument(situation))


def split(situation: Situation) -> Step:
    """Equal or unequal pieces along channels: each keeps the moments."""
    argument = _argument(situation)
    signal = situation.signal(argument)
    axis = int(situation.number("dim", 0)) % len(signal.axes)
    if any(factor.role != "channel" for factor in signal.axes[axis]):
        raise NoRule("a division along places or inputs")
    pieces = [
        replace(signal, axes=_with(signal.axes, axis, shape[axis]))
        for shape in situation.node.shapes
    ]
    pulls: list[dict[str, Pull]] = [
        {situation.name(argument): _share(shape[axis], _held(signal.axes[axis]))}
        for shape in situation.node.shapes
    ]
    return Step(signals=tuple(pieces), pulls=tuple(pulls))


def piece(situation: Situation) -> Step:
    """A slice or a selection: of channels it keeps the moments, of places their rows."""
    argument = _argument(situation)
    signal = situation.signal(argument)
    axis = int(situation.number("dim", 0)) % len(signal.axes)
    size = _held(signal.axes[axis])
    chosen = _chosen(situation, size)
    if len(chosen) == size and "select" not in situation.node.op:
        return same(situation)
    roles = {factor.role for factor in signal.axes[axis]}
    if roles == {"channel"}:
        after = replace(signal, axes=_cut(situation, signal.axes, axis, len(chosen), None))
        return single(situation, after, _share(len(chosen), size), argument)
    if roles != {"place"} or len(signal.axes[axis]) != 1:
        raise NoRule("a slice over inputs")
    return _places(situation, signal, axis, chosen)


def _places(situation: Situation, signal: Signal, axis: int, chosen: Sequence[int]) -> Step:
    factor = signal.axes[axis][0]
    sizes = [one.size for one in signal.grid]
    at = [one.key for one in signal.grid].index(factor.key)
    index = np.take(np.arange(math.prod(sizes)).reshape(sizes), chosen, axis=at).reshape(-1)
    kept = Factor("place", len(chosen), factor.key) if len(chosen) > 1 else None
    grid = tuple(
        new for one in signal.grid if (new := kept if one.key == factor.key else one) is not None
    )
    draw = signal.draw
    after = replace(
        signal,
        axes=_cut(situation, signal.axes, axis, len(chosen), kept),
        grid=grid,
        mean=signal.mean[index],
        within=signal.within[np.ix_(index, index)],
        across=signal.across[np.ix_(index, index)],
        draw=None if draw is None else (lambda: draw()[..., index]),
    )

    def pull(gradient: Array) -> Array:
        back = np.zeros(signal.mean.size)
        back[index] = gradient
        return back

    return single(situation, after, pull, _argument(situation))


def _chosen(situation: Situation, size: int) -> list[int]:
    if "select" in situation.node.op:
        return [int(situation.number("index", 0)) % size]
    start, end = situation.node.arguments.get("start"), situation.node.arguments.get("end")
    low = None if start is None else int(situation.number("start", 0))
    high = None if end is None else int(situation.number("end", size))
    return list(range(size))[low : high : int(situation.number("step", 1))]


def _cut(situation: Situation, axes: Axes, axis: int, size: int, kept: Factor | None) -> Axes:
    if "select" in situation.node.op:
        return (*axes[:axis], *axes[axis + 1 :])
    if kept is not None:
        return (*axes[:axis], (kept,), *axes[axis + 1 :])
    roles = {factor.role for factor in axes[axis]}
    return (
        _with(axes, axis, size) if roles == {"channel"} else (*axes[:axis], (), *axes[axis + 1 :])
    )


def _with(axes: Axes, axis: int, size: int) -> Axes:
    return (*axes[:axis], (Factor("channel", size),) if size > 1 else (), *axes[axis + 1 :])


def _held(axis: Sequence[Factor]) -> int:
    return math.prod(factor.size for factor in axis)


def _share(part: int, whole: int) -> Pull:
    """The gradient of a piece, averaged over all channels."""
    return lambda gradient: gradient * (part / whole)
