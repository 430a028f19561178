"""The same figures as Plotly takes them: plain data that the page carries as JSON."""

from __future__ import annotations

from typing import Any

from app.charts import frame
from app.charts.bands import DOT, BandPlot
from app.charts.histogram import BOTTOM, LEFT, RIGHT, TOP, WIDTH
from app.charts.style import VARIABLES
from app.charts.tensors import Curve, TensorFigure

DIGITS = 6
CONFIG = {
    "displayModeBar": False,
    "displaylogo": False,
    "showSendToCloud": False,  # plotly.js 4 offers an upload by default
    "plotlyServerURL": "",
    "responsive": True,
}


def _rounded(values: tuple[float, ...]) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]


def _bars(drawn: TensorFigure) -> dict[str, Any]:
    pairs = list(zip(drawn.edges, drawn.edges[1:], strict=False))
    return {
        "type": "bar",
        "name": "measured",
        "x": [(left + right) / 2 for left, right in pairs],
        "width": [right - left for left, right in pairs],
        "y": _rounded(drawn.density),
        "customdata": [
            [f"{left:.5g}", f"{right:.5g}", f"{count:,.0f}"]
            for (left, right), count in zip(pairs, drawn.counts, strict=True)
        ],
        "hovertemplate": "%{customdata[0]} to %{customdata[1]}<br>%{customdata[2]} values"
        "<extra></extra>",
        "marker": {"color": VARIABLES.measured, "line": {"width": 0}},
    }


def _line(curve: Curve) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": curve.name,
        "x": _rounded(curve.x),
        "y": _rounded(curve.y),
        "hoverinfo": "skip",
        "line": {"color": VARIABLES.family(curve.family), "width": 1.5, "dash": "dot"},
        "meta": {
            "id": curve.id,
            "family": curve.family,
            "beside": curve.beside,
            "top": curve.top,
        },
    }


def _shape(x: float) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": VARIABLES.ink, "width": 1.5, "dash": "dash"},
    }


def _axis(title: str) -> dict[str, Any]:
    return {
        "title": {"text": title, "standoff": 12, "font": {"size": 12}},
        "gridcolor": VARIABLES.hair,
        "zeroline": False,
        "tickfont": {"size": 11},
        "nticks": 8,
        "exponentformat": "power",
    }


def plotly(drawn: TensorFigure, *, log: bool) -> dict[str, Any]:
    """Data, layout and config for Plotly; colours are names of the page's CSS variables.

    Each curve's `meta` says which others stand beside it and where the y axis ends when it is
    picked; `layout.meta` holds the ends of both kinds of y axis.
    """
    layout = {
        "margin": {"l": LEFT, "r": RIGHT, "t": TOP, "b": BOTTOM, "pad": 0},
        "bargap": 0,
        "showlegend": False,
        "hovermode": "x",
        "dragmode": "zoom",
        "paper_bgcolor": VARIABLES.page,
        "plot_bgcolor": VARIABLES.page,
        "font": {"color": VARIABLES.quiet, "size": 12},
        "xaxis": {**_axis("weight"), "range": list(drawn.x_range)},
        "yaxis": {**_axis("density"), "type": "log" if log else "linear"},
        "shapes": [_shape(mark.x) for mark in drawn.marks],
        "meta": {
            "picked": drawn.picked,
            "top": drawn.top,
            "floor": drawn.floor,
            "width": WIDTH,
        },
    }
    data = [_bars(drawn), *(_line(curve) for curve in drawn.curves)]
    return {"data": data, "layout": layout, "config": CONFIG}


def _level(y: float, hue: str) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": 0,
        "x1": 1,
        "xref": "paper",
        "y0": y,
        "y1": y,
        "line": {"color": hue, "width": 1.5},
    }


def _shade(plot: BandPlot, hue: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": _rounded((*plot.edges, *plot.edges[::-1])),
        "y": _rounded((*plot.high, *plot.low[::-1])),
        "fill": "toself",
        "fillcolor": hue,
        "opacity": 0.18,
        "line": {"width": 0},
        "hoverinfo": "skip",
    }


def _measured(plot: BandPlot) -> dict[str, Any]:
    dots = plot.key == "units"
    place = "unit %{x}: ×%{y:.4g}" if dots else "%{x:.3g}: %{y:+.3g}"
    return {
        "type": "scatter",
        "mode": "markers" if dots else "lines",
        "x": _rounded(plot.x),
        "y": _rounded(plot.y),
        "hovertemplate": f"{place}<extra></extra>",
        "line": {"color": VARIABLES.ink, "width": 1.6},
        "marker": {"color": VARIABLES.ink, "size": DOT, "opacity": 0.6},
    }


def banded(plot: BandPlot) -> dict[str, Any]:
    """Data, layout and config of a measured line or dots beside their band."""
    hue = VARIABLES.family(plot.family)
    layout = {
        "margin": {
            "l": frame.LEFT,
            "r": frame.RIGHT,
            "t": frame.TOP,
            "b": frame.BOTTOM,
            "pad": 0,
        },
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": "zoom",
        "paper_bgcolor": VARIABLES.page,
        "plot_bgcolor": VARIABLES.page,
        "font": {"color": VARIABLES.quiet, "size": 12},
        "xaxis": {**_axis(plot.x_title), "range": list(plot.x_range)},
        "yaxis": {**_axis(plot.y_title), "range": list(plot.y_range), "nticks": 6},
        "shapes": [_level(plot.middle, hue)],
        "meta": {"width": frame.WIDTH},
    }
    return {"data": [_shade(plot, hue), _measured(plot)], "layout": layout, "config": CONFIG}
