"""Rules of pooling: averages over windows of places, and their maxima."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.core.meanfield.axes import Axes, Factor, place
from app.core.meanfield.convolved import Window, flat_taps
from app.core.meanfield.nonlinearities import Array
from app.core.meanfield.signal import Signal, from_draws, gaussian_draw, in_axis_order
from app.core.meanfield.step import NoRule, Situation, Step, single


def average_pool(situation: Situation) -> Step:
    """Means over windows: `K' = A K Aᵀ`."""
    signal, count = _ready(situation)
    sizes = tuple(factor.size for factor in signal.grid)
    outputs = situation.node.shapes[0][-count:]
    window = _window(situation, count)
    taps = list(flat_taps(window, sizes, outputs))
    matrix = np.zeros((math.prod(outputs), signal.mean.size))
    for index, valid in taps:
        matrix[np.arange(len(index)), index] += valid
    padded = bool(situation.node.arguments.get("count_include_pad", True))
    matrix /= math.prod(window.kernel) if padded else matrix.sum(axis=1, keepdims=True)
    return _averaged(situation, signal, matrix, _grid_axes(signal, outputs))


def adaptive_average_pool(situation: Situation) -> Step:
    """Means over as many windows as there are outputs."""
    signal, count = _ready(situation)
    outputs = situation.node.shapes[0][-count:]
    matrix: Array = np.ones((1, 1))
    for factor, size in zip(signal.grid, outputs, strict=True):
        matrix = np.asarray(np.kron(matrix, _adaptive(factor.size, size)))
    return _averaged(situation, signal, matrix, _grid_axes(signal, outputs))


def mean(situation: Situation) -> Step:
    """The mean over axes of places."""
    argument = "self" if "self" in situation.node.arguments else "input"
    signal = in_axis_order(situation.signal(argument))
    everything = tuple(range(len(signal.axes)))
    folded = {axis % len(signal.axes) for axis in situation.integers("dim", everything)}
    if any(factor.role != "place" for axis in folded for factor in signal.axes[axis]):
        raise NoRule("a mean over channels")
    matrix: Array = np.ones((1, 1))
    kept = []
    for place_, axis in enumerate(signal.axes):
        for factor in axis:
            if factor.role == "place":
                whole = place_ in folded
                matrix = np.kron(
                    matrix,
                    np.full((1, factor.size), 1 / factor.size) if whole else np.eye(factor.size),
                )
                kept += [] if whole else [factor]
    keep = bool(situation.node.arguments.get("keepdim", False))
    axes = tuple(
        () if at in folded else axis
        for at, axis in enumerate(signal.axes)
        if keep or at not in folded
    )
    return _averaged(situation, signal, matrix, (axes, tuple(kept)), argument)


def maximum_pool(situation: Situation) -> Step:
    """Maxima over windows, by joint draws; the gradient goes where the maximum stood."""
    signal, count = _ready(situation)
    argument = "self" if "self" in situation.node.arguments else "input"
    sizes = tuple(factor.size for factor in signal.grid)
    outputs = situation.node.shapes[0][-count:]
    taps = list(flat_taps(_window(situation, count), sizes, outputs))
    draws = gaussian_draw(signal)
    best = np.full((*draws.shape[:2], math.prod(outputs)), -np.inf)
    chosen = np.zeros(best.shape, dtype=np.intp)
    for index, valid in taps:
        values = np.where(valid, draws[..., index], -np.inf)
        chosen = np.where(values > best, index, chosen)
        best = np.maximum(best, values)
    axes, grid = _grid_axes(signal, outputs)
    after = from_draws(replace(signal, axes=axes, grid=grid), best)
    after = replace(after, inherited=signal.inherited)

    def pull(gradient: Array) -> Array:
        arrived = np.broadcast_to(gradient, best.shape)
        back = np.zeros(draws.shape)
        for index, valid in taps:
            taken = np.where((chosen == index) & valid, arrived, 0.0)
            back[..., index[valid]] += taken[..., valid]
        return back

    return single(situation, after, pull, argument, by_draws=True)


def _ready(situation: Situation) -> tuple[Signal, int]:
    """The signal with its grid in axis order, and how many axes are pooled."""
    argument = "self" if "self" in situation.node.arguments else "input"
    signal = in_axis_order(situation.signal(argument))
    count = int(next(letter for letter in situation.node.op.split("pool")[1] if letter.isdigit()))
    if any(len(axis) > 1 or any(f.role != "place" for f in axis) for axis in signal.axes[-count:]):
        raise NoRule("a pooling along channels")
    whole = tuple(axis or (place(1),) for axis in signal.axes[-count:])
    grid = tuple(axis[0] for axis in whole)
    if len(signal.grid) > count:
        raise NoRule("a pooling over a part of the places")
    return replace(signal, axes=(*signal.axes[:-count], *whole), grid=grid), count


def _grid_axes(signal: Signal, outputs: Sequence[int]) -> tuple[Axes, tuple[Factor, ...]]:
    grid = tuple(place(size) for size in outputs)
    return (*signal.axes[: -len(grid)], *((factor,) for factor in grid)), grid


def _window(situation: Situation, count: int) -> Window:
    kernel = situation.integers("kernel_size", (1,), count)
    stride = situation.integers("stride", kernel, count)
    return Window(
        kernel=kernel,
        stride=stride or kernel,
        padding=situation.integers("padding", (0,), count),
        dilation=situation.integers("dilation", (1,), count),
    )


def _adaptive(inputs: int, outputs: int) -> Array:
    matrix = np.zeros((outputs, inputs))
    for output in range(outputs):
        start, stop = output * inputs // outputs, -(-(output + 1) * inputs // outputs)
        matrix[output, start:stop] = 1 / (stop - start)
    return matrix


def _averaged(
    situation: Situation,
    signal: Signal,
    matrix: Array,
    result: tuple[Axes, tuple[Factor, ...]],
    argument: str | None = None,
) -> Step:
    name = argument or ("self" if "self" in situation.node.arguments else "input")
    axes, grid = result
    one = matrix.shape == (1, signal.mean.size) and matrix.shape[1] > 1
    draw = None if signal.draw is None else (lambda: gaussian_draw(signal) @ matrix.T)
    after = replace(
        signal,
        axes=axes,
        grid=grid,
        mean=matrix @ signal.mean,
        within=matrix @ signal.within @ matrix.T,
        across=matrix @ signal.across @ matrix.T,
        draw=draw,
        kurtosis=3.0 if one else signal.kurtosis,
    )
    squared = (matrix**2).T
    return single(situation, after, lambda gradient: squared @ gradient, name)
