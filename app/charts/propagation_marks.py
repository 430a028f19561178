"""How each series of a propagation is told apart: hue, marker and dash, never by hue alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from app.charts import svg
from app.charts.style import Family, Palette, family
from app.core.propagation import CHECKPOINT, Series

Shape: TypeAlias = Literal["none", "circle", "square", "diamond", "plus", "triangle", "times"]

SHAPES: dict[Family, Shape] = {
    "pytorch": "circle",
    "kaiming": "square",
    "xavier": "diamond",
    "lecun": "plus",
    "normal": "triangle",
    "constant": "times",
    "no_match": "none",
}
PLOTLY_SYMBOLS: dict[Shape, str] = {
    "none": "circle",
    "circle": "circle",
    "square": "square",
    "diamond": "diamond",
    "plus": "cross-thin-open",
    "triangle": "triangle-up",
    "times": "x-thin-open",
}
SIGNS: dict[Shape, tuple[str, str]] = {  # filled and hollow, in plain characters
    "none": ("━", "━"),
    "circle": ("●", "○"),
    "square": ("■", "□"),
    "diamond": ("◆", "◇"),
    "plus": ("✚", "✛"),
    "triangle": ("▲", "△"),
    "times": ("✕", "✕"),
}
STROKED: frozenset[Shape] = frozenset({"plus", "times"})  # drawn as lines, with no area to fill
DASHES = ("", "2 3", "8 3 2 3")  # of the first, second and third series of one family
OWN_WIDTH, WIDTH = 3.0, 1.8  # px
RADIUS = 3.4  # px


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The look of one series."""

    family: Family  # "no_match" is drawn in ink: the person's own weights
    shape: Shape
    hollow: bool
    dash: str  # as SVG has it, "" for a solid line
    width: float  # px


OWN = Mark(family="no_match", shape="none", hollow=False, dash="", width=OWN_WIDTH)


def marks(series: Sequence[Series]) -> tuple[Mark, ...]:
    """One look for each series; those of one family differ by dash and filling."""
    seen: Counter[Family] = Counter()
    found = []
    for one in series:
        if one.scheme == CHECKPOINT:
            found.append(OWN)
            continue
        hue = family(one.scheme)
        place = seen[hue]
        seen[hue] += 1
        found.append(
            Mark(
                family=hue,
                shape=SHAPES[hue],
                hollow=place % 2 == 1,
                dash=DASHES[place % len(DASHES)],
                width=WIDTH,
            )
        )
    return tuple(found)


def _outline(shape: Shape, x: float, y: float, r: float) -> str:
    at, up = svg.written(x), svg.written(y)
    left, top = svg.written(x - r), svg.written(y - r)
    size, half = svg.written(2 * r), svg.written(r)
    match shape:
        case "circle":
            return f"M{left} {up}a{half} {half} 0 1 0 {size} 0a{half} {half} 0 1 0 -{size} 0z"
        case "square":
            return f"M{left} {top}h{size}v{size}h-{size}z"
        case "diamond":
            return f"M{at} {top}l{half} {half}l-{half} {half}l-{half} -{half}z"
        case "triangle":
            return f"M{at} {top}l{half} {size}h-{size}z"
        case "plus":
            return f"M{left} {up}h{size}M{at} {top}v{size}"
        case "times":
            return f"M{left} {top}l{size} {size}m0 -{size}l-{size} {size}"
        case "none":
            return f"M{svg.written(x - 1.7 * r)} {up}h{svg.written(3.4 * r)}"


def drawn(mark: Mark, points: Sequence[tuple[float, float]], palette: Palette) -> str:
    """The marks of one series, in pixels; a series without a shape gets a short thick line."""
    hue = palette.family(mark.family)
    stroke = mark.width if mark.shape == "none" else 2.2 if mark.shape in STROKED else 1.4
    return svg.element(
        "path",
        d="".join(_outline(mark.shape, x, y, RADIUS) for x, y in points),
        fill=palette.page if mark.hollow else hue,
        stroke=hue,
        stroke_width=stroke,
    )
