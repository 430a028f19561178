"""Anderson and Darling's A²: the omnibus test of shape, for laws fully given and up to scale."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

Array: TypeAlias = NDArray[np.float64]

TAIL = 6.0  # A² above which its upper tail takes its limiting form


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


def normality_p(squared: float, n: int) -> float:
    """P(A² ≥ a²) where the normal's mean and std were taken from the sample itself.

    Without the two free moments A² sees tails and shoulders that it cannot see otherwise.

    Args:
        squared: A² against the fitted normal.
        n: Number of values, at least 8.

    Source:
        D'Agostino and Stephens, Goodness-of-Fit Techniques (1986), table 4.9, with its
        correction for n; above 2, the straight continuation of its exponent, which is the
        limiting form of the tail.
    """
    a = squared * (1 + 0.75 / n + 2.25 / n**2)
    if a < 0.2:
        return -math.expm1(-13.436 + 101.14 * a - 223.73 * a * a)
    if a < 0.34:
        return -math.expm1(-8.318 + 42.796 * a - 59.938 * a * a)
    if a < 0.6:
        return math.exp(0.9177 - 4.279 * a - 1.38 * a * a)
    if a < 2.0:
        return math.exp(1.2937 - 5.709 * a + 0.0186 * a * a)
    at_two, slope = 1.2937 - 5.709 * 2 + 0.0186 * 4, -5.709 + 0.0186 * 4
    return math.exp(max(-745.0, at_two + slope * (a - 2.0)))
