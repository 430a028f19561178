"""The largest singular value of a matrix against the edge of independent draws.

A step of training is of low rank: it lifts a few singular values above the edge long before it
shows in the values, in rows or in columns.
"""

from __future__ import annotations

import math

from scipy.special import gammaincc

from app.core.distributions import Continuous, PositiveUniform, spacing
from app.core.matrix import Spectrum

FINE = 32.0  # storage steps at 0 that a std must have
SLACK = 2.0  # on p: of 16 x 16 normals, up to 3 times as many as told at 10⁻⁴ were measured
_SHAPE, _SCALE, _SHIFT = 46.446, 0.186054, 9.84801
ASYMPTOTIC = 3.5  # from where the tail takes its limiting form, if that is larger


def edge_test(
    law: Continuous, found: Spectrum | None, dtype: str
) -> dict[str, tuple[float, float]]:
    """The p-value of the largest eigenvalue of W·Wᵀ, and its root over the edge; one-sided.

    Independent entries of mean 0 and std σ give Tracy and Widom's law for real matrices; entries
    of lighter tails than a normal's stay below it.

    Source:
        Johnstone, On the distribution of the largest eigenvalue in principal components analysis,
        Ann. Statist. 29 (2001), centred as in Ma, Bernoulli 18 (2012).
    """
    fine = law.std >= FINE * spacing(0.0, dtype)
    if found is None or not fine or isinstance(law, PositiveUniform):
        return {}
    a, b = math.sqrt(found.rows - 0.5), math.sqrt(found.columns - 0.5)
    centre, spread = (a + b) ** 2, (a + b) * (1 / a + 1 / b) ** (1 / 3)
    scaled = found.largest / law.std**2
    p = min(1.0, SLACK * upper_tail((scaled - centre) / spread))
    return {"spectrum": (p, math.sqrt(scaled / centre))}


def upper_tail(s: float) -> float:
    """P(X > s) of Tracy and Widom's law for real matrices.

    Source:
        Chiani, J. Multivariate Anal. 129 (2014), a shifted gamma law; far out the limiting form
        exp(-⅔·s^{3/2}) / (4·√π·s^{3/4}), as the gamma's tail is too light there.
    """
    x = (s + _SHIFT) / _SCALE
    near = float(gammaincc(_SHAPE, x)) if x > 0 else 1.0
    if s < ASYMPTOTIC:
        return near
    far = math.exp(-2 / 3 * math.pow(s, 1.5)) / (4 * math.sqrt(math.pi) * math.pow(s, 0.75))
    return max(near, far)
