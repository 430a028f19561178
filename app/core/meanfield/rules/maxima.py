"""The rule of maximum pooling: by joint draws of the places below each window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.core.meanfield.gradients import settled
from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.rules.convolved import picture_of
from app.core.meanfield.rules.dense import reordered
from app.core.meanfield.rules.pooled import pooled_argument, pooled_signal, slides
from app.core.meanfield.signals.axes import Factor, place
from app.core.meanfield.signals.resampled import resampled
from app.core.meanfield.signals.sampled import Indices, Sampling
from app.core.meanfield.signals.signal import Signal, from_draws, gaussian_draw
from app.core.meanfield.signals.windows import Slide, Span, along, moved
from app.core.meanfield.step import NoRule, Situation, Step, single

_NOWHERE = np.nan  # the gradient of a place of which not all windows are followed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reach:
    """Along one axis: the windows whose places are all kept side by side."""

    factor: Factor  # the outputs, of which those windows are kept
    taps: tuple[tuple[Indices, Array], ...]  # the kept input of each window's each position
    complete: Array  # [in], 1 where each window that holds the place is followed


def maximum_pool(situation: Situation) -> Step:
    """Maxima over windows, by joint draws; the gradient goes where the maximum stood."""
    signal, count = pooled_signal(situation)
    argument = pooled_argument(situation)
    given = situation.signal(argument)
    outputs = situation.node.shapes[0][-count:]
    reaches = [
        _reach(slide, factor.span, size)
        for slide, factor, size in zip(slides(situation, count), signal.grid, outputs, strict=True)
    ]
    draws = gaussian_draw(signal)
    best, chosen = _maxima(draws, reaches)
    grid = tuple(reach.factor for reach in reaches)
    axes = (*signal.axes[:-count], *((factor,) for factor in grid))
    small = replace(
        from_draws(replace(signal, axes=axes, grid=grid), best), inherited=signal.inherited
    )
    wanted = [
        replace(factor, size=new.size, sample=new.sample)
        for factor, new in zip(grid, picture_of(outputs), strict=True)
    ]
    after = resampled(small, wanted)
    complete = _product([reach.complete for reach in reaches]) > 0

    def pull(gradient: Array) -> Array:
        arrived = np.broadcast_to(_at_windows(gradient, after, small, len(best)), best.shape)
        flat = draws.shape[0] * draws.shape[1]
        back = np.zeros((flat, draws.shape[2]))
        rows = np.arange(flat)[:, None]
        np.add.at(back, (rows, chosen.reshape(flat, -1)), arrived.reshape(flat, -1))
        back[:, ~complete] = _NOWHERE
        back *= _kept_whole(back, signal, gradient, after)
        found = back.reshape(draws.shape)
        return found if signal.grid == given.grid else _given_order(found, signal, given)

    return single(situation, after, pull, argument, by_draws=True)


def _kept_whole(back: Array, signal: Signal, gradient: Array, after: Signal) -> float:
    """What makes the sum over all places that of all windows: each hands all it has to one place.

    A window that stands for many has their mean, but not all places below it stand for as many.
    """
    sent = after.places * after.average(filled(settled(gradient), after.grid))
    arrived = signal.places * signal.average(filled(back.mean(axis=0), signal.grid))
    return sent / arrived if arrived > 0 else 1.0


def _given_order(gradient: Array, signal: Signal, given: Signal) -> Array:
    return reordered(filled(settled(gradient), signal.grid), signal.grid, given.grid)


def filled(gradient: Array, grid: Sequence[Factor]) -> Array:
    """A gradient in which places that a pooling left open have that of a place like them: [P]."""
    if not np.isnan(gradient).any() or np.isnan(gradient).all():
        return gradient
    known = gradient.reshape([factor.size for factor in grid])
    for at in range(known.ndim):
        line = np.moveaxis(known, at, 0)
        full = np.isfinite(line.reshape(len(line), -1)).any(axis=1)
        known = np.moveaxis(line[_stand_ins(np.flatnonzero(full), len(line))], 0, at)
    return known.reshape(-1)


def _stand_ins(sources: Indices, size: int) -> Indices:
    """For each place the nearest one with a gradient, an even number of places away."""
    away = np.abs(np.arange(size)[:, None] - sources[None, :])
    return np.asarray(sources[np.argmin(away + size * (away % 2), axis=1)])


def _reach(slide: Slide, given: Span, outputs: int) -> _Reach:
    every = np.arange(outputs)
    taps = [slide.tap(at, every, given.whole) for at in range(slide.kernel)]
    if given.sample is None:
        found = tuple(taps)
        return _Reach(factor=place(outputs), taps=found, complete=np.ones(given.whole))
    left, right = _sides(taps, given.sample)
    kept = np.r_[:left, outputs - right : outputs]
    whole = left + right == outputs
    sample = None if whole else Sampling(outputs, left, right)
    return _Reach(
        factor=place(outputs, sample),
        taps=tuple((given.seats(index[kept]), valid[kept]) for index, valid in taps),
        complete=_complete(taps, kept, given),
    )


def _sides(taps: Sequence[tuple[Indices, Array]], sample: Sampling) -> tuple[int, int]:
    """How many windows lie within the kept places at the left, and at the right."""
    last = np.max([np.where(valid > 0, index, -1) for index, valid in taps], axis=0)
    first = np.min([np.where(valid > 0, index, sample.whole) for index, valid in taps], axis=0)
    outputs = len(last)
    left = int(np.sum(last < sample.left))
    right = min(int(np.sum(first >= sample.whole - sample.right)), outputs - left)
    if left + right < outputs and (right < 1 or left < right + 2):
        right = max(min(right, left - 2), 0)
        if right < 1:
            raise NoRule("a maximum over windows of so many places in a picture as large")
    return left, right


def _complete(taps: Sequence[tuple[Indices, Array]], kept: Indices, given: Span) -> Array:
    lost = np.setdiff1d(np.arange(len(taps[0][0])), kept)
    within = np.zeros(given.whole, dtype=bool)
    for index, valid in taps:
        within[index[lost][valid[lost] > 0]] = True
    return 1.0 - within[given.kept]


def _maxima(draws: Array, reaches: Sequence[_Reach]) -> tuple[Array, Indices]:
    """The maxima of each draw, and the kept place where each stood: [draws, 2, windows]."""
    shape = (*draws.shape[:2], math.prod(reach.factor.size for reach in reaches))
    best = np.full(shape, -np.inf)
    chosen = np.zeros(shape, dtype=np.intp)
    sizes = [reach.complete.size for reach in reaches]
    for position in np.ndindex(*(len(reach.taps) for reach in reaches)):
        taps = [reach.taps[at] for reach, at in zip(reaches, position, strict=True)]
        index = _flat([one for one, _ in taps], sizes)
        valid = _product([one for _, one in taps]) > 0
        values = np.where(valid, draws[..., index], -np.inf)
        better = values > best
        best = np.where(better, values, best)
        chosen = np.where(better, index, chosen)
    return best, chosen


def _flat(each: Sequence[Indices], sizes: Sequence[int]) -> Indices:
    flat = np.zeros(1, dtype=np.intp)
    for index, size in zip(each, sizes, strict=True):
        flat = (flat[:, None] * size + index[None, :]).reshape(-1)
    return flat


def _product(each: Sequence[Array]) -> Array:
    total = np.ones(1)
    for values in each:
        total = np.outer(total, values).reshape(-1)
    return total


def _at_windows(gradient: Array, after: Signal, small: Signal, draws: int) -> Array:
    """The gradient at the windows that are followed."""
    if gradient.ndim == 3:
        if after.grid == small.grid and len(gradient) >= draws:
            return gradient[:draws]  # more of them are these again
        gradient = filled(settled(gradient), after.grid)
    if after.grid == small.grid:
        return gradient
    sums = [moved(new.span, old.span) for old, new in zip(after.grid, small.grid, strict=True)]
    return along(gradient, [one.back for one in sums])
