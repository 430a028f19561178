"""`initscope analyze PATH`: the report of a checkpoint on stdout."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from dataclasses import asdict

import orjson

from app.cli.table import table
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
    progress = _Progress()
    try:
        report = asyncio.run(analyze(asked.path, settings, progress.show))
    finally:
        progress.clear()
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


class _Progress:
    """A line on stderr that is written over; nothing where nobody watches."""

    def __init__(self) -> None:
        self._watched = sys.stderr.isatty()

    def show(self, done: int, total: int) -> None:
        if self._watched:
            sys.stderr.write(f"\r{done} of {total} tensors measured\x1b[K")
            sys.stderr.flush()

    def clear(self) -> None:
        if self._watched:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
