"""The counter of float32, float64 and wide integers: moments in blocks, cells by pattern."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Protocol

import numpy as np

from app.core import kernels
from app.core.cells import Cells, clipped, outside
from app.core.counters import Lane
from app.core.moments import Moments, merge_moments
from app.core.plan import cells_of, plan_for
from app.core.statistics import Sketch
from app.core.storage import is_integer
from app.core.tables import Counted, Counters, Tally, closed

WHOLE = 2.0**53  # below, float64 holds every integer


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one row holds, apart from its cells."""

    moments: Moments
    facts: np.ndarray
    nan: int
    posinf: int
    neginf: int
    raw_bits: int  # OR of the patterns as they are stored


class RealLane(Lane, Protocol):
    """A lane that counts in the cells of its counter's plan and leaves it a Row for each row."""

    @property
    def coarse(self) -> Counters:
        """Of the coarse cells."""

    @property
    def fine(self) -> Counters:
        """Of the window's."""


class RealCounter:
    """Counts values as float32 or float64; wide integers are read as float64, as by numpy."""

    def __init__(
        self,
        values: np.ndarray,
        *,
        dtype: str,
        limit: float | None,
        lane: Callable[[RealCounter], RealLane],
    ) -> None:
        self.real: np.dtype[np.floating] = np.dtype(dtype if dtype == "float32" else "float64")
        inner = None if limit is None else _at_most(limit, self.real)
        self.plan = plan_for(values, self.real, limit=inner)
        self.rows: dict[int, Row] = {}
        self._dtype, self._limit = dtype, limit
        self._new_lane = lane
        self._lanes: list[RealLane] = []

    def lane(self) -> RealLane:
        """A new lane, for one thread."""
        lane = self._new_lane(self)
        self._lanes.append(lane)
        return lane

    def no_facts(self) -> np.ndarray:
        """The facts of no values."""
        infinite = key_of(np.inf, self.real)
        facts = np.zeros(kernels.FACT_SLOTS, np.int64)
        facts[kernels.LOWEST], facts[kernels.HIGHEST] = infinite, -infinite - 1
        facts[kernels.INFINITE] = infinite
        return facts

    def sketch(self, repeats: int) -> Sketch:
        """The statistics of all lanes, every value taken `repeats` times."""
        rows = [self.rows[place] for place in sorted(self.rows)]
        facts = np.stack([row.facts for row in rows])
        moments = reduce(merge_moments, (row.moments for row in rows)).repeated(repeats)
        nan, posinf, neginf = (
            repeats * sum(column)
            for column in zip(*((row.nan, row.posinf, row.neginf) for row in rows), strict=True)
        )
        low_bits = reduce(or_, (row.raw_bits for row in rows))
        whole = Sketch(
            dtype=self._dtype,
            count=moments.count + nan + posinf + neginf,
            nan=nan,
            posinf=posinf,
            neginf=neginf,
            zeros=int(facts[:, kernels.ZEROS].sum()) * repeats,
            limit=self._limit,
            low_bits=low_bits,
            moments=moments,
        )
        coarse = closed([lane.coarse for lane in self._lanes])
        fine = closed([lane.fine for lane in self._lanes])
        return self._with_cells(whole, facts, (coarse, fine)) if moments.count else whole

    def _with_cells(
        self, whole: Sketch, facts: np.ndarray, counted: tuple[Counted, Counted]
    ) -> Sketch:
        repeats = whole.moments.count // int(counted[0][1].sum() + counted[1][1].sum())
        minimum = value_of(int(facts[:, kernels.LOWEST].min()), self.real)
        maximum = value_of(int(facts[:, kernels.HIGHEST].max()), self.real)
        bits = int(np.bitwise_or.reduce(facts[:, kernels.BITS])) % 2**64
        cells = cells_of(self.plan, *counted, bits=bits, zeros=whole.zeros // repeats)
        cells = clipped(replace(cells, counts=cells.counts * repeats), minimum, maximum)
        below, above = (0, 0) if self._limit is None else outside(cells, self._limit)
        return replace(
            whole,
            minimum=minimum,
            maximum=maximum,
            below=below,
            above=above,
            cells=_whole_numbers(cells) if is_integer(self._dtype) else cells,
        )


def _whole_numbers(cells: Cells) -> Cells:
    """The cells of integers, which end at whole numbers."""
    small = np.maximum(np.abs(cells.low), np.abs(cells.high)) < WHOLE
    return Cells(
        low=np.where(small, np.ceil(cells.low), cells.low) + 0.0,
        high=np.where(small, np.floor(cells.high), cells.high) + 0.0,
        counts=cells.counts,
    )


class CompiledRealLane:
    """Counts on the CPU, by the compiled loops."""

    def __init__(self, counter: RealCounter) -> None:
        self._counter = counter
        self._kernel = kernels.chunk32 if counter.real == np.float32 else kernels.chunk64
        self._plan = counter.plan.packed
        coarse, fine = counter.plan.cells
        self.coarse = Tally(coarse, lanes=counter.plan.lanes)
        self.fine = Tally(fine)

    def add(self, place: int, row: np.ndarray) -> None:
        """Count a row, and keep what it holds."""
        self.coarse.make_room(row.size)
        self.fine.make_room(row.size)
        values = row.astype(self._counter.real, copy=False)
        state, facts = np.zeros(kernels.STATE_SLOTS), self._counter.no_facts()
        flagged = self._absorb(values, state, facts)
        nonfinite = values[:0]
        if flagged.any():
            starts = np.flatnonzero(flagged) * kernels.BLOCK
            mixed = np.concatenate([values[s : s + kernels.BLOCK] for s in starts])
            self._absorb(mixed[np.isfinite(mixed)], state, facts)
            nonfinite = mixed[~np.isfinite(mixed)]
        self._counter.rows[place] = Row(
            moments=_moments(state),
            facts=facts,
            nan=int(np.isnan(nonfinite).sum()),
            posinf=int(np.isposinf(nonfinite).sum()),
            neginf=int(np.isneginf(nonfinite).sum()),
            raw_bits=raw_bits(row, facts),
        )

    def _absorb(self, values: np.ndarray, state: np.ndarray, facts: np.ndarray) -> np.ndarray:
        flagged = np.zeros(-(-values.size // kernels.BLOCK), np.uint8)
        size = values.dtype.itemsize
        views = (values.view(f"i{size}"), values, values.view(f"u{size}"))
        tables = (self.coarse.flat, self.fine.flat)
        self._kernel(views, tables, self._plan, (state, facts, flagged))
        return flagged


def raw_bits(row: np.ndarray, facts: np.ndarray) -> int:
    """OR of the patterns as they are stored."""
    if row.dtype.kind == "f":
        return int(facts[kernels.BITS]) % 2**64
    return int(np.bitwise_or.reduce(row.view(f"u{row.dtype.itemsize}")))


def _moments(state: np.ndarray) -> Moments:
    n, mean, low, m2, m3, m4, exponent = state.tolist()
    if n == 0:
        return Moments()
    unit = int(exponent)
    return Moments(
        count=int(n),
        mean=float(np.ldexp(mean, unit)),
        mean_low=float(np.ldexp(low, unit)),
        m2=m2,
        m3=m3,
        m4=m4,
        exponent=unit,
    )


def _at_most(limit: float, real: np.dtype[np.floating]) -> float:
    """The largest value of the dtype that is not above the limit."""
    nearest = real.type(min(limit, float(np.finfo(real).max)))
    return float(nearest if float(nearest) <= limit else np.nextafter(nearest, real.type(0)))


def key_of(value: float, real: np.dtype[np.floating]) -> int:
    """The sortable key of a value of at least 0: its bit pattern. That of -x is -1 - key(x)."""
    return int(np.array(value, real).view(f"i{real.itemsize}"))


def value_of(key: int, real: np.dtype[np.floating]) -> float:
    """The value of a sortable key; of minus zero, 0."""
    magnitude = np.array(key if key >= 0 else -1 - key, f"i{real.itemsize}").view(real)
    return float(magnitude if key >= 0 else -magnitude) + 0.0
