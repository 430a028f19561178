"""A few named lines on one pair of axes: the small figures of the explanations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.charts import svg
from app.charts.densities import curve_points
from app.charts.frame import HEIGHT, LEFT, WIDTH, Frame, Span, axes, clipped
from app.charts.style import Family, Palette, family
from app.core.report import Candidate

ENTRY = 18  # px of a line of the legend
WIDE = 3.2  # stds of the widest law that the axis of densities reaches
HEADROOM = 1.08


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line; a dotted one tells apart two of the same family."""

    name: str
    family: Family
    x: tuple[float, ...]
    y: tuple[float, ...]
    dotted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePlot:
    """The lines, the ends of both axes and what they show, in words."""

    lines: tuple[Line, ...]
    x_range: Span
    y_range: Span
    x_title: str
    y_title: str
    sentence: str
    log: bool = False


def densities(laws: Sequence[Candidate], *, sentence: str) -> LinePlot:
    """The densities of a few laws beside each other.

    Args:
        laws: At least one, each uniform, normal or truncated normal.
        sentence: What the picture shows.
    """
    reach = HEADROOM * max(_reach(law) for law in laws)
    span = (-reach, reach)
    lines: list[Line] = []
    for law in laws:
        x, y = curve_points(law, span)
        hue = family(law.ids[0], law.law)
        dotted = any(line.family == hue for line in lines)
        lines.append(Line(name=law.names[0], family=hue, x=x, y=y, dotted=dotted))
    return LinePlot(
        lines=tuple(lines),
        x_range=span,
        y_range=(0.0, HEADROOM * max(max(line.y) for line in lines)),
        x_title="weight",
        y_title="density",
        sentence=sentence,
    )


def _reach(law: Candidate) -> float:
    return law.bound if law.law == "uniform" and law.bound is not None else WIDE * law.std


def _drawn(line: Line, frame: Frame, palette: Palette) -> str:
    style: dict[str, str | float] = {"stroke_dasharray": "2 3"} if line.dotted else {}
    return svg.element(
        "path",
        d=svg.polyline(frame.points(line.x, line.y)),
        fill="none",
        stroke=palette.family(line.family),
        stroke_width=2.2,
        **style,
    )


def _legend(plot: LinePlot, palette: Palette) -> list[str]:
    parts = []
    for at, line in enumerate(plot.lines):
        y = HEIGHT + ENTRY * at + 6
        style: dict[str, str | float] = {"stroke_dasharray": "2 3"} if line.dotted else {}
        hue = palette.family(line.family)
        parts.append(
            svg.element("path", d=f"M{LEFT} {y}h24", stroke=hue, stroke_width=2.2, **style)
        )
        parts.append(svg.text(line.name, x=LEFT + 32, y=y + 4, fill=palette.ink))
    return parts


def as_svg(plot: LinePlot, palette: Palette, *, alone: bool = False) -> str:
    """The plot as SVG.

    Args:
        plot: The plot.
        palette: The page's variables inside a page, one theme's colours in a file.
        alone: Whether the drawing is a file of its own and needs a legend.
    """
    frame = Frame(
        x_range=plot.x_range,
        y_range=plot.y_range,
        x_title=plot.x_title,
        y_title=plot.y_title,
        log=plot.log,
    )
    height = HEIGHT + (ENTRY * len(plot.lines) + 8 if alone else 0)
    return svg.document(
        WIDTH,
        height,
        svg.element("rect", width=WIDTH, height=height, fill=palette.page),
        axes(frame, palette),
        clipped(frame, *(_drawn(line, frame, palette) for line in plot.lines), name="plot-lines"),
        *(_legend(plot, palette) if alone else ()),
        label=plot.sentence,
    )
