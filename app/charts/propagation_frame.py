"""The box of a chart over depth: one side for the axis, the other for the names of the lines.

The axis stands where the signal starts and the names where it ends: names to the right of the
forward pass, to the left of the backward pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from app.charts import svg
from app.charts.style import Palette

Span: TypeAlias = tuple[float, float]

WIDTH, HEIGHT = 560, 300  # px
AXIS, NAMES = 58, 164  # px of the margins beside the axis' and beside the names' side
TOP, BOTTOM = 12, 42
LEAST_POWER = -320  # of ten; nothing smaller is a float
NARROW = 0.02  # share of the depth left free at either end
FRAMES = 16  # whose layers' places are kept; the charts of one page share two


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthFrame:
    """Where a layer and a value stand in pixels."""

    depth: int  # layers, at least 1
    y_range: Span  # log10 of the values on a logarithmic axis
    log: bool
    y_title: str
    names_left: bool = False
    x_title: str = "layer (input → output)"

    @property
    def left(self) -> float:
        """Pixels to the left of the axes."""
        return NAMES if self.names_left else AXIS

    @property
    def right(self) -> float:
        """Pixels to the right of the axes."""
        return AXIS if self.names_left else NAMES

    @property
    def x_range(self) -> Span:
        """The ends of the axis of layers."""
        margin = max(NARROW * (self.depth - 1), 0.15 if self.depth > 1 else 0.5)
        return (1 - margin, self.depth + margin)

    def x(self, layer: float) -> float:
        """Pixels from the left."""
        low, high = self.x_range
        return self.left + (WIDTH - self.left - self.right) * (layer - low) / (high - low)

    def y(self, value: float) -> float:
        """Pixels from the top; on a logarithmic axis what is not above 0 lies on the floor."""
        low, high = self.y_range
        at = (math.log10(value) if value > 0 else low) if self.log else value
        place = HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (at - low) / (high - low)
        return min(max(place, TOP), HEIGHT - BOTTOM)

    def axis_value(self, pixels: float) -> float:
        """What stands there on the axis; log10 of the value where that is logarithmic."""
        low, high = self.y_range
        return low + (high - low) * (HEIGHT - BOTTOM - pixels) / (HEIGHT - BOTTOM - TOP)


@lru_cache(maxsize=FRAMES)
def layer_places(frame: DepthFrame) -> tuple[float, ...]:
    """Pixels from the left of every layer, in order."""
    return tuple(map(frame.x, range(1, frame.depth + 1)))


def layer_ticks(frame: DepthFrame) -> tuple[int, ...]:
    """Round numbers of layers, the first and the last among few."""
    if frame.depth <= 10:
        return tuple(range(1, frame.depth + 1))
    step = max(1, round(svg.tick_step(frame.depth, 6)))
    return (1, *(at for at in range(step, frame.depth + 1, step) if at > 1))


def value_ticks(frame: DepthFrame, floor: float) -> list[tuple[float, str]]:
    """Values with their labels, from `floor` up: below it zeros are told, not values."""
    low, high = frame.y_range
    if not frame.log:
        found = svg.ticks(low, high, count=5)
        step = found[1] - found[0] if len(found) > 1 else 1.0
        return [(at, svg.tick_label(at, step)) for at in found]
    first, last = math.ceil(max(floor, LEAST_POWER)), math.floor(high)
    if last - first < 2:
        return svg.log_ticks(10.0 ** max(floor, LEAST_POWER), 10.0**high)
    stride = -(-(last - first + 1) // 7)
    powers = [power for power in range(first, last + 1) if power % stride == 0]
    return [(10.0**power, svg.power_label(power)) for power in powers if power > LEAST_POWER]


def axes(frame: DepthFrame, palette: Palette, *, values: Sequence[tuple[float, str]]) -> str:
    """Grid, labels and titles."""
    floor, right = HEIGHT - BOTTOM, WIDTH - frame.right
    lines, labels = [], []
    for layer in layer_ticks(frame):
        x = frame.x(layer)
        lines.append(svg.element("path", d=f"M{svg.written(x)} {TOP}V{floor}"))
        labels.append(
            svg.text(str(layer), x=x, y=floor + 16, text_anchor="middle", fill=palette.quiet)
        )
    at, anchor = (right + 6, "start") if frame.names_left else (frame.left - 6, "end")
    for value, label in values:
        y = frame.y(value)
        lines.append(svg.element("path", d=f"M{svg.written(frame.left)} {svg.written(y)}H{right}"))
        labels.append(svg.text(label, x=at, y=y + 4, text_anchor=anchor, fill=palette.quiet))
    grid = svg.element("g", *lines, stroke=palette.hair)
    return grid + "".join(labels) + _titles(frame, palette)


def _titles(frame: DepthFrame, palette: Palette) -> str:
    style: dict[str, str | float] = {"text_anchor": "middle", "fill": palette.quiet}
    across = (frame.left + WIDTH - frame.right) / 2
    up = WIDTH - 8 if frame.names_left else 12
    turned = f"translate({up} {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)"
    return svg.text(frame.x_title, x=across, y=HEIGHT - 8, **style) + svg.text(
        frame.y_title, transform=turned, **style
    )
