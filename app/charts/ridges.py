"""The weight tensors as overlapping step outlines, for models of at most 60 of them."""

from __future__ import annotations

from collections.abc import Sequence

from app.charts import svg
from app.charts.names import headed, tail
from app.charts.profiles import (
    BINS_PER_UNIT,
    Unit,
    columns,
    overflow,
    profiles,
    step_path,
)
from app.charts.style import SIGN_ICONS, Palette, family
from app.core.report import TensorRow

MOST = 60  # tensors; more would leave no room for their names
PITCH = 18  # px from one row to the next
RISE = 20  # px of a full step: 1.15 rows, so neighbours touch and nothing hides
NAMES, PLOT, SCHEMES = 190, 700, 220  # px
TOP = 26
MOST_STEPS = 96  # finer than one step in 7 px shows noise, not shape


def _row(row: TensorRow, path: str, at: int, steps: int, palette: Palette) -> str:
    hue = palette.family(family(row.scheme if row.constant is None else "zeros"))
    base = TOP + PITCH * at
    place = f"translate({NAMES} {base - RISE}) scale({PLOT / steps} 1)"
    outline = {"d": path, "transform": place, "vector_effect": "non-scaling-stroke"}
    line, weight = (palette.problem, 2) if row.constant is not None else (hue, 0.75)
    return "".join(
        (
            svg.element("path", fill=palette.page, **outline) if path else "",
            svg.element("path", fill=hue, fill_opacity=0.4, stroke=hue, **outline) if path else "",
            svg.element("path", d=f"M{NAMES} {base}h{PLOT}", stroke=line, stroke_width=weight),
        )
    )


def _labels(row: TensorRow, at: int, palette: Palette) -> str:
    base = TOP + PITCH * at
    odd = row.sign not in {"as_expected", "not_judged"}
    name = svg.text(tail(row.name, 28), x=NAMES - 8, y=base, text_anchor="end", fill=palette.quiet)
    scheme = svg.text(
        f"{SIGN_ICONS[row.sign]} {headed(row.scheme_name, 34)}",
        x=NAMES + PLOT + 10,
        y=base,
        fill=palette.ink if odd else palette.quiet,
        font_weight=600 if odd else 400,
    )
    return name + scheme


def _arrows(at: int, left: bool, right: bool, palette: Palette) -> str:
    middle = TOP + PITCH * at - 5
    before = f"M{NAMES + 6} {middle - 4}l-6 4l6 4z" if left else ""
    after = f"M{NAMES + PLOT - 6} {middle - 4}l6 4l-6 4z" if right else ""
    return svg.element("path", d=before + after, fill=palette.problem) if left or right else ""


def _axis(half_width: float, bottom: float, palette: Palette) -> str:
    parts = []
    for value in svg.ticks(-half_width, half_width, count=6):
        x = NAMES + PLOT * (value / half_width + 1) / 2
        label = f"{value:+g}".replace("-", svg.MINUS) if value else "0"
        parts.append(svg.text(label, x=x, y=bottom + 18, text_anchor="middle", fill=palette.quiet))
    for bound in (-1, 1):
        x = NAMES + PLOT * (bound / half_width + 1) / 2
        line = f"M{svg.written(x)} 4V{bottom + 4}"
        parts.append(svg.element("path", d=line, stroke=palette.page, stroke_width=4))
        parts.append(svg.element("path", d=line, stroke=palette.ink, stroke_dasharray="4 3"))
    return "".join(parts)


def ridges(weights: Sequence[TensorRow], palette: Palette, *, unit: Unit, half_width: float) -> str:
    """Every weight tensor's outline on the shared axis, input layer on top.

    Raises:
        ValueError: If there are more than 60 tensors.
    """
    if len(weights) > MOST:
        raise ValueError(f"ridges show at most {MOST} tensors, got {len(weights)}")
    shown = profiles(weights, unit=unit)
    steps = min(round(2 * half_width * BINS_PER_UNIT), MOST_STEPS)
    heights = columns(shown, half_width=half_width, steps=steps).tolist()
    left, right = overflow(shown, half_width=half_width)
    bottom = TOP + PITCH * max(len(weights) - 1, 0)
    parts = []
    for at, row in enumerate(weights):
        path = step_path(heights[at], tall=RISE) if row.constant is None else ""
        parts.append(_row(row, path, at, steps, palette))
    parts.append(_axis(half_width, bottom, palette))
    for at, row in enumerate(weights):
        parts.append(_labels(row, at, palette) + _arrows(at, left[at], right[at], palette))
    return svg.document(
        NAMES + PLOT + SCHEMES,
        bottom + 26,
        *parts,
        label=f"Histograms of {len(weights)} weight tensors, one above the other in model order.",
    )
