"""Rules of operations that only move numbers: reshapes, permutations, repetitions."""

from __future__ import annotations

import math
from dataclasses import replace

from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.notes import Average
from app.core.meanfield.opening import expect_room
from app.core.meanfield.signals.axes import Axes, Factor, Unfit, place, reshaped
from app.core.meanfield.signals.signal import Signal, over_places
from app.core.meanfield.step import Note, Pull, Situation, Step, single, unchanged


def _argument(situation: Situation) -> str:
    return next(name for name in ("self", "input", "data") if name in situation.node.arguments)


def same(situation: Situation) -> Step:
    """A copy, a cast, or nothing at all."""
    argument = _argument(situation)
    note = _held_note(situation, argument)
    return single(situation, situation.signal(argument), unchanged, argument, note=note)


def reshape(situation: Situation) -> Step:
    """Any row-major reshape: the axes are regrouped, the places stay in their order."""
    signal = situation.signal(_argument(situation))
    found = reshaped(signal.axes, situation.node.shapes[0])
    after = _on(signal, found.axes, found.splits)
    note = _held_note(situation, _argument(situation))
    kept = note if isinstance(note, Average) else None
    return single(situation, after, unchanged, _argument(situation), note=kept)


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
    """A signal repeated along new inputs, places or channels.

    New places hold one and the same number. In front of axes of places it is channels that are
    repeated, as the heads of keys that several queries share.
    """
    argument = _argument(situation)
    signal = situation.signal(argument)
    shape = situation.node.shapes[0]
    axes = ((),) * (len(shape) - len(signal.axes)) + signal.axes
    grown, copies, added = [], 1, []
    for at, (axis, size) in enumerate(zip(axes, shape, strict=True)):
        held = math.prod(factor.whole for factor in axis)
        if held == size:
            grown.append(axis)
        elif at == 0 and size == situation.batch_size:
            grown.append((Factor("batch", size),))
        elif any(f.role == "place" and f.whole > 1 for one in axes[at + 1 :] for f in one):
            copies *= size
            grown.append((Factor("channel", size),))
        else:
            added.append(place(size))
            grown.append((added[-1],))
    lean = replace(signal, grid=tuple(f for f in signal.grid if f.whole > 1))
    expect_room(math.prod(factor.size for factor in (*lean.grid, *added)))
    after = replace(over_places(lean, (*lean.grid, *added)), axes=tuple(grown))
    return single(situation, after, _gathered(lean, copies), argument)


def _gathered(signal: Signal, copies: int) -> Pull:
    """The gradient of all copies together."""

    def pull(gradient: Array) -> Array:
        rows = gradient.reshape(signal.mean.size, -1)
        total: Array = rows.sum(axis=1) * copies
        return total

    return pull


def _held_note(situation: Situation, argument: str) -> Note | None:
    return situation.notes.get(situation.name(argument))
