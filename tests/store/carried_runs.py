"""Runs of two tensors, carried by hand as a worker carries them."""

from __future__ import annotations

import dataclasses
from typing import Any

import sqlalchemy as sa

from app.core.report import SCHEMA, Overview, Source, Summary, TensorReport
from app.store.documents import dump
from app.store.facts import Measured, Part, Run


def tensor(index: int, **changes: Any) -> TensorReport:
    facts: dict[str, Any] = {field.name: None for field in dataclasses.fields(TensorReport)}
    facts |= {
        "place": {},
        "index": index,
        "name": f"layer{index}.weight",
        "group": "",
        "module": "layer",
    }
    facts |= {"shape": (3, 4), "strides": (4, 1), "dtype": "float32", "kind": "Linear"}
    facts |= {"kind_certainty": "inferred", "fan_certainty": "inferred", "role": "weight"}
    facts |= {"evidence": "name", "count": 12, "nonfinite": 0, "nan": 0, "zeros": 0, "mean": 0.1}
    facts |= {"quantiles": {"0.5": 0.1}, "status": "too_small", "sign": "not_judged"}
    facts |= {"sentence": "Too few values.", "remarks": (), "schemes": (), "candidates": ()}
    return TensorReport(**(facts | {"profiles": (), "parts": (), "place": {}} | changes))


def overview(headline: str = "All is well.", schema: str = SCHEMA) -> Overview:
    summary = Summary(
        tensors=2,
        parameters=24,
        buffers=0,
        parameter_tensors=2,
        buffer_tensors=0,
        dtypes={"float32": 2},
        headline=headline,
        status="as_expected",
        signs={"as_expected": 2},
        main_scheme=None,
        alpha=0.001,
    )
    source = Source(name="model.pt", format="torch zip", bytes=3, sha256="00")
    return Overview(schema=schema, source=source, summary=summary, findings=(), rows=())


def measured(report: TensorReport, sketch: bytes | None = None) -> Measured:
    return Measured(index=report.index, report=dump(report), sketch=sketch)


class Queue:
    """What an enqueuing callback was given."""

    def __init__(self) -> None:
        self.jobs: list[str] = []

    def __call__(self, connection: sa.Connection, run: Run) -> None:
        assert connection.in_transaction()
        self.jobs.append(run.job)


async def measured_run(shelf, queue, *, headline="All is well.", schema=SCHEMA) -> Run:
    """A finished run of two tensors."""
    file = await shelf.keep(b"abc")
    run = await shelf.runs.accept(file.id, again=True, enqueue=queue)
    await finish(shelf, run, headline=headline, schema=schema)
    return await shelf.runs.run(run.id)


async def finish(shelf, run: Run, *, headline="All is well.", schema=SCHEMA) -> bool:
    parts = [Part(number=0, tensors=2, todo=b"{}")]
    await shelf.attempts.step(run.job, "measuring")
    await shelf.attempts.plan(run.job, inventory=b"{}", parts=parts)
    await shelf.attempts.begin_part(run.job, 0)
    found = [measured(tensor(index), sketch=b"sketch") for index in range(2)]
    await shelf.attempts.measured(run.job, 0, found)
    reports = [dump(tensor(index, sign="differs")) for index in range(2)]
    return await shelf.attempts.finish(
        run.job, overview=overview(headline, schema), reports=reports
    )
