"""The order of the candidates: by likelihood and a small prior; and which cannot be told apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from app.core.catalogue import BY_ID, ORDER
from app.core.distributions import (
    Continuous,
    Distribution,
    Flat,
    Placed,
    PositiveUniform,
    TruncatedNormal,
)
from app.core.goodness import Sample
from app.core.report import Candidate

# The prior: one class of rarity (catalogue: 0 the usual choice, 1 common, 2 rare) is worth a
# likelihood ratio of 100, so that ReLU stands before leaky ReLU 0.01 until the data speak.
RARITY_NATS = 4.6
CERTAIN = frozenset({"constant", "identity", "dirac", "sparse"})  # laws that chance does not meet


def log_likelihood(law: Continuous, sample: Sample) -> float:
    """Log density of the values under a law that allows them all, in nats."""
    return sample.n * mean_log_density(law, sample.second)


def mean_log_density(law: Continuous, second: float) -> float:
    """Mean log density under a law of values within its support, in nats.

    Args:
        law: Uniform, normal or truncated normal.
        second: E x² of the values.
    """
    if isinstance(law, Flat):
        return -math.log(law.bound - law.low)
    spread, mass = law.std, 1.0
    if isinstance(law, TruncatedNormal):
        spread, mass = law.parent, math.erf(law.cut / math.sqrt(2))
    constant = math.log(spread * math.sqrt(2 * math.pi) * mass)
    return -(constant + second / (2 * spread * spread))


def divergence(law: Continuous, other: Continuous) -> float:
    """Kullback and Leibler's divergence of `other` from `law`, in nats a value.

    Returns:
        `E ln(law / other)` under `law`; infinite where `other` forbids what `law` draws.
    """
    reach = math.inf if law.bound is None else law.bound
    if other.bound is not None and reach > other.bound * (1 + 1e-9):
        return math.inf
    if isinstance(other, PositiveUniform) and not isinstance(law, PositiveUniform):
        return math.inf
    second = law.std**2 + (law.mean**2 if isinstance(law, Flat) else 0.0)
    return max(0.0, mean_log_density(law, second) - mean_log_density(other, second))


def inseparable(law: Continuous, other: Continuous, *, n: int, alpha: float) -> bool:
    """Whether n values cannot be expected to tell two laws apart.

    By Wald's bound a test at level alpha needs `n·KL ≥ ln(1/alpha)`; of two laws that both allow
    the values, the direction with the smaller divergence counts.
    """
    smaller = min(divergence(law, other), divergence(other, law))
    return n * smaller < math.log(1 / alpha)


def with_inseparable(
    candidates: Sequence[Candidate], laws: Sequence[Distribution], *, n: int, alpha: float
) -> list[Candidate]:
    """The candidates, each survivor with the survivors that n values cannot part it from.

    Args:
        candidates: Of one tensor.
        laws: Of the candidates, in their order; only draws of independent values are compared.
        n: Number of values.
        alpha: Level of the tests.
    """
    alive = [
        (line, law)
        for line, law in zip(candidates, laws, strict=True)
        if line.rejected_by is None and not isinstance(law, Placed)
    ]

    def near(line: Candidate, law: Distribution) -> Candidate:
        if line.rejected_by is not None or isinstance(law, Placed):
            return line
        others = ((other, its) for other, its in alive if other is not line)
        alike = [o.ids[0] for o, its in others if inseparable(law, its, n=n, alpha=alpha)]
        return replace(line, inseparable_from=tuple(alike))

    return [near(line, law) for line, law in zip(candidates, laws, strict=True)]


def ordered(candidates: Sequence[Candidate], *, orthogonal_first: bool) -> tuple[Candidate, ...]:
    """Survivors by likelihood with a prior for the usual schemes, then the rest by closeness."""

    def key(line: Candidate) -> tuple[bool, float, int]:
        place = min(ORDER[i] for i in line.ids)
        if line.rejected_by is None:
            return False, -_score(line, orthogonal_first=orthogonal_first), place
        away = abs(math.log(line.std_ratio)) if line.std_ratio else math.inf
        return True, -1.0 if "torch_default" in line.ids else away, place

    return tuple(sorted(candidates, key=key))


def _score(line: Candidate, *, orthogonal_first: bool) -> float:
    if line.log_likelihood is None:
        return math.inf if line.law in CERTAIN or orthogonal_first else -math.inf
    rarity = min(BY_ID[i].rarity for i in line.ids)
    return line.log_likelihood - RARITY_NATS * rarity
