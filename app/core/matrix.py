"""What is known of a tensor's values by where they stand: rows, columns, and how they fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float64, Int64

from app.core.blocks import Block
from app.core.report import UnitSpread
from app.core.statistics import Sketch
from app.core.wording import count, number

Numbers: TypeAlias = Float64[np.ndarray, "lines"]
Counts: TypeAlias = Int64[np.ndarray, "lines"]
Which: TypeAlias = Literal["rows", "columns"]

UNITS = 2048  # output units listed in a report


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """Of every row, or of every column."""

    total: Numbers
    squares: Numbers
    zeros: Counts | None = None  # exact zeros; None where they were not counted


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MatrixFacts:
    """A tensor as size(0) rows, one for each output unit, and what the sums of both sides are."""

    row: Sums
    column: Sums

    @property
    def rows(self) -> int:
        """size(0)."""
        return self.row.total.size

    @property
    def columns(self) -> int:
        """Values of one row."""
        return self.column.total.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Orthogonality:
    """How close W·Wᵀ, or WᵀW where there are more rows than columns, comes to gain²·I."""

    side: Which  # the fewer ones
    lines: int  # how many of them there are
    gain: float
    deviation: float  # largest |entry of W·Wᵀ/gain² - I| found; of the lengths alone if not close
    tolerance: float
    compared: int  # lines whose products were taken; 0 where their lengths differ already
    fits: bool

    @property
    def told(self) -> str:
        """The deviation with its limit, for a sentence."""
        product = "W·Wᵀ" if self.side == "rows" else "Wᵀ·W"
        what = f"{self.compared} of {count(self.lines)} {self.side}"
        if not self.compared:
            what = f"the lengths of the {count(self.lines)} {self.side}"
        limit = number(self.tolerance)
        return f"{product}/g² is off the identity by {self.deviation:.2g}, limit {limit} ({what})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """The largest eigenvalue of W·Wᵀ, of as many rows as were taken."""

    rows: int
    columns: int
    largest: float  # weight units squared


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What passes its input on, times `value`."""

    value: float
    groups: int = 1  # of a convolution


@dataclass(frozen=True, slots=True, kw_only=True)
class Tied:
    """Lines that repeat another one bit for bit."""

    side: Which
    lines: int  # how many have a twin
    of: int  # lines in all, those of zeros aside


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Everything found in one tensor about where its values stand."""

    digest: str | None = None  # equal for tensors of one dtype, shape and content
    matrix: MatrixFacts | None = None
    orthogonality: Orthogonality | None = None
    spectrum: Spectrum | None = None
    identity: Identity | None = None
    tied: Tied | None = None
    parts: tuple[MeasuredPart, ...] = ()

    @property
    def zero_rows(self) -> tuple[int, ...]:
        """Indices of the rows that hold nothing but zeros."""
        zeros = self.matrix.row.zeros if self.matrix else None
        if self.matrix is None or zeros is None:
            return ()
        return tuple(np.flatnonzero(zeros == self.matrix.columns).tolist())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredPart:
    """One block of a packed tensor, measured like a tensor of its own."""

    block: Block
    sketch: Sketch
    places: Places


def unit_spread(facts: MatrixFacts) -> UnitSpread:
    """Mean and std of each row, at most UNITS of them."""
    n = facts.columns
    means = facts.row.total / n
    stds = np.sqrt(np.maximum(facts.row.squares / n - means * means, 0.0))
    places = _listed(means, stds)
    kept = np.arange(facts.rows) if places is None else places
    return UnitSpread(
        units=facts.rows,
        count=n,
        means=_short(means[kept]),
        stds=_short(stds[kept]),
        places=() if places is None else tuple(places.tolist()),
    )


def _listed(means: Numbers, stds: Numbers) -> np.ndarray | None:
    if means.size <= UNITS:
        return None
    ends = [int(end(side)) for side in (means, stds) for end in (np.argmin, np.argmax)]
    even = np.linspace(0, means.size - 1, UNITS - len(ends)).astype(np.intp)
    places: np.ndarray = np.union1d(even, ends)
    return places


def _short(numbers: Numbers) -> tuple[float, ...]:
    return tuple(float(f"{number:.6g}") for number in numbers.tolist())
