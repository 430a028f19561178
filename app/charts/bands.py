"""A measured line or dots beside the band in which a fresh draw of the picked law would lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from app.charts import svg
from app.charts.frame import HEIGHT, LEFT, WIDTH, Frame, Span, axes, clipped
from app.charts.style import Family, Palette

Series: TypeAlias = tuple[float, ...]

DOT = 3.2  # px across
LEGEND = 24  # px below a drawing that stands alone


@dataclass(frozen=True, slots=True, kw_only=True)
class BandPlot:
    """What is drawn, in the units of its axes."""

    key: Literal["qq", "units"]
    law: str  # id of the scheme it is compared with
    name: str
    family: Family
    x: Series
    y: Series
    edges: Series  # x of the band
    low: Series
    high: Series
    middle: float  # where a perfect match lies
    x_range: Span
    y_range: Span
    x_title: str
    y_title: str
    within: int  # points inside the band
    sentence: str
    caption: str

    @property
    def frame(self) -> Frame:
        """The box of the drawing."""
        return Frame(
            x_range=self.x_range, y_range=self.y_range, x_title=self.x_title, y_title=self.y_title
        )


def _band(plot: BandPlot, frame: Frame, palette: Palette) -> str:
    there = frame.points(plot.edges, plot.high)
    back = frame.points(plot.edges, plot.low)[::-1]
    hue = palette.family(plot.family)
    return svg.element("path", d=f"{svg.polyline([*there, *back])}z", fill=hue, fill_opacity=0.18)


def _middle(plot: BandPlot, frame: Frame, palette: Palette) -> str:
    line = svg.polyline(
        [(frame.x(end), frame.y(plot.middle)) for end in plot.x_range],
    )
    return svg.element(
        "path", d=line, fill="none", stroke=palette.family(plot.family), stroke_width=1.5
    )


def _measured(plot: BandPlot, frame: Frame, palette: Palette) -> str:
    points = frame.points(plot.x, plot.y)
    if plot.key == "qq":
        line = svg.polyline(points)
        return svg.element("path", d=line, fill="none", stroke=palette.ink, stroke_width=1.6)
    dots = "".join(f"M{svg.written(x)} {svg.written(y)}h0" for x, y in points)
    return svg.element(
        "path",
        d=dots,
        stroke=palette.ink,
        stroke_width=DOT,
        stroke_linecap="round",
        stroke_opacity=0.6,
    )


def _legend(plot: BandPlot, palette: Palette) -> str:
    sample = svg.element(
        "rect",
        x=LEFT,
        y=HEIGHT,
        width=20,
        height=12,
        fill=palette.family(plot.family),
        fill_opacity=0.18,
    )
    text = f"shaded: {plot.name}; dark: measured"
    return sample + svg.text(text, x=LEFT + 28, y=HEIGHT + 10, fill=palette.ink)


def as_svg(plot: BandPlot, palette: Palette, *, alone: bool = False) -> str:
    """The plot as SVG.

    Args:
        plot: The plot.
        palette: The page's variables inside a page, one theme's colours in a file.
        alone: Whether the drawing is a file of its own and needs a legend.
    """
    frame = plot.frame
    height = HEIGHT + (LEGEND if alone else 0)
    inside = clipped(
        frame,
        _band(plot, frame, palette),
        _middle(plot, frame, palette),
        _measured(plot, frame, palette),
        name=f"plot-{plot.key}",
    )
    return svg.document(
        WIDTH,
        height,
        svg.element("rect", width=WIDTH, height=height, fill=palette.page),
        axes(frame, palette),
        inside,
        _legend(plot, palette) if alone else "",
        label=plot.sentence,
    )
