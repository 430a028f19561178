"""Which schemes could have drawn this tensor: every candidate tested alone, the survivors kept.

Each law is tested on its own, so the true one is lost with probability at most alpha however many
candidates there are: the survivors are a confidence set, never a winner.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.core.distributions import (
    FORMATS,
    Constant,
    Normal,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    rounded,
    storage_limit,
)
from app.core.freescale import Fit, blurred_edge, free_fit
from app.core.goodness import Sample, Verdict, assess, usual_extreme
from app.core.report import Candidate, Status
from app.core.schemes import BY_ID, ORDER, LawAtShape
from app.core.statistics import Sketch, distribution_function
from app.core.structure import effective_dtype
from app.core.wording import count, factor, number, probability

FEW = 30  # values below which no law can be told from another
RARITY_NATS = 4.6  # a rarer scheme must be 100 times likelier to be listed first


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Every candidate with its test, and what they say together."""

    candidates: tuple[Candidate, ...]  # survivors first, best first
    status: Status
    fit: Fit | None = None
    moved_from: Candidate | None = None  # a uniform law that small steps have carried past its edge

    @property
    def schemes(self) -> tuple[str, ...]:
        """Ids of all schemes that could have drawn the tensor, best first."""
        return tuple(i for c in self.candidates if c.rejected_by is None for i in c.ids)


def attribute(sketch: Sketch, laws: Sequence[LawAtShape], *, alpha: float) -> Attribution:
    """Test every law against a tensor's values.

    Args:
        sketch: With at least one finite value.
        laws: Of the catalogue at this shape.
        alpha: Level of each candidate's test, between 0 and 1.
    """
    if sketch.constant is not None and (sketch.count > 1 or _listed(sketch.constant, laws)):
        return _constant(sketch, laws)
    sample = sample_of(sketch)
    wanted = [law for law in laws if not isinstance(law.distribution, Constant) or _default(law)]
    found = [_candidate(law, sample, sketch, alpha) for law in wanted]
    candidates = _sorted(found, orthogonal_first=_is_telling(sample))
    if sample.n < FEW:
        return Attribution(candidates=candidates, status="too_small")
    if any(c.rejected_by is None for c in candidates):
        return Attribution(candidates=candidates, status="consistent")
    fit = free_fit(sample, alpha)
    if fit is not None and fit.law == "uniform":
        moved = blurred_edge(candidates, sample)
        if moved is not None:
            return Attribution(candidates=candidates, status="not_at_init", moved_from=moved)
    status: Status = "not_at_init" if fit is None else "unlisted_scale"
    return Attribution(candidates=candidates, status=status, fit=fit)


def sample_of(sketch: Sketch) -> Sample:
    """What the tests need of a sketch."""
    points, shares = distribution_function(sketch)
    ends = (abs(end) for end in (sketch.minimum, sketch.maximum) if end is not None)
    return Sample(
        n=sketch.finite,
        dtype=effective_dtype(sketch),
        largest=max(ends, default=0.0),
        mean=sketch.mean,
        second=sketch.second_moment or 0.0,
        zeros=sketch.zeros,
        points=points,
        shares=shares,
    )


def _default(law: LawAtShape) -> bool:
    return "torch_default" in law.ids


def _is_value(value: float, constant: float, dtype: str) -> bool:
    return value in (constant, rounded(constant, dtype))


def _listed(value: float, laws: Sequence[LawAtShape]) -> bool:
    """Whether a single value is 0, 1 or what a constant default sets."""
    return value in (0.0, 1.0) or any(
        isinstance(law.distribution, Constant)
        and _default(law)
        and math.isclose(value, law.distribution.value, rel_tol=1e-2)
        for law in laws
    )


def _constant(sketch: Sketch, laws: Sequence[LawAtShape]) -> Attribution:
    """A tensor of one value: only constants can have set it."""
    value = sketch.constant if sketch.constant is not None else 0.0
    found = []
    for law in laws:
        if isinstance(law.distribution, Constant):
            if _is_value(value, law.distribution.value, sketch.dtype):
                found.append(_line(law, sketch))
            elif _default(law):
                reason = f"every value is {number(value)}, not {number(law.distribution.value)}"
                found.append(_line(law, sketch, rejected_by="constant", reason=reason))
        elif _default(law):
            reason = f"every value is {number(value)}: nothing was drawn"
            found.append(_line(law, sketch, rejected_by="constant", reason=reason))
    candidates = _sorted(found, orthogonal_first=False)
    as_default = any("torch_default" in c.ids and c.rejected_by is None for c in candidates)
    return Attribution(candidates=candidates, status="consistent" if as_default else "structured")


def _line(
    law: LawAtShape,
    sketch: Sketch,
    *,
    verdict: Verdict | None = None,
    rejected_by: str | None = None,
    reason: str | None = None,
) -> Candidate:
    drawn = law.distribution
    std = sketch.std
    return Candidate(
        ids=law.ids,
        names=law.names,
        law=drawn.law,
        formula=law.formula,
        bound=drawn.bound,
        std=drawn.std,
        value=drawn.value if isinstance(drawn, Constant) else None,
        std_ratio=std / drawn.std if std is not None and drawn.std > 0 else None,
        outside=rejected_by == "support",
        p_value=verdict.p_value if verdict else None,
        log_likelihood=None,
        rejected_by=rejected_by,
        reason=reason if reason or rejected_by else _same_here(law),
    )


def _same_here(law: LawAtShape) -> str | None:
    return f"one law here {law.why_same}" if law.why_same else None


def _candidate(law: LawAtShape, sample: Sample, sketch: Sketch, alpha: float) -> Candidate:
    drawn = law.distribution
    if isinstance(drawn, Constant):
        reason = "the values are not all alike"
        return _line(law, sketch, rejected_by="constant", reason=reason)
    limit = math.inf if drawn.bound is None else storage_limit(drawn.bound, sample.dtype)
    if sample.largest > limit:
        reason = _outside(sketch, sample, drawn.bound or 0.0, limit)
        return _line(law, sketch, rejected_by="support", reason=reason)
    if isinstance(drawn, Orthogonal):
        return _orthogonal(law, drawn, sample, sketch)
    verdict = assess(drawn, sample, stop_below=alpha)
    line = _line(law, sketch, verdict=verdict)
    if verdict.p_value < alpha:
        name = "shape" if verdict.test == "gap" else verdict.test
        line = replace(line, rejected_by=name, reason=_explained(verdict, drawn, sample))
    return replace(line, log_likelihood=log_likelihood(drawn, sample))


def _outside(sketch: Sketch, sample: Sample, bound: float, limit: float) -> str:
    exact = sketch.limit is not None and sketch.limit == limit
    many = f"{count(sketch.below + sketch.above)} values lie outside; " if exact else ""
    return f"{many}the largest |x| is {number(sample.largest)}, the bound {number(bound)}"


def _orthogonal(law: LawAtShape, drawn: Orthogonal, sample: Sample, sketch: Sketch) -> Candidate:
    """Only Σw² is compared: gain²·min(rows, columns), exactly, which a draw meets by chance."""
    away = abs(sample.second / drawn.std**2 - 1)
    if away > _orthogonal_tolerance(sample):
        reason = f"Σw² is {1 + away:.6f} or 1/{1 + away:.6f} of what orthogonal rows give exactly"
        return _line(law, sketch, rejected_by="scale", reason=reason)
    reason = "Σw² is exactly that of orthogonal rows; scale alone is compared, not the matrix"
    return _line(law, sketch, reason=reason)


def _orthogonal_tolerance(sample: Sample) -> float:
    """Relative error of Σw² of a stored orthogonal matrix: the decomposition's and rounding's."""
    mantissa = FORMATS[sample.dtype][0] if sample.dtype in FORMATS else 23
    return 1e-5 + 2.0 ** (1 - mantissa) / math.sqrt(sample.n) + 2.0 ** (-2 * mantissa)


def _is_telling(sample: Sample) -> bool:
    """Whether a normal draw of this size meets orthogonal's Σw² in under 1 of 100 tensors.

    Σx²/σ²n is normal about 1 with variance 2/n: within ±t it lies with chance t·√(n/π).
    """
    return _orthogonal_tolerance(sample) * math.sqrt(sample.n / math.pi) < 0.01


def _explained(verdict: Verdict, drawn: Uniform | Normal | TruncatedNormal, sample: Sample) -> str:
    statistic, p = verdict.statistic, probability(verdict.p_value)
    match verdict.test:
        case "scale" if isinstance(drawn, Uniform):
            return (
                f"the largest |x|, {number(sample.largest)}, stays short of "
                f"the bound {number(drawn.bound)} ({p})"
            )
        case "scale":
            return f"the spread is {factor(statistic)} that of the scheme ({p})"
        case "mean":
            errors = f"{abs(statistic):.1f} standard errors"
            return f"the mean {number(sample.mean)} is {errors} off 0 ({p})"
        case "extreme" if not isinstance(drawn, Uniform):
            usual = f"{count(sample.n)} draws reach about {usual_extreme(drawn, sample.n):.2f} σ"
            return f"the largest |x| is {statistic:.2f} σ, where {usual} ({p})"
        case "zeros":
            drawn_zeros = f"a draw has about {number(statistic)}"
            return f"{count(sample.zeros)} exact zeros, where {drawn_zeros} ({p})"
        case "gap":
            return f"the distribution differs by {100 * statistic:.2g} % at its widest ({p})"
        case _:
            return f"the shape differs: A² = {number(statistic)} ({p})"


def log_likelihood(law: Uniform | Normal | TruncatedNormal, sample: Sample) -> float:
    """Log density of the values under a law that allows them all, in nats."""
    n = sample.n
    if isinstance(law, Uniform):
        return -n * math.log(2 * law.bound)
    spread, mass = law.std, 1.0
    if isinstance(law, TruncatedNormal):
        spread, mass = law.parent, math.erf(law.cut / math.sqrt(2))
    constant = math.log(spread * math.sqrt(2 * math.pi) * mass)
    return -n * (constant + sample.second / (2 * spread * spread))


def _sorted(candidates: list[Candidate], *, orthogonal_first: bool) -> tuple[Candidate, ...]:
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
        return math.inf if line.law == "constant" or orthogonal_first else -math.inf
    rarity = min(BY_ID[i].rarity for i in line.ids)
    return line.log_likelihood - RARITY_NATS * rarity
