"""`initscope seed PATH`: which torch.manual_seed drew a checkpoint, on stdout."""

from __future__ import annotations

import sys
from argparse import Namespace

import orjson

from app.cli.terminal import Line, plain, plain_name
from app.config import Settings
from app.core.seeds import Verdict
from app.core.wording import counted
from app.jobs.seeding import SeedReport, SeedRow, Step, as_document, find_seeds, headline

SIGNS: dict[Verdict, str] = {
    "from_stream": "✓",
    "moved": "≠",
    "not_from_stream": "~",
    "cannot_be_replayed": "–",
}
STEPS = {
    "reading": "tensors read",
    "state": "solving for the generator's state",
    "moved_state": "solving for the generator's state, allowing for a training step",
    "seeds": "seeds tried",
    "places": "seeds tried where a model usually has its tensors",
    "stream": "outputs of the stream searched",
}
HEADINGS = ("", "tensor", "shape", "seed", "offset", "law", "what became of it")
MOST_GAPS = 6  # that are listed


def run(asked: Namespace, settings: Settings) -> int:
    """Print the seeds and every tensor's place in their streams.

    Returns:
        0, whether a seed was found or not.

    Raises:
        InitscopeError: If the file is refused or the search cannot be done.
    """
    line = Line()
    try:
        report = find_seeds(
            asked.path, settings, full=asked.full, on_progress=lambda step: line.show(_said(step))
        )
    finally:
        line.clear()
    if asked.json:
        sys.stdout.buffer.write(document(report) + b"\n")
    else:
        sys.stdout.write(table(report))
    sys.stdout.flush()
    return 0


def document(report: SeedReport) -> bytes:
    """The seed document as JSON: each tensor's name and place in one object."""
    return orjson.dumps(as_document(report), option=orjson.OPT_INDENT_2)


def table(report: SeedReport) -> str:
    """The seeds, the gaps of their streams and one line for each tensor."""
    rows = [HEADINGS, *(_row(row) for row in report.tensors)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    blocks = [_head(report), *([_gaps(report)] if report.seeds else []), lines]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _head(report: SeedReport) -> list[str]:
    lines = [_headline(report), f"  {plain(report.name)} · {report.format}"]
    for found in report.seeds[1:]:
        drawn = counted(len(found.order), "more tensor")
        lines.append(f"  torch.manual_seed({found.seed}) drew {drawn}")
    if report.seeds:
        lines.append("  Seeds are told modulo 2³², which is all that torch takes of them.")
    else:
        tried = f"{report.seeds_tried:,} of {report.seeds_in_all:,} seeds were tried"
        lines.append(f"  {tried}{_hint(report)}")
    return lines


def _headline(report: SeedReport) -> str:
    moved = any(row.origin.verdict == "moved" for row in report.tensors)
    sign = "–" if not report.seeds else "≠" if moved else "✓"
    return f"{sign} {headline(report)}"


def _hint(report: SeedReport) -> str:
    return "" if report.seeds_tried >= report.seeds_in_all else "; --full tries all of them"


def _gaps(report: SeedReport) -> list[str]:
    found = report.seeds[0]
    names = {row.origin.index: _name(row) for row in report.tensors}
    lines = [
        f"  {gap.outputs:,} outputs before {names[gap.before]} drew something else, "
        "or what was overwritten"
        for gap in found.gaps[:MOST_GAPS]
    ]
    more = len(found.gaps) - len(lines)
    return lines + ([f"  and {counted(more, 'more gap')}"] if more else [])


def _row(row: SeedRow) -> tuple[str, ...]:
    origin = row.origin
    shape = "×".join(str(size) for size in row.shape) or "scalar"
    return (
        SIGNS[origin.verdict],
        _name(row),
        shape,
        "" if origin.seed is None else str(origin.seed),
        "" if origin.stream_offset is None else f"{origin.stream_offset:,}",
        _law(row),
        origin.reason,
    )


def _law(row: SeedRow) -> str:
    origin = row.origin
    if origin.law == "uniform" and origin.low is not None and origin.high is not None:
        if origin.low == -origin.high:
            return f"U(±{origin.high:.4g})"
        return f"U({origin.low:.4g}, {origin.high:.4g})"
    if origin.law == "normal" and origin.mean is not None and origin.std is not None:
        return f"N({origin.mean:.4g}, {origin.std:.4g}²)"
    return ""


def _name(row: SeedRow) -> str:
    return plain_name(f"{row.group}: {row.name}" if row.group else row.name)


def _said(step: Step) -> str:
    count = f"{step.done:,} of {step.total:,} " if step.total > 1 else ""
    return f"{count}{STEPS[step.step]}" if step.step in STEPS else ""
