"""Rules of pieces of a tensor: slices, selections, divisions, chosen indices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.core.graph import Value
from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.rules.placing import joined_axis
from app.core.meanfield.signals.axes import Axes, Factor, place
from app.core.meanfield.signals.signal import Signal
from app.core.meanfield.step import (
    NoRule,
    Note,
    Situation,
    Step,
    Unfit,
    multiplied,
    single,
    unchanged,
)


def split(situation: Situation) -> Step:
    """Pieces one after another: of channels each keeps the moments, of places its own."""
    axis = _axis(situation)
    starts = np.cumsum([0, *(shape[axis] for shape in situation.node.shapes)])
    steps = [
        _piece(situation, axis, range(int(low), int(high)))
        for low, high in itertools.pairwise(starts)
    ]
    return _several(steps)


def unbind(situation: Situation) -> Step:
    """Each index of an axis on its own."""
    axis = _axis(situation)
    steps = [_piece(situation, axis, [at], gone=True) for at in range(len(situation.node.shapes))]
    return _several(steps)


def piece(situation: Situation) -> Step:
    """A slice or a selection: of channels it keeps the moments, of places their rows."""
    axis = _axis(situation)
    select = "select" in situation.operation
    return _piece(situation, axis, _chosen(situation, _size(situation, axis)), gone=select)


def chosen(situation: Situation) -> Step:
    """Indices that are fixed numbers, along one axis.

    Raises:
        NoRule: If they are calculated from inputs, or choose along several axes at once.
    """
    if situation.operation == "index_select":
        return _piece(
            situation, _axis(situation), _indices(situation, situation.node.arguments["index"])
        )
    given = situation.node.arguments.get("indices")
    items = given if isinstance(given, tuple) else ()
    axes = [at for at, item in enumerate(items) if item is not None]
    if len(axes) != 1:
        raise NoRule("a choice of indices along several axes")
    return _piece(situation, axes[0], _indices(situation, items[axes[0]]))


def _indices(situation: Situation, given: object) -> list[int]:
    if not isinstance(given, Value) or given.value not in situation.fixed:
        raise NoRule("a choice of indices that are calculated on the way")
    found = situation.fixed[given.value]
    if found.ndim != 1:
        raise NoRule("a choice of indices by a table")
    return [int(at) for at in (np.flatnonzero(found) if found.dtype == np.bool_ else found)]


def _several(steps: Sequence[Step]) -> Step:
    return Step(
        signals=tuple(one.signals[0] for one in steps), pulls=tuple(one.pulls[0] for one in steps)
    )


def _axis(situation: Situation) -> int:
    return int(situation.number("dim", 0)) % len(situation.signal("self").axes)


def _size(situation: Situation, axis: int) -> int:
    return math.prod(factor.whole for factor in situation.signal("self").axes[axis])


def _chosen(situation: Situation, size: int) -> Sequence[int]:
    if "select" in situation.operation:
        return [int(situation.number("index", 0)) % size]
    start, end = situation.node.arguments.get("start"), situation.node.arguments.get("end")
    low = None if start is None else int(situation.number("start", 0))
    high = None if end is None else int(situation.number("end", size))
    if situation.operation == "narrow":
        high = (low or 0) + int(situation.number("length", size))
    return range(size)[low : high : int(situation.number("step", 1))]


def _piece(situation: Situation, axis: int, wanted: Sequence[int], *, gone: bool = False) -> Step:
    """What stands at some indices of an axis.

    Args:
        situation: Of the node.
        axis: Of the tensor.
        wanted: The indices.
        gone: Whether the axis goes, as there is one index.
    """
    signal, size = situation.signal("self"), _size(situation, axis)
    roles = [factor.role for factor in signal.axes[axis]]
    if list(wanted) == list(range(size)) and not gone:
        return single(situation, signal, unchanged, "self", note=_kept(situation))
    if set(roles) == {"channel"}:
        axes = _cut(signal.axes, axis, (Factor("channel", len(wanted)),), gone=gone)
        share = multiplied(len(wanted) / size)  # the gradient, averaged over all channels
        return single(situation, replace(signal, axes=axes), share, "self")
    if not roles and len(wanted) == 1:
        axes = _cut(signal.axes, axis, (), gone=gone)
        return single(situation, replace(signal, axes=axes), unchanged, "self")
    if "batch" in roles:
        raise NoRule("a piece of the inputs")
    return _places(situation, joined_axis(signal, axis), axis, wanted, gone=gone)


def _kept(situation: Situation) -> Note | None:
    return situation.notes.get(situation.name("self"))


def _places(
    situation: Situation, signal: Signal, axis: int, wanted: Sequence[int], *, gone: bool
) -> Step:
    factor = signal.axes[axis][0]
    if factor.sample is not None:
        raise Unfit
    sizes = [one.size for one in signal.grid]
    at = [one.key for one in signal.grid].index(factor.key)
    index = np.take(np.arange(math.prod(sizes)).reshape(sizes), wanted, axis=at).reshape(-1)
    kept = (place(len(wanted)),) if len(wanted) > 1 else ()
    draw = signal.draw
    after = replace(
        signal,
        axes=_cut(signal.axes, axis, kept, gone=gone),
        grid=(*signal.grid[:at], *kept, *signal.grid[at + 1 :]),
        mean=signal.mean[index],
        within=signal.within[np.ix_(index, index)],
        across=signal.across[np.ix_(index, index)],
        draw=None if draw is None else (lambda: draw()[..., index]),
    )

    def pull(gradient: Array) -> Array:
        back = np.zeros(signal.mean.size)
        np.add.at(back, index, gradient)
        return back

    return single(situation, after, pull, "self")


def _cut(axes: Axes, axis: int, kept: tuple[Factor, ...], *, gone: bool) -> Axes:
    lean = tuple(factor for factor in kept if factor.size > 1)
    return (*axes[:axis], *(() if gone else (lean,)), *axes[axis + 1 :])
