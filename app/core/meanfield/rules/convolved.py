"""Rules of convolutions: sums with independent random weights over windows of places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.core.meanfield.alike import thinning
from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.rules.dense import NOTHING, reordered, size_of, weighted
from app.core.meanfield.signals.axes import Factor, Unfit, picture, place
from app.core.meanfield.signals.sampled import LONGEST
from app.core.meanfield.signals.signal import Signal, in_axis_order
from app.core.meanfield.signals.windows import AxisSum, Slide, along, over_axes, summed
from app.core.meanfield.step import NoRule, Situation, Step, WeightMoments, single


def convolution(situation: Situation, *, transposed: bool = False) -> Step:
    """`K'(α,α') = C_in/g E[w²] Σ_β K(sα+β, sα'+β) + E[b²]`, nothing beyond the border."""
    law = situation.weight("weight")
    if law is None:
        raise NoRule("a convolution without weights")
    shape = situation.shape("weight")
    given = situation.signal()
    signal = pictured(given, len(shape) - 2)
    slides = _slides(situation, shape, transposed)
    channels, *outputs = situation.node.shapes[0][-len(slides) - 1 :]
    groups = int(situation.number("groups", 1))
    fan_in = shape[0] // groups if transposed else shape[1]
    fan_out = shape[1] if transposed else shape[0] // groups
    grid = picture_of(outputs)
    sums = [
        summed(slide, old.span, new.span)
        for slide, old, new in zip(slides, signal.grid, grid, strict=True)
    ]
    spatial = tuple((axis,) for axis in grid)
    after = _summed(situation, signal, sums, fan_in=fan_in, law=law)
    axes = (*signal.axes[: -len(grid) - 1], (Factor("channel", channels),), *spatial)
    bias = situation.weight("bias") or NOTHING
    summands = fan_in * math.prod(shape[2:])
    after = replace(after, axes=axes, grid=grid, summands=summands)
    after = weighted(signal, after, bias=bias.second, batch=situation.batch)
    back = [one.back for one in sums]

    def pull(gradient: Array) -> Array:
        return reordered(fan_out * law.second * along(gradient, back), signal.grid, given.grid)

    step = single(situation, after, pull)
    share = math.prod(
        slide.share(new, old.whole)
        for slide, old, new in zip(slides, signal.grid, outputs, strict=True)
    )
    return replace(step, sharing=thinning(share, share))


def _summed(
    situation: Situation,
    signal: Signal,
    sums: Sequence[AxisSum],
    *,
    fan_in: int,
    law: WeightMoments,
) -> Signal:
    """Parts with a mean of 0 over channels are multiplied by `E w²`, what all share by the rows."""
    bias = situation.weight("bias") or NOTHING
    factor = fan_in * law.second
    shared = _shared(signal, sums, fan_in=fan_in, law=law)
    return Signal(
        axes=signal.axes,
        grid=signal.grid,
        mean=fan_in * law.mean * along(signal.mean, [one.places for one in sums]) + bias.mean,
        within=factor * over_axes(signal.within, sums) + shared + bias.second,
        across=factor * over_axes(signal.across, sums) + shared + bias.second,
        summands=fan_in * _taps(sums),
    )


def _shared(
    signal: Signal, sums: Sequence[AxisSum], *, fan_in: int, law: WeightMoments
) -> Array | float:
    """What the mean adds where rows of weights do not sum to 0 as independent ones do.

    A row holds the weights of all channels and of all taps; each place sees those taps that lie
    within the border.
    """
    taps = _taps(sums)
    excess = law.rows(round(fan_in * taps)) - law.second
    if excess == 0 or not signal.mean.any():
        return 0.0
    gathered = along(signal.mean, [one.places for one in sums])
    return fan_in * excess / taps * np.outer(gathered, gathered)


def _taps(sums: Sequence[AxisSum]) -> float:
    """How many inputs a window holds far from the borders."""
    return math.prod(float(one.places.sum(axis=1).max()) for one in sums)


def pictured(signal: Signal, count: int) -> Signal:
    """The signal, each of its last axes one axis of places.

    Raises:
        NoRule: If channels stand there, or places elsewhere.
    """
    spatial = signal.axes[-count:]
    if any(factor.role != "place" for axis in spatial for factor in axis):
        raise NoRule("a convolution along channels")
    signal = in_axis_order(signal)
    if any(len(axis) != 1 for axis in spatial):
        if any(factor.sample for axis in spatial for factor in axis):
            raise Unfit
        joined = tuple(place(size_of(axis)) for axis in spatial)
        others = signal.grid[: len(signal.grid) - sum(len(axis) for axis in spatial)]
        axes = (*signal.axes[:-count], *((factor,) for factor in joined))
        signal = replace(signal, axes=axes, grid=(*others, *joined))
    if len(signal.grid) != count:
        raise NoRule("a window over a part of the places")
    return signal


def picture_of(outputs: Sequence[int]) -> tuple[Factor, ...]:
    """New axes of a picture of these sizes.

    Raises:
        NoRule: If one of them is longer than theory counts pairs of.
    """
    if max(outputs) > LONGEST:
        raise NoRule(f"an axis of {max(outputs):,} places, more than the {LONGEST:,} that theory "
                     "follows")  # fmt: skip
    return picture(outputs)


def _slides(situation: Situation, shape: tuple[int, ...], transposed: bool) -> list[Slide]:
    kernel = shape[2:]
    count = len(kernel)
    parts = zip(
        kernel,
        situation.integers("stride", (1,), count),
        _padding(situation, kernel),
        situation.integers("dilation", (1,), count),
        strict=True,
    )
    return [
        Slide(kernel=k, stride=s, padding=p, dilation=d, transposed=transposed)
        for k, s, p, d in parts
    ]


def _padding(situation: Situation, kernel: tuple[int, ...]) -> tuple[int, ...]:
    given = situation.node.arguments.get("padding", 0)
    if given == "valid":
        return (0,) * len(kernel)
    if given == "same":
        dilation = situation.integers("dilation", (1,), len(kernel))
        return tuple(step * (size - 1) // 2 for step, size in zip(dilation, kernel, strict=True))
    return situation.integers("padding", (0,), len(kernel))
