"""`initscope compare BEFORE AFTER`: what moved between two checkpoints, on stdout."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from pathlib import Path

import orjson

from app.cli.terminal import Line, measured, plain, plain_name
from app.config import Settings
from app.core.movements import Comparison, Moved, Movement, concluded
from app.core.report import Overview, Source
from app.jobs.comparing import compare
from app.jobs.local import analyze
from app.jobs.seeding import Step
from app.web.drift_documents import result_of

SIGNS: dict[Movement, str] = {
    "moved": "→",
    "barely": "·",
    "unmoved": "=",
    "redrawn": "↻",
    "not_compared": "–",
}
HEADINGS = ("", "tensor", "shape", "drift", "cosine", "unchanged", "std", "law")


def run(asked: Namespace, settings: Settings) -> int:
    """Print how far every tensor moved.

    Returns:
        0, whatever moved.

    Raises:
        InitscopeError: If a file is refused or the comparison cannot be done.
    """
    line = Line()
    try:
        report = compare(asked.before, asked.after, settings, lambda step: line.show(_said(step)))
        laws = [
            asyncio.run(analyze(path, settings, lambda *told: line.show(measured(*told)))).overview
            for path in (asked.before, asked.after)
        ]
    finally:
        line.clear()
    judged = concluded(report, laws[0], laws[1])
    if asked.json:
        files = dict(zip(("before", "after"), (_file(one.source) for one in laws), strict=True))
        document = {"schema": report.schema, **files, **result_of(report, judged)}
        sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        sys.stdout.write(table(judged, laws, (asked.before, asked.after)))
    sys.stdout.flush()
    return 0


def _file(source: Source) -> dict[str, str | int]:
    return {
        "id": source.sha256[:32],
        "name": source.name,
        "bytes": source.bytes,
        "sha256": source.sha256,
    }


def table(judged: Comparison, laws: list[Overview], paths: tuple[Path, Path]) -> str:
    """The headline, the remarks and one line for each tensor."""
    head = [judged.headline]
    for role, overview, path in zip(("before", "after"), laws, paths, strict=True):
        name = overview.source.name or path.name
        head.append(f"  {role}: {plain(name)} · {overview.source.bytes:,} bytes")
    remarks = [f"{one.level}: {plain(one.message)}" for one in judged.remarks]
    rows = [HEADINGS, *(_row(one) for one in judged.moved)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    blocks = [[plain(line) for line in head], remarks, lines]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _row(one: Moved) -> tuple[str, ...]:
    shape = "×".join(map(str, one.pair.shape)) or "scalar"
    found = one.pair.drift
    if found is None or found.count == 0:
        return (
            SIGNS[one.movement],
            plain_name(one.pair.name),
            shape,
            "",
            "",
            "",
            "",
            one.pair.note or "empty",
        )
    return (
        SIGNS[one.movement],
        plain_name(one.pair.name),
        shape,
        _number(found.relative),
        _number(found.cosine),
        f"{found.unchanged:,} of {found.count:,}",
        f"{_number(found.std_before)} → {_number(found.std_after)}",
        _law(one),
    )


def _law(one: Moved) -> str:
    before, after = (plain(name or "") for name in (one.law_before, one.law_after))
    return before if before == after else f"{before} → {after}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _said(step: Step) -> str:
    return f"{step.done:,} of {step.total:,} tensors compared"
