"""Where the values of each layer lie: a heat map a series, layer by value, by log share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.charts import png, svg
from app.charts.fingerprint import folded
from app.charts.names import visible
from app.charts.propagation import points, short_names
from app.charts.propagation_frame import BOTTOM, TOP
from app.charts.propagation_marks import marks
from app.charts.style import Family, Palette
from app.core.propagation import PropagationReport, Series

BINS, REACH = 128, 4.0  # bins between -REACH and REACH, with one more at either end
FAINTEST = 1e-5  # share of a layer's values at which a bin begins to show
WIDTH, HEIGHT = 280, 230  # px
LEFT, RIGHT = 30, 14
EDGE = 5  # px of the strips for what lies beyond the axis
GAP = 2
ROWS, COLUMNS = 64, 118  # at most, as the smallest map on a page has no more pixels
HEADING = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """One series' layers: share of values in each bin."""

    scheme: str
    name: str
    label: str  # as at the end of a line
    family: Family
    operations: tuple[str, ...]
    shares: NDArray[np.float64]  # layers × 130: below -4, 128 bins, above 4
    sentence: str


def heat_map(report: PropagationReport, scheme: str) -> HeatMap | None:
    """The heat map of one series, None where it was not measured."""
    return next((one for one in heat_maps(report) if one.scheme == scheme), None)


def heat_maps(report: PropagationReport) -> tuple[HeatMap, ...]:
    """One heat map a series whose values were binned, in the order of the report."""
    looks = zip(report.series, short_names(report.series), marks(report.series), strict=True)
    found = [_heat_map(one, label, mark.family) for one, label, mark in looks]
    return tuple(one for one in found if one is not None)


def _heat_map(series: Series, label: str, hue: Family) -> HeatMap | None:
    layers = [layer for layer in points(series) if len(layer.forward.histogram) == BINS + 2]
    if not layers or len(layers) != len(points(series)):
        return None
    counts = np.array([layer.forward.histogram for layer in layers], dtype=np.float64)
    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shares = counts / totals
    beyond = float(max(shares[-1, 0], 0) + max(shares[-1, -1], 0))
    name = visible(series.name)
    return HeatMap(
        scheme=series.scheme,
        name=name,
        label=label,
        family=hue,
        operations=tuple(visible(layer.name) for layer in layers),
        shares=shares,
        sentence=(
            f"Where the outputs of {len(layers)} layers lie under {name}, from −4 to 4. "
            f"Beyond these in the last layer: {100 * beyond:.3g} %."
        ),
    )


def levels(drawn: HeatMap) -> NDArray[np.uint8]:
    """Opacity 0 to 255, largest values on top: what lies above, the bins, what lies below.

    Bins and layers that share a pixel on the screen leave their largest, so that none gets lost.
    """
    shown = np.log(np.maximum(drawn.shares, FAINTEST) / FAINTEST) / -np.log(FAINTEST)
    opacity: NDArray[np.uint8] = np.ceil(255 * np.minimum(shown, 1)).astype(np.uint8)
    narrow = folded(opacity, COLUMNS).T[::-1]
    return np.concatenate([narrow[:1], folded(narrow[1:-1], ROWS), narrow[-1:]])


def _y(value: float) -> float:
    top, bottom = TOP + EDGE + GAP, HEIGHT - BOTTOM - EDGE - GAP
    return top + (bottom - top) * (REACH - value) / (2 * REACH)


def _layer_ticks(layers: int) -> list[int]:
    if layers <= 6:
        return list(range(1, layers + 1))
    step = max(1, round(svg.tick_step(layers, 4)))
    return [1, *(at for at in range(step, layers + 1, step) if at > 1)]


def _axes(drawn: HeatMap, palette: Palette) -> str:
    layers, parts = len(drawn.operations), []
    wide = (WIDTH - LEFT - RIGHT) / layers
    for at in _layer_ticks(layers):
        x = LEFT + wide * (at - 0.5)
        style: dict[str, str | float] = {"text_anchor": "middle", "fill": palette.quiet}
        parts.append(svg.text(str(at), x=x, y=HEIGHT - BOTTOM + 16, **style))
    for value in (-4, -2, 0, 2, 4):
        label = f"{value}".replace("-", svg.MINUS)
        parts.append(
            svg.text(label, x=LEFT - 6, y=_y(value) + 4, text_anchor="end", fill=palette.quiet)
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    title = svg.text("layer", x=middle, y=HEIGHT - 8, text_anchor="middle", fill=palette.quiet)
    return "".join(parts) + title


def _image(pixels: str, *, top: float, height: float) -> str:
    return svg.element(
        "image",
        href=pixels,
        x=LEFT,
        y=top,
        width=WIDTH - LEFT - RIGHT,
        height=height,
        preserveAspectRatio="none",
        style="image-rendering:pixelated",
    )


def _pictures(drawn: HeatMap, palette: Palette) -> str:
    """The map between the strips for what lies above and below it."""
    shown = levels(drawn)
    opaque = palette.page.startswith("#")
    hue = palette.family(drawn.family)
    parts = []
    for rows, top, height in (
        (shown[:1], TOP, EDGE),
        (shown[1:-1], _y(REACH), _y(-REACH) - _y(REACH)),
        (shown[-1:], HEIGHT - BOTTOM - EDGE, EDGE),
    ):
        pixels = png.picture(_painted(rows, hue, palette.page)) if opaque else png.mask(rows)
        parts.append(_image(png.data_uri(pixels), top=top, height=height))
    return "".join(parts)


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)], dtype=np.float64)


def _painted(rows: NDArray[np.uint8], hue: str, page: str) -> NDArray[np.uint8]:
    below = _rgb(page)
    opacity = rows[:, :, None] / 255
    return (below + opacity * (_rgb(hue) - below)).round().astype(np.uint8)


def _hue_filter(drawn: HeatMap, palette: Palette, name: str) -> str:
    """Gives an opacity mask its colour: one that the page's theme decides."""
    return svg.element(
        "defs",
        svg.element(
            "filter",
            svg.element("feFlood", flood_color=palette.family(drawn.family)),
            svg.element("feComposite", in2="SourceAlpha", operator="in"),
            id=name,
            x="0",
            y="0",
            width="1",
            height="1",
            color_interpolation_filters="sRGB",
        ),
    )


def as_svg(drawn: HeatMap, palette: Palette, *, place: int = 0, alone: bool = False) -> str:
    """The heat map as SVG.

    Args:
        drawn: The heat map.
        palette: The page's variables inside a page, one theme's colours in a file.
        place: Of the map among those of its page, which names its filter.
        alone: Whether the drawing is a file of its own and needs its title.
    """
    top = HEADING if alone else 0
    name = f"heat-hue-{place}"
    coloured = palette.page.startswith("#")
    held = {} if coloured else {"filter_": f"url(#{name})"}
    frame = svg.element(
        "rect",
        x=LEFT,
        y=_y(REACH),
        width=WIDTH - LEFT - RIGHT,
        height=_y(-REACH) - _y(REACH),
        fill="none",
        stroke=palette.hair,
    )
    inside = svg.element(
        "g",
        svg.element("g", _pictures(drawn, palette), **held),
        frame,
        _axes(drawn, palette),
        transform=f"translate(0 {top})",
    )
    title = svg.text(drawn.name, x=8, y=18, fill=palette.ink, font_size=13, font_weight=700)
    return svg.document(
        WIDTH,
        HEIGHT + top,
        svg.element("rect", width=WIDTH, height=HEIGHT + top, fill=palette.page),
        "" if coloured else _hue_filter(drawn, palette, name),
        title if alone else "",
        inside,
        label=drawn.sentence,
    )
