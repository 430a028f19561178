"""The What if page as data: the plan, what changes, and every operation before and after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from app.core.graph import Inventory
from app.core.plans import fields_of
from app.core.propagation import Layer, Theory
from app.web.csvs import Cell, table
from app.web.whatif_changes import changes
from app.web.whatif_comparison import Compared, compared
from app.web.whatif_comparison import Theory as Answering
from app.web.whatif_series import Side
from app.web.whatif_subjects import Subject

SCHEMA = "initscope.whatif/1"
NUMBERS = ("rms_median", "rms_low", "rms_high", "input_share", "grad_rms_median")
COLUMNS = ("name", "kind", "op", "shape", "weighted", "series", "source", *NUMBERS)


def document(subject: Subject, theory: Answering | None) -> dict[str, Any]:
    """The page's JSON twin.

    Args:
        subject: What the address asks for.
        theory: None of a network that cannot run, or that nobody has read.
    """
    told: dict[str, Any] = {
        "schema": SCHEMA,
        "id": subject.id,
        "name": subject.name,
        "network": subject.net,
        "plan": fields_of(subject.wish.plan),
        "from": subject.before,
        "input": subject.wish.input,
        "batch": subject.wish.batch,
        "mode": "train",
    }
    if theory is None:
        return told | {"before": None, "after": None, "reason": _reason(subject)}
    found = compared(subject, theory, whole=True)
    made = changes(found.before_expected.planned, found.after_expected.planned, own=subject.own)
    return told | {
        "changes": [asdict(line) for line in made.lines],
        "further_changes": made.further,
        "unchanged": made.same,
        "before": _side(found.before),
        "after": _side(found.after) | {"notes": found.after_expected.planned.notes},
        "measurement": _measurement(subject, found),
    }


def operations(before: Side, after: Side) -> str:
    """One row for each operation of each series, by theory and as measured."""
    return table(COLUMNS, (row for side in (before, after) for row in _rows(side)))


def _rows(side: Side) -> Iterator[tuple[Cell, ...]]:
    sources = (("theory", side.predicted), ("measured", side.measured))
    for source, series in sources:
        for layer in series.layers if series else ():
            numbers = _numbers(layer)
            low, high = numbers.pop("rms_band") or (None, None)
            yield (
                *(layer.name, layer.kind, layer.op),
                "x".join(map(str, layer.shape)) or "scalar",
                int(layer.weighted),
                *(side.predicted.name, source),
                *(numbers["rms_median"], low, high),
                *(numbers["input_share"], numbers["grad_rms_median"]),
            )


def _reason(subject: Subject) -> str:
    known = subject.network
    return known.reason if isinstance(known, Inventory) else "No worker has read it yet."


def _side(side: Side) -> dict[str, Any]:
    measured = {} if side.measured is None else {one.name: one for one in side.measured.layers}
    return {
        "name": side.predicted.name,
        "verdict": side.predicted.verdict,
        "measured_verdict": None if side.measured is None else side.measured.verdict,
        "stops": side.stops,
        "layers": [
            _layer(one, measured.get(one.name), one.theory) for one in side.predicted.layers
        ],
    }


def _layer(layer: Layer, measured: Layer | None, theory: Theory | None) -> dict[str, Any]:
    band = layer.forward.rms_band
    expected = theory and {
        **asdict(theory),
        "rms_median": layer.forward.rms_median,
        "rms_band": band,
    }
    return {
        "name": layer.name,
        "op": layer.op,
        "kind": layer.kind,
        "shape": layer.shape,
        "weighted": layer.weighted,
        "theory": expected,
        "measured": measured and _numbers(measured),
    }


def _numbers(layer: Layer) -> dict[str, Any]:
    forward, backward = layer.forward, layer.backward
    return {
        "rms_median": forward.rms_median,
        "rms_band": forward.rms_band,
        "input_share": forward.input_share,
        "grad_rms_median": backward.grad_rms_median if backward else None,
        "grad_rms_band": backward.grad_rms_band if backward else None,
        "nonfinite": forward.nonfinite,
    }


def _measurement(subject: Subject, found: Compared) -> dict[str, Any]:
    last = subject.measurement
    return {
        "state": None if last is None else last.state,
        "before": found.before.measured is not None,
        "after": found.after.measured is not None,
    }
