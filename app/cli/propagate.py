"""`initscope propagate ARCH`: what happens to a signal in a network, on stdout."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from pathlib import Path
from typing import Final

import orjson

from app.cli.table import LONGEST_NAME
from app.config import Settings
from app.core.propagation import InputLaw, Layer, Order, PropagationReport, Series
from app.core.report import Level
from app.core.wording import counted
from app.errors import Invalid
from app.jobs.local_propagation import Paths, propagate
from app.jobs.networks import Step

LEVELS: Final = ("info", "warning", "problem")  # in rising order
SIGNS: Final[dict[Level, str]] = {"info": "✓", "warning": "≠", "problem": "✕"}
LAWS: Final = ("normal", "uniform01")
HEADINGS: Final = ("#", "operation", "kind", "shape", "size", "input share", "gradient", "zeros")
MOST_ROWS: Final = 80  # operations of a series; of more only those with a weight are listed
JOINED: Final = {
    "missing": "of the network are missing in the checkpoint and were drawn",
    "unused": "of the checkpoint have no place in the network",
    "differ": "have another shape in the checkpoint",
}
MOST_NAMES: Final = 5


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
    )
    paths = Paths(
        network=asked.architecture,
        checkpoint=asked.checkpoint,
        inputs=Path(asked.input) if law == "file" else None,
    )
    progress = _Progress()
    try:
        report = asyncio.run(
            propagate(paths, order, settings, device=asked.device, on_progress=progress.show)
        )
    finally:
        progress.clear()
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


def _head(report: PropagationReport) -> list[str]:
    network, law = report.architecture, report.input
    source = law["file"] or law["law"]
    lines = [
        f"{_plain(network.name)} · {network.origin} · {network.parameters:,} parameters"
        f" · {counted(network.layers, 'layer')} with weights,"
        f" {counted(network.operations, 'operation')}",
        f"  {report.seeds} seeds · {report.batch} inputs ({_plain(str(source))}) · {report.mode}"
        f" · {report.dtype} · {_plain(report.device)}",
    ]
    return lines + [f"  {_plain(note)}" for note in (*network.notes, *report.notes)]


def _joined(report: PropagationReport) -> list[str]:
    lines = []
    for key, names in report.join.items():
        if names and key in JOINED:
            shown = ", ".join(_plain(name) for name in names[:MOST_NAMES])
            more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
            lines.append(f"  {len(names):,} {JOINED[key]}: {shown}{more}")
    return lines


def _verdict(series: Series) -> list[str]:
    verdict = series.verdict
    sign = SIGNS[verdict.level] if verdict else "–"
    said = verdict.message if verdict else "Measured."
    lines = [f"{sign} {_plain(series.name)}: {_plain(said)}"]
    more = (*(verdict.lines if verdict else ()), *series.notes)
    return lines + [f"  {_plain(line)}" for line in more]


def _rows(series: Series) -> list[str]:
    shown = [(place, layer) for place, layer in enumerate(series.layers, start=1)]
    if len(shown) > MOST_ROWS:
        shown = [(place, layer) for place, layer in shown if layer.weighted]
    rows = [HEADINGS, *(_row(place, layer) for place, layer in shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(place: int, layer: Layer) -> tuple[str, ...]:
    forward, backward = layer.forward, layer.backward
    return (
        str(place),
        _short(layer.name),
        _plain(layer.kind or layer.op),
        "×".join(str(size) for size in layer.shape) or "scalar",
        _number(forward.rms_median) + (" !" if forward.nonfinite else ""),
        _share(forward.input_share),
        _number(backward.grad_rms_median if backward else None),
        _share(forward.zero_fraction),
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _share(value: float | None) -> str:
    if value is None:
        return "–"
    if 0 < value < 1e-6:
        return "< 0.0001 %"
    return f"{100 * value:.3g} %"


def _short(name: str) -> str:
    plain = _plain(name)
    if len(plain) <= LONGEST_NAME:
        return plain
    half = LONGEST_NAME // 2 - 1
    return f"{plain[:half]}…{plain[-half:]}"


def _plain(text: str) -> str:
    """Hostile text without what would move a terminal's cursor or turn its lines around."""
    return "".join(character if character.isprintable() else "�" for character in text)


def _found(report: PropagationReport, level: str) -> bool:
    least = LEVELS.index(level)
    return any(
        one.verdict is not None and LEVELS.index(one.verdict.level) >= least
        for one in report.series
    )


class _Progress:
    """A line on stderr that is written over; nothing where nobody watches."""

    def __init__(self) -> None:
        self._watched = sys.stderr.isatty()

    def show(self, step: Step) -> None:
        if self._watched:
            sys.stderr.write(f"\r{step.done:,} of {step.total:,} operations\x1b[K")
            sys.stderr.flush()

    def clear(self) -> None:
        if self._watched:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
