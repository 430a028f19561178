"""From judged tensors to a verdict on the model: main scheme, signs, headline, findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.core.calls import calls
from app.core.checkpoint import Checkpoint
from app.core.findings import findings_of
from app.core.headlines import headline
from app.core.layers import STATE_ROLES
from app.core.preferred import preferred
from app.core.recipe import Recipe, recipe_of
from app.core.report import Finding, Sign, Source, Summary, TensorReport
from app.core.wording import counted

WORST_FIRST: tuple[Sign, ...] = ("problem", "no_match", "differs", "as_expected", "not_judged")
_SENTENCES = {
    "all_zero_weight": (
        "Every value is 0: no signal passes, and no gradient reaches the layers before."
    ),
    "constant_weight": "Every value is the same: all units compute one thing.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """The verdict on a model, and its tensors as the model shows them."""

    summary: Summary
    findings: tuple[Finding, ...]  # worst first
    reports: tuple[TensorReport, ...]


def conclude(
    *,
    source: Source,  # noqa: ARG001
    checkpoint: Checkpoint,
    reports: Sequence[TensorReport],
    alpha: float,
) -> Conclusion:
    """What all tensors say together.

    Args:
        source: The file.
        checkpoint: Its table of contents.
        reports: One a tensor, from `judgement.judge`.
        alpha: Level of each tensor's tests.
    """
    recipe = recipe_of(reports)
    findings = (*calls(checkpoint.globals), *findings_of(recipe, checkpoint.modules))
    final = tuple(
        preferred(_final(report, recipe, findings), recipe.by_index.get(report.index))
        for report in reports
    )
    return Conclusion(
        summary=_summary(checkpoint, final, recipe, headline(recipe, findings), alpha),
        findings=findings,
        reports=final,
    )


def _final(report: TensorReport, recipe: Recipe, findings: Sequence[Finding]) -> TensorReport:
    """The tensor with the sign that the whole model gives it."""
    problem = next(
        (f for f in findings if f.level == "problem" and report.index in f.indices), None
    )
    if problem is None:
        return replace(report, sign=recipe.sign(report))
    broken = f"{counted(report.nonfinite, 'value is', 'values are')} NaN or infinite."
    sentence = broken if report.nonfinite else _SENTENCES.get(problem.code, report.sentence)
    return replace(report, sign="problem", sentence=sentence)


def _summary(
    checkpoint: Checkpoint,
    reports: tuple[TensorReport, ...],
    recipe: Recipe,
    said: str,
    alpha: float,
) -> Summary:
    owned = [r for r in reports if r.alias_of is None and r.role != "optimizer_state"]
    buffers = [r for r in owned if _is_buffer(r)]
    parameters = [r for r in owned if not _is_buffer(r)]
    signs = Counter(report.sign for report in reports)
    return Summary(
        tensors=len(reports),
        parameters=sum(r.count for r in parameters),
        buffers=sum(r.count for r in buffers),
        parameter_tensors=len(parameters),
        buffer_tensors=len(buffers),
        dtypes=dict(Counter(r.dtype for r in reports).most_common()),
        headline=said,
        status=next((sign for sign in WORST_FIRST if signs[sign]), "not_judged"),
        signs={sign: signs[sign] for sign in WORST_FIRST if signs[sign]},
        main_scheme=recipe.main,
        recipe=recipe.lines,
        recipe_text=recipe.text,
        family=recipe.family,
        alpha=alpha,
        format_notes=checkpoint.notes,
        computed=_computed(reports),
        globals=checkpoint.globals,
        metadata=checkpoint.metadata,
    )


def _computed(reports: tuple[TensorReport, ...]) -> tuple[str, ...]:
    told = Counter(report.computed for report in reports if report.computed)
    return tuple(f"{counted(times, 'large tensor')}: {text}." for text, times in told.items())


def _is_buffer(report: TensorReport) -> bool:
    return report.parameter is False or report.role in STATE_ROLES - {"magnitude"}
