"""Which part of each axis of a tensor counts inputs, which channels, which places.

Channels are exchangeable: their weights are drawn alike. Places, pixels or tokens, are not. An axis
may hold several of both after a reshape, as the flattened maps before a classifier do.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["batch", "channel", "place"]
_keys = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Factor:
    """A part of an axis."""

    role: Role
    size: int
    key: int = 0  # of a place: which axis of the grid it is


Axes: TypeAlias = tuple[tuple[Factor, ...], ...]


class Unfit(ValueError):
    """An operation mixes axes in a way that no rule follows."""


def place(size: int) -> Factor:
    """A new axis of places."""
    return Factor("place", size, next(_keys))


def shape_of(axes: Axes) -> tuple[int, ...]:
    """The tensor's shape."""
    return tuple(math.prod(factor.size for factor in axis) for axis in axes)


def places_of(axes: Axes) -> tuple[Factor, ...]:
    """All axes of places, in the order of the tensor's axes."""
    return tuple(factor for axis in axes for factor in axis if factor.role == "place")


def channels_of(axes: Axes) -> int:
    """How many channels the tensor has."""
    return math.prod(factor.size for axis in axes for factor in axis if factor.role == "channel")


@dataclass(frozen=True, slots=True)
class Reshaped:
    """Axes after a reshape."""

    axes: Axes
    splits: dict[int, tuple[Factor, ...]]  # key of a place that was split → its parts


def reshaped(axes: Axes, shape: Sequence[int]) -> Reshaped:
    """The axes after a row-major reshape.

    Raises:
        Unfit: If a new axis takes only a part of a factor that it does not divide.
    """
    queue = [factor for axis in axes for factor in axis if factor.size > 1]
    splits: dict[int, tuple[Factor, ...]] = {}
    result = [_take(queue, size, splits) for size in shape]
    if queue:
        raise Unfit
    return Reshaped(axes=tuple(result), splits=splits)


def _take(
    queue: list[Factor], size: int, splits: dict[int, tuple[Factor, ...]]
) -> tuple[Factor, ...]:
    taken: list[Factor] = []
    while size > 1:
        if not queue:
            raise Unfit
        factor = queue.pop(0)
        if size % factor.size:
            factor, rest = _split(factor, size, splits)
            queue.insert(0, rest)
        taken.append(factor)
        size //= factor.size
    return tuple(taken)


def _split(
    factor: Factor, outer: int, splits: dict[int, tuple[Factor, ...]]
) -> tuple[Factor, Factor]:
    if factor.size % outer:
        raise Unfit
    if factor.role != "place":
        return Factor(factor.role, outer), Factor(factor.role, factor.size // outer)
    parts = place(outer), place(factor.size // outer)
    earlier = next((key for key, found in splits.items() if factor in found), None)
    if earlier is None:
        splits[factor.key] = parts
    else:
        old = splits[earlier]
        splits[earlier] = (*old[:-1], *parts)
    return parts
