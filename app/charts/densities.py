"""Points of a law's density, as few as its line needs."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from app.core.distributions import (
    Continuous,
    Normal,
    PositiveUniform,
    TruncatedNormal,
    Uniform,
    truncated_std,
)
from app.core.report import Candidate

SMOOTH = 161  # points of a bell across the figure
WIDEST_CUT = 30.0  # parent sigmas beyond which a truncated normal is a normal to every digit


def distribution(item: Candidate) -> Continuous:
    """The law of a candidate that has a density.

    Raises:
        ValueError: If the law is a constant or an orthogonal matrix, or lacks its bound.
    """
    if item.law == "normal":
        return Normal(std=item.std)
    if item.bound is None:
        raise ValueError(f"{item.law} has no density to draw")
    match item.law:
        case "uniform":
            return Uniform(bound=item.bound)
        case "positive_uniform":
            return PositiveUniform(bound=item.bound)
        case "truncated_normal":
            return _truncated(item.bound, item.std)
        case _:
            raise ValueError(f"{item.law} has no density to draw")


def _truncated(bound: float, std: float) -> Continuous:
    """The truncated normal with this bound and std: cut / std(cut) is monotone in the cut."""
    ratio = bound / std
    if ratio >= WIDEST_CUT:
        return Normal(std=std)
    if abs(ratio - 2 / truncated_std(2.0)) < 1e-9:
        return TruncatedNormal(parent=bound / 2)
    cut = brentq(lambda at: at / truncated_std(at) - ratio, 0.05, WIDEST_CUT + 1)
    return TruncatedNormal(parent=bound / cut, cut=cut)


def curve_points(
    item: Candidate, span: tuple[float, float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """X and density of the candidate's law across `span`, with its edges drawn upright."""
    law, (low, high) = distribution(item), span
    if isinstance(law, Uniform | PositiveUniform):
        tall, first, last = float(law.density(0.0)), law.low, law.bound
        return (low, first, first, last, last, high), (0.0, 0.0, tall, tall, 0.0, 0.0)
    if isinstance(law, TruncatedNormal):
        edge = float(law.density(law.bound * (1 - 1e-12)))
        x = np.linspace(-law.bound, law.bound, SMOOTH)
        inner = law.density(x * (1 - 1e-12)).tolist()
        around = ((low, -law.bound), (law.bound, high))
        return (*around[0], *x.tolist(), *around[1]), (0.0, 0.0, *inner[:-1], edge, 0.0, 0.0)
    x = np.linspace(low, high, SMOOTH)
    return tuple(x.tolist()), tuple(law.density(x).tolist())
