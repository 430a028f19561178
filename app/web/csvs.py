"""Tables as CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from app.charts.bands import BandPlot
from app.charts.tensors import densities
from app.core.report import TensorReport, TensorRow

Cell: TypeAlias = str | int | float | None
FORMULA = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = (
    *("index", "name", "group", "kind", "role", "shape", "dtype", "fan_in", "fan_out", "count"),
    *("nonfinite", "zeros", "min", "max", "mean", "std", "status", "sign", "scheme"),
    *("default_bound", "default_std", "outside_default_bound", "std_ratio"),
)


def harmless(cell: Cell) -> Cell:
    """Text that a spreadsheet would run as a formula gets a leading apostrophe."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def table(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A CSV document with CRLF line ends, as RFC 4180 has them."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    for row in rows:
        writer.writerow([harmless(cell) for cell in row])
    return text.getvalue()


def _cell(row: TensorRow, column: str) -> Cell:
    if column == "shape":
        return "x".join(map(str, row.shape)) or "scalar"
    value: Cell = getattr(row, column)
    return value


def tensors(rows: Iterable[TensorRow]) -> str:
    """The table of the layers page."""
    return table(COLUMNS, ([_cell(row, column) for column in COLUMNS] for row in rows))


def bins(report: TensorReport) -> str:
    """The bins of one tensor's histogram; only the header when it has none."""
    header = ("left", "right", "count", "density")
    if report.histogram is None:
        return table(header, ())
    edges = report.histogram.edges
    return table(
        header,
        zip(edges, edges[1:], report.histogram.counts, densities(report.histogram), strict=False),
    )


def band(plot: BandPlot) -> str:
    """What a plot shows, point by point, with the band at each."""
    if plot.key == "qq":
        header = ("expected", "measured_minus_expected", "band_low", "band_high")
        return table(header, zip(plot.x, plot.y, plot.low, plot.high, strict=True))
    header = ("unit", "std_ratio", "band_low", "band_high")
    return table(
        header,
        ((int(x), y, plot.low[0], plot.high[0]) for x, y in zip(plot.x, plot.y, strict=True)),
    )
