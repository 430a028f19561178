"""Rules of operations that turn channels into places and places into channels."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.opening import expect_room
from app.core.meanfield.signals.axes import Factor, place
from app.core.meanfield.signals.signal import Signal, in_axis_order
from app.core.meanfield.step import NoRule, Situation, Step, Unfit, single, unchanged


def channels(situation: Situation) -> Step:
    """Channels in another order: they are drawn alike."""
    return single(situation, situation.signal("self"), unchanged, "self")


def pixel_shuffle(situation: Situation) -> Step:
    """Blocks of r² channels side by side: neighbours in a block are independent channels."""
    signal = _picture(situation)
    r = int(situation.number("upscale_factor", 1))
    height, width = situation.node.shapes[0][-2:]
    expect_room(height * width)
    rows, columns = np.divmod(np.arange(height * width), width)
    source = (rows // r) * (width // r) + columns // r
    block = (rows % r) * r + columns % r
    alike = block[:, None] == block[None, :]

    def grown(moments: Array) -> Array:
        outer = np.outer(signal.mean, signal.mean)
        return np.where(alike, moments[np.ix_(source, source)], outer[np.ix_(source, source)])

    grid = (place(height), place(width))
    after = replace(
        signal,
        axes=(signal.axes[0], _channels(situation), (grid[0],), (grid[1],)),
        grid=grid,
        mean=signal.mean[source],
        within=grown(signal.within),
        across=grown(signal.across),
        draw=None,
    )

    def pull(gradient: Array) -> Array:
        return np.bincount(source, weights=gradient, minlength=signal.mean.size) / r**2

    return single(situation, after, pull, "self")


def pixel_unshuffle(situation: Situation) -> Step:
    """Blocks of r × r places as channels: the average over where in a block a place stands."""
    signal = _picture(situation)
    r = int(situation.number("downscale_factor", 1))
    height, width = situation.node.shapes[0][-2:]
    rows, columns = np.divmod(np.arange(height * width), width)
    every = [
        (rows * r + down) * width * r + columns * r + right
        for down in range(r)
        for right in range(r)
    ]

    def averaged(moments: Array) -> Array:
        total: Array = sum((moments[np.ix_(one, one)] for one in every), np.zeros(()))
        return total / len(every)

    grid = (place(height), place(width))
    after = replace(
        signal,
        axes=(signal.axes[0], _channels(situation), (grid[0],), (grid[1],)),
        grid=grid,
        mean=sum((signal.mean[one] for one in every), np.zeros(())) / len(every),
        within=averaged(signal.within),
        across=averaged(signal.across),
        draw=None,
    )

    def pull(gradient: Array) -> Array:
        back = np.zeros(signal.mean.size)
        for one in every:
            back[one] = gradient
        return back

    return single(situation, after, pull, "self")


def _channels(situation: Situation) -> tuple[Factor, ...]:
    size = situation.node.shapes[0][-3]
    return (Factor("channel", size),) if size > 1 else ()


def _picture(situation: Situation) -> Signal:
    """The signal with two axes of places behind one of channels.

    Raises:
        NoRule: If its axes are others.
    """
    signal = in_axis_order(situation.signal("self"))
    if any(factor.sample for factor in signal.grid):
        raise Unfit
    if len(signal.axes) != 4 or any(f.role != "channel" for f in signal.axes[1]):
        raise NoRule(f"{situation.operation} of anything but pictures")
    sides = [math.prod(f.size for f in axis) for axis in signal.axes[2:]]
    if any(f.role != "place" for axis in signal.axes[2:] for f in axis):
        raise NoRule(f"{situation.operation} of channels as places")
    if math.prod(sides) != signal.mean.size:
        raise NoRule(f"{situation.operation} of a part of the places")
    return signal
