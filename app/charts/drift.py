"""How far every tensor moved, in one picture: a bar for each on a shared logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from app.charts import svg
from app.charts.fingerprint import displayed_height
from app.charts.style import Palette
from app.core.movements import Moved, Movement

LANE: Final = 40  # px left of the axis, for tensors that did not move
GAP: Final = 20
PLOT: Final = 900
MARGIN: Final = 24
FOOT: Final = 48
LEAST_MARK: Final = 2.0  # px
FLOOR: Final = 1e-9  # of relative drift that the axis reaches down to
CEILING: Final = 1e9  # and up to; bars of more end there
SPARE: Final = 0.12  # of a row that stays empty between bars, where rows are tall
DRAWN: Final[tuple[Movement, ...]] = ("moved", "barely", "redrawn")  # the oddest last

Row: TypeAlias = tuple[float | None, Movement, bool]  # drift, movement, whether one never moved


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPlot:
    """The picture as numbers."""

    rows: tuple[Row, ...]  # tensors that share one are folded
    tensors: int
    height: int  # px
    low: float  # ends of the axis
    high: float
    sentence: str

    def x(self, value: float) -> float:
        """Where a relative drift stands, px."""
        span = math.log10(self.high) - math.log10(self.low)
        share = (math.log10(max(value, self.low)) - math.log10(self.low)) / span
        return LANE + GAP + PLOT * min(share, 1.0)


def drift_plot(moved: Sequence[Moved], sentence: str) -> DriftPlot | None:
    """The picture of these tensors in their order, None where none was compared."""
    known: list[Row] = [
        (
            one.pair.drift.relative if one.pair.drift else None,
            one.movement,
            one.movement == "unmoved",
        )
        for one in moved
        if one.movement != "not_compared"
    ]
    if not known:
        return None
    height = displayed_height(len(known))
    sizes = [size for size, _, still in known if size and not still]
    low, high = _ends(sizes)
    return DriftPlot(
        rows=_folded(known, height),
        tensors=len(known),
        height=height,
        low=low,
        high=high,
        sentence=sentence,
    )


def _ends(sizes: Sequence[float]) -> tuple[float, float]:
    """Whole powers of ten around the sizes, at least three decades that hold 1."""
    least = min(sizes, default=0.1)
    high = 10.0 ** max(1, math.ceil(math.log10(min(max(sizes, default=1.0), CEILING)) + 1e-9))
    low = 10.0 ** min(-2, math.floor(math.log10(max(least, FLOOR)) - 1e-9))
    return low, high


def _folded(rows: Sequence[Row], height: int) -> tuple[Row, ...]:
    """At most `height` rows: tensors that share one leave the largest drift and oddest movement."""
    if len(rows) <= height:
        return tuple(rows)
    starts = [math.ceil(at * len(rows) / height) for at in range(height + 1)]
    groups = (rows[a:b] for a, b in pairwise(starts) if b > a)
    return tuple(_together(group) for group in groups)


def _together(group: Sequence[Row]) -> Row:
    """The row that is drawn anew, else the one that drifted furthest, stands for all."""
    far = max(group, key=lambda row: (row[1] == "redrawn", not row[2], _reach(row[0])))
    return far[0], far[1], any(still for _, _, still in group)


def _reach(size: float | None) -> float:
    return math.inf if size is None else size


def tone(kind: Movement, palette: Palette) -> str:
    """The colour of a movement."""
    return {
        "moved": palette.heat,
        "barely": palette.constant,
        "redrawn": palette.problem,
        "unmoved": palette.differs,
        "not_compared": palette.unjudged,
    }[kind]


def _bars(plot: DriftPlot, palette: Palette) -> str:
    pitch = plot.height / len(plot.rows)
    tall = pitch * (1 - SPARE) if pitch > 4 else pitch
    parts = []
    for kind in DRAWN:
        path = [
            _box(plot, at * pitch, tall, (LANE + GAP, _end(plot, size)))
            for at, (size, found, _) in enumerate(plot.rows)
            if found == kind
        ]
        if path:
            parts.append(svg.element("path", d="".join(path), fill=tone(kind, palette)))
    lane = [
        _box(plot, at * pitch, tall, (0, LANE))
        for at, (_, _, still) in enumerate(plot.rows)
        if still
    ]
    if lane:
        parts.append(svg.element("path", d="".join(lane), fill=tone("unmoved", palette)))
    return "".join(parts)


def _end(plot: DriftPlot, size: float | None) -> float:
    """Where a bar ends; from nothing, as from a bias of zeros, any step is infinitely far."""
    return LANE + GAP + (PLOT if size is None else max(plot.x(size) - LANE - GAP, LEAST_MARK))


def _box(plot: DriftPlot, top: float, tall: float, ends: tuple[float, float]) -> str:
    shown = max(tall, LEAST_MARK) if ends[0] == 0 else tall
    top = min(top, plot.height - shown)
    left, right = (svg.written(end) for end in ends)
    return f"M{left} {svg.written(top)}H{right}v{svg.written(shown)}H{left}z"


def _axis(plot: DriftPlot, palette: Palette) -> str:
    ticks = svg.log_ticks(plot.low, plot.high)
    lines = [
        svg.element("path", d=f"M{svg.written(plot.x(at))} 0V{plot.height}") for at, _ in ticks
    ]
    labels = [
        svg.text(
            label,
            x=plot.x(at),
            y=plot.height + 16,
            fill=palette.quiet,
            text_anchor="middle" if at > plot.low else "start",
        )
        for at, label in ticks
    ]
    still = svg.text(
        "none", x=LANE / 2, y=plot.height + 16, fill=palette.quiet, text_anchor="middle"
    )
    title = svg.text(
        "drift ÷ own size, ‖after − before‖ / ‖before‖",
        x=LANE + GAP + PLOT / 2,
        y=plot.height + 38,
        fill=palette.quiet,
        text_anchor="middle",
        font_size=12,
    )
    return svg.element("g", *lines, stroke=palette.hair) + "".join(labels) + still + title


def _own_size(plot: DriftPlot, palette: Palette) -> str:
    line = f"M{svg.written(plot.x(1.0))} 0V{plot.height}"
    return svg.element("path", d=line, stroke=palette.page, stroke_width=3.5) + svg.element(
        "path", d=line, stroke=palette.ink, stroke_width=1.5, stroke_dasharray="4 3"
    )


def as_svg(plot: DriftPlot, palette: Palette) -> str:
    """The picture as SVG."""
    width, height = LANE + GAP + PLOT + MARGIN, plot.height + FOOT
    lane = svg.element("rect", width=LANE, height=plot.height, fill=palette.hair)
    return svg.document(
        width,
        height,
        svg.element("rect", width=width, height=height, fill=palette.page),
        lane,
        _axis(plot, palette),
        _bars(plot, palette),
        _own_size(plot, palette),
        label=plot.sentence,
    )
