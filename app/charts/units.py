"""Spread of each output unit: its std over the law's, with the band of a fresh layer."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from app.charts.bands import BandPlot
from app.charts.densities import distribution
from app.charts.style import family
from app.core.report import Candidate, UnitSpread

Numbers: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = tuple[int, int]

LEVEL = 0.99  # chance that every unit of a fresh layer lies in the band
NAMED = 4  # units named in the caption
PAD = 0.08


def unit_band(*, kurtosis: float, count: int, units: int) -> tuple[float, float]:
    """The stds, over the law's own, between which all units of a fresh layer lie, 99 in 100.

    The variance of `count` draws is taken as a scaled chi-square with the same variance; for a
    normal law that is exact.

    Args:
        kurtosis: Of the law, 3 for a normal.
        count: Values in a unit, at least 2.
        units: Units in the layer, at least 1.

    Source:
        Var s² = σ⁴((κ - 3)/m + 2/(m - 1)); Satterthwaite, Biometrics Bulletin 2 (1946);
        Šidák, JASA 62 (1967), for all units together.
    """
    tail = -math.expm1(math.log(LEVEL) / units) / 2
    freedom = 2 / ((kurtosis - 3) / count + 2 / (count - 1))
    shrink = (count - 1) / count  # the std of a unit divides by count
    low, high = (
        math.sqrt(shrink * 2 * float(gammaincinv(freedom / 2, share)) / freedom)
        for share in (tail, 1 - tail)
    )
    return low, high


def unit_spread(
    spread: UnitSpread, *, item: Candidate, rows: Rows | None = None
) -> BandPlot | None:
    """The plot of a tensor's output units against one candidate.

    Args:
        spread: Of the tensor.
        item: A candidate whose law has a density.
        rows: First and one past the last unit of a part; None shows all.

    Returns:
        None where a unit has one value, or there are fewer than two units.
    """
    places, stds = _of_part(spread, rows)
    units = spread.units if rows is None else rows[1] - rows[0]
    if places.size < 2 or spread.count < 2:
        return None
    law = distribution(item)
    ratios = stds / law.std
    band = unit_band(kurtosis=law.kurtosis, count=spread.count, units=units)
    told = _told(places, ratios, band)
    if places.size < units:
        told += f" {places.size:,} of {units:,} units are drawn, the furthest among them."
    return _plot(item, places, ratios, band, told=told)


def _of_part(spread: UnitSpread, rows: Rows | None) -> tuple[Numbers, Numbers]:
    places = np.asarray(spread.places or range(spread.units), dtype=np.float64)
    stds = np.asarray(spread.stds, dtype=np.float64)
    if rows is None:
        return places, stds
    inside = (places >= rows[0]) & (places < rows[1])
    return places[inside], stds[inside]


def _plot(
    item: Candidate, places: Numbers, ratios: Numbers, band: tuple[float, float], *, told: str
) -> BandPlot:
    low, high = band
    reach = [float(ratios.min()), float(ratios.max()), low, high]
    pad = PAD * (max(reach) - min(reach))
    margin = 0.02 * float(places[-1] - places[0])
    ends = (float(places[0]) - margin, float(places[-1]) + margin)
    name = item.names[0]
    exactly = "" if item.law == "normal" else ", nearly"
    return BandPlot(
        key="units",
        law=item.ids[0],
        name=name,
        family=family(item.ids[0], item.law),
        x=tuple(places.tolist()),
        y=tuple(ratios.tolist()),
        edges=ends,
        low=(low, low),
        high=(high, high),
        middle=1.0,
        x_range=ends,
        y_range=(min(reach) - pad, max(reach) + pad),
        x_title="output unit",
        y_title="std ÷ the law's std",
        within=int(np.count_nonzero((ratios >= low) & (ratios <= high))),
        sentence=f"Std of each output unit over that of {name}. {told}",
        caption=(
            f"Against {name}: {told} In 99 of 100 fresh draws the whole layer lies in the "
            f"band{exactly}."
        ),
    )


def _told(places: Numbers, ratios: Numbers, band: tuple[float, float]) -> str:
    outside = np.flatnonzero((ratios < band[0]) | (ratios > band[1]))
    if outside.size == 0:
        return "every unit lies in the band."
    order = outside[np.argsort(-np.abs(ratios[outside] - 1))][:NAMED]
    named = ", ".join(f"{places[at]:.0f} (×{ratios[at]:.3g})" for at in order)
    more = f" and {outside.size - NAMED:,} more" if outside.size > NAMED else ""
    verb = "unit lies" if outside.size == 1 else "units lie"
    return f"{outside.size:,} {verb} outside the band: {named}{more}."
