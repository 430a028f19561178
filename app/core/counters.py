"""Counters: what one pass collects of a tensor, and the Sketch made of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Protocol

import numpy as np

from app.core.cells import clipped, join, outside
from app.core.moments import distinct_moments
from app.core.statistics import Sketch
from app.core.storage import WIDTH, Numbers, pattern_values
from app.core.tallies import FEWER_LANES, LANES, WORD_PAIR, tally8, tally16

# Of these, normal draws take so many different values that four tables leave the cache.
MANY_VALUES = frozenset({"float16", "int16", "uint16"})
COUNTER_ROOM = 2**31  # values a lane may count before its uint32 counters are emptied


class Lane(Protocol):
    """One thread's share of a counter."""

    def add(self, place: int, row: np.ndarray) -> None:
        """Count a contiguous, aligned row; `place` is its number in the tensor."""


class Counter(Protocol):
    """Collects a tensor in lanes that never meet, and says what it holds."""

    def lane(self) -> Lane:
        """A new lane, for one thread."""

    def sketch(self, repeats: int) -> Sketch:
        """The statistics of all lanes, every value taken `repeats` times."""


def distinct_sketch(row: np.ndarray, *, dtype: str, limit: float | None) -> Sketch:
    """The sketch of a short row, by its distinct values."""
    raw = row.view(f"u{row.dtype.itemsize}")
    if WIDTH[dtype] <= 16:
        patterns, counts = np.unique(raw, return_counts=True)
        values = pattern_values(dtype)[patterns]
    else:
        patterns, counts = raw, np.ones(row.size, np.int64)
        values = row.astype(np.float64)
    bits = int(np.bitwise_or.reduce(patterns[np.isfinite(values)], initial=0))
    return sketch_of_values(values, counts, dtype=dtype, limit=limit, low_bits=bits)


def sketch_of_values(
    values: Numbers, counts: np.ndarray, *, dtype: str, limit: float | None, low_bits: int
) -> Sketch:
    """The sketch of known values, in any order and repeated or not."""
    finite = np.isfinite(values)
    kept = values[finite]
    cells = join(kept, kept, counts[finite].astype(np.int64))
    known = cells.low
    below, above = (0, 0) if limit is None else outside(cells, limit)
    return Sketch(
        dtype=dtype,
        count=int(counts.sum()),
        nan=int(counts[np.isnan(values)].sum()),
        posinf=int(counts[np.isposinf(values)].sum()),
        neginf=int(counts[np.isneginf(values)].sum()),
        zeros=int(cells.counts[known == 0.0].sum()),
        minimum=float(known[0]) if known.size else None,
        maximum=float(known[-1]) if known.size else None,
        limit=limit,
        below=below,
        above=above,
        low_bits=low_bits,
        moments=distinct_moments(known, cells.counts),
        cells=clipped(cells, known[0], known[-1]) if known.size else cells,
    )


def total(tables: Sequence[np.ndarray]) -> np.ndarray:
    """The sum of the lanes' tables, wide enough for all of them."""
    first, *others = tables
    return reduce(np.add, others, first.astype(np.int64)) if others else first


class PatternCounter:
    """Counts every pattern of an 8- or 16-bit dtype; all else follows from the counts."""

    def __init__(self, *, dtype: str, limit: float | None) -> None:
        self._dtype, self._limit = dtype, limit
        self._lanes: list[_PatternLane] = []

    def lane(self) -> _PatternLane:
        """A new lane, for one thread."""
        lane = _PatternLane(self._dtype)
        self._lanes.append(lane)
        return lane

    def sketch(self, repeats: int) -> Sketch:
        """The statistics of all lanes, every value taken `repeats` times."""
        counts = total([lane.counts() for lane in self._lanes])
        patterns = np.flatnonzero(counts != 0)
        values = pattern_values(self._dtype)[patterns]
        return sketch_of_values(
            values,
            counts[patterns].astype(np.int64) * repeats,
            dtype=self._dtype,
            limit=self._limit,
            low_bits=int(np.bitwise_or.reduce(patterns[np.isfinite(values)], initial=0)),
        )


class Tally:
    """Counters of 32 bits for the loops, moved to wider ones before they can overflow."""

    def __init__(self, *sizes: int) -> None:
        self.now = tuple(np.zeros(size, np.uint32) for size in sizes)
        self._before: tuple[np.ndarray, ...] = ()
        self._room = COUNTER_ROOM

    def make_room(self, values: int) -> None:
        """Be ready for so many values more."""
        if values > self._room:
            self._before = self.counts()
            self.now = tuple(np.zeros_like(table) for table in self.now)
            self._room = COUNTER_ROOM
        self._room -= values

    def counts(self) -> tuple[np.ndarray, ...]:
        """All that was counted, a table each."""
        if not self._before:
            return self.now
        pairs = zip(self._before, self.now, strict=True)
        return tuple(old.astype(np.int64) + new for old, new in pairs)


class _PatternLane:
    def __init__(self, dtype: str) -> None:
        width = WIDTH[dtype]
        self._unsigned = np.dtype(f"u{width // 8}")
        self._loop = tally8 if width == 8 else tally16
        self._tally = Tally(*[2**width] * (FEWER_LANES if dtype in MANY_VALUES else LANES))

    def add(self, place: int, row: np.ndarray) -> None:
        """Count a row; its place does not matter."""
        del place
        self._tally.make_room(row.size)
        patterns = row.view(self._unsigned)
        size = patterns.itemsize
        step = WORD_PAIR // size
        start = min(-(row.ctypes.data // size) % (8 // size), row.size)
        stop = start + (row.size - start) // step * step
        tables = self._tally.now * (LANES // len(self._tally.now))
        self._loop(patterns[start:stop].view(np.uint64), tables)
        for rest in (patterns[:start], patterns[stop:]):
            np.add.at(self._tally.now[0], rest, np.uint32(1))

    def counts(self) -> np.ndarray:
        """How often each pattern occurred."""
        counts: np.ndarray = reduce(np.add, self._tally.counts())
        return counts
