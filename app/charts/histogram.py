"""The tensor page's histogram as SVG: in the page before any script, as a file, in print."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.charts import svg
from app.charts.style import Palette
from app.charts.tensors import Curve, Mark, TensorFigure

WIDTH, HEIGHT = 620, 360  # px of the drawing
LEFT, RIGHT, TOP, BOTTOM = 58, 10, 10, 44  # px of its margins; figures.py uses the same
LOG_HEADROOM = 1.5
ENTRY = 18  # px of a line of the legend


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """Weight units and densities to pixels."""

    figure: TensorFigure
    log: bool

    def x(self, value: float) -> float:
        low, high = self.figure.x_range
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low)

    def y(self, value: float) -> float:
        tall = HEIGHT - TOP - BOTTOM
        if not self.log:
            return TOP + tall * (1 - value / self.figure.top)
        low, high = math.log10(self.figure.floor), math.log10(self.figure.top * LOG_HEADROOM)
        at = math.log10(value) if value > 0 else low - 1
        return TOP + tall * (1 - (max(at, low) - low) / (high - low))


def _bars(scale: _Scale, palette: Palette) -> str:
    """All bars as one outline, which is half as long as each bar on its own."""
    drawn, base = scale.figure, svg.written(scale.y(0))
    path = f"M{svg.written(scale.x(drawn.edges[0]))} {base}"
    for right, value in zip(drawn.edges[1:], drawn.density, strict=True):
        top = svg.written(scale.y(value)) if value > 0 else base
        path += f"V{top}H{svg.written(scale.x(right))}"
    return svg.element(
        "path", d=f"{path}V{base}z", fill=palette.measured, shape_rendering="crispEdges"
    )


def _line(curve: Curve, scale: _Scale, palette: Palette, *, thick: bool) -> str:
    points = zip(map(scale.x, curve.x), map(scale.y, curve.y), strict=True)
    style: dict[str, str | float] = {"stroke_width": 2.5}
    if not thick:
        style = {"stroke_width": 1.5, "stroke_dasharray": "2 3"}
    hue = palette.family(curve.family)
    return svg.element("path", d=svg.polyline(points), fill="none", stroke=hue, **style)


def _mark(mark: Mark, scale: _Scale, palette: Palette) -> str:
    line = f"M{svg.written(scale.x(mark.x))} {TOP}V{HEIGHT - BOTTOM}"
    return svg.element("path", d=line, stroke=palette.page, stroke_width=3.5) + svg.element(
        "path", d=line, stroke=palette.ink, stroke_width=1.5, stroke_dasharray="7 5"
    )


def _x_axis(scale: _Scale, palette: Palette) -> str:
    low, high = scale.figure.x_range
    found = svg.ticks(low, high, count=8)
    step = found[1] - found[0] if len(found) > 1 else 1.0
    parts = [
        svg.element("path", d=f"M{svg.written(scale.x(at))} {TOP}V{HEIGHT - BOTTOM}")
        for at in found
    ]
    labels = [
        svg.text(
            svg.tick_label(at, step),
            x=scale.x(at),
            y=HEIGHT - BOTTOM + 17,
            text_anchor="middle",
            fill=palette.quiet,
        )
        for at in found
    ]
    title = svg.text(
        "weight",
        x=(LEFT + WIDTH - RIGHT) / 2,
        y=HEIGHT - 10,
        text_anchor="middle",
        fill=palette.quiet,
        font_size=12,
    )
    return svg.element("g", *parts, stroke=palette.hair) + "".join(labels) + title


def _y_ticks(scale: _Scale) -> list[tuple[float, str]]:
    if not scale.log:
        found = svg.ticks(0, scale.figure.top, count=6)
        step = found[1] if len(found) > 1 else 1.0
        return [(at, svg.tick_label(at, step)) for at in found]
    return svg.log_ticks(scale.figure.floor, scale.figure.top * LOG_HEADROOM)


def _y_axis(scale: _Scale, palette: Palette) -> str:
    lines, labels = [], []
    for at, label in _y_ticks(scale):
        y = scale.y(at)
        lines.append(svg.element("path", d=f"M{LEFT} {svg.written(y)}H{WIDTH - RIGHT}"))
        labels.append(svg.text(label, x=LEFT - 6, y=y + 4, text_anchor="end", fill=palette.quiet))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    title = svg.text(
        "density",
        transform=f"translate(15 {middle}) rotate(-90)",
        text_anchor="middle",
        fill=palette.quiet,
        font_size=12,
    )
    return svg.element("g", *lines, stroke=palette.hair) + "".join(labels) + title


def _legend(drawn: TensorFigure, palette: Palette) -> list[str]:
    """Lines of samples and names under the drawing, for a file that stands alone."""
    entries = [
        (curve.name, palette.family(curve.family), curve is drawn.chosen)
        for curve in (drawn.chosen, *drawn.dotted)
        if curve is not None
    ]
    parts = []
    for at, (name, hue, thick) in enumerate(entries):
        y = HEIGHT + ENTRY * at + 6
        sample = svg.element(
            "path",
            d=f"M{LEFT} {y}h24",
            stroke=hue,
            stroke_width=2.5 if thick else 1.5,
            stroke_dasharray="none" if thick else "2 3",
        )
        parts += [sample, svg.text(name, x=LEFT + 32, y=y + 4, fill=palette.ink)]
    if drawn.marks:
        last = drawn.marks[-1]
        place = f" ±{last.x:.4g}" if len(drawn.marks) > 1 else ""
        text = f"dashed: {last.label}{place}"
        parts.append(svg.text(text, x=WIDTH / 2, y=HEIGHT + 10, fill=palette.ink))
    return parts


def as_svg(drawn: TensorFigure, palette: Palette, *, log: bool = False, alone: bool = False) -> str:
    """The figure as SVG.

    Args:
        drawn: The figure.
        palette: The page's variables inside a page, one theme's colours in a file.
        log: Whether the density axis is logarithmic.
        alone: Whether the drawing is a file of its own and needs a legend.
    """
    scale = _Scale(figure=drawn, log=log)
    height = HEIGHT + (ENTRY * (1 + len(drawn.dotted)) + 8 if alone else 0)
    area = svg.element(
        "clipPath",
        svg.element(
            "rect", x=LEFT, y=TOP, width=WIDTH - LEFT - RIGHT, height=HEIGHT - TOP - BOTTOM
        ),
        id="plot",
    )
    inside = svg.element(
        "g",
        _bars(scale, palette),
        *(_mark(mark, scale, palette) for mark in drawn.marks),
        *(_line(curve, scale, palette, thick=False) for curve in drawn.dotted),
        _line(drawn.chosen, scale, palette, thick=True) if drawn.chosen else "",
        clip_path="url(#plot)",
    )
    return svg.document(
        WIDTH,
        height,
        svg.element("defs", area),
        svg.element("rect", width=WIDTH, height=height, fill=palette.page),
        _x_axis(scale, palette),
        _y_axis(scale, palette),
        inside,
        *(_legend(drawn, palette) if alone else ()),
        label=drawn.sentence,
    )
