"""The whole model in one picture: a row for each weight tensor, its values across."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.charts import png, svg
from app.charts.profiles import Profiles, Unit, fitting_range, profiles, window
from app.charts.style import EXCEPTIONS, Palette
from app.core.report import Sign, TensorRow

SHARED_HEIGHT = 480  # px; more tensors than this share rows
WISHED_HEIGHT = 260  # px that few tensors are stretched towards
TALLEST_ROW = 22  # px
STRIP = 10  # px of the strip that marks exceptions
GAP = 8
PLOT = 960  # px across the heat map in the picture of its own: a multiple of 48, 96 and 192
LEAST_MARK = 2  # px of the smallest mark in the strip
MARGIN = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A run of rows with the same exception, in pixels from the top."""

    sign: Sign
    top: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """The heat map as numbers, before any colour."""

    unit: Unit
    half_width: float  # units of the axis on each side
    tensors: int
    height: int  # px
    levels: NDArray[np.uint8]  # picture rows × bins; the largest where tensors share a row
    indices: tuple[int, ...]  # tensor index of each weight tensor, in model order
    marks: tuple[Mark, ...]
    constants: tuple[float, ...]  # centre of each constant weight tensor, px from the top

    @property
    def sentence(self) -> str:
        """What the picture shows, for those who do not see it."""
        odd = sum(mark.height > 0 for mark in self.marks)
        noted = f"{odd} groups of rows stand out" if odd else "no row stands out"
        return (
            f"Heat map of {self.tensors} weight tensors, one row each in model order, "
            f"values across from −{self.half_width:g} to +{self.half_width:g} units; {noted}."
        )


def displayed_height(tensors: int) -> int:
    """Pixels the heat map takes: whole pixels for each row until they have to be shared."""
    if tensors == 0:
        return 0
    return min(tensors * max(1, min(TALLEST_ROW, WISHED_HEIGHT // tensors)), SHARED_HEIGHT)


def folded(levels: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    """At most `height` rows: tensors that share one leave their largest level in each bin."""
    if len(levels) <= height:
        return levels
    starts = np.ceil(np.arange(height) * len(levels) / height).astype(np.intp)
    return np.maximum.reduceat(levels, starts, axis=0)


def _marks(rows: Sequence[TensorRow], height: int) -> tuple[Mark, ...]:
    pitch = height / max(len(rows), 1)
    found: list[Mark] = []
    for sign in EXCEPTIONS:  # the worst last, so it is painted over the milder
        start: int | None = None
        for at, row in enumerate([*rows, None]):
            if row is not None and row.sign == sign:
                start = at if start is None else start
            elif start is not None:
                tall = max((at - start) * pitch, LEAST_MARK)
                found.append(Mark(sign=sign, top=min(start * pitch, height - tall), height=tall))
                start = None
    return tuple(found)


def fingerprint(
    weights: Sequence[TensorRow],
    *,
    unit: Unit,
    half_width: float | None = None,
    unpacked: Profiles | None = None,
) -> Fingerprint:
    """The heat map of the weight tensors, in the order given.

    Args:
        weights: The rows to draw, constant ones too.
        unit: What one unit of the axis is.
        half_width: 1.5, 3 or 6; None takes the smallest that holds 99.5 % of the values.
        unpacked: The weights' profiles in this unit, if they are at hand.
    """
    shown = unpacked if unpacked is not None else profiles(weights, unit=unit)
    reach = half_width or fitting_range(shown)
    height = displayed_height(len(weights))
    varied = np.array([row.constant is None for row in weights], dtype=bool)
    levels = shown.levels[:, window(reach)] * varied[:, None].astype(np.uint8)
    pitch = height / max(len(weights), 1)
    return Fingerprint(
        unit=unit,
        half_width=reach,
        tensors=len(weights),
        height=height,
        levels=folded(levels, height),
        indices=tuple(row.index for row in weights),
        marks=_marks(weights, height),
        constants=tuple((at + 0.5) * pitch for at in np.flatnonzero(~varied).tolist()),
    )


def heat_mask(drawn: Fingerprint) -> str:
    """The heat map as an address to an opacity mask; the page gives it its hue."""
    return png.data_uri(png.mask(drawn.levels)) if drawn.tensors else ""


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)], dtype=np.float64)


def _rows_of(drawn: Fingerprint) -> NDArray[np.intp]:
    return np.arange(drawn.height) * len(drawn.levels) // max(drawn.height, 1)


def _paint_bounds(plot: NDArray[np.uint8], drawn: Fingerprint, palette: Palette) -> None:
    dashes = np.arange(drawn.height) % 7 < 4
    for bound in (-1.0, 1.0):
        at = round(PLOT * (bound / drawn.half_width + 1) / 2)
        plot[:, at - 2 : at + 2] = _rgb(palette.page)
        plot[dashes, at - 1 : at + 1] = _rgb(palette.ink)


def pixels(drawn: Fingerprint, palette: Palette) -> NDArray[np.uint8]:
    """The picture with strip, heat map, constants and bounds: height × width × 3."""
    page, heat = _rgb(palette.page), _rgb(palette.heat)
    opacity = drawn.levels[_rows_of(drawn)].repeat(PLOT // drawn.levels.shape[1], axis=1) / 255
    plot = (page + opacity[:, :, None] * (heat - page)).round().astype(np.uint8)
    for centre in drawn.constants:
        plot[int(centre)] = _rgb(palette.problem)
    _paint_bounds(plot, drawn, palette)
    strip = np.tile(_rgb(palette.hair).astype(np.uint8), (drawn.height, STRIP, 1))
    for mark in drawn.marks:
        strip[int(mark.top) : round(mark.top + mark.height)] = _rgb(palette.sign(mark.sign))
    gap = np.tile(page.astype(np.uint8), (drawn.height, GAP, 1))
    return np.concatenate([strip, gap, plot], axis=1)


def as_png(drawn: Fingerprint, palette: Palette) -> bytes:
    """The picture of its own, as PNG; one blank pixel when there is nothing to draw."""
    if drawn.tensors == 0:
        return png.picture(_rgb(palette.page).astype(np.uint8).reshape(1, 1, 3))
    return png.picture(pixels(drawn, palette))


def _axis(drawn: Fingerprint, palette: Palette) -> str:
    left, base = STRIP + GAP, drawn.height + 16
    step = 0.5 if drawn.half_width < 2 else 1
    count = round(2 * drawn.half_width / step)
    labels = [-drawn.half_width + step * at for at in range(count + 1)]
    return "".join(
        svg.text(
            f"{value:+g}".replace("-", svg.MINUS) if value else "0",
            x=left + PLOT * (value / drawn.half_width + 1) / 2,
            y=base,
            fill=palette.quiet,
            text_anchor="middle",
        )
        for value in labels
    )


def as_svg(drawn: Fingerprint, palette: Palette, *, caption: str) -> str:
    """The picture of its own with its axis, as SVG."""
    width, height = STRIP + GAP + PLOT + MARGIN, drawn.height + 44
    image = svg.element(
        "image",
        href=png.data_uri(as_png(drawn, palette)),
        width=STRIP + GAP + PLOT,
        height=max(drawn.height, 1),
        preserveAspectRatio="none",
        style="image-rendering:pixelated",
    )
    return svg.document(
        width,
        height,
        svg.element("rect", width=width, height=height, fill=palette.page),
        image,
        _axis(drawn, palette),
        svg.text(caption, x=STRIP + GAP, y=drawn.height + 36, fill=palette.quiet),
        label=drawn.sentence,
    )
