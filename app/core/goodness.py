"""How probable a sample is under one fully specified law: the sub-tests and their p-values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtr, chdtrc, erfc, gammainc, kolmogorov, ndtri

from app.core.distributions import (
    FORMATS,
    Continuous,
    Normal,
    TruncatedNormal,
    Uniform,
    rounded,
    spacing,
)

Array: TypeAlias = NDArray[np.float64]

ZERO_RATE = 2.0**-22  # exact zeros per value of a float32 draw: its grid has 2²⁴ steps, with slack
BOX_MULLER_REACH = 5.4  # sigmas; torch's float32 normals end at √(48·ln 2) = 5.77 on the CPU
TAIL = 6.0  # A² above which its upper tail takes its limiting form


@dataclass(frozen=True, slots=True, kw_only=True)
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
        uniforms the larger p of the two ways such draws are made: rounded, or native.
    """
    plain = _assess(law, sample, folded=0.0, stop_below=stop_below)
    if not isinstance(law, Uniform) or sample.dtype not in {"bfloat16", "float16"}:
        return plain
    native = _assess(law, sample, folded=folded_mass(law, sample.dtype), stop_below=stop_below)
    return max(plain, native, key=lambda verdict: verdict.p_value)


def folded_mass(law: Uniform, dtype: str) -> float:
    """Share of a native 16-bit uniform draw that would round to +bound and lands on -bound.

    Source:
        torch 2.13, uniform_ of bfloat16 and float16 on the CPU, measured.
    """
    top = rounded(law.bound, dtype)
    below = spacing(math.nextafter(top, 0.0), dtype)
    return max(0.0, (law.bound - top + below / 2) / (2 * law.bound))


def _assess(law: Continuous, sample: Sample, *, folded: float, stop_below: float) -> Verdict:
    cheap = _cheap_tests(law, sample, folded)
    k = len(cheap) + 2
    test = min(cheap, key=lambda name: cheap[name][0])
    if k * cheap[test][0] < stop_below:
        return Verdict(p_value=k * cheap[test][0], test=test, statistic=cheap[test][1])
    both = cheap | _shape_tests(law, sample, folded)
    test = min(both, key=lambda name: both[name][0])
    return Verdict(p_value=min(1.0, k * both[test][0]), test=test, statistic=both[test][1])


def _cheap_tests(law: Continuous, sample: Sample, folded: float) -> dict[str, tuple[float, float]]:
    """The p-value and statistic of each test on the moments and the extremes."""
    tests = {"mean": _mean_test(law, sample, folded), "zeros": _zeros_test(law, sample)}
    match law:
        case Uniform():
            tests["scale"] = _reach_test(law, sample)
        case Normal():
            tests["scale"] = _chi_squared_test(law, sample)
            tests["extreme"] = _extreme_test(law.std, math.inf, sample)
        case TruncatedNormal():
            tests["scale"] = _moment_test(law, sample)
            tests["extreme"] = _extreme_test(law.parent, law.cut, sample)
    return tests


def _reach_test(law: Uniform, sample: Sample) -> tuple[float, float]:
    """P(max|X| ≤ m) = (m/b)ⁿ, exact; half a storage step is granted."""
    reach = (sample.largest + spacing(sample.largest, sample.dtype) / 2) / law.bound
    if reach >= 1:
        return 1.0, sample.largest / law.bound
    if reach <= 0:
        return 0.0, 0.0
    return math.exp(sample.n * math.log(reach)), sample.largest / law.bound


def _rounding_variance(dtype: str) -> float:
    """Largest share that rounding to a dtype adds to E x²: 2⁻²ᵐ/12 for m bits of mantissa."""
    return 2.0 ** (-2 * FORMATS[dtype][0]) / 12 if dtype in FORMATS else 0.0


def _chi_squared_test(law: Normal, sample: Sample) -> tuple[float, float]:
    """Σx²/σ² is chi-squared with n degrees of freedom, two-sided; rounding's share is granted."""
    ratio, slack = sample.second / law.std**2, _rounding_variance(sample.dtype)
    low = float(chdtrc(sample.n, sample.n * ratio / (1 + slack)))
    high = float(chdtr(sample.n, sample.n * ratio))
    return min(1.0, 2 * min(low, high)), math.sqrt(ratio)


def _moment_test(law: TruncatedNormal, sample: Sample) -> tuple[float, float]:
    """E x² is normal about σ² with variance (κ-1)/n, by the central limit theorem."""
    ratio = sample.second / law.std**2
    low = ratio / (1 + _rounding_variance(sample.dtype))
    away = max(0.0, low - 1, 1 - ratio)
    z = away / math.sqrt((law.kurtosis - 1) / sample.n)
    return float(erfc(z / math.sqrt(2))), math.sqrt(ratio)


def _mean_test(law: Continuous, sample: Sample, folded: float) -> tuple[float, float]:
    shift = -2 * law.bound * folded if isinstance(law, Uniform) else 0.0
    z = math.sqrt(sample.n) * (sample.mean - shift) / law.std
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


def _zeros_test(law: Continuous, sample: Sample) -> tuple[float, float]:
    """The number of exact zeros is Poisson; sees pruning, to which shape tests are blind."""
    expected = sample.n * max(ZERO_RATE, _rounds_to_zero(law, sample.dtype))
    p = 1.0 if sample.zeros == 0 else float(gammainc(sample.zeros, expected))
    return p, expected


def _rounds_to_zero(law: Continuous, dtype: str) -> float:
    if dtype not in FORMATS:
        return 0.0
    half = spacing(0.0, dtype) / 2
    return float(law.cdf(half) - law.cdf(-half))


def _shape_tests(law: Continuous, sample: Sample, folded: float) -> dict[str, tuple[float, float]]:
    u = law.cdf(sample.points)
    if folded and isinstance(law, Uniform):
        inside = sample.points > -rounded(law.bound, sample.dtype)
        u = np.where(inside, np.minimum(1.0, u + folded), u)
    squared = anderson_darling(u, sample.shares, sample.n)
    gap = float(np.max(np.abs(u - sample.shares), initial=0.0))
    root = math.sqrt(sample.n)
    return {
        "shape": (anderson_darling_p(squared), squared),
        "gap": (float(kolmogorov(gap * (root + 0.12 + 0.11 / root))), gap),
    }


def anderson_darling(u: Array, shares: Array, n: int) -> float:
    """A² = n·∫(F_n - u)²/(u(1-u)) du, from points where F_n is known.

    Args:
        u: The law's distribution function at ascending points.
        shares: F_n at these points, from 0 to 1.
        n: Number of values.

    Returns:
        The statistic; between two points F_n is taken as straight, which is exact where no
        value lies between them and a little too small elsewhere.
    """
    u0, u1 = np.concatenate(([0.0], u)), np.concatenate((u, [1.0]))
    f0, f1 = np.concatenate(([0.0], shares)), np.concatenate((shares, [1.0]))
    wide = u1 > u0
    u0, u1, f0, f1 = u0[wide], u1[wide], f0[wide], f1[wide]
    flat = f1 == f0
    total = _flat_part(u0[flat], u1[flat], f0[flat])
    total += _rising_part(u0[~flat], u1[~flat], f0[~flat], f1[~flat])
    return n * max(0.0, total)


def _flat_part(u0: Array, u1: Array, c: Array) -> float:
    """∫(c-u)²/(u(1-u)) du = c²·ln u - (1-c)²·ln(1-u) - u, between u0 and u1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(c > 0, c * c * np.log(u1 / u0), 0.0)
        right = np.where(c < 1, (1 - c) ** 2 * np.log((1 - u0) / (1 - u1)), 0.0)
    return float(np.sum(left + right - (u1 - u0)))


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(5)


def _rising_part(u0: Array, u1: Array, f0: Array, f1: Array) -> float:
    """The same integral where F_n rises straight from f0 to f1, by five-point quadrature."""
    step = (_NODES[:, None] + 1) / 2
    u = u0 + step * (u1 - u0)
    f = f0 + step * (f1 - f0)
    spread = u * (1 - u)  # 0 only where u rounds to 1: beyond 8 sigmas, the extreme test's realm
    inner = np.divide((f - u) ** 2, spread, out=np.zeros_like(u), where=spread > 0)
    return float(np.sum(_WEIGHTS @ inner * (u1 - u0) / 2))


def anderson_darling_p(squared: float) -> float:
    """P(A² ≥ a²) for a fully specified law, n to infinity.

    Source:
        Marsaglia and Marsaglia, Evaluating the Anderson-Darling distribution, J. Stat. Soft.
        9(2), 2004 (adinf); above A² = 6 Zolotarev's tail √3·erfc(√A²) of Σχ²ₖ/(k(k+1)), with a
        first correction 1 + 0.28/A² that meets adinf within 0.1 % between 4 and 6.
    """
    z = squared
    if z <= 0:
        return 1.0
    if z > TAIL:
        return math.sqrt(3) * float(erfc(math.sqrt(z))) * (1 + 0.28 / z)
    if z < 2:
        tail = (
            2.00012
            + (0.247105 - (0.0649821 - (0.0347962 - (0.0116720 - 0.00168691 * z) * z) * z) * z) * z
        )
        return 1 - math.exp(-1.2337141 / z) / math.sqrt(z) * tail
    inner = 1.0776 - (2.30695 - (0.43424 - (0.082433 - (0.008056 - 0.0003146 * z) * z) * z) * z) * z
    return -math.expm1(-math.exp(inner))
