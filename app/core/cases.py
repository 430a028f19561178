"""One tensor with everything found about it: laws tested, structure seen, blocks judged alone."""

from __future__ import annotations

import math
from dataclasses import replace

from app.core.attribution import Attribution, attribute
from app.core.checkpoint import StoredTensor
from app.core.context import site_of
from app.core.defaults import open_defaults
from app.core.derivations import bias_at
from app.core.distributions import DRAW_SLACK, spacing, storage_limit
from app.core.fans import Fans
from app.core.layers import BIAS_ROLES, EMBEDDING, WEIGHT_ROLES, ParameterFacts
from app.core.matrix import Places
from app.core.packed import OF_WHOLE, of_blocks, part_report, refuted
from app.core.precision import effective_dtype
from app.core.report import DefaultLaw, PartReport
from app.core.schemes import laws_at, with_open_defaults
from app.core.sentences import Case
from app.core.statistics import Sketch
from app.core.structure import padding_zeros, structure_of, without_zeros

LEAST_BOUND = 1e-4  # of a layer of 10⁸ inputs


def case_of(
    tensor: StoredTensor,
    facts: ParameterFacts,
    sketch: Sketch,
    *,
    default: DefaultLaw | None,
    alpha: float,
    places: Places,
) -> Case:
    """A judged tensor's case.

    Args:
        tensor: As the file's table of contents has it.
        facts: What is known of its layer.
        sketch: Of all its values, at least one of them finite.
        default: Of the layer.
        alpha: Level of its tests.
        places: Where its values stand, as far as that was measured.
    """
    padding = _padding(tensor, facts, sketch, places)
    kept = without_zeros(sketch, padding)
    verdict = _attribution(tensor, facts, kept, default, alpha=alpha, places=places)
    structure = structure_of(kept, tensor.shape, places, stripped=bool(padding))
    case = Case(
        tensor=tensor,
        facts=facts,
        sketch=sketch,
        default=default,
        status=verdict.status,
        verdict=verdict,
        structure=structure,
        outside=outside_default(sketch, default),
        padding=padding,
        padding_rows=places.zero_rows if padding else (),
        parts=_parts(tensor, facts, default, alpha=alpha, places=places),
    )
    return _by_blocks(_by_structure(case))


def _by_structure(case: Case) -> Case:
    """The case with the word that its structure has over the tests of its values."""
    structure, verdict = case.structure, case.verdict
    if structure is None or verdict is None:
        return case
    if structure.kind in OF_WHOLE:
        return replace(case, status="structured")
    if structure.kind == "tied":
        found = refuted(verdict, by="rows", reason=structure.detail or "")
        return replace(case, verdict=found, status="not_at_init", told=_said(structure.detail))
    sparse = next(
        (c for c in verdict.candidates if c.law == "sparse" and c.rejected_by is None), None
    )
    if sparse is None or case.status == "too_small":
        return case
    return replace(
        case,
        status="structured",
        structure=replace(structure, detail=sparse.reason),
        told=f"Looks like torch.nn.init.sparse_: {sparse.reason}.",
    )


def _said(detail: str | None) -> str:
    text = detail or ""
    return f"{text[:1].upper()}{text[1:]}."


def _by_blocks(case: Case) -> Case:
    """A packed tensor that fits nothing as a whole, seen as its blocks."""
    if case.verdict is None or case.verdict.schemes or case.status == "structured":
        return case
    found = of_blocks(case.parts)
    if found is None:
        return case
    status, structure, told = found
    return replace(case, status=status, structure=structure or case.structure, told=told)


def _parts(
    tensor: StoredTensor,
    facts: ParameterFacts,
    default: DefaultLaw | None,
    *,
    alpha: float,
    places: Places,
) -> tuple[PartReport, ...]:
    parts = [part for part in places.parts if part.sketch.finite]
    site = site_of(facts, tensor.shape)
    return tuple(
        part_report(part, whole=tensor.shape, default=default, site=site, alpha=alpha / len(parts))
        for part in parts
    )


def _padding(tensor: StoredTensor, facts: ParameterFacts, sketch: Sketch, places: Places) -> int:
    """Zeros of an embedding's padding rows, where half of its rows at most are such."""
    open_ = facts.attributes.get("possible")
    may_be = facts.kind in EMBEDDING or (isinstance(open_, tuple) and "Embedding" in open_)
    if facts.role != "weight" or not may_be:
        return 0
    if places.matrix is not None:
        rows = len(places.zero_rows)
        return rows * tensor.shape[1] if 2 * rows <= tensor.shape[0] else 0
    told = isinstance(facts.attributes.get("padding_idx"), int)
    return padding_zeros(sketch, tensor.shape, told=told)


def _attribution(
    tensor: StoredTensor,
    facts: ParameterFacts,
    sketch: Sketch,
    default: DefaultLaw | None,
    *,
    alpha: float,
    places: Places,
) -> Attribution:
    fanned = facts.role in WEIGHT_ROLES or facts.role == "parameter"
    matrix = fanned and len(tensor.shape) > 1
    fans = None
    if matrix and facts.fan_in and facts.fan_out:
        fans = Fans(fan_in=facts.fan_in, fan_out=facts.fan_out)
    shape = tensor.shape if matrix else (math.prod(tensor.shape),)
    site = site_of(facts, tensor.shape)
    laws = laws_at(shape=shape, fans=fans, default=default, site=site)
    if default is None:
        open_ = open_defaults(facts, tensor.shape) or _at_some_fan(facts, sketch)
        laws = with_open_defaults(laws, open_)
    return attribute(sketch, laws, alpha=alpha, places=places)


def _at_some_fan(facts: ParameterFacts, sketch: Sketch) -> tuple[tuple[str, DefaultLaw], ...]:
    """PyTorch's law of a bias whose weight is not in the file, at the fan its values reach to."""
    alone = facts.role in BIAS_ROLES and facts.kind == "unknown" and not facts.fan_in
    ends = (abs(end) for end in (sketch.minimum, sketch.maximum) if end is not None)
    largest = max(ends, default=0.0)
    if not alone or sketch.constant is not None or largest <= LEAST_BOUND:
        return ()
    half = spacing(largest, effective_dtype(sketch)) / 2
    fan_in = math.floor(((1 + DRAW_SLACK) / (largest - half)) ** 2)
    law = bias_at(fan_in)
    return ((f"a layer of {fan_in} inputs at most", law),) if law else ()


def outside_default(sketch: Sketch, default: DefaultLaw | None) -> int | None:
    """Finite values outside the default's bound, exactly; a narrower dtype's rounding granted."""
    if default is None or default.bound is None or sketch.limit is None or not sketch.finite:
        return None
    largest = max(abs(sketch.minimum or 0.0), abs(sketch.maximum or 0.0))
    if default.law != "constant":
        within = largest <= storage_limit(default.bound, effective_dtype(sketch))
        return 0 if within else sketch.below + sketch.above
    return sketch.below + sketch.above
