"""Which schemes could have drawn this tensor: every candidate tested alone, the survivors kept.

Each law is tested on its own, so the true one is lost with probability at most alpha however many
candidates there are: the survivors are a confidence set, never a winner.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.core.catalogue import BY_ID
from app.core.clamped import without_clamped
from app.core.distributions import (
    Constant,
    Continuous,
    Orthogonal,
    PositiveUniform,
    rounded,
    storage_limit,
)
from app.core.frames import is_frame, no_draw
from app.core.freescale import Fit, blurred_edge, free_fit
from app.core.goodness import Sample, Verdict, assess
from app.core.lines import lines_of
from app.core.matrix import Places
from app.core.patterns import Diagonal, Sparse
from app.core.placed import diagonal_test, frame_test, not_zero, sparse_test, squares_tolerance
from app.core.precision import effective_dtype, narrowed
from app.core.ranking import log_likelihood, ordered, with_inseparable
from app.core.reasons import TEST_NAMES, explained, outside
from app.core.report import Candidate, Status
from app.core.schemes import LawAtShape
from app.core.statistics import Sketch, distribution_function
from app.core.wording import number

FEW = 30  # values below which no law can be told from another
HALVES = ("bfloat16", "float16")  # dtypes that a constant in a wider file may have passed


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


def attribute(
    sketch: Sketch, laws: Sequence[LawAtShape], *, alpha: float, places: Places | None = None
) -> Attribution:
    """Test every law against a tensor's values.

    Args:
        sketch: With at least one finite value.
        laws: Of the catalogue at this shape.
        alpha: Level of each candidate's test, between 0 and 1.
        places: Where the values stand; without it, rows and columns are not tested.
    """
    if sketch.constant is not None and (sketch.count > 1 or _listed(sketch.constant, laws)):
        return _constant(sketch, laws)
    sample = sample_of(sketch, places)
    wanted = [law for law in laws if not isinstance(law.distribution, Constant) or _default(law)]
    tensor = _Tensor(sketch=sketch, places=places, sample=sample, alpha=alpha)
    found = [_candidate(law, tensor) for law in wanted]
    told = with_inseparable(found, [law.distribution for law in wanted], n=sample.n, alpha=alpha)
    telling = sample.orthogonality is not None or _is_telling(sample)
    candidates = ordered(told, orthogonal_first=telling)
    if sample.n < FEW:
        return Attribution(candidates=candidates, status="too_small")
    if any(c.rejected_by is None for c in candidates):
        return Attribution(candidates=candidates, status="consistent")
    if is_frame(sample.orthogonality):
        return Attribution(candidates=candidates, status="unlisted_scale")
    return _unlisted(candidates, sample, alpha, fanned=_has_fans(laws))


def _unlisted(
    candidates: tuple[Candidate, ...], sample: Sample, alpha: float, *, fanned: bool
) -> Attribution:
    """No listed law fits: a law at another scale, a draw that was moved a little, or neither.

    Nobody draws biases and the like from a normal of an unlisted spread, and trained ones look
    so while they are short: of such a tensor, the fit is told but not believed.
    """
    fit = free_fit(sample, alpha)
    if fit is not None and fit.law == "uniform":
        moved = blurred_edge(candidates, sample)
        if moved is not None:
            return Attribution(candidates=candidates, status="not_at_init", moved_from=moved)
    believed = fit is not None and (fanned or fit.telling)
    status: Status = "unlisted_scale" if believed else "not_at_init"
    return Attribution(candidates=candidates, status=status, fit=fit)


def _has_fans(laws: Sequence[LawAtShape]) -> bool:
    return any(BY_ID[i].fan != "none" for law in laws for i in law.ids if i != "torch_default")


def sample_of(sketch: Sketch, places: Places | None = None) -> Sample:
    """What the tests need of a sketch and of the places of its values."""
    dtype = effective_dtype(sketch)
    matrix = places.matrix if places else None
    points, shares = distribution_function(narrowed(sketch))
    ends = (abs(end) for end in (sketch.minimum, sketch.maximum) if end is not None)
    return Sample(
        n=sketch.finite,
        dtype=dtype,
        largest=max(ends, default=0.0),
        mean=sketch.mean,
        second=sketch.second_moment or 0.0,
        zeros=sketch.zeros,
        points=points,
        shares=shares,
        lines=lines_of(matrix, dtype=dtype) if matrix else None,
        orthogonality=places.orthogonality if places else None,
        spectrum=places.spectrum if places else None,
    )


def _default(law: LawAtShape) -> bool:
    return "torch_default" in law.ids


def _is_value(value: float, constant: float, dtype: str) -> bool:
    """Whether a stored value is the constant, as one of the dtypes it may have passed rounds it."""
    halves = HALVES if math.isclose(value, constant, rel_tol=0.1) else ()
    return value == constant or any(value == rounded(constant, d) for d in (dtype, *halves))


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
    candidates = ordered(found, orthogonal_first=False)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tensor:
    """One tensor as every candidate meets it."""

    sketch: Sketch
    places: Places | None
    sample: Sample
    alpha: float


def _candidate(law: LawAtShape, tensor: _Tensor) -> Candidate:
    drawn, sketch = law.distribution, tensor.sketch
    match drawn:
        case Constant():
            reason = "the values are not all alike"
            return _line(law, sketch, rejected_by="constant", reason=reason)
        case Diagonal():
            refuted, why = diagonal_test(drawn, sketch, tensor.places)
            return _line(law, sketch, rejected_by=refuted, reason=why)
        case Sparse():
            return _sparse(law, drawn, tensor)
        case Orthogonal():
            return _outside(law, tensor) or _orthogonal(law, drawn, tensor)
        case _:
            return _outside(law, tensor) or _independent(law, drawn, tensor)


def _outside(law: LawAtShape, tensor: _Tensor) -> Candidate | None:
    """The candidate excluded by a value out of its support, if there is one."""
    drawn, sample, sketch = law.distribution, tensor.sample, tensor.sketch
    least = sketch.minimum or 0.0
    if isinstance(drawn, PositiveUniform) and least < 0:
        reason = f"the smallest value is {number(least)}, and none is drawn below 0"
        return _line(law, sketch, rejected_by="support", reason=reason)
    if drawn.bound is None or (isinstance(drawn, Orthogonal) and drawn.any_gain):
        return None
    limit = storage_limit(drawn.bound, sample.dtype)
    if sample.largest <= limit:
        return None
    reason = outside(sketch, sample, drawn.bound, limit)
    return _line(law, sketch, rejected_by="support", reason=reason)


def _independent(law: LawAtShape, drawn: Continuous, tensor: _Tensor) -> Candidate:
    sample, sketch = tensor.sample, tensor.sketch
    clamped = [i for i in law.ids if BY_ID[i].clamp is not None]
    ends = {BY_ID[i].clamp or 0.0 for i in clamped}
    kept = without_clamped(sketch, max(ends)) if sample.largest in ends else None
    if kept is not None:
        names = tuple(BY_ID[i].name for i in clamped)
        law = replace(law, ids=tuple(clamped), names=names)
        sample = sample_of(kept)
    if is_frame(sample.orthogonality):
        return _line(law, sketch, rejected_by="rows", reason=no_draw(sample.orthogonality))
    verdict = assess(drawn, sample, stop_below=tensor.alpha)
    line = _line(law, sketch, verdict=verdict)
    if verdict.p_value < tensor.alpha:
        name = TEST_NAMES.get(verdict.test, verdict.test)
        line = replace(line, rejected_by=name, reason=explained(verdict, drawn, sample))
    return replace(line, log_likelihood=log_likelihood(drawn, sample))


def _orthogonal(law: LawAtShape, drawn: Orthogonal, tensor: _Tensor) -> Candidate:
    if tensor.places is not None and tensor.places.identity is not None:
        reason = "every value is 0 or one other: a random orthogonal matrix never is"
        return _line(law, tensor.sketch, rejected_by="places", reason=reason)
    refuted, reason = frame_test(drawn, tensor.sample)
    line = _line(law, tensor.sketch, rejected_by=refuted, reason=reason)
    if not drawn.any_gain:
        return line
    std = tensor.sketch.std or 0.0
    return replace(line, bound=None, std=std, std_ratio=None if refuted else 1.0)


def _sparse(law: LawAtShape, drawn: Sparse, tensor: _Tensor) -> Candidate:
    kept = not_zero(tensor.sketch)
    refuted, reason = sparse_test(
        drawn,
        tensor.sketch,
        tensor.places,
        alpha=tensor.alpha,
        rest=sample_of(kept) if kept else None,
    )
    return _line(law, tensor.sketch, rejected_by=refuted, reason=reason)


def _is_telling(sample: Sample) -> bool:
    """Whether a normal draw of this size meets orthogonal's Σw² in under 1 of 100 tensors.

    Σx²/σ²n is normal about 1 with variance 2/n: within ±t it lies with chance t·√(n/π).
    """
    return squares_tolerance(sample) * math.sqrt(sample.n / math.pi) < 0.01
