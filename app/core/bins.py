"""Where the bins of a tensor's own histogram lie."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64

from app.core.statistics import Sketch
from app.core.storage import is_integer

Edges: TypeAlias = Float64[np.ndarray, "edges"]

LEAST_BINS = 24
MOST_BINS = 240  # of equal width; the ends and ±bound add at most 6
SLACK = 1.2  # so many times the bins where ±bound must be edges
TAIL = 0.001  # share of the values at either end that does not decide the range
SHORT_TAIL = 0.05  # the same share at most, where 0.001 would be less than a value
FAR_BOUND = 4.0  # a bound further out than this many times the data gets one wide bin of its own


def bin_edges(sketch: Sketch, *, bound: float | None) -> Edges:
    """Ascending edges that span all values, narrow and even around the bulk of them.

    Integers get bins of whole numbers, centred on them.

    Args:
        sketch: The tensor.
        bound: ±bound become edges.

    Raises:
        ValueError: If no value is finite.
    """
    if sketch.minimum is None or sketch.maximum is None:
        raise ValueError("expected at least one finite value, got none")
    low, high = _bulk(sketch, sketch.minimum, sketch.maximum)
    if bound is not None and bound <= FAR_BOUND * max(abs(low), abs(high)):
        low, high = min(low, -bound), max(high, bound)
    if is_integer(sketch.dtype):
        even = _whole_numbers(low, high)
    else:
        even = _even(low, high, bound, most=most_bins(sketch.finite))
    edges: Edges = np.unique(even)
    fixed = [] if bound is None else [-bound, bound]
    fixed += [sketch.minimum] if sketch.minimum < edges[0] else []
    fixed += [sketch.maximum] if sketch.maximum > edges[-1] else []
    return _with(edges, fixed)


def most_bins(count: int) -> int:
    """How many even bins `count` values may fill: about 2√count, each with half as many values."""
    return min(MOST_BINS, max(LEAST_BINS, round(2 * SLACK * math.sqrt(count))))


def _bulk(sketch: Sketch, minimum: float, maximum: float) -> tuple[float, float]:
    """The range of all values, or of the bulk and half its width on either side."""
    share = max(TAIL, min(SHORT_TAIL, 1.5 / sketch.finite))
    first, last = sketch.quantile(share), sketch.quantile(1.0 - share)
    if first is None or last is None or first == last:
        first, last = minimum, maximum
    reach = last / 2 - first / 2
    low, high = max(minimum, first - reach), min(maximum, last + reach)
    # At least 2**12 steps of float64 for the bins to lie between.
    least = max(abs(low), abs(high)) * (0.5 if low == high else 2.0**-40)
    if high / 2 - low / 2 < least or low == high:
        return low - (least or 0.5), high + (least or 0.5)
    return low, high


def _whole_numbers(low: float, high: float) -> Edges:
    step = max(1, math.ceil((high - low) / MOST_BINS))
    bins = math.floor((high - math.floor(low)) / step) + 1
    edges: Edges = math.floor(low) - 0.5 + step * np.arange(bins + 1, dtype=np.float64)
    return edges


def _even(low: float, high: float, bound: float | None, *, most: int) -> Edges:
    per_bound = 0
    if bound is not None:
        per_bound = math.floor(most / 2 * (bound / (high / 2 - low / 2)))
    if bound is None or not 1 <= per_bound <= most:
        # high - low may exceed float64
        return 2 * np.linspace(low / 2, high / 2, round(most / SLACK) + 1)
    first = math.floor(low / bound * per_bound)
    last = math.ceil(high / bound * per_bound)
    # place / per_bound is exactly ±1 where place is ±per_bound, so ±bound are edges exactly.
    return bound * (np.arange(first, last + 1) / per_bound)


def _with(edges: Edges, fixed: list[float]) -> Edges:
    """The edges with `fixed` among them; an edge within a millionth of a bin of one gives way."""
    sliver = float(np.diff(edges).min()) * 1e-6
    near = np.abs(edges[:, None] - np.array(fixed)[None, :]) <= sliver
    kept = edges[~near.any(axis=1)]
    merged: Edges = np.unique(np.concatenate((kept, fixed)))
    return merged
