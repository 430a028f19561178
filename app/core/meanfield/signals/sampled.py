"""A long axis of places by a sample of them: both borders, and one stretch for all the middle.

Inputs are drawn alike at every place, so what theory says of a place depends on its distance to the
borders alone, and of a pair also on the places between the two. Far from both borders all places
are one; far from each other all pairs are one. Of the middle the sample keeps a stretch that shows
each near pair, and sends even places to even ones: windows that step by two tell them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array

Indices: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.intp]]

_TOKENS: Final = 48  # of a sequence
_FIRST: Final = 16  # of them that stand for themselves
LONGEST: Final = 4096  # places of one axis: all their pairs are counted once
_KEPT: Final = 256  # results of the counting
_NARROW: Final = 3  # a right border whose second place is too near to its end


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which places of an axis stand for all: its first `left` and its last `right`.

    The first `right` of them are the left border, as wide as the right one; the rest of them is the
    stretch that stands for the middle.
    """

    whole: int  # places of the axis
    left: int
    right: int
    starts: tuple[int, ...] = ()  # of tokens: where each group begins; its middle is kept

    @property
    def size(self) -> int:
        """How many places are kept."""
        return len(self.starts) or self.left + self.right

    @property
    def reach(self) -> int:
        """The largest distance of places whose correlation is kept apart from that of far ones."""
        return self.left - self.right - 2

    @property
    def kept(self) -> Indices:
        """The places that are kept, ascending."""
        if self.starts:
            return np.asarray(np.array(self.starts) + (self.counts - 1) // 2)
        return np.asarray(np.r_[: self.left, self.whole - self.right : self.whole])

    @property
    def counts(self) -> Indices:
        """How many places each kept one stands for."""
        if self.starts:
            return np.asarray(np.diff([*self.starts, self.whole]))
        return np.asarray(np.bincount(seats(self, np.arange(self.whole)), minlength=self.size))


# Of a border, and of the stretch for the middle, by the number of axes. Sixteen places of a picture
# keep 3x3 convolutions within 1e-3 of the sum over all places; windows reach 4 places.
_BORDER: Final = {1: 48, 2: 5, 3: 2}
_STRETCH: Final = {1: 64, 2: 6, 3: 4}


def sampling(whole: int, *, axes: int) -> Sampling | None:
    """The sample of one of several axes of a picture; None where each place is kept."""
    border = _BORDER.get(axes, 2)
    kept = Sampling(whole, border + _STRETCH.get(axes, 4), border)
    return kept if whole > kept.size else None


def tokens(whole: int) -> Sampling | None:
    """The sample of an axis of tokens; None where each is kept.

    Tokens have no neighbours: what theory says of one depends at most on how many stand before it,
    and smoothly. The first are kept, later ones in groups that grow with their distance.
    """
    if whole <= _TOKENS:
        return None
    growing = _FIRST * (whole / _FIRST) ** (np.arange(_TOKENS - _FIRST) / (_TOKENS - _FIRST))
    starts = np.unique(np.r_[:_FIRST, np.round(growing).astype(int)])
    return Sampling(whole, 0, 0, tuple(int(start) for start in starts))


def seats(sample: Sampling, places: Indices) -> Indices:
    """The kept place that stands for each place."""
    if sample.starts:
        return np.searchsorted(sample.starts, places, side="right") - 1
    return pairs(sample, places, places)[0]


def pairs(sample: Sampling, one: Indices, other: Indices) -> tuple[Indices, Indices]:
    """The kept pair that stands for each pair of places."""
    if sample.starts:
        return _grouped_pairs(sample, one, other)
    border, stretch = sample.right, sample.left - sample.right
    low, high = np.minimum(one, other), np.maximum(one, other)
    lag = high - low
    start = border + (stretch - 1 - lag) // 2
    start += (start ^ low) & 1
    near = lag <= sample.reach
    kept_low, kept_high = _is_kept(sample, low), _is_kept(sample, high)
    from_right = sample.whole - sample.right
    far_low = np.where(kept_low, _seat(sample, low), border + ((border ^ low) & 1))
    odd = ((from_right ^ high) & 1) if sample.right > _NARROW else 0
    far_high = np.where(kept_high, _seat(sample, high), sample.left + odd)
    moved = near & ~(kept_low & kept_high)
    seat_low, seat_high = np.where(moved, start, far_low), np.where(moved, start + lag, far_high)
    turned = one > other
    return np.where(turned, seat_high, seat_low), np.where(turned, seat_low, seat_high)


def _grouped_pairs(sample: Sampling, one: Indices, other: Indices) -> tuple[Indices, Indices]:
    """Two tokens of one group are as a token of it and its neighbour are."""
    first, second = seats(sample, one), seats(sample, other)
    beside = np.where(second + 1 < sample.size, second + 1, second - 1)
    return first, np.where((first == second) & (one != other), beside, second)


def _is_kept(sample: Sampling, places: Indices) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    kept: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    kept = (places < sample.left) | (places >= sample.whole - sample.right)
    return kept


def _seat(sample: Sampling, places: Indices) -> Indices:
    gap = sample.whole - sample.size
    return np.where(places < sample.left, places, places - gap)


@lru_cache(maxsize=_KEPT)
def shares(sample: Sampling) -> Array:
    """What share of all places each kept one stands for: [size]."""
    return sample.counts / sample.whole


@lru_cache(maxsize=_KEPT)
def pair_shares(sample: Sampling) -> Array:
    """What share of all pairs of places each kept pair stands for: [size, size]."""
    total = np.zeros(sample.size**2)
    every = np.arange(sample.whole)
    for block in np.array_split(every, max(sample.whole**2 // 2**20, 1)):
        one, other = pairs(sample, *np.broadcast_arrays(block[:, None], every[None, :]))
        total += np.bincount((one * sample.size + other).ravel(), minlength=total.size)
    return (total / sample.whole**2).reshape(sample.size, sample.size)


@lru_cache(maxsize=_KEPT)
def row_shares(sample: Sampling) -> Array:
    """For each kept place, what share of its pairs with all places each kept pair stands for.

    Returns:
        [size, size, size]: the place, and the kept pair.
    """
    size = sample.size
    every = np.arange(sample.whole)
    total = np.empty((size, size * size))
    for seat, place in enumerate(sample.kept):
        one, other = pairs(sample, np.full_like(every, place), every)
        total[seat] = np.bincount(one * size + other, minlength=size * size)
    return (total / sample.whole).reshape(size, size, size)


def averaged(values: Array, axes: Sequence[tuple[int, Sampling | None]]) -> float:
    """The mean over all places of a number of each kept place: [P], in row-major order."""
    if all(sample is None for _, sample in axes):
        return float(values.mean())
    left = values.reshape([size for size, _ in axes])
    for size, sample in axes:
        left = _weights(size, sample) @ left.reshape(size, -1)
    return float(left.ravel()[0])


def pairs_averaged(matrix: Array, axes: Sequence[tuple[int, Sampling | None]]) -> float:
    """The mean over all pairs of places of a number of each kept pair: [P, P]."""
    if all(sample is None for _, sample in axes):
        return float(matrix.mean())
    sizes = [size for size, _ in axes]
    left = matrix.reshape(*sizes, *sizes)
    for at, (size, sample) in enumerate(axes):
        plain = np.full((size, size), 1 / size**2)
        weight = plain if sample is None else pair_shares(sample)
        left = np.tensordot(weight, left, axes=([0, 1], [0, len(axes) - at]))
    return float(left)


def rows_averaged(matrix: Array, axes: Sequence[tuple[int, Sampling | None]]) -> Array:
    """For each kept place the mean over its pairs with all places: [P, P] → [P]."""
    if all(sample is None for _, sample in axes):
        return np.asarray(matrix.mean(axis=1))
    sizes = [size for size, _ in axes]
    left = matrix.reshape(*sizes, *sizes)
    for at, (_, sample) in enumerate(axes):
        if sample is None:
            left = np.moveaxis(left.mean(axis=len(axes) - at), 0, -1)
        else:
            left = np.tensordot(left, row_shares(sample), axes=([0, len(axes) - at], [1, 2]))
    found: Array = left.reshape(-1)
    return found


def _weights(size: int, sample: Sampling | None) -> Array:
    return np.full(size, 1 / size) if sample is None else shares(sample)
