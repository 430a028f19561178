"""Everything the product knows of a tensor's values, whatever the size of the tensor.

Pure numpy: pages and reports read a stored Sketch without the compiler that made it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from app.core.cells import Cells, merge_cells, no_cells
from app.core.moments import Moments, merge_moments
from app.core.packing import Fields, pack, unpack
from app.core.storage import Numbers, rounding_cells


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sketch:
    """Mergeable statistics of a tensor.

    The std is the population's. Of 8- and 16-bit tensors, and of any tensor of at most 4096
    values, the cells are the distinct values themselves. Those of longer float32, float64 and
    integer tensors are as wide as a bfloat16 step, 2⁻⁷ of their value, and finer (up to single
    values) where the tensor lies in a narrow band away from zero; integers are read as float64.
    A cell never reaches over `minimum`, `maximum` or `±limit`.
    """

    dtype: str
    count: int
    nan: int = 0
    posinf: int = 0
    neginf: int = 0
    zeros: int = 0
    minimum: float | None = None  # of the finite values
    maximum: float | None = None
    limit: float | None = None  # weight units
    below: int = 0  # finite values < -limit
    above: int = 0  # finite values > +limit
    low_bits: int = 0  # OR of all bit patterns
    moments: Moments = field(default_factory=Moments)
    cells: Cells = field(default_factory=no_cells)

    @property
    def nonfinite(self) -> int:
        """How many values are NaN or infinite."""
        return self.nan + self.posinf + self.neginf

    @property
    def finite(self) -> int:
        """How many values are finite."""
        return self.count - self.nonfinite

    @property
    def mean(self) -> float:
        """Mean of the finite values; 0 where there are none."""
        return self.moments.mean

    @property
    def m2(self) -> float:
        """`Σ(x - mean)²`; infinite where it leaves float64's range, as are `m3` and `m4`."""
        return _scaled(self.moments.m2, 2 * self.moments.exponent)

    @property
    def m3(self) -> float:
        """`Σ(x - mean)³`."""
        return _scaled(self.moments.m3, 3 * self.moments.exponent)

    @property
    def m4(self) -> float:
        """`Σ(x - mean)⁴`."""
        return _scaled(self.moments.m4, 4 * self.moments.exponent)

    @property
    def std(self) -> float | None:
        """Population std, `√(Σ(x - mean)² / finite)`; exactly 0 for a constant."""
        if self.finite == 0:
            return None
        return _finite(_scaled(math.sqrt(self._variance), self.moments.exponent))

    @property
    def skewness(self) -> float | None:
        """`E (x - mean)³ / std³`; None where the std is 0."""
        variance = self._variance
        if variance == 0.0:
            return None
        return _finite(self.moments.m3 / self.finite / variance / math.sqrt(variance))

    @property
    def kurtosis(self) -> float | None:
        """`E (x - mean)⁴ / std⁴`, 3 for a normal; None where the std is 0."""
        variance = self._variance
        if variance == 0.0:
            return None
        return _finite(self.moments.m4 / self.finite / variance / variance)

    @property
    def _variance(self) -> float:
        """In units of `2**(2 * exponent)`; 0 without values."""
        return self.moments.m2 / max(self.finite, 1)

    @property
    def second_moment(self) -> float | None:
        """`E x²`, about zero; None without values or beyond float64."""
        if self.finite == 0:
            return None
        unit = self.moments.exponent
        mean = _scaled(self.moments.mean, -unit)
        return _finite(_scaled(self._variance + mean * mean, 2 * unit))

    @property
    def constant(self) -> float | None:
        """The one value that all have, or None."""
        alike = self.count > 0 and self.nonfinite == 0 and self.minimum == self.maximum
        return self.minimum if alike else None

    def to_bytes(self) -> bytes:
        """The sketch, compressed; equal sketches give equal bytes."""
        return pack({key: getattr(self, key) for key in Fields.__annotations__})  # type: ignore[arg-type]

    @classmethod
    def from_bytes(cls, data: bytes) -> Sketch:
        """The sketch that `to_bytes` wrote.

        Raises:
            ValueError: If the bytes are not a sketch, or say things that no sketch can.
        """
        return cls(**unpack(data))

    def quantile(self, p: float) -> float | None:
        """The smallest value with at least a share `p` of the finite values at or below it.

        Exact where the cells are; inside a wider cell values are taken as evenly spread.

        Args:
            p: Between 0 and 1.

        Raises:
            ValueError: If `p` is not between 0 and 1.
        """
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"a quantile needs 0 ≤ p ≤ 1, got {p}")
        if self.finite == 0:
            return None
        cumulative = np.cumsum(self.cells.counts)
        # A share times a count such as 0.1 · 30 may land just above the whole number it means.
        rank = max(1, math.ceil(p * self.finite * (1.0 - 2.0**-52)))
        at = int(np.searchsorted(cumulative, rank))
        low, high = float(self.cells.low[at]), float(self.cells.high[at])
        inside = int(self.cells.counts[at])
        place = rank - (int(cumulative[at]) - inside)  # 1 .. inside
        return _between(low, high, place, inside)


def _between(low: float, high: float, place: int, inside: int) -> float:
    """The `place`-th of `inside` values spread evenly over a cell, ends included."""
    share = (place - 1) / (inside - 1) if inside > 1 else 0.5
    return min(max(low * (1.0 - share) + high * share, low), high)


def _scaled(value: float, exponent: int) -> float:
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return math.copysign(math.inf, value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def merge(a: Sketch, b: Sketch) -> Sketch:
    """The sketch of the values of `a` and `b` together.

    Raises:
        ValueError: If the dtypes or the limits differ.
    """
    if a.dtype != b.dtype:
        raise ValueError(f"expected two sketches of one dtype, got {a.dtype} and {b.dtype}")
    if a.limit != b.limit:
        raise ValueError(f"expected two sketches of one limit, got {a.limit} and {b.limit}")
    return Sketch(
        dtype=a.dtype,
        count=a.count + b.count,
        nan=a.nan + b.nan,
        posinf=a.posinf + b.posinf,
        neginf=a.neginf + b.neginf,
        zeros=a.zeros + b.zeros,
        minimum=min((m for m in (a.minimum, b.minimum) if m is not None), default=None),
        maximum=max((m for m in (a.maximum, b.maximum) if m is not None), default=None),
        limit=a.limit,
        below=a.below + b.below,
        above=a.above + b.above,
        low_bits=a.low_bits | b.low_bits,
        moments=merge_moments(a.moments, b.moments),
        cells=merge_cells(a.cells, b.cells),
    )


def distribution_function(sketch: Sketch) -> tuple[Numbers, Numbers]:
    """Points at which the distribution of the unrounded values is known exactly.

    A stored value stands for everything that rounds to it. Just below and just above a cell, at
    the midpoint to the neighbouring value of the dtype, the share of smaller unrounded values is
    known whatever they were; tests taken there do not reject a tensor for its rounding.

    Returns:
        Ascending points x in weight units, and the share F of finite values below each; F runs
        from 0 to 1. Both are empty without finite values.
    """
    cells = sketch.cells
    if cells.low.size == 0:
        return np.zeros(0), np.zeros(0)
    lower, upper = rounding_cells(
        cells.low, cells.high, dtype=sketch.dtype, low_bits=sketch.low_bits
    )
    # Neighbouring cells share their midpoint; where rounding lets them cross, the first stands.
    lower = np.maximum(lower, np.concatenate(([-np.inf], upper[:-1])))
    above = np.cumsum(cells.counts)
    points = np.stack((lower, upper), axis=1).reshape(-1)
    shares = np.stack((above - cells.counts, above), axis=1).reshape(-1) / sketch.finite
    first = np.concatenate(([True], points[1:] > points[:-1]))
    return points[first], shares[first]
