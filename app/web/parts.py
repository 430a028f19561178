"""The blocks of a packed tensor, q, k and v or gates, each as a tensor of its own."""

from __future__ import annotations

from dataclasses import replace

from app.charts.names import visible
from app.charts.style import SIGN_ICONS, SIGN_WORDS
from app.core.report import PartReport, Sign, Status, TensorReport
from app.web import filters
from app.web.contexts import PartRow
from app.web.look import Look

SIGNS: dict[Status, Sign] = {
    "consistent": "differs",
    "unlisted_scale": "no_match",
    "not_at_init": "no_match",
    "structured": "differs",
    "too_small": "not_judged",
    "not_judged": "not_judged",
}


def part_of(report: TensorReport, look: Look) -> PartReport | None:
    """The part of a packed tensor that the address asks for; None for the whole."""
    return next((part for part in report.parts if part.name == look.part), None)


def sign_of(report: TensorReport, part: PartReport) -> Sign:
    """The part's sign: that of the whole where both fit the same scheme or are alike."""
    alike = part.status == report.status and not part.schemes and not report.schemes
    if alike or set(part.schemes) & set(report.schemes):
        return report.sign
    if "torch_default" in part.schemes:
        return "as_expected"
    return SIGNS[part.status]


def of_part(report: TensorReport, part: PartReport | None) -> TensorReport:
    """The tensor's report with the part's facts in place of the whole's; the whole for None.

    What was measured of the whole alone is left out: histogram, quantiles, default, certificate.
    """
    if part is None:
        return report
    return replace(
        report,
        shape=part.shape,
        fan_in=part.fan_in,
        fan_out=part.fan_out,
        count=part.count,
        nonfinite=part.nonfinite,
        zeros=part.zeros,
        min=part.min,
        max=part.max,
        mean=part.mean,
        std=part.std,
        status=part.status,
        sentence=part.sentence,
        schemes=part.schemes,
        candidates=part.candidates,
        structure=part.structure,
        sign=sign_of(report, part),
        nan=part.nonfinite,
        remarks=(),
        quantiles={},
        skewness=None,
        kurtosis=None,
        histogram=None,
        default=None,
        outside_default_bound=None,
        outside_default_count=None,
        certificate=None,
    )


def part_rows(report: TensorReport, look: Look) -> tuple[PartRow, ...]:
    """The table of parts; empty where the tensor is not packed."""
    signs = [sign_of(report, part) for part in report.parts]
    return tuple(
        PartRow(
            name=part.name,
            href=look.query(part=part.name, scheme=""),
            current=part.name == look.part,
            rows=f"{part.start:,} to {part.stop - 1:,}",
            shape=filters.shape(part.shape),
            std=filters.number(part.std),
            icon=SIGN_ICONS[sign],
            word=SIGN_WORDS[sign],
            sign=sign,
            sentence=visible(part.sentence),
        )
        for part, sign in zip(report.parts, signs, strict=True)
    )
