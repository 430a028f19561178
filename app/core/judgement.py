"""One tensor judged: facts and sketch in, TensorReport out."""

from __future__ import annotations

import math

from app.core.blocks import Block, blocks
from app.core.cases import case_of, outside_default
from app.core.checkpoint import StoredTensor
from app.core.context import numbers_told
from app.core.defaults import default_law
from app.core.distributions import FORMATS, rounded, storage_limit
from app.core.histograms import profile, tensor_histogram
from app.core.layers import STATE_ROLES, ParameterFacts
from app.core.matrix import Places, unit_spread
from app.core.packed import common
from app.core.report import (
    DefaultLaw,
    Histogram,
    Profile,
    Sign,
    Status,
    TensorReport,
    TensorRow,
)
from app.core.schemes import BY_ID
from app.core.sentences import Case, remarks, sentence
from app.core.statistics import Sketch
from app.core.wording import number

QUANTILES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
PROVISIONAL: dict[Status, Sign] = {
    "consistent": "as_expected",
    "structured": "differs",
    "unlisted_scale": "no_match",
    "not_at_init": "no_match",
    "too_small": "not_judged",
    "not_judged": "not_judged",
}


def is_judged(facts: ParameterFacts, tensor: StoredTensor) -> bool:
    """Whether a tensor is tested against schemes: a floating parameter with values of its own."""
    return (
        tensor.dtype in FORMATS
        and tensor.note is None
        and tensor.alias_of is None
        and tensor.parameter is not False
        and facts.role not in STATE_ROLES
        and math.prod(tensor.shape) > 0
    )


def limit_of(facts: ParameterFacts, tensor: StoredTensor) -> float | None:
    """The |value| above which a value lies outside its default law, as stored.

    Returns:
        None where there is no default or where it has no bound.
    """
    default = _default(facts, tensor)
    if default is None or default.bound is None:
        return None
    if default.law == "constant":
        return abs(rounded(default.bound, tensor.dtype))
    return storage_limit(default.bound, tensor.dtype)


def blocks_of(facts: ParameterFacts, tensor: StoredTensor) -> tuple[Block, ...]:
    """The weights packed into a tensor that is judged; what to measure on its own."""
    return blocks(facts, tensor.shape) if is_judged(facts, tensor) else ()


def judge(
    tensor: StoredTensor,
    facts: ParameterFacts,
    sketch: Sketch,
    *,
    alpha: float,
    places: Places | None = None,
) -> TensorReport:
    """Everything that can be said about one tensor on its own.

    Args:
        tensor: As the file's table of contents has it.
        facts: What is known of its layer.
        sketch: Of all its values, taken with `limit_of(facts, tensor)` as the limit.
        alpha: Level of its tests, between 0 and 1: 0.001 / tensors judged.
        places: Where its values stand; without it rows, columns and structure are not looked at.

    Returns:
        A report whose sign and sentence are the tensor's own; `verdicts.conclude` sees the model.
    """
    case = _case(tensor, facts, sketch, alpha=alpha, places=places)
    default, outside, verdict = case.default, case.outside, case.verdict
    return TensorReport(
        index=tensor.index,
        name=tensor.name,
        group=tensor.group,
        module=facts.module,
        shape=tensor.shape,
        strides=tensor.strides,
        dtype=tensor.dtype,
        parameter=tensor.parameter,
        alias_of=tensor.alias_of,
        kind=facts.kind,
        kind_certainty=facts.kind_certainty,
        role=facts.role,
        fan_in=facts.fan_in,
        fan_out=facts.fan_out,
        fan_certainty=facts.fan_certainty,
        evidence=facts.evidence,
        count=sketch.count,
        nonfinite=sketch.nonfinite,
        nan=sketch.nan,
        zeros=sketch.zeros,
        min=sketch.minimum,
        max=sketch.maximum,
        mean=sketch.mean if sketch.finite else None,
        std=sketch.std,
        skewness=sketch.skewness,
        kurtosis=sketch.kurtosis,
        quantiles=_quantiles(sketch),
        default=default,
        outside_default_bound=outside / sketch.finite if outside is not None else None,
        outside_default_count=outside,
        status=case.status,
        sign=PROVISIONAL[case.status],
        sentence=sentence(case),
        remarks=remarks(case),
        schemes=_schemes(case),
        candidates=verdict.candidates if verdict else (),
        structure=case.structure,
        histogram=_histogram(sketch, default),
        profiles=_profiles(sketch, facts, default),
        units=unit_spread(places.matrix) if places and places.matrix else None,
        parts=case.parts,
        digest=places.digest if places else None,
        place=numbers_told(facts.attributes),
    )


def _default(facts: ParameterFacts, tensor: StoredTensor) -> DefaultLaw | None:
    return default_law(facts, tensor.shape) if is_judged(facts, tensor) else None


def _case(
    tensor: StoredTensor,
    facts: ParameterFacts,
    sketch: Sketch,
    *,
    alpha: float,
    places: Places | None,
) -> Case:
    default = _default(facts, tensor)
    if is_judged(facts, tensor) and sketch.finite > 0:
        found = places or Places()
        return case_of(tensor, facts, sketch, default=default, alpha=alpha, places=found)
    return Case(
        tensor=tensor,
        facts=facts,
        sketch=sketch,
        default=default,
        status="not_judged",
        verdict=None,
        structure=None,
        outside=outside_default(sketch, default),
    )


def _schemes(case: Case) -> tuple[str, ...]:
    """Ids that could have drawn the tensor, or each of its blocks at a scale of its own."""
    if case.verdict is None:
        return ()
    blockwise = case.status == "consistent" and not case.verdict.schemes
    return common(case.parts) if blockwise else case.verdict.schemes


def _quantiles(sketch: Sketch) -> dict[str, float]:
    found = {f"{p:g}": sketch.quantile(p) for p in QUANTILES}
    return {p: value for p, value in found.items() if value is not None}


def _histogram(sketch: Sketch, default: DefaultLaw | None) -> Histogram | None:
    if sketch.constant is not None or not sketch.finite:
        return None
    bound = default.bound if default is not None and default.bound else None
    return tensor_histogram(sketch, bound=bound)


def _profiles(
    sketch: Sketch, facts: ParameterFacts, default: DefaultLaw | None
) -> tuple[Profile, ...]:
    """The histogram on the axis shared by all tensors, where there is something to draw."""
    scale = shared_scale(facts, default)
    if scale is None or sketch.constant is not None or not sketch.finite:
        return ()
    return (profile(sketch, scale=scale, unit="bound"),)


def shared_scale(facts: ParameterFacts, default: DefaultLaw | None) -> float | None:
    """Weight units per unit of the shared axis.

    Returns:
        The default's bound; of a normal default √3 stds, the bound of the uniform with its std;
        1/√fan_in without a default; None where none of these is known.
    """
    if default is not None and default.bound:
        return default.bound
    if default is not None and default.std > 0:
        return math.sqrt(3) * default.std
    if default is None and facts.fan_in:
        return 1 / math.sqrt(facts.fan_in)
    return None


def row(report: TensorReport) -> TensorRow:
    """One line of the layers page: the report without its heavy parts."""
    default = report.default
    ratio = None
    if default is not None and default.std > 0 and report.std is not None:
        ratio = report.std / default.std
    shared = {
        name: getattr(report, name)
        for name in TensorRow.__dataclass_fields__
        if name in TensorReport.__dataclass_fields__
    }
    structure = report.structure
    return TensorRow(
        **shared,
        scheme=report.schemes[0] if report.schemes else None,
        scheme_name=scheme_name(report),
        default_bound=default.bound if default else None,
        default_std=default.std if default else None,
        std_ratio=ratio,
        constant=structure.value if structure and structure.kind == "constant" else None,
    )


def scheme_name(report: TensorReport) -> str:
    """The scheme as a person reads it: "PyTorch default", "all 1", "no scheme fits"."""
    structure = report.structure
    if structure is not None and structure.kind == "constant" and structure.value is not None:
        return f"all {number(structure.value)}"
    if structure is not None and structure.kind in {"identity", "dirac"}:
        return structure.kind
    if structure is not None and structure.kind == "blocks":
        return "blocks differ"
    if report.status == "not_judged":
        return "not judged"
    if report.status == "too_small":
        return "too few values"
    if report.schemes:
        return BY_ID[report.schemes[0]].name
    return "unlisted scale" if report.status == "unlisted_scale" else "no scheme fits"
