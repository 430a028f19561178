"""The box of a small plot: where a value stands in pixels, and the axes around it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from app.charts import svg
from app.charts.style import Palette

Span: TypeAlias = tuple[float, float]

WIDTH, HEIGHT = 560, 250  # px of the drawing
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 10, 44  # px of its margins; bands in figures.py use the same
FAR = 1e4  # px; nothing is drawn further out, whatever the value


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The ends of both axes, and their titles."""

    x_range: Span
    y_range: Span
    x_title: str
    y_title: str
    log: bool = False  # of the y axis
    height: float = HEIGHT  # px

    def x(self, value: float) -> float:
        """Pixels from the left."""
        low, high = self.x_range
        return _near(LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low))

    def y(self, value: float) -> float:
        """Pixels from the top; on a logarithmic axis what is not above 0 lies on the floor."""
        low, high = self.y_range
        if self.log:
            value = math.log10(value) if value > 0 else math.log10(low)
            low, high = math.log10(low), math.log10(high)
        tall = self.height - TOP - BOTTOM
        return _near(TOP + tall * (1 - (value - low) / (high - low)))

    def points(self, x: tuple[float, ...], y: tuple[float, ...]) -> list[tuple[float, float]]:
        """The pixels of a line."""
        return list(zip(map(self.x, x), map(self.y, y), strict=True))


def _near(pixels: float) -> float:
    return max(-FAR, min(FAR, pixels))


def _labels(low: float, high: float, *, count: int) -> list[tuple[float, str]]:
    found = svg.ticks(low, high, count=count)
    step = found[1] - found[0] if len(found) > 1 else 1.0
    return [(at, svg.tick_label(at, step)) for at in found]


def y_labels(frame: Frame) -> list[tuple[float, str]]:
    """The ticks of the y axis with their labels."""
    if frame.log:
        return svg.log_ticks(*frame.y_range)
    return _labels(*frame.y_range, count=5)


def _upright(frame: Frame, palette: Palette) -> str:
    """Grid lines and labels along x."""
    floor = frame.height - BOTTOM
    lines, labels = [], []
    for at, label in _labels(*frame.x_range, count=7):
        lines.append(svg.element("path", d=f"M{svg.written(frame.x(at))} {TOP}V{floor}"))
        labels.append(
            svg.text(label, x=frame.x(at), y=floor + 17, text_anchor="middle", fill=palette.quiet)
        )
    return svg.element("g", *lines, stroke=palette.hair) + "".join(labels)


def _level(frame: Frame, palette: Palette) -> str:
    """Grid lines and labels along y."""
    lines, labels = [], []
    for at, label in y_labels(frame):
        y = frame.y(at)
        lines.append(svg.element("path", d=f"M{LEFT} {svg.written(y)}H{WIDTH - RIGHT}"))
        labels.append(svg.text(label, x=LEFT - 6, y=y + 4, text_anchor="end", fill=palette.quiet))
    return svg.element("g", *lines, stroke=palette.hair) + "".join(labels)


def _titles(frame: Frame, palette: Palette) -> str:
    middle = (TOP + frame.height - BOTTOM) / 2
    style: dict[str, str | float] = {
        "text_anchor": "middle",
        "fill": palette.quiet,
        "font_size": 12,
    }
    across = svg.text(frame.x_title, x=(LEFT + WIDTH - RIGHT) / 2, y=frame.height - 10, **style)
    up = svg.text(frame.y_title, transform=f"translate(14 {middle}) rotate(-90)", **style)
    return across + up


def axes(frame: Frame, palette: Palette) -> str:
    """Grid, labels and titles."""
    return _upright(frame, palette) + _level(frame, palette) + _titles(frame, palette)


def clipped(frame: Frame, *children: str, name: str) -> str:
    """The children, cut at the axes; `name` is the clip's id, one of its own in a page."""
    area = svg.element(
        "rect",
        x=LEFT,
        y=TOP,
        width=WIDTH - LEFT - RIGHT,
        height=frame.height - TOP - BOTTOM,
    )
    clip = svg.element("defs", svg.element("clipPath", area, id=name))
    return clip + svg.element("g", *children, clip_path=f"url(#{name})")
