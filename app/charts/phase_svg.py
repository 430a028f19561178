"""The phase view's figures as SVG: the page's own drawing, and the file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

import numpy as np

from app.charts import svg
from app.charts.frame import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Frame, axes, clipped
from app.charts.phase import Dot, MapPlot, PlanePlot
from app.charts.style import Palette
from app.core.meanfield.plane.diagram import REGIONS, Line, Region

OPACITY: dict[Region, float] = {"ordered": 0.13, "chaotic": 0.16, "explodes": 0.15}
WORDS: dict[Region, tuple[str, str]] = {
    "ordered": ("ordered", "inputs become alike, gradients vanish"),
    "chaotic": ("chaotic", "inputs part, gradients explode"),
    "explodes": ("explodes", "the signal grows without end"),
}
SMALLEST, LARGEST = 4.0, 8.0  # px, radius of a dot
CHARACTER = 5.6  # px, mean width of a letter of 11 px
HEADING = 26  # px of the title above a drawing that stands alone
APART = 34  # px between two numbers of depth
SHORTEST = 4  # points of a line that has its number


def hue(region: Region, palette: Palette) -> str:
    """The tint of a phase."""
    return {
        "ordered": palette.no_match,
        "chaotic": palette.differs,
        "explodes": palette.problem,
    }[region]


def plane_svg(plot: PlanePlot, palette: Palette, *, alone: bool = False) -> str:
    """The phase plane as SVG.

    Args:
        plot: The plane.
        palette: The page's variables inside a page, one theme's colours in a file.
        alone: Whether the drawing is a file of its own and needs its title.
    """
    frame = plot.frame
    lines = [
        *(_line(line, frame, stroke=palette.quiet, stroke_width=0.9, stroke_dasharray="2 3")
          for _, found in plot.diagram.depths for line in found),
        *(_line(line, frame, stroke=palette.problem, stroke_width=1.4, stroke_dasharray="6 4")
          for line in plot.diagram.border),
        *(_line(line, frame, stroke=palette.ink, stroke_width=2.4) for line in plot.diagram.edge),
    ]  # fmt: skip
    inside = (
        *_tints(plot, palette),
        axes(frame, palette),
        clipped(frame, *lines, name="phase-plane"),
        *(_written(one, frame, palette, fill=palette.quiet) for one in depth_words(plot)),
        *(_written(one, frame, palette, fill=palette.ink) for one in region_words(plot)),
        *_dots(plot.dots, frame, palette),
        _here(frame.x(plot.here[0]), frame.y(plot.here[1]), palette),
    )
    return _document(inside, frame, palette, title=plot.title, label=plot.sentence, alone=alone)


def map_svg(plot: MapPlot, palette: Palette, *, alone: bool = False) -> str:
    """The map of one layer as SVG, as `plane_svg`."""
    frame = plot.frame
    corner = (0.0, 0.0), (frame.x_range[1], frame.y_range[1])
    drawn = [
        _line(corner, frame, stroke=palette.quiet, stroke_width=1, stroke_dasharray="2 3"),
        _line(plot.path, frame, stroke=palette.kaiming, stroke_width=1.1),
        _line(plot.curve, frame, stroke=palette.pytorch, stroke_width=2.4),
    ]
    end = ""
    if plot.end is not None:
        x, y = frame.x(plot.end[0]), frame.y(plot.end[1])
        end = svg.element(
            "circle", cx=x, cy=y, r=5, fill=palette.page, stroke=palette.ink, stroke_width=2
        )
    inside = (axes(frame, palette), clipped(frame, *drawn, name=f"phase-{plot.key}"), end)
    return _document(inside, frame, palette, title=plot.title, label=plot.sentence, alone=alone)


def _document(
    inside: Sequence[str], frame: Frame, palette: Palette, *, title: str, label: str, alone: bool
) -> str:
    top = HEADING if alone else 0
    heading = svg.text(title, x=12, y=18, fill=palette.ink, font_size=13, font_weight=700)
    return svg.document(
        WIDTH,
        frame.height + top,
        svg.element("rect", width=WIDTH, height=frame.height + top, fill=palette.page),
        heading if alone else "",
        svg.element("g", *inside, transform=f"translate(0 {top})"),
        label=label,
    )


def _line(points: Line, frame: Frame, **style: str | float) -> str:
    path = svg.polyline([(frame.x(x), frame.y(y)) for x, y in points])
    dot = "h0" if len(points) == 1 else ""
    return svg.element("path", d=path + dot, fill="none", stroke_linejoin="round", **style)


def _tints(plot: PlanePlot, palette: Palette) -> list[str]:
    """Each phase as one path of the runs of its rows."""
    paths: dict[Region, list[str]] = {region: [] for region in REGIONS}
    found, frame = plot.diagram, plot.frame
    half_w = (found.sigma_w[1] - found.sigma_w[0]) / 2
    tall = (frame.height - TOP - BOTTOM) / (found.sigma_b.size - 1)
    for row, sigma_b in zip(found.regions, found.sigma_b.tolist(), strict=True):
        middle = frame.y(sigma_b)
        top, bottom = max(middle - tall / 2, TOP), min(middle + tall / 2, frame.height - BOTTOM)
        at = 0
        for code, run in groupby(row.tolist()):
            count = len(list(run))
            left = found.sigma_w[at] - half_w if at else 0.0
            at += count
            right = found.sigma_w[at - 1] + half_w if at < row.size else found.sigma_w[-1]
            x, wide = frame.x(left), frame.x(right) - frame.x(left)
            paths[REGIONS[code]].append(
                f"M{svg.written(x)} {svg.written(top)}h{svg.written(wide)}"
                f"V{svg.written(bottom)}h-{svg.written(wide)}z"
            )
    return [
        svg.element(
            "path",
            d="".join(path),
            fill=hue(region, palette),
            fill_opacity=OPACITY[region],
            shape_rendering="crispEdges",
        )
        for region, path in paths.items()
        if path
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Words in the plane, centred; places in σ_w, σ_b and px above or below."""

    text: str
    sigma_w: float
    sigma_b: float
    below: float = 0.0  # px
    strong: bool = False


def region_words(plot: PlanePlot) -> list[Words]:
    """The name of each phase where its rows are widest, and what it does where there is room."""
    found, frame = plot.diagram, plot.frame
    parts: list[Words] = []
    for code, region in enumerate(REGIONS):
        place = _widest(found.regions == code)
        if place is None:
            continue
        row, first, last = place
        left, right = float(found.sigma_w[first]), float(found.sigma_w[last])
        room = frame.x(right) - frame.x(left)
        name, effect = WORDS[region]
        if room < CHARACTER * len(name) + 8:
            continue
        middle, up = (left + right) / 2, float(found.sigma_b[row])
        parts.append(Words(text=name, sigma_w=middle, sigma_b=up, strong=True))
        for at, told in enumerate(_broken(effect, room - 16)):
            parts.append(Words(text=told, sigma_w=middle, sigma_b=up, below=16 + 14 * at))
    return parts


def depth_words(plot: PlanePlot) -> list[Words]:
    """How many layers a line of equal depth stands for, at its upper end."""
    frame = plot.frame
    taken: list[tuple[float, float]] = []
    parts: list[Words] = []
    for layers, lines in plot.diagram.depths:
        for line in lines:
            w, b = line[int(0.96 * (len(line) - 1))]
            x, y = frame.x(w), frame.y(b)
            if len(line) < SHORTEST or not LEFT + 10 < x < WIDTH - RIGHT - 10:
                continue
            if any(abs(x - other) < APART / 2 and abs(y - up) < 12 for other, up in taken):
                continue
            taken.append((x, y))
            parts.append(Words(text=str(layers), sigma_w=w, sigma_b=b, below=4))
    return parts


def _written(words: Words, frame: Frame, palette: Palette, *, fill: str) -> str:
    style: dict[str, str | float] = {"font_size": 13, "font_weight": 700} if words.strong else {}
    x, y = frame.x(words.sigma_w), frame.y(words.sigma_b) + words.below
    return svg.text(
        words.text,
        x=x,
        y=y,
        fill=fill,
        stroke=palette.page,
        stroke_width=3,
        paint_order="stroke",
        stroke_linejoin="round",
        text_anchor="middle",
        **style,
    )


def _widest(cells: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> tuple[int, int, int] | None:
    """Row, first and last column of the widest run among rows of the upper half."""
    best: tuple[int, int, int] | None = None
    rows = cells.shape[0]
    for row in range(rows * 5 // 8, rows * 7 // 8, 2):
        at = 0
        for inside, run in groupby(cells[row].tolist()):
            count = len(list(run))
            if inside and (best is None or count > best[2] - best[1] + 1):
                best = (row, at, at + count - 1)
            at += count
    return best


def _broken(words: str, room: float) -> list[str]:
    """The words in one line, or in two at the comma; none where they do not fit."""
    if CHARACTER * len(words) <= room:
        return [words]
    parts = words.split(", ") if ", " in words else []
    fits = parts and max(len(part) for part in parts) * CHARACTER <= room
    return [f"{parts[0]},", *parts[1:]] if fits else []


def _dots(dots: Sequence[Dot], frame: Frame, palette: Palette) -> list[str]:
    parts = []
    for dot in dots:
        radius = min(SMALLEST * len(dot.names) ** 0.3, LARGEST)
        title = svg.element("title", escape(dot.label, quote=False))
        parts.append(
            svg.element(
                "circle",
                title,
                cx=frame.x(dot.sigma_w),
                cy=frame.y(dot.sigma_b),
                r=radius,
                fill=palette.kaiming,
                stroke=palette.page,
                stroke_width=1.2,
            )
        )
    return parts


def _here(x: float, y: float, palette: Palette) -> str:
    """The chosen layer: a ring with a cross."""
    ring = svg.element("circle", cx=x, cy=y, r=7, fill="none", stroke_width=2)
    cross = svg.element(
        "path",
        d=f"M{svg.written(x - 11)} {svg.written(y)}h22M{svg.written(x)} {svg.written(y - 11)}v22",
        stroke_width=1.2,
        fill="none",
    )
    under = svg.element("g", ring.replace('stroke-width="2"', 'stroke-width="5"'),
                        stroke=palette.page, opacity=0.8)  # fmt: skip
    return under + svg.element("g", ring, cross, stroke=palette.ink)
