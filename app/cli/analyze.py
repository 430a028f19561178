"""`initscope analyze PATH`: the report of a checkpoint on stdout."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from dataclasses import asdict

import orjson

from app.cli.report import expect_kind, write_report
from app.cli.table import table
from app.cli.terminal import Line, measured
from app.config import Settings
from app.errors import Invalid
from app.jobs.local import analyze
from app.jobs.parcels import Concluded
from app.store.documents import TENSOR, inflate, load
from app.web.schemas import tensor_document

EXTRAS = frozenset({"hist", "candidates"})
LEVELS = ("info", "warning", "problem")  # in rising order


def run(asked: Namespace, settings: Settings) -> int:
    """Print the report.

    Returns:
        0, or 1 if a finding is at or above --fail-on.

    Raises:
        InitscopeError: If the file is refused or the analysis cannot be done.
    """
    extra = frozenset(part for part in asked.extra.split(",") if part)
    if not extra <= EXTRAS:
        came = ", ".join(sorted(extra - EXTRAS))
        raise Invalid(what="--extra", expected="hist, candidates or both", got=came)
    if asked.report is not None:
        expect_kind(asked.report)
    line = Line()
    try:
        report = asyncio.run(
            analyze(asked.path, settings, lambda *told: line.show(measured(*told)))
        )
    finally:
        line.clear()
    if asked.report is not None:
        write_report(report, asked.report)
    if asked.json:
        sys.stdout.buffer.write(document(report, extra=extra) + b"\n")
    else:
        sys.stdout.write(table(report.overview))
    sys.stdout.flush()
    return int(asked.fail_on is not None and _found(report, asked.fail_on))


def document(report: Concluded, *, extra: frozenset[str]) -> bytes:
    """The analysis document as JSON: what GET /api/v1/runs/{id} holds of the report."""
    overview = report.overview
    return orjson.dumps(
        {
            "schema": overview.schema,
            "source": asdict(overview.source),
            "summary": asdict(overview.summary),
            "findings": [asdict(finding) for finding in overview.findings],
            "tensors": [
                tensor_document(load(TENSOR, inflate(tensor)), extra=extra)
                for tensor in report.reports
            ],
        },
        option=orjson.OPT_INDENT_2,
    )


def _found(report: Concluded, level: str) -> bool:
    least = LEVELS.index(level)
    return any(LEVELS.index(finding.level) >= least for finding in report.overview.findings)
