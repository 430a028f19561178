"""Counters: what one pass collects of a tensor, and the Sketch made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from app.core.cells import join, outside, turned
from app.core.moments import distinct_moments
from app.core.statistics import Sketch
from app.core.storage import FLOAT_WIDTH, WIDTH, Numbers, pattern_values
from app.core.tables import Counters, Tally, closed
from app.core.tallies import FEWER_LANES, LANES, WORD_PAIR, tally8, tally16

# Of these, normal draws take so many different values that four tables leave the cache.
MANY_VALUES = frozenset({"float16", "int16", "uint16"})


class Lane(Protocol):
    """One thread's share of a counter."""

    def add(self, place: int, row: np.ndarray) -> None:
        """Count a contiguous, aligned row; `place` is its number in the tensor."""


class PatternLane(Lane, Protocol):
    """A lane that counts the patterns of an 8- or 16-bit dtype."""

    @property
    def tally(self) -> Counters:
        """A counter for each pattern; with one lane they are closed in the order of patterns."""


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
    nan, posinf, neginf = _nonfinite(values[~finite], counts[~finite])
    kept = values[finite]
    cells = join(kept, kept, counts[finite].astype(np.int64, copy=False))
    known = cells.low
    below, above = (0, 0) if limit is None else outside(cells, limit)
    return Sketch(
        dtype=dtype,
        count=int(counts.sum()),
        nan=nan,
        posinf=posinf,
        neginf=neginf,
        zeros=int(cells.counts[known == 0.0].sum()),
        minimum=float(known[0]) if known.size else None,
        maximum=float(known[-1]) if known.size else None,
        limit=limit,
        below=below,
        above=above,
        low_bits=low_bits,
        moments=distinct_moments(known, cells.counts),
        cells=cells,
    )


def _nonfinite(values: Numbers, counts: np.ndarray) -> tuple[int, int, int]:
    """How many of the values are NaN, +infinity and -infinity."""
    if values.size == 0:
        return 0, 0, 0
    nan, posinf = np.isnan(values), np.isposinf(values)
    neginf = ~(nan | posinf)
    return int(counts[nan].sum()), int(counts[posinf].sum()), int(counts[neginf].sum())


class PatternCounter:
    """Counts every pattern of an 8- or 16-bit dtype; all else follows from the counts."""

    def __init__(
        self, *, dtype: str, limit: float | None, lane: Callable[[str], PatternLane]
    ) -> None:
        self._dtype, self._limit = dtype, limit
        self._new_lane = lane
        self._lanes: list[PatternLane] = []

    def lane(self) -> PatternLane:
        """A new lane, for one thread."""
        lane = self._new_lane(self._dtype)
        self._lanes.append(lane)
        return lane

    def sketch(self, repeats: int) -> Sketch:
        """The statistics of all lanes, every value taken `repeats` times."""
        patterns, counts = closed([lane.tally for lane in self._lanes])
        if len(self._lanes) == 1 and self._dtype in FLOAT_WIDTH:
            minus = int(np.searchsorted(patterns, 0x8000))  # among these, the values descend
            patterns, counts = turned(patterns, minus), turned(counts, minus)
        values = pattern_values(self._dtype)[patterns]
        return sketch_of_values(
            values,
            counts * repeats,
            dtype=self._dtype,
            limit=self._limit,
            low_bits=int(np.bitwise_or.reduce(patterns[np.isfinite(values)], initial=0)),
        )


class CompiledPatternLane:
    """Counts on the CPU, by the compiled loops."""

    def __init__(self, dtype: str) -> None:
        width = WIDTH[dtype]
        self._unsigned = np.dtype(f"u{width // 8}")
        self._loop = tally8 if width == 8 else tally16
        self.tally = Tally(2**width, lanes=FEWER_LANES if dtype in MANY_VALUES else LANES)

    def add(self, place: int, row: np.ndarray) -> None:
        """Count a row; its place does not matter."""
        del place
        self.tally.make_room(row.size)
        patterns = row.view(self._unsigned)
        size = patterns.itemsize
        step = WORD_PAIR // size
        start = min(-(row.ctypes.data // size) % (8 // size), row.size)
        stop = start + (row.size - start) // step * step
        tables = self.tally.tables * (LANES // self.tally.lanes)
        self._loop(patterns[start:stop].view(np.uint64), tables)
        for rest in (patterns[:start], patterns[stop:]):
            if rest.size:
                np.add.at(tables[0], rest, np.uint32(1))
