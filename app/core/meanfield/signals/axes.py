"""Which part of each axis of a tensor counts inputs, which channels, which places.

Channels are exchangeable: their weights are drawn alike. Places, pixels or tokens, are not. An axis
may hold several of both after a reshape, as the flattened maps before a classifier do.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from app.core.meanfield.signals.sampled import Sampling, sampling, tokens
from app.core.meanfield.signals.windows import Span

Role: TypeAlias = Literal["batch", "channel", "place"]
_keys = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Factor:
    """A part of an axis."""

    role: Role
    size: int  # of places, how many are kept
    key: int = 0  # of a place: which axis of the grid it is
    sample: Sampling | None = None  # which places are kept; None for all

    @property
    def whole(self) -> int:
        """How many there are in the tensor."""
        return self.size if self.sample is None else self.sample.whole

    @property
    def span(self) -> Span:
        """The axis with the places that are kept."""
        return Span(whole=self.whole, sample=self.sample)


Axes: TypeAlias = tuple[tuple[Factor, ...], ...]


class Unfit(ValueError):
    """An operation mixes axes in a way that no rule follows."""


def place(whole: int, sample: Sampling | None = None) -> Factor:
    """A new axis of places."""
    return Factor("place", whole if sample is None else sample.size, next(_keys), sample)


def picture(sizes: Sequence[int]) -> tuple[Factor, ...]:
    """New axes of places of a picture: of the long ones a sample is kept."""
    return tuple(place(size, sampling(size, axes=len(sizes))) for size in sizes)


def sequence(size: int) -> Factor:
    """A new axis of tokens: of a long one a sample is kept."""
    return place(size, tokens(size))


def opened(factor: Factor) -> Factor:
    """The same axis with all its places."""
    return replace(factor, size=factor.whole, sample=None)


def shape_of(axes: Axes) -> tuple[int, ...]:
    """The tensor's shape."""
    return tuple(math.prod(factor.whole for factor in axis) for axis in axes)


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
    queue = [factor for axis in axes for factor in axis if factor.whole > 1]
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
        if size % factor.whole:
            factor, rest = _split(factor, size, splits)
            queue.insert(0, rest)
        taken.append(factor)
        size //= factor.whole
    return tuple(taken)


def _split(
    factor: Factor, outer: int, splits: dict[int, tuple[Factor, ...]]
) -> tuple[Factor, Factor]:
    if factor.whole % outer or factor.sample is not None:
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
