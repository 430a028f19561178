"""`initscope propagate ARCH`: what happens to a signal in a network, on stdout."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import orjson

from app.architecture.expecting import kept_in
from app.cli.terminal import Line, plain, plain_name, within
from app.config import Settings
from app.core.meanfield.bands import median_rms
from app.core.plans import Plan, fields_of, plan_told
from app.core.propagation import InputLaw, Layer, Order, PropagationReport, Series, Theory
from app.core.report import Level
from app.core.wording import counted
from app.errors import Invalid, Refused
from app.jobs.local_propagation import Paths, propagate

LEVELS: Final = ("info", "warning", "problem")  # in rising order
SIGNS: Final[dict[Level, str]] = {"info": "✓", "warning": "≠", "problem": "✕"}
LAWS: Final = ("normal", "uniform01")
HEADINGS: Final = (
    *("#", "operation", "kind", "shape", "size", "theory", "input share", "gradient", "zeros"),
)
WIDEST: Final = 100  # characters of a line of the table
GAP: Final = "  "
# What a wide table leaves out, first to last: a column, and the characters that stay of it.
NARROWED: Final = (*(("kind", 8), ("operation", 20), ("kind", 0), ("shape", 8), ("operation", 3)),)
STOPPED: Final = "stops here"  # in theory's column; the series' note says why
MOST_ROWS: Final = 80  # operations of a series; of more only those with a weight are listed
JOINED: Final = {
    "missing": "of the network are missing in the checkpoint and were drawn",
    "unused": "of the checkpoint have no place in the network",
    "differ": "have another shape in the checkpoint",
}
MOST_NAMES: Final = 5
PLAN_BYTES: Final = 64 * 1024


def run(asked: Namespace, settings: Settings) -> int:
    """Print what was measured.

    Returns:
        0, or 1 if a verdict is at or above --fail-on.

    Raises:
        InitscopeError: If a file is refused or the network cannot be measured.
    """
    law: InputLaw = asked.input if asked.input in LAWS else "file"
    order = Order(
        schemes=tuple(asked.scheme or ("torch_default",)),
        input=law,
        seeds=_positive("--seeds", asked.seeds),
        batch=_positive("--batch", asked.batch),
        mode=asked.mode,
        dtype=asked.dtype,
        activation=asked.activation,
        backward=not asked.forward_only,
        device=asked.device,
        plan=None if asked.plan is None else _plan(asked.plan),
    )
    paths = Paths(
        network=asked.architecture,
        checkpoint=asked.checkpoint,
        inputs=Path(asked.input) if law == "file" else None,
    )
    line = Line()
    try:
        report = asyncio.run(
            propagate(
                paths,
                order,
                settings,
                device=asked.device,
                on_progress=lambda step: line.show(f"{step.done:,} of {step.total:,} operations"),
            )
        )
    finally:
        line.clear()
    if asked.json:
        sys.stdout.buffer.write(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        sys.stdout.write(table(report))
    sys.stdout.flush()
    return int(asked.fail_on is not None and _found(report, asked.fail_on))


def table(report: PropagationReport) -> str:
    """The network, what was said of it, and for each series its verdict and operations."""
    blocks = [_head(report), _joined(report)]
    for series in report.series:
        blocks += [_verdict(series), _rows(series)]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _positive(what: str, count: int) -> int:
    if count < 1:
        raise Invalid(what=what, expected="at least 1", got=count)
    return count


def _plan(path: Path) -> Plan:
    """The plan in a JSON file.

    Raises:
        Refused: If it cannot be read.
        Invalid: If it is no JSON, or no plan.
    """
    try:
        with path.open("rb") as file:
            text = file.read(PLAN_BYTES + 1)
    except OSError as problem:
        raise Refused(reason=f"{path}: {problem.strerror}") from problem
    if len(text) > PLAN_BYTES:
        raise Invalid(what="--plan", expected=f"at most {PLAN_BYTES:,} bytes", got="more")
    try:
        return plan_told(orjson.loads(text))
    except orjson.JSONDecodeError as wrong:
        got = f"{wrong.msg} on line {wrong.lineno}"
        raise Invalid(what="--plan", expected="a file of JSON", got=got) from wrong


def _head(report: PropagationReport) -> list[str]:
    network, law = report.architecture, report.input
    source = law["file"] or law["law"]
    lines = [
        f"{plain(network.name)} · {network.origin} · {network.parameters:,} parameters"
        f" · {counted(network.layers, 'layer')} with weights,"
        f" {counted(network.operations, 'operation')}",
        f"  {report.seeds} seeds · {report.batch} inputs ({plain(str(source))}) · {report.mode}"
        f" · {report.dtype} · {plain(report.device)}",
    ]
    if report.plan is not None:
        told = " · ".join(f"{name} {text}" for name, text in fields_of(report.plan).items())
        lines.append(f"  plan: {plain(told) or 'nothing changes'}")
    return lines + [f"  {plain(note)}" for note in (*network.notes, *report.notes)]


def _joined(report: PropagationReport) -> list[str]:
    lines = []
    for key, names in report.join.items():
        if names and key in JOINED:
            shown = ", ".join(plain(name) for name in names[:MOST_NAMES])
            more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
            lines.append(f"  {len(names):,} {JOINED[key]}: {shown}{more}")
    return lines


def _verdict(series: Series) -> list[str]:
    verdict = series.verdict
    sign = SIGNS[verdict.level] if verdict else "–"
    said = verdict.message if verdict else "Measured."
    lines = [f"{sign} {plain(series.name)}: {plain(said)}"]
    more = (*(verdict.lines if verdict else ()), *series.notes)
    return lines + [f"  {plain(line)}" for line in more]


def _rows(series: Series) -> list[str]:
    shown = [(place, layer) for place, layer in enumerate(series.layers, start=1)]
    if len(shown) > MOST_ROWS:
        shown = [(place, layer) for place, layer in shown if layer.weighted]
    stops = {stop.node for stop in kept_in(series).stops}
    rows = [HEADINGS, *(_row(place, layer, stops) for place, layer in shown)]
    theory = any(layer.theory or layer.name in stops for _, layer in shown)
    columns = list(zip(HEADINGS, _widths(rows, theory=theory), strict=True))
    return [
        GAP.join(
            _fitted(heading, cell, width).ljust(width)
            for cell, (heading, width) in zip(row, columns, strict=True)
            if width
        ).rstrip()
        for row in rows
    ]


def _fitted(heading: str, cell: str, width: int) -> str:
    """A cell in its column: of a class the beginning is kept, of all others both ends."""
    if heading == "kind" and len(cell) > width:
        return f"{cell[: width - 1]}…"
    return within(cell, width)


def _widths(rows: Sequence[tuple[str, ...]], *, theory: bool) -> list[int]:
    """Characters of each column; 0 of one that is left out."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    if not theory:
        widths[HEADINGS.index("theory")] = 0
    for heading, least in NARROWED:
        column = HEADINGS.index(heading)
        over = sum(widths) + len(GAP) * (sum(width > 0 for width in widths) - 1) - WIDEST
        if over > 0:
            widths[column] = max(least, widths[column] - over) if least else 0
    return widths


def _row(place: int, layer: Layer, stops: Collection[str]) -> tuple[str, ...]:
    forward, backward = layer.forward, layer.backward
    return (
        str(place),
        plain_name(layer.name),
        plain(layer.kind or layer.op),
        "×".join(str(size) for size in layer.shape) or "scalar",
        _number(forward.rms_median) + (" !" if forward.nonfinite else ""),
        STOPPED if layer.name in stops else _number(_predicted(layer.theory)),
        _share(forward.input_share),
        _number(backward.grad_rms_median if backward else None),
        _share(forward.zero_fraction),
    )


def _predicted(theory: Theory | None) -> float | None:
    """The size that theory expects of the median network, as the one beside it was measured."""
    if theory is None or theory.rms is None or theory.sd_log is None:
        return None if theory is None else theory.rms
    return median_rms(theory.rms, theory.sd_log)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _share(value: float | None) -> str:
    if value is None:
        return "–"
    if 0 < value < 1e-6:
        return "< 0.0001 %"
    return f"{100 * value:.3g} %"


def _found(report: PropagationReport, level: str) -> bool:
    least = LEVELS.index(level)
    return any(
        one.verdict is not None and LEVELS.index(one.verdict.level) >= least
        for one in report.series
    )
