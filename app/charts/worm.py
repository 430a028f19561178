"""Difference from the fit: measured minus expected quantile, with the band of a fresh draw.

A plot of quantile against quantile is a straight line for any tensor that is large; its distance
from the line is what shows a tail, an edge or a spread that the law does not have.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr, ndtri

from app.charts.bands import BandPlot
from app.charts.densities import distribution
from app.charts.style import family
from app.core.distributions import Continuous, Normal, PositiveUniform, Uniform
from app.core.precision import narrowed
from app.core.report import Candidate
from app.core.statistics import Sketch, distribution_function

Numbers: TypeAlias = NDArray[np.float64]

POINTS = 300  # at most, spread evenly over the expected values
LEVEL = 0.99
HEADROOM = 1.15
BAND_ROOM = 2.2  # the y axis holds the band's usual half-width at least this many times
LAST = 0.005  # share of values at either end whose noise does not set the y axis


def quantile(law: Continuous, p: Numbers) -> Numbers:
    """The value below which a share `p` of the law's mass lies, weight units."""
    if isinstance(law, Uniform):
        return (2 * p - 1) * law.bound
    if isinstance(law, PositiveUniform):
        return p * law.bound
    if isinstance(law, Normal):
        return np.asarray(ndtri(p) * law.std)
    below = ndtr(-law.cut)
    return np.asarray(ndtri(below + p * (1 - 2 * below)) * law.parent)


def shares_allowed(below: Numbers, count: int) -> tuple[Numbers, Numbers]:
    """The ends of the exact 99 % interval of a share of which `below` of `count` were seen.

    Args:
        below: Whole numbers, 1 to count - 1.
        count: Values in all.

    Source:
        Clopper and Pearson, Biometrika 26 (1934): the beta distribution of order statistics.
    """
    tail = (1 - LEVEL) / 2
    low = betaincinv(below, count + 1 - below, tail)
    high = betaincinv(below + 1, count - below, 1 - tail)
    return np.asarray(low), np.asarray(high)


def _known(sketch: Sketch, law: Continuous) -> tuple[Numbers, Numbers, Numbers]:
    """Points at which the count of smaller values is exact: value, that count, expected value."""
    x, share = distribution_function(narrowed(sketch))
    below = np.rint(share * sketch.finite)
    inner = (below > 0) & (below < sketch.finite)
    x, below = x[inner], below[inner]
    return x, below, quantile(law, below / sketch.finite)


def _thinned(expected: Numbers) -> NDArray[np.intp]:
    """Places of at most POINTS points, spread evenly, both ends among them."""
    if expected.size <= POINTS:
        return np.arange(expected.size)
    grid = np.linspace(expected[0], expected[-1], POINTS - 1)
    places = np.clip(np.searchsorted(expected, grid), 0, expected.size - 1)
    return np.union1d(places, (0, expected.size - 1))


def _half_height(difference: Numbers, low: Numbers, high: Numbers, share: Numbers) -> float:
    """Half of the y axis: it holds all but the few last values, and those that leave the band."""
    told = (difference < low) | (difference > high) | (np.minimum(share, 1 - share) > LAST)
    largest = float(np.abs(difference[told]).max(initial=0.0))
    return max(HEADROOM * largest, BAND_ROOM * float(np.median(high - low)) / 2)


def worm(sketch: Sketch, item: Candidate) -> BandPlot | None:
    """The plot of a tensor against one candidate, in units of its bound or its std.

    Args:
        sketch: Of the tensor.
        item: A candidate whose law has a density.

    Returns:
        None where fewer than two points are known: too few values, or all alike.
    """
    law = distribution(item)
    x, below, expected = _known(sketch, law)
    if x.size < 2 or expected[0] == expected[-1]:
        return None
    kept = _thinned(expected)
    x, below, expected = x[kept], below[kept], expected[kept]
    unit = law.bound if isinstance(law, Uniform) else law.std
    low, high = shares_allowed(below, sketch.finite)
    floor, ceiling = (quantile(law, low) - expected) / unit, (quantile(law, high) - expected) / unit
    difference = (x - expected) / unit
    half = _half_height(difference, floor, ceiling, below / sketch.finite)
    return _plot(item, expected / unit, difference, (floor, ceiling), half=half)


def _plot(
    item: Candidate,
    at: Numbers,
    difference: Numbers,
    band: tuple[Numbers, Numbers],
    *,
    half: float,
) -> BandPlot:
    within = int(np.count_nonzero((difference >= band[0]) & (difference <= band[1])))
    unit = "bound" if item.law == "uniform" else "std"
    pad = 0.02 * float(at[-1] - at[0])
    name = item.names[0]
    share = f"{within} of {at.size} points of the line lie"
    return BandPlot(
        key="qq",
        law=item.ids[0],
        name=name,
        family=family(item.ids[0], item.law),
        x=tuple(at.tolist()),
        y=tuple(difference.tolist()),
        edges=tuple(at.tolist()),
        low=tuple(band[0].tolist()),
        high=tuple(band[1].tolist()),
        middle=0.0,
        x_range=(float(at[0]) - pad, float(at[-1]) + pad),
        y_range=(-half, half),
        x_title=f"expected value, in units of the law's {unit}",
        y_title="measured − expected",
        within=within,
        sentence=f"Measured minus expected quantile under {name}. {share} in the 99 % band.",
        caption=(
            f"Against {name}: {share} in the band. At each place, 99 % of fresh draws of this size "
            "lie in it (Clopper–Pearson, exact)."
        ),
    )
