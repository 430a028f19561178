"""Draws at a scale that no listed scheme has: fresh but scaled, or moved by a little training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincc

from app.core.distributions import Normal, TruncatedNormal, Uniform
from app.core.goodness import Sample, assess
from app.core.report import Candidate

FEW = 256  # values below which a scale that is left free fits almost anything
NEAR_EDGE = 1.1  # largest |x| over a bound up to which a uniform may have been moved past it


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A law of the right shape whose scale belongs to no listed scheme."""

    law: str  # "uniform", "normal", "truncated_normal"
    bound: float | None
    std: float
    p_value: float


def free_fit(sample: Sample, alpha: float) -> Fit | None:
    """The best law of each family with its scale left free, if one still fits.

    A uniform's bound is the largest |x|, a normal's std is measured. The fitted scale makes the
    shape tests a little milder than alpha.
    """
    if sample.n < FEW or sample.largest == 0.0 or sample.second == 0.0:
        return None
    laws: tuple[Uniform | TruncatedNormal | Normal, ...] = (
        Uniform(bound=sample.largest * (1 + 1 / sample.n)),
        TruncatedNormal(parent=sample.largest / 2 * (1 + 1 / sample.n)),
        Normal(std=math.sqrt(sample.second)),
    )
    for law in laws:
        verdict = assess(law, sample, stop_below=alpha)
        if verdict.p_value >= alpha:
            return Fit(law=law.law, bound=law.bound, std=law.std, p_value=verdict.p_value)
    return None


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
