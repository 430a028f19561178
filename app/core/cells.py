"""Cells: disjoint ascending intervals of values with the number of values in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64, Int64

Ends: TypeAlias = Float64[np.ndarray, "cells"]
Counts: TypeAlias = Int64[np.ndarray, "cells"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """`counts[i]` values lie in `low[i] ≤ x ≤ high[i]`, and `high[i] < low[i + 1]`.

    Where `low` equals `high` the value is known exactly.
    """

    low: Ends
    high: Ends
    counts: Counts

    @property
    def exact(self) -> bool:
        """Whether every value is known."""
        return bool(np.array_equal(self.low, self.high))


def no_cells() -> Cells:
    """The cells of no values."""
    return Cells(low=np.zeros(0), high=np.zeros(0), counts=np.zeros(0, np.int64))


def join(low: Ends, high: Ends, counts: Counts) -> Cells:
    """Disjoint cells from intervals in any order; intervals that overlap become one."""
    if low.size == 0 or (low[1:] > high[:-1]).all():
        return Cells(low=low + 0.0, high=high + 0.0, counts=counts)
    order = np.argsort(low, kind="stable")
    low, high, counts = low[order], high[order], counts[order]
    reach = np.maximum.accumulate(high)
    first = np.concatenate(([0], np.flatnonzero(low[1:] > reach[:-1]) + 1))
    last = np.concatenate((first[1:] - 1, [low.size - 1]))
    # Adding 0 turns minus zero into zero, so that equal cells look equal.
    return Cells(
        low=low[first] + 0.0, high=reach[last] + 0.0, counts=np.add.reduceat(counts, first)
    )


def turned(column: np.ndarray, start: int) -> np.ndarray:
    """What is behind `start`, backwards, and then what is before it.

    Floats stand in the order of their values, when those of their patterns are turned at the
    first negative one.
    """
    return np.concatenate((column[start:][::-1], column[:start]))


def merge_cells(a: Cells, b: Cells) -> Cells:
    """The cells of the values of `a` and `b` together."""
    return join(
        np.concatenate((a.low, b.low)),
        np.concatenate((a.high, b.high)),
        np.concatenate((a.counts, b.counts)),
    )


def clipped(cells: Cells, minimum: float, maximum: float) -> Cells:
    """The same cells with no part outside the smallest and largest value."""
    return Cells(
        low=np.clip(cells.low, minimum, maximum),
        high=np.clip(cells.high, minimum, maximum),
        counts=cells.counts,
    )


def outside(cells: Cells, limit: float) -> tuple[int, int]:
    """Values below -limit and above +limit, of cells none of which reaches over either."""
    first = int(np.searchsorted(cells.high, -limit, side="left"))
    last = int(np.searchsorted(cells.low, limit, side="right"))
    return int(cells.counts[:first].sum()), int(cells.counts[last:].sum())
