"""The propagation page from what the store holds: report, measurement, inventory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from app.charts.names import shortened, visible
from app.charts.propagation import short_names
from app.charts.propagation_marks import marks
from app.core.graph import Inventory
from app.core.propagation import Layer, PropagationReport, Series
from app.core.report import Level
from app.store.facts import Propagation
from app.web import filters
from app.web.addresses import at
from app.web.phase_choices import PhaseChoices
from app.web.problems import Problem
from app.web.propagation_contexts import (
    Card,
    Going,
    InventoryRow,
    InventoryView,
    OperationRow,
    PropagationPage,
    Remark,
    SeriesHead,
)
from app.web.propagation_controls import controls
from app.web.propagation_drawings import chart_views, heat_views, mark_views
from app.web.propagation_progress import on_its_way
from app.web.propagation_subjects import Subject
from app.web.propagation_words import (
    card_facts,
    intro,
    question,
    share,
    short,
    sign_of,
    verdict_box,
)
from app.web.wording import layer_kind

MOST_ROWS = 2000  # operations in the page; the CSV holds them all
MOST_MODULES = 400
LONGEST_NAME = 90
JOINED: dict[str, tuple[Level, str, str]] = {  # of the network, or of the file
    "missing": ("info", "Not in the file, so drawn", "parameter"),
    "unused": ("info", "In the file without a place in the network", "tensor"),
    "differ": ("warning", "Of another shape in the file than in the network, so drawn", "tensor"),
}
UNREAD = ("cannot_run", "not_a_network")  # codes of errors


def propagation_page(subject: Subject) -> PropagationPage:
    """The context of propagation.html."""
    report, found = subject.report, subject.measurement
    query = subject.choices.query()
    measured = found is not None and found.reported
    empty = report is None or not report.series
    return PropagationPage(
        title=f"Propagation · {visible(subject.name)}",
        json_url=None if report is None else f"{subject.address}.json{query}",
        id=subject.id,
        file=visible(subject.name),
        current="propagation",
        analysed=subject.analysed,
        question="Does the signal survive the depth?" if report is None else question(report),
        intro="" if report is None else intro(report, inputs=subject.inputs),
        controls=controls(
            subject.choices,
            has_weights=subject.has_weights,
            measured=measured,
            inputs=subject.inputs,
        ),
        going=going(subject),
        problem=None if subject.inventory and _unread(found) else measurement_problem(found),
        inventory=inventory_view(subject.inventory),
        earlier=_earlier(subject),
        verdict=None if report is None else verdict_box(report),
        cards=() if report is None else _cards(report),
        charts=() if report is None else chart_views(report, subject.address, query),
        heats=() if report is None else heat_views(report, subject.address, query),
        heads=() if report is None else _heads(report),
        rows=() if report is None or empty else _rows(report),
        total=0 if report is None else max((len(one.layers) for one in report.series), default=0),
        remarks=() if report is None else _remarks(report),
        csv_url=f"{subject.address}.csv{query}",
        phase_url=_phase_url(subject),
        delete_url=f"{subject.address}/delete{query}",
    )


def _phase_url(subject: Subject) -> str:
    choices = subject.choices
    asked = PhaseChoices(act=choices.act).query()
    return at(f"/m/{choices.net or subject.id}/phase{asked}")


def going(subject: Subject) -> Going | None:
    """The measurement on its way, None where none is."""
    query = subject.choices.query()
    return on_its_way(
        subject.measurement,
        workers=subject.workers,
        status_url=f"{subject.address}/status.json{query}",
        cancel_url=f"{subject.address}/cancel{query}",
    )


def measurement_problem(found: Propagation | None) -> Problem | None:
    """Why a measurement has no report of its last attempt, None where it has or goes on."""
    if found is None or found.state not in ("failed", "cancelled"):
        return None
    if found.error is None:
        return Problem(
            status=200, code="cancelled", message="The measurement was cancelled.", hint=""
        )
    error = found.error
    return Problem(status=200, code=error.code, message=error.message, hint=error.hint)


def _unread(found: Propagation | None) -> bool:
    """Whether a measurement failed for the reason that its inventory tells."""
    return found is not None and found.error is not None and found.error.code in UNREAD


def _earlier(subject: Subject) -> str:
    """Why the report below is not of the choices above."""
    found, shown = subject.measurement, subject.shown
    if shown is None:
        return ""
    if found is None:
        return "These choices are not measured yet. Below is the last measurement."
    if found.id != shown.id:
        return "Below is an earlier measurement, with other choices."
    if not found.finished:
        return "Below is this measurement's last report."
    return "This report was written by an older version; measure again." if shown.stale else ""


def inventory_view(found: Inventory | None) -> InventoryView | None:
    """What can be said of a network that cannot run, None of one that can."""
    if found is None:
        return None
    return InventoryView(
        reason=visible(found.reason),
        suggestion=found.suggestion or "",
        rows=tuple(
            InventoryRow(
                path=shortened(layer.path, LONGEST_NAME),
                kind=shortened(layer.kind, LONGEST_NAME),
                text=shortened(layer.text, 2 * LONGEST_NAME),
                parameters=filters.count(layer.parameters),
                line="" if layer.line is None else str(layer.line),
            )
            for layer in found.layers[:MOST_MODULES]
        ),
        lined=any(layer.line is not None for layer in found.layers),
        further=max(0, len(found.layers) - MOST_MODULES),
    )


def _cards(report: PropagationReport) -> tuple[Card, ...]:
    found = []
    labels = short_names(report.series)
    looks = zip(report.series, labels, marks(report.series), mark_views(report), strict=True)
    for one, label, mark, drawn in looks:
        if not one.layers:
            continue
        sign, icon, word = sign_of(one)
        told = one.verdict
        beside = told.theory if told else ()
        said = [line for line in told.lines if line not in beside] if told else []
        found.append(
            Card(
                name=shortened(one.name, LONGEST_NAME),
                label=label,
                family=mark.family,
                mark=drawn,
                sign=sign,
                icon=icon,
                word=word,
                message=visible(told.message) if told else "Measured.",
                line=visible(said[0]) if said else "",
                notes=tuple(visible(note) for note in (*said[1:], *one.notes)),
                facts=card_facts(one),
                theory=tuple(visible(text) for text in beside),
            )
        )
    return tuple(found)


def _heads(report: PropagationReport) -> tuple[SeriesHead, ...]:
    pairs = zip(short_names(report.series), marks(report.series), strict=True)
    return tuple(SeriesHead(name=name, family=mark.family) for name, mark in pairs)


def _rows(report: PropagationReport) -> tuple[OperationRow, ...]:
    longest: Series = max(report.series, key=lambda one: len(one.layers))
    columns = zip_longest(*(one.layers for one in report.series))
    rows, weighted = [], 0
    pairs = zip(longest.layers[:MOST_ROWS], columns, strict=False)
    for place, (layer, across) in enumerate(pairs, start=1):
        weighted += layer.weighted
        rows.append(
            OperationRow(
                place=place,
                layer=str(weighted) if layer.weighted else "",
                name=shortened(layer.name, LONGEST_NAME) or "(no name)",
                kind=shortened(layer_kind(layer.kind) or layer.op, LONGEST_NAME),
                shape=filters.shape(layer.shape[1:]) if len(layer.shape) > 1 else "one number",
                cells=tuple(_cells(one) for one in across),
            )
        )
    return tuple(rows)


def _cells(layer: Layer | None) -> tuple[str, str, str]:
    if layer is None:
        return (filters.NONE,) * 3
    forward, backward = layer.forward, layer.backward
    size = short(forward.rms_median)
    if forward.nonfinite:
        size += " ▲"
    gradient = short(backward.grad_rms_median) if backward else filters.NONE
    if backward and backward.nonfinite:
        gradient += " ▲"
    return size, share(forward.input_share), gradient


def _remarks(report: PropagationReport) -> tuple[Remark, ...]:
    found = [_joined(key, names) for key, names in report.join.items() if names]
    said: Sequence[str] = (*report.architecture.notes, *report.notes)
    found += [Remark(level="info", text=visible(text)) for text in dict.fromkeys(said)]
    return tuple(found)


def _joined(key: str, names: tuple[str, ...]) -> Remark:
    level, what, noun = JOINED.get(key, ("info", key, "tensor"))
    return Remark(
        level=level,
        text=f"{visible(what)}: {filters.plural(len(names), noun)}.",
        names=tuple(shortened(name, 2 * LONGEST_NAME) for name in names[:MOST_MODULES]),
    )
