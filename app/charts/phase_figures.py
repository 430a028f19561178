"""The phase view's figures as Plotly takes them, in the same place as the server's drawing."""

from __future__ import annotations

import base64
from html import escape
from typing import Any

import numpy as np

from app.charts.figures import CONFIG
from app.charts.frame import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Frame
from app.charts.phase import Dot, MapPlot, PlanePlot, Points
from app.charts.phase_svg import (
    LARGEST,
    OPACITY,
    SMALLEST,
    Words,
    depth_words,
    hue,
    region_words,
)
from app.charts.style import VARIABLES
from app.core.meanfield.plane.diagram import REGIONS

STRIDE = 3  # cells of the plane that share what is told where one points at them
DIGITS = 5


def plane_figure(plot: PlanePlot) -> dict[str, Any]:
    """Data, layout and config of the phase plane."""
    found = plot.diagram
    data = [_tint(plot, code) for code in range(len(REGIONS)) if (found.regions == code).any()]
    data.append(_told(plot))
    for layers, lines in found.depths:
        data += [
            _line(line, VARIABLES.quiet, 0.9, dash="dot", told=f"depth scale {layers} layers")
            for line in lines
        ]
    data += [_line(line, VARIABLES.problem, 1.4, dash="dash") for line in found.border]
    data += [_line(line, VARIABLES.ink, 2.4, told="edge of chaos") for line in found.edge]
    if plot.dots:
        data.append(_layers(plot.dots))
    data.append(_here(plot))
    layout = _layout(plot.frame)
    layout["annotations"] = [
        *(_words(one, VARIABLES.quiet) for one in depth_words(plot)),
        *(_words(one, VARIABLES.ink) for one in region_words(plot)),
    ]
    return {"data": data, "layout": layout, "config": CONFIG}


def _words(words: Words, colour: str) -> dict[str, Any]:
    return {
        "text": f"<b>{words.text}</b>" if words.strong else words.text,
        "x": words.sigma_w,
        "y": words.sigma_b,
        "yshift": -words.below,
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"color": colour, "size": 13 if words.strong else 11},
    }


def map_figure(plot: MapPlot) -> dict[str, Any]:
    """Data, layout and config of the map of one layer."""
    top = plot.frame.x_range[1]
    data = [
        _line(((0.0, 0.0), (top, top)), VARIABLES.quiet, 1, dash="dot"),
        _line(plot.path, VARIABLES.kaiming, 1.1),
        {
            **_line(plot.curve, VARIABLES.pytorch, 2.4),
            "hoverinfo": "all",
            "hovertemplate": "%{x:.4g} → %{y:.4g}<extra></extra>",
        },
    ]
    if plot.end is not None:
        ring = {"color": VARIABLES.page, "size": 10, "line": {"color": VARIABLES.ink, "width": 2}}
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [plot.end[0]],
                "y": [plot.end[1]],
                "marker": ring,
                "hovertemplate": "settles at %{x:.4g}<extra></extra>",
            }
        )
    return {"data": data, "layout": _layout(plot.frame), "config": CONFIG}


def _rounded(values: list[float]) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]


def _line(
    points: Points, colour: str, width: float, *, dash: str = "solid", told: str = ""
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": _rounded([x for x, _ in points]),
        "y": _rounded([y for _, y in points]),
        "line": {"color": colour, "width": width, "dash": dash},
        **({"hoverinfo": "text", "text": told} if told else {"hoverinfo": "skip"}),
    }


def _tint(plot: PlanePlot, code: int) -> dict[str, Any]:
    """One phase: a cell is there or not."""
    found, region = plot.diagram, REGIONS[code]
    cells = (found.regions == code).astype(np.uint8)
    return {
        "type": "heatmap",
        "x0": float(found.sigma_w[0]),
        "dx": float(found.sigma_w[1] - found.sigma_w[0]),
        "y0": 0.0,
        "dy": float(found.sigma_b[1] - found.sigma_b[0]),
        "z": {
            "dtype": "u1",
            "bdata": base64.b64encode(cells.tobytes()).decode(),
            "shape": f"{cells.shape[0]}, {cells.shape[1]}",
        },
        "zmin": 0,
        "zmax": 1,
        "showscale": False,
        "hoverinfo": "skip",
        "opacity": OPACITY[region],
        "meta": {"hue": hue(region, VARIABLES)},  # the script makes its colours of it
    }


def _told(plot: PlanePlot) -> dict[str, Any]:
    """What is told where one points: invisible, and coarser than what is seen."""
    found, settled = plot.diagram, plot.diagram.settled
    rows, columns = slice(0, None, STRIDE), slice(0, None, STRIDE)
    text = [
        [
            f"{REGIONS[code]}: q* {q:.3g}, χ₁ {chi:.3g}, c* {c:.2g}, {depth:.3g} layers"
            for code, q, chi, c, depth in zip(*line, strict=True)
        ]
        for line in zip(
            found.regions[rows, columns].tolist(),
            settled.q[rows, columns].tolist(),
            settled.chi[rows, columns].tolist(),
            settled.correlation[rows, columns].tolist(),
            settled.correlation_depth[rows, columns].tolist(),
            strict=True,
        )
    ]
    return {
        "type": "heatmap",
        "x": _rounded(found.sigma_w[columns].tolist()),
        "y": _rounded(found.sigma_b[rows].tolist()),
        "z": [[0] * len(line) for line in text],
        "text": text,
        "showscale": False,
        "opacity": 0,
        "hovertemplate": "σ_w %{x:.3g}, σ_b %{y:.3g}<br>%{text}<extra></extra>",
        "meta": {"hue": VARIABLES.page},
    }


def _layers(dots: tuple[Dot, ...]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": _rounded([dot.sigma_w for dot in dots]),
        "y": _rounded([dot.sigma_b for dot in dots]),
        "text": [escape(dot.label, quote=False) for dot in dots],
        "hovertemplate": "%{text}<br>σ_w %{x:.4g}, σ_b %{y:.4g}<extra></extra>",
        "cliponaxis": False,
        "marker": {
            "size": [round(2 * min(SMALLEST * len(dot.names) ** 0.3, LARGEST), 1) for dot in dots],
            "color": VARIABLES.kaiming,
            "opacity": 1,
            "line": {"color": VARIABLES.page, "width": 1.2},
        },
    }


def _here(plot: PlanePlot) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [plot.here[0]],
        "y": [plot.here[1]],
        "cliponaxis": False,
        "hovertemplate": "chosen: σ_w %{x:.4g}, σ_b %{y:.4g}<extra></extra>",
        "marker": {
            "symbol": "circle-cross-open",
            "size": 15,
            "color": VARIABLES.ink,
            "line": {"width": 2, "color": VARIABLES.ink},
        },
    }


def _axis(title: str, span: tuple[float, float]) -> dict[str, Any]:
    quiet = {"color": VARIABLES.quiet, "size": 11}
    return {
        "title": {"text": title, "font": {**quiet, "size": 12}, "standoff": 8},
        "tickfont": quiet,
        "gridcolor": VARIABLES.hair,
        "zeroline": False,
        "nticks": 7,
        "range": list(span),
    }


def _layout(frame: Frame) -> dict[str, Any]:
    return {
        "margin": {"l": LEFT, "r": RIGHT, "t": TOP, "b": BOTTOM, "pad": 0},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": "zoom",
        "paper_bgcolor": VARIABLES.page,
        "plot_bgcolor": VARIABLES.page,
        "font": {"color": VARIABLES.quiet, "size": 11},
        "xaxis": _axis(frame.x_title, frame.x_range),
        "yaxis": _axis(frame.y_title, frame.y_range),
        "annotations": [],
        "meta": {"width": WIDTH},
    }
