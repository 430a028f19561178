"""A propagation report as CSV: every number of every operation, and what each figure shows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from app.charts.propagation import SignalPlot
from app.charts.propagation_heat import BINS, REACH, HeatMap
from app.core.propagation import Layer, PropagationReport, Series
from app.web.csvs import Cell, table

FORWARD = (
    *("mean", "std", "rms", "rms_median", "rms_low", "rms_high"),
    *("input_share", "input_share_low", "input_share_high"),
    *("zero_fraction", "dead_fraction", "saturated_fraction", "nonfinite"),
)
BACKWARD = ("grad_rms", "grad_rms_median", "grad_rms_low", "grad_rms_high", "grad_nonfinite")
COLUMNS = (
    *("scheme", "series", "place", "layer", "name", "kind", "op", "module", "shape"),
    *FORWARD,
    *BACKWARD,
)


def operations(report: PropagationReport) -> str:
    """One row for each operation of each series."""
    return table(COLUMNS, (row for one in report.series for row in _rows(one)))


def _rows(series: Series) -> Iterator[tuple[Cell, ...]]:
    weighted = 0
    for place, layer in enumerate(series.layers, start=1):
        weighted += layer.weighted
        yield (
            series.scheme,
            series.name,
            place,
            weighted if layer.weighted else None,
            layer.name,
            layer.kind,
            layer.op,
            layer.module,
            "x".join(map(str, layer.shape)) or "scalar",
            *_forward(layer),
            *_backward(layer),
        )


def _ends(band: tuple[float, float] | None) -> tuple[Cell, Cell]:
    return band or (None, None)


def _forward(layer: Layer) -> tuple[Cell, ...]:
    found = layer.forward
    return (
        *(found.mean, found.std, found.rms, found.rms_median, *_ends(found.rms_band)),
        *(found.input_share, *_ends(found.input_share_band)),
        *(found.zero_fraction, found.dead_fraction, found.saturated_fraction, found.nonfinite),
    )


def _backward(layer: Layer) -> tuple[Cell, ...]:
    found = layer.backward
    if found is None:
        return (None,) * len(BACKWARD)
    ends = _ends(found.grad_rms_band)
    return (found.grad_rms, found.grad_rms_median, *ends, found.nonfinite)


def chart(plot: SignalPlot) -> str:
    """What a chart over depth shows, a row for each layer."""
    header = ["layer", "operation"]
    columns: list[tuple[Cell, ...]] = []
    for line in plot.lines:
        parts = [(line.scheme, line.y)]
        if line.low:
            parts += [(f"{line.scheme} lowest", line.low), (f"{line.scheme} highest", line.high)]
        if line.theory:
            parts.append((f"{line.scheme} theory", line.theory))
        if line.expected_low:
            parts += [
                (f"{line.scheme} theory 2.5 %", line.expected_low),
                (f"{line.scheme} theory 97.5 %", line.expected_high),
            ]
        header += [name for name, _ in parts]
        columns += [values for _, values in parts]
    rows = (
        (at, name, *(column[at - 1] if at <= len(column) else None for column in columns))
        for at, name in enumerate(plot.operations, start=1)
    )
    return table(header, rows)


def heat(drawn: HeatMap) -> str:
    """The shares behind a heat map, a row for each layer."""
    edges = np.linspace(-REACH, REACH, BINS + 1)
    bins = [f"{left:g} to {right:g}" for left, right in pairwise(edges.tolist())]
    header = ["layer", "operation", f"below {-REACH:g}", *bins, f"above {REACH:g}"]
    rows = enumerate(zip(drawn.operations, drawn.shares.tolist(), strict=True), start=1)
    return table(header, ((at, name, *shares) for at, (name, shares) in rows))
