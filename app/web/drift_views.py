"""The comparison's page from what the store holds: numbers, laws, how far a job is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from app.charts.drift import DriftPlot, as_svg, drift_plot
from app.charts.names import shortened, visible
from app.charts.style import VARIABLES
from app.core.movements import Comparison, Moved
from app.store.facts import Compared, Run
from app.web import filters
from app.web.addresses import at
from app.web.contexts import Choice, Fact, FindingLine, Paging, Verdict
from app.web.drift_contexts import (
    DriftChoicePage,
    DriftPage,
    DriftRow,
    OtherFile,
    Side,
)
from app.web.drift_rows import LONGEST_NAME, drift_row
from app.web.drift_selection import MOVEMENTS, DriftView, counted_as, remaining
from app.web.drift_subjects import DriftSubject, Half, compare_url
from app.web.problems import Problem
from app.web.progress import NO_WORKER, job_url, report_url
from app.web.selection import PAGE_ROWS, WHOLE
from app.web.wording import verdict

LONGEST_REMARK: Final = 600
CHIPS: Final = {
    "": "Weights and exceptions",
    "all": "All",
    "moved": "moved",
    "barely": "hardly moved",
    "unmoved": "never moved",
    "redrawn": "drawn anew",
    "left_law": "left their law",
}
OFFERED: Final = 50  # reports to compare with
COLUMNS: Final = (("", "#"), ("name", "Name"), ("size", "Shape"), ("drift", "Drift"))
CAPTION: Final = (
    "One row per weight tensor, in the order of the first file. Across, logarithmic: how far it "
    "moved, as a share of its own size. Dashed: as far as it is large. Two unrelated draws of one "
    "law are √2 apart. At the left, in the lane of their own: tensors without a changed value."
)


def drift_page(subject: DriftSubject, view: DriftView) -> DriftPage:
    """The context of drift.html."""
    found, told = subject.compared, subject.comparison
    left = [] if told is None else remaining(told.moved, view)
    paging = None if told is None or len(told.moved) <= WHOLE else _paging(view, len(left))
    plot = None if told is None else picture_of(told)
    state = "none" if found is None else found.state
    return DriftPage(
        title=f"{visible(subject.before.file.name)} → {visible(subject.after.file.name)}",
        json_url=None if told is None else compare_url(subject.before.id, view.to, ".json"),
        id=subject.before.id,
        file=visible(subject.before.file.name),
        current="drift",
        other=subject.after.id,
        sides=(_side("before", subject.before), _side("after", subject.after)),
        state=state,
        live=found is not None and not found.finished,
        step=step_of(found) + _notice(subject),
        percent=percent_of(found),
        status_url=at(f"/m/{subject.before.id}/compare/status.json?to={view.to}"),
        problem=_problem(found),
        verdict=None if told is None else _verdict(subject, told),
        picture=_drawing(plot),
        caption=CAPTION,
        svg_url=at(f"/m/{subject.before.id}/compare/drift.svg?to={view.to}"),
        csv_url=compare_url(subject.before.id, view.to, ".csv"),
        chips=() if told is None else _chips(told.moved, view),
        sorts=_sorts(view),
        q=view.q,
        hidden_fields=tuple(
            Fact(name=name, value=getattr(view, name))
            for name in ("to", "kind", "sort", "theme")
            if getattr(view, name)
        ),
        clear=view.query(q="", kind="", page=""),
        filtered=bool(view.q or view.kind),
        rows=tuple(_rows(subject, left, paging, plot)),
        shown=len(left),
        total=0 if told is None else len(told.moved),
        paging=paging,
        swap=compare_url(subject.after.id, subject.before.id),
    )


def picture_of(told: Comparison) -> DriftPlot | None:
    """The picture of the weight tensors; of all where none is a weight."""
    weights = [one for one in told.moved if one.pair.weight]
    noun = "weight tensor" if weights else "tensor"
    shown = weights or told.moved
    sentence = f"Drift of {filters.plural(len(shown), noun)}. {told.headline}"
    return drift_plot(shown, visible(sentence))


def _drawing(plot: DriftPlot | None) -> Markup | None:
    return None if plot is None else Markup(as_svg(plot, VARIABLES))  # noqa: S704 - svg.py escapes


def step_of(found: Compared | None) -> str:
    """How far a comparison is, in a sentence; "" where none is on its way."""
    if found is None or found.finished:
        return ""
    if found.state == "queued":
        return "Waiting for a free worker …"
    if not found.total:
        return "Reading both files …"
    return f"Comparing: {found.done:,} of {filters.plural(found.total, 'tensor')} …"


def percent_of(found: Compared | None) -> float | None:
    """How much is done, None where nobody knows."""
    if found is None or found.finished or not found.total:
        return None
    return round(100 * min(1.0, found.done / found.total), 1)


def _notice(subject: DriftSubject) -> str:
    live = subject.compared is not None and not subject.compared.finished
    told = f" {NO_WORKER.replace('the analysis', 'it')}"
    return told if live and subject.workers == 0 else ""


def _problem(found: Compared | None) -> Problem | None:
    if found is None or found.state not in ("failed", "cancelled"):
        return None
    if found.error is None:
        return Problem(
            status=200, code="cancelled", message="The comparison was cancelled.", hint=""
        )
    error = found.error
    return Problem(status=200, code=error.code, message=error.message, hint=error.hint)


def _side(role: str, half: Half) -> Side:
    return Side(
        role=role,
        name=shortened(half.file.name, LONGEST_NAME),
        sha256=half.file.sha256,
        size=filters.size(half.file.bytes),
        href=_address(half),
        state="analysed" if half.reported else _why_unknown(half),
    )


def _address(half: Half) -> str:
    """Of the file's report, or of its job; "" where nobody asked for either."""
    if half.run is None:
        return ""
    return report_url(half.id) if half.reported else job_url(half.id)


def _why_unknown(half: Half) -> str:
    return "being analysed" if half.run is not None and not half.run.finished else "not analysed"


def _verdict(subject: DriftSubject, told: Comparison) -> Verdict:
    lines = [
        FindingLine(
            level=one.level, link=None, label="", message=shortened(one.message, LONGEST_REMARK)
        )
        for one in told.remarks
    ]
    for half in (subject.before, subject.after):
        if not half.reported:
            name = shortened(half.file.name, LONGEST_NAME)
            text = f"{name} is {_why_unknown(half)}, so laws are not compared yet."
            lines.append(FindingLine(level="info", link=None, label="", message=text))
    facts = [
        Fact(name=CHIPS[kind], value=filters.integer(count))
        for kind in MOVEMENTS
        if kind != "all" and (count := sum(_weighs(one, kind) for one in told.moved))
    ]
    return verdict(told.sign, visible(told.headline), lines=lines, facts=facts)


def _weighs(one: Moved, kind: str) -> bool:
    return one.pair.weight and counted_as(one, kind)


def _chips(moved: Sequence[Moved], view: DriftView) -> tuple[Choice, ...]:
    counts = {kind: sum(counted_as(one, kind) for one in moved) for kind in CHIPS}
    return tuple(
        Choice(
            label=label,
            count=filters.integer(counts[kind]),
            current=view.kind == kind,
            value=kind,
            href=view.query(kind=kind, page=""),
        )
        for kind, label in CHIPS.items()
        if counts[kind] or view.kind == kind or kind in {"", "all"}
    )


def _sorts(view: DriftView) -> tuple[Choice, ...]:
    return tuple(
        Choice(
            label=label,
            href=view.query(sort=value, page=""),
            current=view.sort == value,
            value=value,
        )
        for value, label in COLUMNS
    )


def _paging(view: DriftView, rows: int) -> Paging:
    pages = max(1, math.ceil(rows / PAGE_ROWS))
    page = min(view.place, pages)
    return Paging(
        page=page,
        pages=pages,
        previous=view.query(page=str(page - 1) if page > 2 else "") if page > 1 else None,
        next=view.query(page=str(page + 1)) if page < pages else None,
    )


def _rows(
    subject: DriftSubject, left: Sequence[Moved], paging: Paging | None, plot: DriftPlot | None
) -> list[DriftRow]:
    first = 0 if paging is None else (paging.page - 1) * PAGE_ROWS
    last = len(left) if paging is None else first + PAGE_ROWS
    return [drift_row(subject, one, plot) for one in left[first:last]]


def choice_page(
    run: Run, others: Sequence[Run], compared: Sequence[Compared], *, max_bytes: int
) -> DriftChoicePage:
    """The context of drift_choice.html."""
    states = {one.after: one for one in reversed(compared) if one.before == run.id}
    offered = [other for other in others if other.reported and other.id != run.id][:OFFERED]
    return DriftChoicePage(
        title=f"Compare {visible(run.name)}",
        json_url=None,
        id=run.id,
        file=visible(run.name),
        current="drift",
        others=tuple(
            OtherFile(
                id=other.id,
                name=shortened(other.name, LONGEST_NAME),
                line=shortened(other.headline or "", LONGEST_NAME),
                when=filters.ago(other.created_at),
                compared=_compared(states.get(other.id)),
            )
            for other in offered
        ),
        most=OFFERED,
        max_bytes=max_bytes,
    )


def _compared(found: Compared | None) -> str:
    if found is None or found.state in ("failed", "cancelled"):
        return ""
    return "compared" if found.state == "done" else "being compared"
