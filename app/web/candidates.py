"""The laws a tensor may have been drawn from: their table and their derivations."""

from __future__ import annotations

from collections.abc import Sequence

from app.charts.style import family
from app.charts.tensors import DRAWN
from app.core.context import site
from app.core.report import Candidate, DefaultLaw, Step, TensorReport
from app.core.schemes import BY_ID, derivation
from app.web import filters
from app.web.laws import CandidateRow, Derivation, StepLine
from app.web.look import Look
from app.web.wording import exact


def candidate_row(
    item: Candidate, report: TensorReport, address: str, *, picked: bool, look: Look
) -> CandidateRow:
    """One line of the candidates table; its link draws every figure against it."""
    fits = item.rejected_by is None
    ratio = "–" if item.std_ratio is None else filters.number(item.std_ratio, 4)
    sure = fits and report.status not in {"too_small", "not_judged"}
    return CandidateRow(
        id=item.ids[0],
        href=f"{address}{look.query(scheme=item.ids[0])}",
        name=item.names[0],
        others=item.names[1:],
        formula=item.formula,
        family=family(item.ids[0], item.law),
        dotted=item.law in {"normal", "truncated_normal"},
        ratio=ratio,
        p_value=_p_value(item),
        fits=fits,
        result="fits" if sure else "possible" if fits else f"no: {item.rejected_by}",
        reason=item.reason or "",
        picked=picked,
        drawn=item.law in DRAWN and item.std > 0,
    )


def _p_value(item: Candidate) -> str:
    if item.p_value is None:
        return "–"
    return "< 10⁻³⁰⁰" if item.p_value < 1e-300 else filters.number(item.p_value, 2)


def derivations(report: TensorReport, picked: Candidate | None) -> tuple[Derivation, ...]:
    """Why the default has these numbers, and why the picked law would have others."""
    found = []
    if report.default is not None:
        found.append(_default_derivation(report.default))
    if picked is not None and "torch_default" not in picked.ids:
        found.extend(_scheme_derivation(report, picked))
    return tuple(found)


def step_lines(steps: Sequence[Step]) -> tuple[StepLine, ...]:
    """The lines of a derivation; a value that its expression says already is left out."""
    values = [exact(step.value) for step in steps]
    return tuple(
        StepLine(
            symbol=step.symbol,
            expression=step.expression,
            value="" if step.expression == value else value,
        )
        for step, value in zip(steps, values, strict=True)
    )


def _default_derivation(law: DefaultLaw) -> Derivation:
    return Derivation(
        title=f"What PyTorch {'sets' if law.law == 'constant' else 'draws'} here",
        call=law.call,
        formula=law.formula,
        steps=step_lines(law.steps),
        remark=law.remark or "",
        source=law.source,
    )


def _scheme_derivation(report: TensorReport, picked: Candidate) -> list[Derivation]:
    scheme = BY_ID.get(picked.ids[0])
    if scheme is None or report.fan_in is None or report.fan_out is None:
        return []
    return [
        Derivation(
            title=f"What {picked.names[0]} would draw",
            call=scheme.call,
            formula=picked.formula,
            steps=step_lines(
                derivation(
                    scheme,
                    fan_in=report.fan_in,
                    fan_out=report.fan_out,
                    rows=report.shape[0] if report.shape else None,
                    site=site(set(), report.place),
                )
            ),
            remark="A normal has no bound." if picked.law == "normal" else "",
            source=scheme.source,
        )
    ]
