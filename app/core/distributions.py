"""The laws weights are drawn from: support, density, distribution function, moments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from app.core.patterns import Diagonal, Sparse

Array: TypeAlias = NDArray[np.float64]

DRAW_SLACK = 2.0**-22  # a float32 draw may pass its bound by this share: 4 units in the last place

# dtype → (bits of mantissa, exponent of the smallest normal number, largest finite number)
FORMATS: dict[str, tuple[int, int, float]] = {
    "float64": (52, -1022, float(np.finfo(np.float64).max)),
    "float32": (23, -126, float(np.finfo(np.float32).max)),
    "float16": (10, -14, 65504.0),
    "bfloat16": (7, -126, 2.0**127 * (2 - 2.0**-7)),
    "float8_e4m3fn": (3, -6, 448.0),
    "float8_e4m3fnuz": (3, -7, 240.0),
    "float8_e5m2": (2, -14, 57344.0),
    "float8_e5m2fnuz": (2, -15, 57344.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Every value of [-bound, bound] equally likely."""

    bound: float
    law: Literal["uniform"] = "uniform"

    @property
    def low(self) -> float:
        """Where the interval begins, `-bound`."""
        return -self.bound

    @property
    def mean(self) -> float:
        """0."""
        return 0.0

    @property
    def std(self) -> float:
        """`bound / √3`."""
        return self.bound / math.sqrt(3)

    @property
    def kurtosis(self) -> float:
        """E x⁴ / (E x²)², 9/5."""
        return 1.8

    def density(self, x: ArrayLike) -> Array:
        """`1 / (2 bound)` inside, 0 outside."""
        inside = np.abs(np.asarray(x, dtype=np.float64)) <= self.bound
        return np.where(inside, 0.5 / self.bound, 0.0)

    def cdf(self, x: ArrayLike) -> Array:
        """P(X ≤ x)."""
        x = np.asarray(x, dtype=np.float64)
        return np.clip((x / self.bound + 1) / 2, 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositiveUniform:
    """Every value of [0, bound) equally likely."""

    bound: float
    law: Literal["positive_uniform"] = "positive_uniform"

    @property
    def low(self) -> float:
        """Where the interval begins, 0."""
        return 0.0

    @property
    def mean(self) -> float:
        """`bound / 2`."""
        return self.bound / 2

    @property
    def std(self) -> float:
        """`bound / √12`, about the mean."""
        return self.bound / math.sqrt(12)

    @property
    def kurtosis(self) -> float:
        """E x⁴ / (E x²)², 9/5, both about 0."""
        return 1.8

    def density(self, x: ArrayLike) -> Array:
        """`1 / bound` inside, 0 outside."""
        x = np.asarray(x, dtype=np.float64)
        return np.where((x >= 0) & (x <= self.bound), 1 / self.bound, 0.0)

    def cdf(self, x: ArrayLike) -> Array:
        """P(X ≤ x)."""
        return np.clip(np.asarray(x, dtype=np.float64) / self.bound, 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal:
    """Gaussian with mean 0."""

    std: float
    law: Literal["normal"] = "normal"

    @property
    def bound(self) -> None:
        """No value is impossible."""
        return

    @property
    def kurtosis(self) -> float:
        """E x⁴ / (E x²)², 3."""
        return 3.0

    def density(self, x: ArrayLike) -> Array:
        """`exp(-x²/2σ²) / (σ√2π)`."""
        z = np.asarray(x, dtype=np.float64) / self.std
        return np.asarray(np.exp(-0.5 * z * z) / (self.std * math.sqrt(2 * math.pi)))

    def cdf(self, x: ArrayLike) -> Array:
        """P(X ≤ x)."""
        return np.asarray(ndtr(np.asarray(x, dtype=np.float64) / self.std))


@dataclass(frozen=True, slots=True, kw_only=True)
class TruncatedNormal:
    """Gaussian with mean 0, redrawn until it lies within ±cut parent sigmas."""

    parent: float  # sigma before the cut, weight units
    cut: float = 2.0  # parent sigmas
    law: Literal["truncated_normal"] = "truncated_normal"

    @property
    def bound(self) -> float:
        """`cut · parent`."""
        return self.cut * self.parent

    @property
    def std(self) -> float:
        """After the cut: 0.87962566 parent at ±2."""
        return self.parent * truncated_std(self.cut)

    @property
    def kurtosis(self) -> float:
        """E x⁴ / (E x²)²: 2.3654 at ±2."""
        c = self.cut
        edge = 2 * math.exp(-c * c / 2) / math.sqrt(2 * math.pi) / _mass(c)
        second = 1 - c * edge
        return (3 * second - c**3 * edge) / second**2

    def density(self, x: ArrayLike) -> Array:
        """The parent's density over the mass that the cut leaves."""
        x = np.asarray(x, dtype=np.float64)
        inside = np.abs(x) <= self.bound
        return np.asarray(
            np.where(inside, Normal(std=self.parent).density(x) / _mass(self.cut), 0.0)
        )

    def cdf(self, x: ArrayLike) -> Array:
        """P(X ≤ x)."""
        below = ndtr(-self.cut)
        z = np.asarray(x, dtype=np.float64) / self.parent
        return np.asarray(np.clip((ndtr(z) - below) / _mass(self.cut), 0.0, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """One value, always."""

    value: float
    law: Literal["constant"] = "constant"

    @property
    def bound(self) -> float:
        """`|value|`."""
        return abs(self.value)

    @property
    def std(self) -> float:
        """0."""
        return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Orthogonal:
    """Entries of gain times a matrix with orthonormal rows or columns."""

    gain: float
    rows: int
    columns: int
    any_gain: bool = False  # where data set the gain
    law: Literal["orthogonal"] = "orthogonal"

    @property
    def bound(self) -> float:
        """`gain`: no entry of a unit vector exceeds 1."""
        return self.gain

    @property
    def std(self) -> float:
        """`gain / √max(rows, columns)`: the squares sum to gain²·min(rows, columns), exactly."""
        return self.gain / math.sqrt(max(self.rows, self.columns))


Flat: TypeAlias = Uniform | PositiveUniform
Continuous: TypeAlias = Flat | Normal | TruncatedNormal
Placed: TypeAlias = Constant | Orthogonal | Diagonal | Sparse  # no independent draws alone
Distribution: TypeAlias = Continuous | Placed


def truncated_std(cut: float) -> float:
    """The std of a unit normal cut at ±cut: 0.87962566 at 2.

    Source:
        1 - 2c·φ(c)/(2Φ(c)-1), the variance of a symmetrically truncated normal.
    """
    edge = 2 * math.exp(-cut * cut / 2) / math.sqrt(2 * math.pi) / _mass(cut)
    return math.sqrt(1 - cut * edge)


def _mass(cut: float) -> float:
    """P(|Z| ≤ cut) of a unit normal."""
    return math.erf(cut / math.sqrt(2))


def spacing(value: float, dtype: str) -> float:
    """Distance between neighbouring numbers of a storage dtype at a value; 0 for integers."""
    if dtype not in FORMATS:
        return 0.0
    mantissa, smallest, _ = FORMATS[dtype]
    exponent = math.frexp(value)[1] - 1 if value else smallest
    return 2.0 ** max(max(exponent, smallest) - mantissa, -1074)


def rounded(value: float, dtype: str) -> float:
    """The number of a storage dtype nearest to a value, ties to even.

    Args:
        value: Finite.
        dtype: torch's name; unknown and integer dtypes leave the value as it is.
    """
    step = spacing(value, dtype)
    if step == 0.0 or dtype == "float64":
        return value
    largest = FORMATS[dtype][2]
    return max(-largest, min(largest, round(value / step) * step))


def storage_limit(bound: float, dtype: str) -> float:
    """The largest |value| a draw bounded by `bound` can have once it is stored.

    Rounding is monotone, so no stored value exceeds the rounded bound; in bfloat16 that may be
    0.1 % above the bound itself. The slack covers float32 arithmetic in the draw.

    Args:
        bound: At least 0, weight units.
        dtype: torch's name of the storage dtype.

    Source:
        Derived; torch 2.13 draws bfloat16 and float16 within it as well.
    """
    return rounded(bound * (1 + DRAW_SLACK), dtype)


def folded_mass(law: Flat, dtype: str) -> float:
    """Share of a native 16-bit uniform draw that would round to its bound and lands on its start.

    Source:
        torch 2.13, uniform_ of bfloat16 and float16 on the CPU, measured.
    """
    top = rounded(law.bound, dtype)
    below = spacing(math.nextafter(top, 0.0), dtype)
    return max(0.0, (law.bound - top + below / 2) / (law.bound - law.low))


def native_cut(law: TruncatedNormal, dtype: str) -> float:
    """Where a truncated normal drawn in a 16-bit dtype is cut, in parent sigmas.

    Rounded draws are compared with the cut, so that the last number keeps its whole cell: the
    unrounded values reach half a step beyond it.

    Source:
        torch 2.13, trunc_normal_ of bfloat16 and float16, measured.
    """
    top = rounded(law.bound, dtype)
    return (top + spacing(top, dtype) / 2) / law.parent
