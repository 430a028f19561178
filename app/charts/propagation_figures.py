"""The charts over depth as Plotly takes them, in the same place as the server's drawing."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from app.charts.figures import CONFIG
from app.charts.propagation import EndLabel, SignalLine, SignalPlot, Values
from app.charts.propagation_frame import BOTTOM, TOP, WIDTH, layer_ticks, value_ticks
from app.charts.propagation_layout import Strip
from app.charts.propagation_marks import PLOTLY_SYMBOLS, RADIUS, SIGNS, STROKED
from app.charts.propagation_svg import SEEDS_OPACITY, THEORY_OPACITY, strip_marks
from app.charts.style import VARIABLES

DIGITS = 6
PLOTLY_DASHES = {"": "solid", "2 3": "dot", "8 3 2 3": "dashdot", "6 4": "dash"}


def _told(name: str) -> str:
    """A name in Plotly's own small HTML."""
    return escape(name, quote=False)


def _shown(plot: SignalPlot, values: Values) -> list[float | None]:
    """Values as the axis takes them: none where a logarithmic one has no place for it."""
    return [
        None if value is None or (plot.frame.log and value <= 0) else float(f"{value:.{DIGITS}g}")
        for value in values
    ]


def _layers(values: Values) -> list[int]:
    return list(range(1, len(values) + 1))


def _line(plot: SignalPlot, line: SignalLine, values: Values, *, dash: str) -> dict[str, Any]:
    unit = "" if plot.frame.log else " %"
    return {
        "type": "scatter",
        "mode": "lines",
        "name": _told(line.name),
        "x": _layers(values),
        "y": _shown(plot, values),
        "connectgaps": not plot.frame.log,
        "customdata": [_told(name) for name in plot.operations[: len(values)]],
        "hovertemplate": f"layer %{{x}} (%{{customdata}})<br>%{{fullData.name}}: %{{y:.4g}}{unit}"
        "<extra></extra>",
        "line": {
            "color": VARIABLES.family(line.mark.family),
            "width": line.mark.width,
            "dash": dash,
        },
    }


def _marks(plot: SignalPlot, line: SignalLine) -> dict[str, Any]:
    hue = VARIABLES.family(line.mark.family)
    places = [place for place in line.marked if place < len(line.y)]
    symbol = PLOTLY_SYMBOLS[line.mark.shape]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [place + 1 for place in places],
        "y": _shown(plot, tuple(line.y[place] for place in places)),
        "hoverinfo": "skip",
        "marker": {
            "symbol": symbol,
            "size": 2 * RADIUS + 1,
            "color": VARIABLES.page if line.mark.hollow and "thin" not in symbol else hue,
            "line": {"color": hue, "width": 2 if line.mark.shape in STROKED else 1.4},
        },
    }


def _edges(plot: SignalPlot, low: Values, high: Values) -> list[tuple[int, float, float]]:
    """Layer, lowest and highest value of a band, as its axis takes them."""
    floor = 10 ** max(plot.frame.y_range[0], -300)
    return [
        (layer, max(lowest, floor) if plot.frame.log else lowest, highest)
        for layer, (lowest, highest) in enumerate(zip(low, high, strict=True), start=1)
        if lowest is not None and highest is not None and (highest > 0 or not plot.frame.log)
    ]


def _band(plot: SignalPlot, line: SignalLine) -> dict[str, Any] | None:
    edges = _edges(plot, line.low, line.high)
    if not edges:
        return None
    return _area(line, edges, opacity=SEEDS_OPACITY)


def _expected(plot: SignalPlot, line: SignalLine) -> list[dict[str, Any]]:
    """Where theory has single networks: an area, and its edges dashed."""
    edges = _edges(plot, line.expected_low, line.expected_high)
    if not edges:
        return []
    thin = {"color": VARIABLES.family(line.mark.family), "width": 0.8, "dash": "dash"}
    sides = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [edge[0] for edge in edges],
            "y": [edge[side] for edge in edges],
            "opacity": 0.55,
            "line": thin,
            "hoverinfo": "skip",
        }
        for side in (1, 2)
    ]
    return [_area(line, edges, opacity=THEORY_OPACITY), *sides]


def _area(
    line: SignalLine, edges: list[tuple[int, float, float]], *, opacity: float
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [layer for layer, _, _ in edges] + [layer for layer, _, _ in edges[::-1]],
        "y": [high for _, _, high in edges] + [low for _, low, _ in edges[::-1]],
        "fill": "toself",
        "fillcolor": VARIABLES.family(line.mark.family),
        "opacity": opacity,
        "line": {"width": 0},
        "hoverinfo": "skip",
    }


def _strip(plot: SignalPlot, strip: Strip) -> dict[str, Any]:
    places = strip_marks(plot.frame, strip.runs)
    at = 10 ** max(plot.frame.axis_value(strip.marks_at), -320.0)
    return {
        "type": "scatter",
        "mode": "markers",
        "x": places,
        "y": [at] * len(places),
        "hoverinfo": "text",
        "text": _told(strip.text),
        "marker": {
            "symbol": "triangle-down" if strip.zero else "triangle-up",
            "size": 8,
            "color": VARIABLES.problem,
        },
    }


def _words(plot: SignalPlot, strip: Strip) -> dict[str, Any]:
    left = plot.frame.names_left
    return {
        "text": _told(strip.text),
        "xref": "paper",
        "x": 0.01 if left else 0.99,
        "xanchor": "left" if left else "right",
        "y": plot.frame.axis_value(strip.words_at - 4),
        "yanchor": "middle",
        "showarrow": False,
        "font": {"color": VARIABLES.problem, "size": 11},
    }


def _name(plot: SignalPlot, label: EndLabel) -> list[dict[str, Any]]:
    """A line's sign and name, beside the axes."""
    line, left = plot.lines[label.line], plot.frame.names_left
    sign = SIGNS[line.mark.shape][line.mark.hollow]
    hue = VARIABLES.family(line.mark.family)
    side = -1 if left else 1
    shared = {
        "xref": "paper",
        "x": 0 if left else 1,
        "y": plot.frame.axis_value(label.place),
        "yanchor": "middle",
        "showarrow": False,
    }
    mark = {"xanchor": "center", "xshift": 13 * side, "font": {"color": hue, "size": 11}}
    name = {
        "xanchor": "right" if left else "left",
        "xshift": 22 * side,
        "font": {"color": VARIABLES.ink, "size": 11},
    }
    return [{"text": sign, **shared, **mark}, {"text": _told(line.label), **shared, **name}]


def _shapes(plot: SignalPlot) -> list[dict[str, Any]]:
    across: dict[str, Any] = {"xref": "paper", "x0": 0, "x1": 1, "layer": "below"}
    found: list[dict[str, Any]] = []
    if plot.zone is not None:
        fill = {"fillcolor": VARIABLES.good, "opacity": 0.11, "line": {"width": 0}}
        found.append({"type": "rect", "y0": plot.zone[0], "y1": plot.zone[1], **across, **fill})
    for level in plot.levels:
        line = {"color": VARIABLES.quiet, "width": 1.2, "dash": "dot"}
        found.append({"type": "line", "y0": level.value, "y1": level.value, "line": line, **across})
    return found


def _level_words(plot: SignalPlot) -> list[dict[str, Any]]:
    return [
        {
            "text": level.text,
            "xref": "paper",
            "x": 0.01 if level.left else 0.99,
            "xanchor": "left" if level.left else "right",
            "y": math.log10(level.value),
            "yanchor": "bottom" if level.above else "top",
            "showarrow": False,
            "font": {"color": VARIABLES.quiet, "size": 11},
        }
        for level in plot.levels
    ]


def _axis(title: str) -> dict[str, Any]:
    quiet = {"color": VARIABLES.quiet, "size": 11}
    return {
        "title": {"text": title, "font": quiet, "standoff": 6},
        "tickfont": quiet,
        "gridcolor": VARIABLES.hair,
        "zeroline": False,
    }


def _axes(plot: SignalPlot) -> dict[str, Any]:
    frame = plot.frame
    ticks = value_ticks(frame, plot.floor)
    return {
        "xaxis": {
            **_axis(frame.x_title),
            "range": list(frame.x_range),
            "tickvals": list(layer_ticks(frame)),
        },
        "yaxis": {
            **_axis(frame.y_title),
            "type": "log" if frame.log else "linear",
            "range": list(frame.y_range),
            "side": "right" if frame.names_left else "left",
            "tickvals": [value for value, _ in ticks],
            "ticktext": [label for _, label in ticks],
        },
    }


def figure(plot: SignalPlot) -> dict[str, Any]:
    """Data, layout and config of a chart over depth."""
    data = [part for line in plot.lines for part in _expected(plot, line)]
    data += [band for line in plot.lines if (band := _band(plot, line))]
    for line in sorted(plot.lines, key=lambda one: one.mark.shape == "none"):
        if line.theory:
            data.append({**_line(plot, line, line.theory, dash="dash"), "hoverinfo": "skip"})
        data.append(_line(plot, line, line.y, dash=PLOTLY_DASHES[line.mark.dash]))
        if line.mark.shape != "none":
            data.append(_marks(plot, line))
    data += [_strip(plot, strip) for strip in plot.strips]
    words = [_words(plot, strip) for strip in plot.strips]
    names = [part for label in plot.labels for part in _name(plot, label)]
    layout = {
        "margin": {
            "l": plot.frame.left,
            "r": plot.frame.right,
            "t": TOP,
            "b": BOTTOM,
            "pad": 0,
        },
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": "zoom",
        "paper_bgcolor": VARIABLES.page,
        "plot_bgcolor": VARIABLES.page,
        "font": {"color": VARIABLES.quiet, "size": 11},
        **_axes(plot),
        "shapes": _shapes(plot),
        "annotations": [*words, *names, *_level_words(plot)],
        "meta": {"width": WIDTH},
    }
    return {"data": data, "layout": layout, "config": CONFIG}
