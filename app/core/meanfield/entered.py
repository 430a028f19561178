"""What goes into a network, as signals: numbers of one law, each independent of all others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.core.graph import Graph, Input
from app.core.meanfield.opening import expect_room, names_of
from app.core.meanfield.signals.axes import Axes, Factor, picture, places_of, sequence
from app.core.meanfield.signals.sampled import LONGEST
from app.core.meanfield.signals.signal import Signal
from app.core.meanfield.step import NoRule, bare
from app.core.operators import FAMILY

_PICTURES: Final = frozenset({"convolution", "pooling", "resampling"})
_CHANNELS_FIRST: Final = frozenset({"batch_norm", "group_norm", "instance_norm", "pad"})
"""Families and operators of which the second axis counts channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputMoments:
    """Of one number of the input, independent of all others."""

    mean: float
    second: float


NORMAL: Final = InputMoments(mean=0.0, second=1.0)
UNIFORM01: Final = InputMoments(mean=0.5, second=1 / 3)


def entered(one: Input, graph: Graph, moments: InputMoments) -> Signal:
    """An input as a signal.

    Raises:
        NoRule: If it has no axis of inputs, or an axis or a number of places too long for theory.
    """
    if not one.shape or 0 in one.shape:
        raise NoRule(f"an input of the shape {one.shape}, which holds no inputs")
    longest = max(one.shape[1:], default=1)
    if longest > LONGEST:
        raise NoRule(
            f"an axis of {longest:,} places, more than the {LONGEST:,} that theory follows"
        )
    axes = _axes(one, graph)
    grid = places_of(axes)
    places = math.prod(factor.size for factor in grid)
    expect_room(places)
    across = np.full((places, places), moments.mean**2)
    within = across.copy()
    np.fill_diagonal(within, moments.second)
    return Signal(
        axes=axes,
        grid=grid,
        mean=np.full(places, moments.mean),
        within=within,
        across=across,
        joint=1.0,
    )


def _axes(one: Input, graph: Graph) -> Axes:
    """The first axis counts inputs; channels are second in images and last elsewhere."""
    rest = one.shape[1:]
    first = (Factor("batch", one.shape[0]),)
    if one.draw == "tokens":
        return (first, *((sequence(size),) for size in rest))
    image = len(rest) > 2 or _has_channels_first(one.name, graph)
    channel = 0 if image else len(rest) - 1
    sizes = [size for at, size in enumerate(rest) if at != channel]
    places = iter(picture(sizes) if image else [sequence(size) for size in sizes])
    return (
        first,
        *(
            (Factor("channel", size),) if at == channel else (next(places),)
            for at, size in enumerate(rest)
        ),
    )


def _has_channels_first(name: str, graph: Graph) -> bool:
    user = next((node for node in graph.nodes if name in names_of(node)), None)
    if user is None:
        return False
    return FAMILY.get(user.op) in _PICTURES or bare(user.op) in _CHANNELS_FIRST
