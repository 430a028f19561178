"""Rules of pooling: averages over windows of places, and of all places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.core.meanfield.alike import joining
from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.rules.convolved import picture_of, pictured
from app.core.meanfield.rules.dense import reordered
from app.core.meanfield.signals.axes import Axes, Factor, place
from app.core.meanfield.signals.signal import Draw, Signal, gaussian_draw, in_axis_order
from app.core.meanfield.signals.windows import (
    AxisSum,
    Slide,
    Span,
    along,
    averaged_over,
    divided,
    moved,
    over_axes,
)
from app.core.meanfield.step import NoRule, Situation, Step, single


def average_pool(situation: Situation) -> Step:
    """Means over windows: `K' = A K Aᵀ`."""
    signal, count = pooled_signal(situation)
    grid = picture_of(situation.node.shapes[0][-count:])
    padded = bool(situation.node.arguments.get("count_include_pad", True))
    sums = [
        averaged_over(slide, old.span, new.span, padded=padded)
        for slide, old, new in zip(slides(situation, count), signal.grid, grid, strict=True)
    ]
    return _averaged(situation, signal, sums, (*signal.axes[:-count], *_each(grid)), grid)


def adaptive_average_pool(situation: Situation) -> Step:
    """Means over as many windows as there are outputs."""
    signal, count = pooled_signal(situation)
    outputs = situation.node.shapes[0][-count:]
    grid = picture_of(outputs)
    sums = [
        divided(old.span, size, new.span)
        for old, new, size in zip(signal.grid, grid, outputs, strict=True)
    ]
    return _averaged(situation, signal, sums, (*signal.axes[:-count], *_each(grid)), grid)


def mean(situation: Situation) -> Step:
    """The mean over axes of places."""
    signal = in_axis_order(situation.signal(pooled_argument(situation)))
    everything = tuple(range(len(signal.axes)))
    folded = {axis % len(signal.axes) for axis in situation.integers("dim", everything)}
    gone = {factor.key for axis in folded for factor in signal.axes[axis]}
    if any(factor.role != "place" for axis in folded for factor in signal.axes[axis]):
        raise NoRule("a mean over channels")
    sums = [
        divided(factor.span, 1, Span(whole=1))
        if factor.key in gone
        else moved(factor.span, factor.span)
        for factor in signal.grid
    ]
    keep = bool(situation.node.arguments.get("keepdim", False))
    axes = tuple(
        () if at in folded else axis
        for at, axis in enumerate(signal.axes)
        if keep or at not in folded
    )
    kept = tuple(factor for factor in signal.grid if factor.key not in gone)
    return _averaged(situation, signal, sums, axes, kept)


def pooled_argument(situation: Situation) -> str:
    """The name of what is pooled among the operator's arguments."""
    return "self" if "self" in situation.node.arguments else "input"


def pooled_signal(situation: Situation) -> tuple[Signal, int]:
    """The signal as a picture, and how many axes are pooled."""
    signal = situation.signal(pooled_argument(situation))
    count = int(next(letter for letter in situation.node.op.split("pool")[1] if letter.isdigit()))
    if any(not axis for axis in signal.axes[-count:]):
        whole = tuple(axis or (place(1),) for axis in signal.axes[-count:])
        signal = replace(signal, axes=(*signal.axes[:-count], *whole))
        signal = replace(signal, grid=tuple(f for axis in signal.axes for f in axis if f.key))
    return pictured(signal, count), count


def slides(situation: Situation, count: int) -> list[Slide]:
    """The windows of a pooling along each axis."""
    kernel = situation.integers("kernel_size", (1,), count)
    stride = situation.integers("stride", kernel, count) or kernel
    padding = situation.integers("padding", (0,), count)
    dilation = situation.integers("dilation", (1,), count)
    parts = zip(kernel, stride, padding, dilation, strict=True)
    return [Slide(kernel=k, stride=s, padding=p, dilation=d) for k, s, p, d in parts]


def _each(grid: Sequence[Factor]) -> Axes:
    return tuple((factor,) for factor in grid)


def _averaged(
    situation: Situation,
    signal: Signal,
    sums: Sequence[AxisSum],
    axes: Axes,
    grid: tuple[Factor, ...],
) -> Step:
    name = pooled_argument(situation)
    given = situation.signal(name)
    one = not grid or all(factor.whole == 1 for factor in grid)
    places = [each.places for each in sums]

    after = replace(
        signal,
        axes=axes,
        grid=grid,
        mean=along(signal.mean, places),
        within=over_axes(signal.within, sums),
        across=over_axes(signal.across, sums),
        draw=_drawn(signal, places),
        kurtosis=3.0 if one and signal.places > 1 else signal.kurtosis,
    )
    back = [each.back for each in sums]

    def pull(gradient: Array) -> Array:
        return reordered(along(gradient, back), signal.grid, given.grid)

    step = single(situation, after, pull, name)
    return replace(step, sharing=joining(sums))


def _drawn(signal: Signal, places: Sequence[Array]) -> Draw | None:
    """Averages of the draws; over a sample of places an average counts as Gaussian."""
    if signal.draw is None or any(factor.sample for factor in signal.grid):
        return None
    matrix: Array = np.ones((1, 1))
    for each in places:
        matrix = np.asarray(np.kron(matrix, each), np.float64)
    return lambda: gaussian_draw(signal) @ matrix.T
