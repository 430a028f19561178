"""How a finding is put together: level, code, tensors, sentence, measured value, limit, source."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.report import Finding, Level, TensorReport
from app.core.wording import listed

ATTRIBUTION = "each scheme tested at the model's level"


def finding(
    kind: tuple[Level, str],
    reports: Sequence[TensorReport],
    message: str,
    *,
    measured: float | None = None,
    limit: float | None = None,
    source: str = ATTRIBUTION,
) -> Finding:
    """A verdict on some tensors.

    Args:
        kind: Level and code.
        reports: The tensors it is about.
        message: Fact, consequence and what to do, in full sentences.
        measured: The value behind it.
        limit: What the value is compared with.
        source: Where the rule comes from.
    """
    return Finding(
        level=kind[0],
        code=kind[1],
        tensors=tuple(r.name for r in reports),
        indices=tuple(r.index for r in reports),
        message=message,
        measured=measured,
        limit=limit,
        source=source,
    )


def called(report: TensorReport) -> str:
    """A tensor's name, with its group where it is not the model itself: `ema: 0.weight`."""
    return f"{report.group}: {report.name}" if report.group else report.name


def names(reports: Sequence[TensorReport]) -> str:
    """The tensors' names, the first three of them spelt out; a shared group is told once."""
    groups = {r.group for r in reports}
    if len(groups) == 1 and "" not in groups:
        return f"{groups.pop()}: {listed([r.name for r in reports])}"
    return listed([called(r) for r in reports])


def verb(reports: Sequence[TensorReport], singular: str, plural: str) -> str:
    """The verb's form for so many tensors."""
    return singular if len(reports) == 1 else plural
