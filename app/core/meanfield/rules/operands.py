"""The two sides of an arithmetic operation, on one grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.core.graph import Value
from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.opening import expect_room
from app.core.meanfield.signals.axes import Axes, Factor, place, places_of, shape_of
from app.core.meanfield.signals.signal import Signal, over_places
from app.core.meanfield.step import Fixed, NoRule, Situation, Unfit


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Both sides with the same places, in the same order."""

    left: Signal
    right: Signal
    axes: Axes
    grid: tuple[Factor, ...]
    sources: tuple[Signal, Signal]  # before they were broadcast, with the names of the grid


def is_tensor(situation: Situation, argument: str) -> bool:
    """Whether an argument is a signal, a parameter or a tensor of fixed numbers, not a number."""
    found = situation.node.arguments.get(argument)
    if not isinstance(found, Value):
        return False
    if found.value in situation.signals or found.value in situation.weights:
        return True
    fixed = situation.fixed.get(found.value)
    return (fixed is None or fixed.ndim > 0) and found.value not in situation.numbers


def operands(situation: Situation, left: str = "self", right: str = "other") -> Pair:
    """Both sides of an operation that broadcasts them.

    Raises:
        NoRule: If one is unknown, or their axes do not fit.
    """
    sides = [_signal(situation, name) for name in (left, right)]
    if sides[0] is None and sides[1] is None:
        raise NoRule(f"{situation.operation} of parameters alone")
    axes = next(side.axes for side in sides if side is not None)
    one, other = (
        side or _constant(situation, name, axes)
        for side, name in zip(sides, (left, right), strict=True)
    )
    return aligned(one, other, situation.node.shapes[0])


def aligned(left: Signal, right: Signal, shape: Sequence[int]) -> Pair:
    """Two signals on the grid of what they are broadcast to; the left one's names where both fit.

    Raises:
        NoRule: If channels of one meet places of the other.
    """
    left, right = _lean(left), _lean(right)
    right = _renamed(right, left.axes)
    sides = [((),) * (len(shape) - len(each.axes)) + tuple(each.axes) for each in (left, right)]
    axes = []
    for one, other in zip(*sides, strict=True):
        if one and other and [_kind(f) for f in one] != [_kind(f) for f in other]:
            if shape_of((one,)) == shape_of((other,)) and _sampled(one) != _sampled(other):
                raise Unfit
            raise NoRule("signals whose axes are divided differently")
        axes.append(one or other)
    grid = places_of(tuple(axes))
    expect_room(math.prod(factor.size for factor in grid))
    return Pair(
        left=over_places(left, grid),
        right=over_places(right, grid),
        axes=tuple(axes),
        grid=grid,
        sources=(left, right),
    )


def sent_back(gradient: Array, grid: Sequence[Factor], signal: Signal) -> Array:
    """A gradient on a grid for a signal that is broadcast to it: added up where it is repeated.

    Args:
        gradient: Second moments at the places of the grid.
        grid: Of the result.
        signal: As it was before.
    """
    keys = [factor.key for factor in signal.grid if factor.whole > 1]
    axes = [factor.key for factor in grid]
    if not set(keys) <= set(axes):
        size = signal.mean.size
        return gradient if gradient.size == size else np.full(size, gradient.sum() / size)
    counts = np.array([f.whole / f.size for f in grid if f.key not in keys])
    turned = gradient.reshape([factor.size for factor in grid])
    turned = turned.transpose([axes.index(key) for key in keys]
                              + [at for at, key in enumerate(axes) if key not in keys])  # fmt: skip
    rows = turned.reshape(math.prod(turned.shape[: len(keys)]), -1)
    total: Array = rows.sum(axis=1) * float(np.prod(counts))
    return total


def _kind(factor: Factor) -> tuple[str, int, int]:
    return factor.role, factor.whole, factor.key


def _sampled(axis: Sequence[Factor]) -> bool:
    return any(factor.sample is not None for factor in axis)


def _lean(signal: Signal) -> Signal:
    """The signal without axes of places that hold one place."""
    if all(factor.whole > 1 for axis in signal.axes for factor in axis):
        return signal
    axes = tuple(tuple(f for f in axis if f.whole > 1) for axis in signal.axes)
    return replace(signal, axes=axes, grid=tuple(f for f in signal.grid if f.whole > 1))


def _renamed(signal: Signal, axes: Axes) -> Signal:
    """The signal with the other's places under the other's names."""
    names: dict[int, Factor] = {}
    behind = min(len(signal.axes), len(axes))
    for own, other in zip(signal.axes[-behind:], axes[-behind:], strict=True):
        if own and [(f.role, f.size, f.sample) for f in own] == [
            (f.role, f.size, f.sample) for f in other
        ]:
            names |= {mine.key: yours for mine, yours in zip(own, other, strict=True) if mine.key}
    return replace(
        signal,
        axes=tuple(tuple(_called(factor, names) for factor in axis) for axis in signal.axes),
        grid=tuple(_called(factor, names) for factor in signal.grid),
    )


def _called(factor: Factor, names: dict[int, Factor]) -> Factor:
    return names.get(factor.key, factor) if factor.key else factor


def _signal(situation: Situation, argument: str) -> Signal | None:
    return situation.signals.get(situation.name(argument))


def _constant(situation: Situation, argument: str, axes: Axes) -> Signal:
    """A parameter or fixed numbers as a signal: the same for all inputs."""
    name = situation.name(argument)
    if name in situation.weights:
        return parameter(situation, name, axes)
    if name in situation.fixed:
        return fixed_signal(situation.fixed[name], axes)
    raise NoRule(f"{situation.operation} with numbers that theory is not given")


def parameter(situation: Situation, name: str, axes: Axes) -> Signal:
    """A parameter as a signal that is broadcast against these axes."""
    law, shape = situation.weights[name], situation.shapes[name]
    own = _against(axes, shape)
    grid = places_of(own)
    places = math.prod(factor.size for factor in grid)
    within = np.full((places, places), law.mean**2)
    np.fill_diagonal(within, law.second)
    return Signal(axes=own, grid=grid, mean=np.full(places, law.mean), within=within, across=within)


def fixed_signal(numbers: Fixed, axes: Axes) -> Signal:
    """Fixed numbers as a signal: averaged over channels, told apart by places.

    Raises:
        NoRule: If they differ from input to input.
    """
    own = _against(axes, numbers.shape)
    factors = [factor for axis in own for factor in axis]
    if _sampled(factors):
        raise Unfit
    values: Array = np.asarray(numbers, np.float64).reshape([f.size for f in factors])
    kept: list[Factor] = []
    for at, factor in reversed(list(enumerate(factors))):
        if factor.role == "batch":
            if not np.array_equal(
                values, np.broadcast_to(np.take(values, [0], axis=at), values.shape)
            ):
                raise NoRule("fixed numbers that differ from input to input")
            values = np.take(values, 0, axis=at)
        else:
            kept.insert(0, factor)
    channels = [at for at, factor in enumerate(kept) if factor.role == "channel"]
    places = [at for at, factor in enumerate(kept) if factor.role == "place"]
    grid = tuple(kept[at] for at in places)
    flat = values.transpose([*places, *channels]).reshape(math.prod(f.size for f in grid), -1)
    within = flat @ flat.T / flat.shape[1]
    lean = tuple(tuple(f for f in axis if f.role != "batch") for axis in own)
    return Signal(axes=lean, grid=grid, mean=flat.mean(axis=1), within=within, across=within)


def _against(axes: Axes, shape: Sequence[int]) -> Axes:
    """The axes of a tensor of this shape that is broadcast against these axes."""
    padded = ((),) * max(len(shape) - len(axes), 0) + tuple(axes)
    behind = padded[len(padded) - len(shape) :]
    found: list[tuple[Factor, ...]] = []
    for axis, size in zip(behind, shape, strict=True):
        held = math.prod(f.whole for f in axis)
        if size == 1:
            found.append(())
        elif held == size:
            found.append(axis)
        elif held == 1:
            found.append((place(size),))
        else:
            raise NoRule("a tensor that is broadcast in a way that no rule follows")
    return tuple(found)
