"""A signal with other places of its axes kept: all of them, or a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.signals.axes import Axes, Factor, opened
from app.core.meanfield.signals.sampled import Indices
from app.core.meanfield.signals.signal import Draw, Signal, gaussian_draw
from app.core.meanfield.signals.windows import along, moved, over_axes


def resampled(signal: Signal, grid: Sequence[Factor]) -> Signal:
    """The signal on the same axes, of which other places are kept.

    Args:
        signal: A signal.
        grid: Its own grid but for the samples, in the same order.
    """
    wanted = tuple(grid)
    if wanted == signal.grid:
        return signal
    sums = [moved(old.span, new.span) for old, new in zip(signal.grid, wanted, strict=True)]
    after = replace(
        signal,
        axes=axes_with(signal.axes, wanted),
        grid=wanted,
        mean=along(signal.mean, [one.places for one in sums]),
        within=over_axes(signal.within, sums),
        across=over_axes(signal.across, sums),
        draw=None,
    )
    if signal.draw is None:
        return after
    stand = along(np.arange(signal.mean.size, dtype=np.float64), [one.places for one in sums])
    return replace(after, draw=_by_marginals(signal, after, stand.astype(np.intp)))


def gradient_back(gradient: Array, given: Sequence[Factor], wanted: Sequence[Factor]) -> Array:
    """A gradient at the places kept by `wanted`, at those kept by `given`: means of what they are.

    Args:
        gradient: Second moments, [P] of `wanted`.
        given: A grid.
        wanted: The same grid with other places kept.
    """
    sums = [moved(old.span, new.span) for old, new in zip(given, wanted, strict=True)]
    return along(gradient, [one.back for one in sums])


def all_places(signal: Signal) -> Signal:
    """The signal with every place of its axes."""
    return resampled(signal, [opened(factor) for factor in signal.grid])


def _by_marginals(before: Signal, after: Signal, stand: Indices) -> Draw:
    """Draws at other places: correlated as Gaussians are, each with the values that are drawn."""

    def draw() -> Array:
        ranks = gaussian_draw(replace(after, draw=None, seed=~before.seed & 0xFFFF_FFFF))
        flat = ranks.reshape(-1, ranks.shape[-1])
        values = gaussian_draw(before).reshape(-1, before.mean.size)
        ranked = np.sort(values, axis=0)
        source = ranked[(np.arange(len(flat)) * len(ranked) + len(ranked) // 2) // len(flat)]
        order = np.argsort(flat, axis=0)
        found = np.empty_like(flat)
        np.put_along_axis(found, order, source[:, stand], axis=0)
        return found.reshape(ranks.shape)

    return draw


def axes_with(axes: Axes, grid: Sequence[Factor]) -> Axes:
    """The axes with the places of another grid of the same names."""
    names = {factor.key: factor for factor in grid}
    return tuple(tuple(names.get(f.key, f) if f.key else f for f in axis) for axis in axes)
