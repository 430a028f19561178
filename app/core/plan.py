"""Which bit patterns of a float32 or float64 tensor are counted together, and the cells of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from app.core.cells import Cells, join, turned
from app.core.storage import Numbers, shared_zero_bits
from app.core.tables import Counted

# The sign, the exponent and 7 bits of mantissa: 65,536 and 524,288 counters.
COARSE_SHIFT = {"float32": 16, "float64": 45}
MANTISSA_BITS = {"float32": 23, "float64": 52}
SAMPLE = 256  # values looked at in the beginning, the middle and the end
WIDEST_WINDOW = 512  # coarse cells: a band of up to 2 octaves on each side is counted finely
FINE_BITS = 13  # 8192 fine counters


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which cell a pattern `p` is counted in, by its place `q = p + offset`.

    Places with `0 ≤ q - base < span` are counted finely, by `(q - base) >> fine_shift`, all others
    by `q >> coarse_shift`. The offset makes +limit the last pattern of a cell, and -limit too,
    as the sign is a multiple of every cell: no cell reaches over the limit. The window starts
    and ends with a coarse cell.
    """

    real: str  # "float32" or "float64"
    coarse_shift: int
    offset: int = 0
    base: int = 0
    span: int = 0
    fine_shift: int = 0

    @property
    def packed(self) -> np.ndarray:
        """The plan as the kernels take it, with the start of the second table."""
        second = self.cells[0] if self.lanes > 1 else 0
        numbers = [self.coarse_shift, self.offset, self.base, self.span, self.fine_shift, second]
        return np.array(numbers, np.uint64)

    @property
    def lanes(self) -> int:
        """Coarse tables side by side, counted in by turns so that equal neighbours do not wait.

        Of float64, one is large enough.
        """
        return 2 if self.real == "float32" and self.coarse_shift == 16 else 1

    @property
    def cells(self) -> tuple[int, int]:
        """How many coarse cells there are, and how many fine ones."""
        width = 32 if self.real == "float32" else 64
        return 2 ** (width - self.coarse_shift) + 1, max(1, self.span >> self.fine_shift)


def plan_for(values: np.ndarray, real: np.dtype[np.floating], *, limit: float | None) -> Plan:
    """The plan that suits a few of the values; any plan counts all of them rightly.

    Args:
        values: The tensor.
        real: float32 or float64.
        limit: A value of that dtype, at least 0.
    """
    sample = _sample(values).astype(real)
    sample = sample[np.isfinite(sample) & (sample != 0.0)]
    patterns = sample.view(f"u{real.itemsize}").astype(np.uint64)
    bits = int(np.bitwise_or.reduce(patterns, initial=0))
    upcast = real == np.float32 and shared_zero_bits(real.name, bits) == 13
    shift = 13 if upcast else COARSE_SHIFT[real.name]
    offset = 0
    if limit is not None:
        pattern = int(np.array(limit, real).view(f"u{real.itemsize}"))
        offset = -(pattern + 1) % 2**shift
    plain = Plan(real=real.name, coarse_shift=shift, offset=offset)
    places = patterns + np.uint64(offset)
    return plain if upcast else _with_window(plain, places, real)


def _sample(values: np.ndarray) -> np.ndarray:
    if values.ndim == 1:
        middle = values.size // 2
        return np.concatenate((values[:SAMPLE], values[middle:][:SAMPLE], values[-SAMPLE:]))
    rows = [values[0], values[values.shape[0] // 2], values[-1]]
    return np.concatenate([_innermost(row)[:SAMPLE] for row in rows])


def _innermost(values: np.ndarray) -> np.ndarray:
    while values.ndim > 1:
        values = values[values.shape[0] // 2]
    return values


def _with_window(plain: Plan, places: np.ndarray, real: np.dtype[np.floating]) -> Plan:
    """The plan with a window around the sample, if that is a narrow band away from zero."""
    if places.size == 0:
        return plain
    shift = plain.coarse_shift
    cells = np.sort(places >> np.uint64(shift)).astype(np.int64)
    first, last = int(cells[cells.size // 100]), int(cells[-1 - cells.size // 100])
    signs = 2 ** (real.itemsize * 8 - 1 - shift)  # cells per sign
    if first // signs != last // signs:
        return plain
    margin = max(2, (last - first + 1) // 2)
    infinite = int(np.array(np.inf, real).view(f"u{real.itemsize}")) >> shift
    start = first // signs * signs
    low, high = max(first - margin, start + 1), min(last + margin, start + infinite - 1)
    span = high - low + 1
    if not 0 < span <= WIDEST_WINDOW:
        return plain
    finer = min(shift, FINE_BITS - (span - 1).bit_length())
    return replace(plain, base=low << shift, span=span << shift, fine_shift=shift - finer)


def cells_of(plan: Plan, coarse: Counted, fine: Counted, *, bits: int, zeros: int) -> Cells:
    """The cells that the counters stand for.

    Args:
        plan: Where the counters counted.
        coarse: Places and counts of the coarse cells.
        fine: Places and counts of the window's.
        bits: OR of all patterns; a cell ends where the last pattern without other low bits is.
        zeros: How many values are exactly 0.
    """
    step = max(bits & -bits, 1)  # every pattern is a multiple of the lowest bit that is ever set
    low, high, counts = _ranges(plan, coarse, 0, plan.coarse_shift, step)
    if plan.span:
        parts = (low, high, counts), _ranges(plan, fine, plan.base, plan.fine_shift, step)
        low, high, counts = (np.concatenate(column) for column in zip(*parts, strict=True))
    nearest = np.array(step, "u4" if plan.real == "float32" else "u8").view(plan.real)
    return join(*_apart_from_zero(low, high, counts, zeros=zeros, nearest=float(nearest)))


def _ranges(
    plan: Plan, counted: Counted, base: int, shift: int, step: int
) -> tuple[Numbers, Numbers, np.ndarray]:
    """Lowest value, highest value and count of every occupied cell of a table."""
    used, counts = counted
    bits = 32 if plan.real == "float32" else 64
    sign, offset = np.uint64(2 ** (bits - 1)), np.uint64(plan.offset)
    place = (used.astype(np.uint64) << np.uint64(shift)) + np.uint64(base)
    first = np.maximum(place, offset) - offset
    last = place + np.uint64(2**shift - 1) - offset
    # No cell holds patterns of infinity and NaN, which lie before minus zero and at the end.
    first = np.where((first < sign) & (last >= sign), sign, first)
    finite = np.array(np.finfo(plan.real).max, plan.real).view(f"u{bits // 8}").astype(np.uint64)
    last = np.minimum(last, np.where(first < sign, finite, finite + sign))
    if step > 1:
        first = (first + np.uint64(step - 1)) // np.uint64(step) * np.uint64(step)
        last = last // np.uint64(step) * np.uint64(step)
    ends = [end.astype(f"u{bits // 8}").view(plan.real).astype(float) for end in (first, last)]
    negative = int(np.searchsorted(first, sign))  # among these, the values descend
    low, high = np.minimum(*ends), np.maximum(*ends)
    return turned(low, negative), turned(high, negative), turned(counts, negative)


def _apart_from_zero(
    low: Numbers, high: Numbers, counts: np.ndarray, *, zeros: int, nearest: float
) -> tuple[Numbers, Numbers, np.ndarray]:
    """The same cells with the exact zeros in a cell of their own, where that is decidable.

    It is not where tiny values of both signs stand beside zeros: then one cell spans them.

    Args:
        low: Ends of the cells.
        high: Ends of the cells.
        counts: Values in the cells.
        zeros: How many of them are exactly 0.
        nearest: The smallest value above 0 that can occur.
    """
    near = (low == 0.0) | (high == 0.0)
    if not near.any():
        return low, high, counts
    tiny = int(counts[near].sum()) - zeros
    if zeros > 0 and tiny > 0 and np.count_nonzero(near) > 1:
        return low, high, counts
    rest = np.where(near, tiny if zeros else counts, counts)
    kept = rest > 0
    smallest = np.where(near & (low == 0.0), nearest, low)
    largest = np.where(near & (high == 0.0), -nearest, high)
    exact = [0.0] if zeros else []
    return (
        np.concatenate((smallest[kept], exact)),
        np.concatenate((largest[kept], exact)),
        np.concatenate((rest[kept], np.array([zeros] if zeros else [], np.int64))),
    )
