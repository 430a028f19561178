"""Rules of convolutions: sums with independent random weights over windows of places."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from app.core.meanfield.axes import Factor, place
from app.core.meanfield.dense import NOTHING, reordered, size_of, weighted
from app.core.meanfield.nonlinearities import Array
from app.core.meanfield.signal import Signal, in_axis_order
from app.core.meanfield.step import NoRule, Situation, Step, single

Tap: TypeAlias = tuple[
    "np.ndarray[tuple[int], np.dtype[np.intp]]", "np.ndarray[tuple[int], np.dtype[np.bool_]]"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A convolution's or pooling's geometry along each spatial axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool = False

    def taps(self, inputs: Sequence[int], outputs: Sequence[int]) -> Iterator[list[Tap]]:
        """For each position in the kernel, along each axis: the input of each output, if any."""
        each = [self._along(axis, inputs[axis], outputs[axis]) for axis in range(len(self.kernel))]
        yield from (list(combination) for combination in itertools.product(*each))

    def _along(self, axis: int, inputs: int, outputs: int) -> list[Tap]:
        at = np.arange(outputs)
        found = []
        for tap in range(self.kernel[axis]):
            if self.transposed:
                shifted = at + self.padding[axis] - tap * self.dilation[axis]
                index, rest = np.divmod(shifted, self.stride[axis])
                valid = (rest == 0) & (index >= 0) & (index < inputs)
            else:
                index = at * self.stride[axis] - self.padding[axis] + tap * self.dilation[axis]
                valid = (index >= 0) & (index < inputs)
            found.append((np.where(valid, index, 0), valid))
        return found


def flat_taps(window: Window, inputs: Sequence[int], outputs: Sequence[int]) -> Iterator[Tap]:
    """For each position in the kernel: the flat input of each flat output, if any."""
    for combination in window.taps(inputs, outputs):
        flat = np.zeros(1, dtype=np.intp)
        valid = np.ones(1, dtype=bool)
        for axis, (index, inside) in enumerate(combination):
            flat = (flat[:, None] * inputs[axis] + index[None, :]).reshape(-1)
            valid = (valid[:, None] & inside[None, :]).reshape(-1)
        yield flat, valid


def convolution(situation: Situation, *, transposed: bool = False) -> Step:
    """`K'(α,α') = C_in/g E[w²] Σ_β K(sα+β, sα'+β) + E[b²]`, nothing beyond the border."""
    law = situation.weight("weight")
    if law is None:
        raise NoRule("a convolution without weights")
    shape = situation.shape("weight")
    signal = in_axis_order(_spatial(situation.signal(), len(shape) - 2))
    window = _window(situation, shape, transposed)
    sizes = tuple(factor.size for factor in signal.grid)
    channels, *outputs = situation.node.shapes[0][1:]
    groups = int(situation.number("groups", 1))
    fan_in = shape[0] // groups if transposed else shape[1]
    fan_out = shape[1] if transposed else shape[0] // groups
    taps = list(flat_taps(window, sizes, outputs))
    grid = tuple(place(size) for size in outputs)
    bias = situation.weight("bias") or NOTHING
    factor = fan_in * law.second
    after = Signal(
        axes=(signal.axes[0], (Factor("channel", channels),), *((axis,) for axis in grid)),
        grid=grid,
        mean=fan_in * law.mean * _gathered(signal.mean, taps) + bias.mean,
        within=factor * _tapped(signal.within, taps) + bias.second,
        across=factor * _tapped(signal.across, taps) + bias.second,
    )
    after = weighted(signal, after, bias=bias.second, batch=situation.batch)
    original = situation.signal().grid

    def pull(gradient: Array) -> Array:
        spread = fan_out * law.second * scattered(gradient, taps, signal.mean.size)
        return reordered(spread, signal.grid, original)

    return single(situation, after, pull)


def scattered(gradient: Array, taps: Sequence[Tap], size: int) -> Array:
    """The sum over outputs at each input: the transpose of a window."""
    total = np.zeros(size)
    for index, valid in taps:
        total += np.bincount(index, weights=np.where(valid, gradient, 0.0), minlength=size)
    return total


def _gathered(values: Array, taps: Sequence[Tap]) -> Array:
    total: Array = sum((np.where(valid, values[index], 0.0) for index, valid in taps), np.zeros(1))
    return total


def _tapped(matrix: Array, taps: Sequence[Tap]) -> Array:
    outputs = taps[0][0].size
    total = np.zeros((outputs, outputs))
    for index, valid in taps:
        taken = matrix[np.ix_(index, index)]
        total += taken if valid.all() else taken * np.outer(valid, valid)
    return total


def _spatial(signal: Signal, axes: int) -> Signal:
    """The signal, each of its last axes one axis of places.

    Raises:
        NoRule: If channels stand there.
    """
    if any(factor.role != "place" for axis in signal.axes[-axes:] for factor in axis):
        raise NoRule("a convolution along channels")
    if all(len(axis) == 1 for axis in signal.axes[-axes:]):
        return signal
    joined = tuple(place(size_of(axis)) for axis in signal.axes[-axes:])
    ordered = in_axis_order(signal)
    spatial = tuple((factor,) for factor in joined)
    return replace(ordered, axes=(*signal.axes[:-axes], *spatial), grid=joined)


def _window(situation: Situation, shape: tuple[int, ...], transposed: bool) -> Window:
    kernel = shape[2:]
    count = len(kernel)
    return Window(
        kernel=kernel,
        stride=situation.integers("stride", (1,), count),
        padding=_padding(situation, kernel),
        dilation=situation.integers("dilation", (1,), count),
        transposed=transposed,
    )


def _padding(situation: Situation, kernel: tuple[int, ...]) -> tuple[int, ...]:
    given = situation.node.arguments.get("padding", 0)
    if given == "valid":
        return (0,) * len(kernel)
    if given == "same":
        dilation = situation.integers("dilation", (1,), len(kernel))
        return tuple(step * (size - 1) // 2 for step, size in zip(dilation, kernel, strict=True))
    return situation.integers("padding", (0,), len(kernel))
