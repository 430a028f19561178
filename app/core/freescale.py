"""Draws at a scale that no listed scheme has: fresh but scaled, or moved by a little training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.special import erfinv, gammaincc, gammainccinv, gammaincinv

from app.core.distributions import Normal, TruncatedNormal, Uniform, spacing
from app.core.goodness import Sample, assess
from app.core.report import Candidate

Scaled: TypeAlias = Uniform | Normal | TruncatedNormal

FEW = 256  # values below which a free scale fits almost anything, a uniform's sharp edges aside
FEW_FLAT = 64  # the same for a uniform, where a normal is refuted
TELLING = 10_000  # values below which trained weights, too, often pass for a normal of some scale
NEAR_EDGE = 1.1  # largest |x| over a bound up to which a uniform may have been moved past it


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A law of the right shape whose scale belongs to no listed scheme."""

    law: str  # "uniform", "normal", "truncated_normal"
    bound: float | None
    std: float
    p_value: float
    low: float  # the exact interval of the bound, or of a normal's std: weight units
    high: float
    telling: bool  # whether a trained tensor of this size would hardly look so


def free_fit(sample: Sample, alpha: float) -> Fit | None:
    """The best law of each family with its scale left free, if one still fits.

    A uniform's bound is the largest |x|, a normal's std is measured. The fitted scale makes the
    shape tests a little milder than alpha.
    """
    if sample.n < FEW_FLAT or sample.largest == 0.0 or sample.second == 0.0:
        return None
    reach = sample.largest * (1 + 1 / sample.n)
    normal = _fitted(Normal(std=math.sqrt(sample.second)), sample, alpha)
    flat = _fitted(Uniform(bound=reach), sample, alpha)
    if sample.n < FEW:
        return flat if normal is None else None
    return flat or _fitted(TruncatedNormal(parent=reach / 2), sample, alpha) or normal


def _fitted(law: Scaled, sample: Sample, alpha: float) -> Fit | None:
    verdict = assess(law, sample, stop_below=alpha)
    if verdict.p_value < alpha:
        return None
    low, high = interval(law, sample, alpha)
    return Fit(
        law=law.law,
        bound=law.bound,
        std=law.std,
        p_value=verdict.p_value,
        low=low,
        high=high,
        telling=isinstance(law, Uniform) or sample.n >= TELLING,
    )


def interval(law: Scaled, sample: Sample, alpha: float) -> tuple[float, float]:
    """The scales of a family that the values allow at level alpha, exactly.

    Args:
        law: Any of the family.
        sample: Drawn from the family at some scale.
        alpha: Chance that the true scale lies outside.

    Returns:
        Of a uniform's or truncated normal's bound [M, M·α^(-1/n)] and its like, as
        `P(max|x| ≤ M) = F(M)ⁿ`; of a normal's std the two-sided one of Σx²/σ² ~ χ²ₙ.
    """
    n = sample.n
    if isinstance(law, Normal):
        half_total = n * sample.second / 2
        most, least = gammainccinv(n / 2, alpha / 2), gammaincinv(n / 2, alpha / 2)
        return math.sqrt(half_total / float(most)), math.sqrt(half_total / float(least))
    half = spacing(sample.largest, sample.dtype) / 2
    share = alpha ** (1 / n)
    if isinstance(law, Uniform):
        return sample.largest - half, (sample.largest + half) / share
    within = math.sqrt(2) * float(erfinv(share * math.erf(law.cut / math.sqrt(2))))
    return sample.largest - half, (sample.largest + half) * law.cut / within


def blurred_edge(candidates: Sequence[Candidate], sample: Sample) -> Candidate | None:
    """The uniform scheme whose draw small steps have carried past its bound.

    A uniform at a larger scale M would have n·(1 - bound/M) values beyond the bound; a draw that
    was moved has few. Fewer than 5 expected, or a Poisson chance below 1 %, speak for the move.
    """
    past = [c for c in candidates if c.law == "uniform" and c.outside and c.bound]
    near = min(past, key=lambda c: sample.largest / (c.bound or 1.0), default=None)
    if near is None or near.bound is None or sample.largest > NEAR_EDGE * near.bound:
        return None
    expected = sample.n * (1 - near.bound / sample.largest)
    within = np.interp([-near.bound, near.bound], sample.points, sample.shares)
    beyond = sample.n * (1 - float(within[1] - within[0]))
    few = expected < 5 or float(gammaincc(math.floor(beyond) + 1, expected)) < 0.01
    return near if few else None
