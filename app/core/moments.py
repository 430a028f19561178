"""Mean and central sums of a set of values, and of two sets together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from app.core.storage import Numbers

SAFE_EXPONENT = 200  # 2**±800 and its sums are inside float64's range, as in the kernels


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Count, mean and central sums; the sums are of powers of `(x - mean) / 2**exponent`.

    The exponent is 0 but for values whose fourth powers leave float64's range.
    """

    count: int = 0
    mean: float = 0.0  # 0 where there are no values
    mean_low: float = 0.0  # what `mean` lost in rounding: means of 100 ± 0.01 need it in merging
    m2: float = 0.0
    m3: float = 0.0
    m4: float = 0.0
    exponent: int = 0

    def repeated(self, times: int) -> Moments:
        """The moments of every value taken `times` times."""
        return replace(
            self,
            count=self.count * times,
            m2=self.m2 * times,
            m3=self.m3 * times,
            m4=self.m4 * times,
        )


def unit_exponent(largest: float) -> int:
    """The power of two to divide by, so that the fourth power of `largest` stays in range."""
    exponent = math.frexp(largest)[1]
    if largest == 0.0 or -SAFE_EXPONENT <= exponent <= SAFE_EXPONENT:
        return 0
    return max(exponent, -1000)  # 2**1000 is a float64, 2**1074 is not


def distinct_moments(values: Numbers, counts: np.ndarray) -> Moments:
    """The moments of `values[i]` taken `counts[i]` times.

    Args:
        values: Finite, each once.
        counts: How often each occurs, at least 1.
    """
    count = int(counts.sum())
    if values.size == 0:
        return Moments()
    if values.size == 1:
        return Moments(count=count, mean=float(values[0]) + 0.0)
    exponent = unit_exponent(float(np.abs(values).max()))
    scaled = np.ldexp(values, -exponent)
    # Sums of products, not dot products: those wake the threads of BLAS.
    shift = float((scaled * counts).sum()) / count
    rest = float(((scaled - shift) * counts).sum()) / count
    d = (scaled - shift) - rest
    square = d * d * counts
    mean = shift + rest
    return Moments(
        count=count,
        mean=math.ldexp(mean, exponent),
        mean_low=math.ldexp(rest - (mean - shift), exponent),
        m2=float(square.sum()),
        m3=float((square * d).sum()),
        m4=float((square * d * d).sum()),
        exponent=exponent,
    )


def merge_moments(a: Moments, b: Moments) -> Moments:
    """The moments of the values of `a` and `b` together.

    Source:
        Pébay, SAND2008-6212, equations 1.5, 2.1 and 3.1.
    """
    if a.count == 0 or b.count == 0:
        return a if b.count == 0 else b
    unit = _common_exponent(a, b)
    a2, a3, a4 = _sums_in(a, unit)
    b2, b3, b4 = _sums_in(b, unit)
    n = a.count + b.count
    fa, fb = a.count / n, b.count / n
    shift = math.ldexp(a.mean, -unit)
    low = math.ldexp(a.mean_low, -unit)
    d = (math.ldexp(b.mean, -unit) - shift) + (math.ldexp(b.mean_low, -unit) - low)
    step = d * fb + low
    mean = shift + step
    pair = b.count * fa
    return Moments(
        count=n,
        mean=math.ldexp(mean, unit),
        mean_low=math.ldexp(_remainder(shift, step, mean), unit),
        m2=a2 + b2 + d**2 * pair,
        m3=a3 + b3 + d**3 * pair * (fa - fb) + 3 * d * (fa * b2 - fb * a2),
        m4=a4
        + b4
        + d**4 * pair * (fa * fa - fa * fb + fb * fb)
        + 6 * d * d * (fa * fa * b2 + fb * fb * a2)
        + 4 * d * (fa * b3 - fb * a3),
        exponent=unit,
    )


def _remainder(a: float, b: float, total: float) -> float:
    """What `a + b` lost when it was rounded to `total`."""
    return b - (total - a) if abs(a) >= abs(b) else a - (total - b)


def _common_exponent(a: Moments, b: Moments) -> int:
    """The larger unit, where all values 0 have no unit of their own."""
    units = [m.exponent for m in (a, b) if m.mean != 0.0 or m.m2 != 0.0]
    return max(units, default=0)


def _sums_in(moments: Moments, unit: int) -> tuple[float, float, float]:
    step = moments.exponent - unit
    return (
        math.ldexp(moments.m2, 2 * step),
        math.ldexp(moments.m3, 3 * step),
        math.ldexp(moments.m4, 4 * step),
    )
