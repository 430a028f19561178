"""A tensor held against one place of a stream: drawn there, moved since, or neither."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.core.generator import TOGETHER, Drawn, Stream, outputs_taken, units
from app.core.laws import Law, fitted_line, law_of
from app.core.targets import Sought

Values: TypeAlias = NDArray[np.float32]
Reals: TypeAlias = NDArray[np.float64]

ENOUGH: Final = 20.0  # bits of evidence beyond those of the places tried
LIKELY: Final = 2  # laws that a lone value is held against
SAMPLE: Final = 1024  # values that a place is judged by
PART: Final = 2**20  # values replayed at a time
SCALAR_SHARE: Final = 0.9  # of values that a scalar kernel's libm must share with ours (0.987)
ROUNDING: Final = 2.0**-19  # of the std: how far torch's kernels lie apart (measured 2**-20)
DOUBLE_ROUNDING: Final = 2.0**-22  # share of values where our fused step may round the other way


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a stream a tensor was drawn, and what has become of it."""

    offset: int
    outputs: int  # taken from the stream
    drawn: Drawn
    low: float | None = None  # ends of the uniform law
    high: float | None = None
    mean: float | None = None  # of the normal law
    std: float | None = None
    count: int
    equal: int  # values that are the draw's, bit for bit
    rounded: int = 0  # values that differ by no more than torch's kernels do from each other
    zeroed: int = 0  # values in whole rows of zeros
    change: float  # root mean square of the change, in stds of the law
    bits: float  # of evidence for the place, after the places tried

    @property
    def untouched(self) -> bool:
        """Whether every value but zeroed rows is the draw's."""
        return self.equal + self.rounded + self.zeroed == self.count


def match(
    sought: Sought, stream: Stream, offset: int, drawn: Drawn, *, chances: float
) -> Place | None:
    """The place if a tensor was drawn at an offset of a stream.

    Args:
        sought: The tensor.
        stream: That it may come from.
        offset: Of its first output, at least 0.
        drawn: How it may have been drawn.
        chances: How many places and laws are tried for this tensor, at least 1.

    Returns:
        None where the evidence is not enough.
    """
    count = sought.values.size
    begin = _first_telling(sought.values)
    part = slice(begin, min(begin + SAMPLE, count))
    unit = units(stream, offset, drawn, count=count, part=part)
    line = fitted_line(sought.values[part], unit)
    if line is None:
        return _single(sought, unit, offset, drawn, chances) if count == 1 else None
    bits = line.bits - math.log2(max(chances, 1.0))
    if bits < ENOUGH:
        return None
    law = law_of(sought, part, unit, line, drawn)
    return _held(sought, stream, _Trial(offset=offset, drawn=drawn, law=law), bits)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    offset: int
    drawn: Drawn
    law: Law


def _first_telling(values: Values) -> int:
    """Where the first block of 16 with a value other than 0 begins."""
    for start in range(0, values.size, PART):
        found = np.flatnonzero(values[start : start + PART])
        if found.size:
            return (start + int(found[0])) // TOGETHER * TOGETHER
    return 0


def _single(sought: Sought, unit: Reals, offset: int, drawn: Drawn, chances: float) -> Place | None:
    """The place of a lone value, which only a known law can tell: 24 bits if it is equal."""
    likely = sought.bounds[:LIKELY]
    bits = 24.0 - math.log2(chances * max(len(likely), 1))
    if drawn != "uniform" or bits < ENOUGH or not sought.values[0]:
        return None
    for bound in likely:
        law = Law(first=-float(np.float32(bound)), second=float(np.float32(bound)))
        if law.values(unit, drawn)[0] == sought.values[0]:
            return _place(
                _Trial(offset=offset, drawn=drawn, law=law), _Tally(count=1, equal=1), bits
            )
    return None


@dataclass(slots=True, kw_only=True)
class _Tally:
    count: int = 0
    equal: int = 0
    rounded: int = 0
    zeroed: int = 0
    change: float = 0.0  # sum of squares


def _held(sought: Sought, stream: Stream, trial: _Trial, bits: float) -> Place:
    """The whole tensor compared."""
    tally = _compared(sought, stream, trial, vector=True)
    if trial.drawn == "normal" and tally.equal + tally.zeroed < tally.count:
        other = _compared(sought, stream, trial, vector=False)
        if other.equal > tally.equal:
            tally = other
            if tally.equal < SCALAR_SHARE * (tally.count - tally.zeroed):
                tally.rounded = 0
        elif tally.rounded > DOUBLE_ROUNDING * tally.count:
            tally.rounded = 0
    elif trial.drawn != "normal":
        tally.rounded = 0
    return _place(trial, tally, bits)


def _compared(sought: Sought, stream: Stream, trial: _Trial, *, vector: bool) -> _Tally:
    tally = _Tally()
    limit = ROUNDING * trial.law.std(trial.drawn)
    for start in range(0, sought.values.size, PART):
        part = slice(start, min(start + PART, sought.values.size))
        values = sought.values[part]
        unit = units(
            stream, trial.offset, trial.drawn, count=sought.values.size, part=part, vector=vector
        )
        drawn = trial.law.values(unit, trial.drawn)
        same = drawn == values
        zeroed = ~same & _zero_rows(sought, part)
        apart = np.where(zeroed, 0.0, values.astype(np.float64) - drawn)
        tally.count += values.size
        tally.equal += int(np.count_nonzero(same))
        tally.zeroed += int(np.count_nonzero(zeroed))
        tally.rounded += int(np.count_nonzero(~same & ~zeroed & (np.abs(apart) <= limit)))
        tally.change += float(np.square(apart).sum())
    return tally


def _zero_rows(sought: Sought, part: slice) -> NDArray[np.bool_]:
    """Which values of a part stand in rows that are 0 throughout, as padding is."""
    zero = sought.values[part] == 0
    if sought.row < 2 or not zero.any():
        return np.zeros(zero.size, bool)
    first, last = part.start // sought.row, -(-part.stop // sought.row)
    rows = sought.values[first * sought.row : last * sought.row].reshape(-1, sought.row)
    empty = np.repeat(~rows.any(axis=1), sought.row)
    begin = part.start - first * sought.row
    return empty[begin : begin + zero.size]


def _place(trial: _Trial, tally: _Tally, bits: float) -> Place:
    std = trial.law.std(trial.drawn)
    uniform = trial.drawn == "uniform"
    return Place(
        offset=trial.offset,
        outputs=outputs_taken(tally.count, trial.drawn),
        drawn=trial.drawn,
        low=trial.law.first if uniform else None,
        high=trial.law.second if uniform else None,
        mean=None if uniform else trial.law.first,
        std=None if uniform else trial.law.second,
        count=tally.count,
        equal=tally.equal,
        rounded=tally.rounded,
        zeroed=tally.zeroed,
        change=math.sqrt(tally.change / max(tally.count - tally.zeroed, 1)) / std,
        bits=bits,
    )
