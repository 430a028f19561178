"""How probable a sample is under one fully specified law: the sub-tests and their p-values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtr, chdtrc, erfc, gammainc, kolmogorov, ndtr, ndtri

from app.core.anderson import anderson_darling, anderson_darling_p, normality_p
from app.core.distributions import (
    FORMATS,
    Continuous,
    Flat,
    Normal,
    PositiveUniform,
    TruncatedNormal,
    Uniform,
    folded_mass,
    native_cut,
    rounded,
    spacing,
)
from app.core.edge import edge_test
from app.core.lines import Lines, line_tests
from app.core.matrix import Orthogonality, Spectrum
from app.core.saddlepoint import squares_tails

Array: TypeAlias = NDArray[np.float64]
Tests: TypeAlias = dict[str, tuple[float, float]]  # name → p-value and statistic

ZERO_RATE = 2.0**-22  # exact zeros per value of a float32 draw: its grid has 2²⁴ steps, with slack
BOX_MULLER_REACH = 5.4  # sigmas; torch's float32 normals end at √(48·ln 2) = 5.77 on the CPU
LEAST_NORMALITY = 8  # values the fitted normal's test needs
MOST_TESTS = 10  # of a normal matrix: what Bonferroni's factor never exceeds
NEGLIGIBLE = 1e-9  # share of E x² that rounding may add unnoticed, up to 10¹² values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """What the tests need of a tensor's finite values."""

    n: int
    dtype: str  # of the values, which may be narrower than the storage
    largest: float  # max |x|, weight units
    mean: float
    second: float  # E x², about zero
    zeros: int
    points: Array  # where the share of smaller unrounded values is known exactly
    shares: Array
    lines: Lines | None = None  # of tensors of 2 axes or more
    orthogonality: Orthogonality | None = None
    spectrum: Spectrum | None = None  # of matrices that are neither narrow nor long


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The smallest p of all sub-tests, times their number, and which sub-test gave it."""

    p_value: float
    test: str
    statistic: float


def assess(law: Continuous, sample: Sample, *, stop_below: float) -> Verdict:
    """How probable the sample is under a law, over all sub-tests.

    Args:
        law: Fully specified.
        sample: At least 1 value.
        stop_below: The shape is not looked at where the cheaper tests fall below this already.

    Returns:
        `p = min(1, k·min pᵢ)` over the k sub-tests: false rejections stay below p. For 16-bit
        laws with an edge the larger p of the two ways such draws are made: rounded, or native.
    """
    plain = _assess(law, sample, folded=0.0, stop_below=stop_below)
    if sample.dtype not in {"bfloat16", "float16"} or isinstance(law, Normal):
        return plain
    if isinstance(law, Flat):
        folded = folded_mass(law, sample.dtype)
        native = _assess(law, sample, folded=folded, stop_below=stop_below)
    else:
        wider = TruncatedNormal(parent=law.parent, cut=native_cut(law, sample.dtype))
        native = _assess(wider, sample, folded=0.0, stop_below=stop_below)
    return max(plain, native, key=lambda verdict: verdict.p_value)


def _assess(law: Continuous, sample: Sample, *, folded: float, stop_below: float) -> Verdict:
    tests = _moment_tests(law, sample, folded)
    if MOST_TESTS * min(p for p, _ in tests.values()) < stop_below:
        return _worst(tests, MOST_TESTS)
    tests |= _further_tests(law, sample)
    k = len(tests) + 2
    if k * min(p for p, _ in tests.values()) < stop_below:
        return _worst(tests, k)
    return _worst(tests | _shape_tests(law, sample, folded), k)


def _worst(tests: Tests, k: int) -> Verdict:
    """Bonferroni's verdict on the smallest of k p-values."""
    test = min(tests, key=lambda name: tests[name][0])
    p, statistic = tests[test]
    return Verdict(p_value=min(1.0, k * p), test=test, statistic=statistic)


def _moment_tests(law: Continuous, sample: Sample, folded: float) -> Tests:
    """The p-value and statistic of each test on scale, mean and zeros."""
    tests = {"mean": _mean_test(law, sample, folded), "zeros": _zeros_test(law, sample, folded)}
    match law:
        case Uniform() | PositiveUniform():
            tests["scale"] = _reach_test(law, sample, folded)
        case Normal():
            tests["scale"] = _chi_squared_test(law, sample)
        case TruncatedNormal():
            tests["scale"] = _squares_test(law, sample)
    return tests


def _further_tests(law: Continuous, sample: Sample) -> Tests:
    """The same of the extremes, of rows and columns, and of normality."""
    tests = line_tests(law, sample.lines) | edge_test(law, sample.spectrum, sample.dtype)
    if isinstance(law, Normal):
        tests["extreme"] = _extreme_test(law.std, math.inf, sample)
        tests["normality"] = _normality_test(sample)
    if isinstance(law, TruncatedNormal):
        tests["extreme"] = _extreme_test(law.parent, law.cut, sample)
    return tests


def _reach_test(law: Flat, sample: Sample, folded: float) -> tuple[float, float]:
    """P(max|X| ≤ m) = (m/b)ⁿ, exact; half a storage step is granted.

    Draws between 0 and b that would round to b lie at 0 where they are folded.
    """
    end = law.bound * (1 - folded) if isinstance(law, PositiveUniform) else law.bound
    reach = (sample.largest + spacing(sample.largest, sample.dtype) / 2) / end
    if reach >= 1:
        return 1.0, sample.largest / law.bound
    if reach <= 0:
        return 0.0, 0.0
    return math.exp(sample.n * math.log(reach)), sample.largest / law.bound


def rounding_variance(dtype: str) -> float:
    """Largest share that rounding to a dtype adds to E x²: 2⁻²ᵐ/12 for m bits of mantissa."""
    return 2.0 ** (-2 * FORMATS[dtype][0]) / 12 if dtype in FORMATS else 0.0


def _slack(law: Continuous, dtype: str) -> float:
    """The share of E x² that rounding may have added, near zero included."""
    steps = spacing(0.0, dtype) / law.std
    return rounding_variance(dtype) + steps * steps / 12


def _chi_squared_test(law: Normal, sample: Sample) -> tuple[float, float]:
    """Σx²/σ² is chi-squared with n degrees of freedom, two-sided; rounding's share is granted."""
    ratio, slack = sample.second / law.std**2, _slack(law, sample.dtype)
    low = float(chdtrc(sample.n, sample.n * ratio / (1 + slack)))
    high = float(chdtr(sample.n, sample.n * ratio))
    return min(1.0, 2 * min(low, high)), math.sqrt(ratio)


def _squares_test(law: TruncatedNormal, sample: Sample) -> tuple[float, float]:
    """The tails of Σx² by saddle point, two-sided; rounding's share is granted."""
    square = sample.second / law.parent**2
    high, low = squares_tails(square, law.cut, sample.n)
    slack = _slack(law, sample.dtype)
    if slack > NEGLIGIBLE:
        low = squares_tails(square / (1 + slack), law.cut, sample.n)[1]
    return min(1.0, 2 * min(low, high)), math.sqrt(sample.second) / law.std


def _mean_test(law: Continuous, sample: Sample, folded: float) -> tuple[float, float]:
    centre = law.mean - (law.bound - law.low) * folded if isinstance(law, Flat) else 0.0
    z = math.sqrt(sample.n) * (sample.mean - centre) / law.std
    return float(erfc(abs(z) / math.sqrt(2))), z


def _extreme_test(sigma: float, cut: float, sample: Sample) -> tuple[float, float]:
    """P(max|X| ≤ m) = (erf(m/σ√2)/erf(c/√2))ⁿ, two-sided, half a storage step granted."""
    half = spacing(sample.largest, sample.dtype) / 2
    at_most = _all_within((sample.largest + half) / sigma, cut, sample.n)
    at_least = 1 - _all_within((sample.largest - half) / sigma, cut, sample.n)
    if sample.largest / sigma > BOX_MULLER_REACH:
        at_most = 1.0
    return min(1.0, 2 * min(at_most, at_least)), sample.largest / sigma


def _all_within(z: float, cut: float, n: int) -> float:
    """Probability that n draws stay within ±z sigmas."""
    if z <= 0:
        return 0.0
    outside = float(erfc(z / math.sqrt(2)))
    if math.isfinite(cut):
        beyond = float(erfc(cut / math.sqrt(2)))
        outside = max(0.0, (outside - beyond) / (1 - beyond))
    return math.exp(n * math.log1p(-outside)) if outside < 1 else 0.0


def usual_extreme(law: Normal | TruncatedNormal, n: int) -> float:
    """Median of max|X| over n draws, in (parent) sigmas."""
    outside = -math.expm1(math.log(0.5) / n)  # P(|X| > m) at the median
    if isinstance(law, TruncatedNormal):
        beyond = float(erfc(law.cut / math.sqrt(2)))
        outside = beyond + outside * (1 - beyond)
    return float(-ndtri(outside / 2))


def _zeros_test(law: Continuous, sample: Sample, folded: float) -> tuple[float, float]:
    """The number of exact zeros is Poisson; sees pruning, to which shape tests are blind."""
    if sample.zeros == 0:
        return 1.0, 0.0
    rate = _rounds_to_zero(law, sample.dtype)
    if isinstance(law, PositiveUniform):
        rate += folded
    expected = sample.n * max(ZERO_RATE, rate)
    return float(gammainc(sample.zeros, expected)), expected


def _rounds_to_zero(law: Continuous, dtype: str) -> float:
    half = spacing(0.0, dtype) / 2
    return float(law.cdf(half) - law.cdf(-half)) if dtype in FORMATS else 0.0


def _shape_tests(law: Continuous, sample: Sample, folded: float) -> Tests:
    u = law.cdf(sample.points)
    if folded and isinstance(law, Flat):
        inside = sample.points > math.copysign(rounded(abs(law.low), sample.dtype), law.low)
        u = np.where(inside, np.minimum(1.0, u + folded), u)
    squared = anderson_darling(u, sample.shares, sample.n)
    gap = float(np.max(np.abs(u - sample.shares), initial=0.0))
    root = math.sqrt(sample.n)
    return {
        "shape": (anderson_darling_p(squared), squared),
        "gap": (float(kolmogorov(gap * (root + 0.12 + 0.11 / root))), gap),
    }


@lru_cache(maxsize=1)
def _normality_test(sample: Sample) -> tuple[float, float]:
    """A² against the normal with the sample's own mean and std, whatever the law's."""
    n = sample.n
    variance = sample.second / (1 + rounding_variance(sample.dtype) / 2) - sample.mean**2
    if n < LEAST_NORMALITY or variance <= 0:
        return 1.0, 0.0
    z = (sample.points - sample.mean) / math.sqrt(variance * n / (n - 1))
    squared = anderson_darling(ndtr(z), sample.shares, n)
    return normality_p(squared, n), squared
