"""Display bins from a sketch: counts between given edges, without a second look at the tensor."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float64

from app.core.bins import Edges, bin_edges
from app.core.report import Histogram, Profile
from app.core.statistics import Sketch
from app.core.storage import Numbers, is_integer, rounding_cells

Counts: TypeAlias = Float64[np.ndarray, "bins"]

PROFILE_UNITS = 6  # the shared axis runs from -6 to +6 units
PROFILE_BINS = 192  # of 1/16 unit each, so that ±1 is an edge
# A storage limit is the bound after rounding: at most 1/8 above it, of float8_e5m2.
ROUNDING_ROOM = 1.125
COMB = 1 / 16  # bins; values further apart than this are spread over what rounds to them


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spread:
    """Mass spread evenly between `low` and `high`, or at a point where they are equal."""

    low: Numbers
    high: Numbers
    mass: Numbers


def rebin(sketch: Sketch, edges: Edges) -> Counts:
    """How many finite values lie between each pair of edges.

    Whole numbers, equal to `np.histogram`, where the cells are exact, but for one rule: a value
    of exactly +limit counts as inside. A wider cell is spread in proportion, never outside of
    [minimum, maximum] nor over ±limit.

    Args:
        sketch: The tensor.
        edges: Ascending, finite; bins hold their left edge, the last one its right edge too.

    Raises:
        ValueError: If there are fewer than two edges or they do not ascend.
    """
    edges = np.asarray(edges, np.float64)
    if edges.size < 2 or not np.all(np.isfinite(edges)) or not np.all(np.diff(edges) > 0):
        raise ValueError(f"expected at least 2 ascending finite edges, got {edges.size}")
    return _counts(_spread(sketch, bound=None), edges)


def tensor_histogram(sketch: Sketch, *, bound: float | None) -> Histogram | None:
    """The tensor's own histogram: 100 to 300 bins around the bulk of its values.

    Where `bound` is given and not far outside, ±bound are edges. Values of a healthy layer that
    rounding has moved just past its bound (up to the sketch's limit) count as inside. Far values
    are in one wide bin at either end; the edges span all values. Steps of 16- and 8-bit values
    are smoothed over their rounding where they would comb.

    Args:
        sketch: The tensor.
        bound: Half-width of a law's support in weight units, above 0.

    Returns:
        None where no value is finite.

    Raises:
        ValueError: If the bound is not a positive number.
    """
    _require_positive(bound, "bound")
    if sketch.minimum is None or sketch.maximum is None:
        return None
    edges = bin_edges(sketch, bound=bound)
    counts = _displayed(sketch, edges, bound=bound)
    return Histogram(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()))


def profile(sketch: Sketch, *, scale: float, unit: Literal["bound", "scheme"]) -> Profile:
    """The tensor's histogram on the axis that all tensors share.

    Args:
        sketch: The tensor.
        scale: Weight units per unit of the axis, above 0.
        unit: What the scale is; for a bound, values up to the sketch's limit count as inside.

    Raises:
        ValueError: If the scale is not a positive number.
    """
    _require_positive(scale, "scale")
    places = np.arange(-PROFILE_BINS // 2, PROFILE_BINS // 2 + 1)
    edges = np.unique(scale * (places / (PROFILE_BINS / 2 / PROFILE_UNITS)))
    if edges.size != places.size or not np.all(np.isfinite(edges)):
        raise ValueError(f"expected a scale within float64's range, got {scale}")
    edges[-1] = math.nextafter(edges[-1], math.inf)  # a value of exactly 6 units is not over it
    outer = np.concatenate(([-np.inf], edges, [np.inf]))
    bound = scale if unit == "bound" else None
    counts = _displayed(sketch, outer, bound=bound)
    levels = _levels(counts[1:-1])
    return Profile(
        unit=unit,
        scale=float(scale),
        levels=base64.b64encode(levels.tobytes()).decode("ascii"),
        below=round(counts[0]),
        above=round(counts[-1]),
    )


def _levels(counts: Numbers) -> np.ndarray:
    largest = counts.max()
    if largest <= 0.0:
        return np.zeros(counts.size, np.uint8)
    levels = np.rint(255.0 * np.sqrt(counts / largest)).astype(np.uint8)
    return np.where(counts > 0.0, np.maximum(levels, 1), 0).astype(np.uint8)


def _require_positive(value: float | None, name: str) -> None:
    if value is not None and not 0.0 < value < math.inf:
        raise ValueError(f"expected a {name} above 0, got {value}")


def _displayed(sketch: Sketch, edges: Edges, *, bound: float | None) -> Counts:
    """Counts for the eye: rounding undone where it would comb or cross the bound."""
    widths = np.diff(edges)
    inner = widths[np.isfinite(widths)]
    width = float(np.median(inner))
    return _counts(_spread(sketch, bound=bound, comb=width * COMB), edges)


def _spread(sketch: Sketch, *, bound: float | None, comb: float = math.inf) -> _Spread:
    """The sketch's mass, no part of it on the wrong side of the limit.

    Args:
        sketch: The tensor.
        bound: What the limit was before storage rounded it: values between them are moved to
            the bound.
        comb: Exact values with wider rounding cells than this are spread over them.
    """
    cells = sketch.cells
    low, high = cells.low, cells.high
    if math.isfinite(comb) and low.size and not is_integer(sketch.dtype):
        low, high = _smoothed(sketch, comb)
    limit = bound if sketch.limit is None else sketch.limit
    if limit is not None:
        bound = bound if bound is not None and _is_rounded(bound, limit) else limit
        low, high = _kept_below(bound, low, high, inside=cells.high <= limit)
        low, high = -high[::-1], -low[::-1]
        low, high = _kept_below(bound, low, high, inside=(cells.low >= -limit)[::-1])
        low, high = -high[::-1], -low[::-1]
    return _Spread(low=low, high=high, mass=cells.counts.astype(np.float64))


def _kept_below(
    bound: float, low: Numbers, high: Numbers, *, inside: np.ndarray
) -> tuple[Numbers, Numbers]:
    """Intervals that stop short of the bound where `inside`, and start at it elsewhere."""
    most = math.nextafter(bound, -math.inf) if bound > 0 else bound
    return (
        np.where(inside, np.minimum(low, most), np.maximum(low, bound)),
        np.where(inside, np.minimum(high, most), np.maximum(high, bound)),
    )


def _is_rounded(bound: float, limit: float) -> bool:
    """Whether the limit is the bound, give or take what storing it may have added."""
    return bound <= limit <= bound * ROUNDING_ROOM


def _smoothed(sketch: Sketch, comb: float) -> tuple[Numbers, Numbers]:
    cells = sketch.cells
    lower, upper = rounding_cells(
        cells.low, cells.high, dtype=sketch.dtype, low_bits=sketch.low_bits
    )
    wide = upper - lower > comb
    low = np.where(wide, np.maximum(lower, cells.low[0]), cells.low)
    high = np.where(wide, np.minimum(upper, cells.high[-1]), cells.high)
    return low, high


def _counts(spread: _Spread, edges: Edges) -> Counts:
    """Mass between the edges: points by np.histogram's rule, intervals in proportion."""
    points = spread.low == spread.high
    counts = _point_counts(spread.low[points], spread.mass[points], edges)
    low, high, mass = spread.low[~points], spread.high[~points], spread.mass[~points]
    return counts + np.diff(_mass_below(edges, low, high, mass)) if low.size else counts


def _mass_below(edges: Edges, low: Numbers, high: Numbers, mass: Numbers) -> Numbers:
    """Mass of ascending intervals below each edge; equal sums where no mass lies between."""
    whole = np.searchsorted(high, edges, side="right")
    below: Numbers = np.concatenate(([0.0], np.cumsum(mass)))[whole]
    cut = np.minimum(whole, low.size - 1)
    inside = (whole < low.size) & (low[cut] < edges)
    cut, at = cut[inside], edges[inside]
    below[inside] += mass[cut] * ((at - low[cut]) / (high[cut] - low[cut]))
    return below


def _point_counts(values: Numbers, mass: Numbers, edges: Edges) -> Counts:
    places = np.searchsorted(edges, values, side="right") - 1
    places[values == edges[-1]] = edges.size - 2
    inside = (places >= 0) & (places < edges.size - 1)  # the rest is beyond the edges
    counts = np.bincount(places[inside], weights=mass[inside], minlength=edges.size - 1)
    return counts.astype(np.float64)
