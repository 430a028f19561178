"""The phase view as data: its JSON, and what each figure shows as CSV."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from app.charts.phase import MapPlot, PlanePlot
from app.core.meanfield.plane.phase import unit_gain
from app.web.csvs import Cell, table
from app.web.phase_subjects import PhaseSubject
from app.web.phase_views import phase_of
from app.web.phase_words import headline, layers_sentence

PLANE_COLUMNS = ("line", "sigma_w", "sigma_b", "sigma_w_squared", "sigma_b_squared")
LAYER_COLUMNS = (
    *("layer", "sigma_w_squared", "sigma_b_squared", "phase", "q", "chi", "correlation"),
    "correlation_depth",
)


def phase_document(subject: PhaseSubject, plane: PlanePlot) -> dict[str, Any]:
    """Everything that the page says, as numbers."""
    network = subject.network
    return {
        "activation": subject.name,
        "sigma_w": subject.here[0],
        "sigma_b": subject.here[1],
        "fixed_point": asdict(subject.found) | {"phase": subject.found.phase},
        "sentence": headline(subject)[1],
        "edge": {"sigma_w": subject.critical, "sigma_b": subject.here[1]},
        "unit_gain": unit_gain(subject.activation),
        "edge_of_chaos": [
            {"sigma_w": w, "sigma_b": b} for line in plane.diagram.edge for w, b in line
        ],
        "network": None
        if network is None
        else {
            "id": network.id,
            "scheme": network.scheme,
            "sentence": layers_sentence(subject),
            "layers": [dict(zip(LAYER_COLUMNS, row, strict=True)) for row in _layer_rows(subject)],
        },
    }


def layers_csv(subject: PhaseSubject) -> str:
    """A row for each layer of the network."""
    return table(LAYER_COLUMNS, _layer_rows(subject))


def _layer_rows(subject: PhaseSubject) -> Iterator[tuple[Cell, ...]]:
    for at, one in enumerate(subject.placed):
        settled = subject.settled
        numbers = (
            settled.q[at],
            settled.chi[at],
            settled.correlation[at],
            settled.correlation_depth[at],
        )
        told = [float(value) if math.isfinite(value) else None for value in numbers]
        yield (one.name, one.weight, one.bias, phase_of(subject, at), *told)


def plane_csv(plot: PlanePlot) -> str:
    """The lines of the phase plane, point by point."""
    found = plot.diagram
    every = [("edge of chaos", line) for line in found.edge]
    every += [(f"depth scale {layers}", line) for layers, lines in found.depths for line in lines]
    every += [("explodes beyond", line) for line in found.border]
    return table(
        PLANE_COLUMNS, ((name, w, b, w * w, b * b) for name, line in every for w, b in line)
    )


def map_csv(plot: MapPlot) -> str:
    """The curve of a map, point by point."""
    return table((plot.frame.x_title, plot.frame.y_title), plot.curve)
