"""Fixed linear maps of places: each axis by a matrix of its own, `K' = M K Mᵀ`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from typing_extensions import override

from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.opening import expect_room
from app.core.meanfield.rules.dense import reordered
from app.core.meanfield.signals.axes import Axes, Factor, place
from app.core.meanfield.signals.sampled import Indices
from app.core.meanfield.signals.signal import Signal, gaussian_draw, in_axis_order
from app.core.meanfield.signals.windows import AxisSum, Span, along, moved, over_axes
from app.core.meanfield.step import NoRule, Situation, Step, Unfit, single

MOST_ENTRIES: Final = 2**24  # of one axis' matrix


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Mapped(AxisSum):
    """Sums along one axis with a weight for each pair of terms."""

    weights: Array  # [terms, out²]

    @override
    def of_pairs(self, values: Array) -> Array:
        """[in², rest] → [out², rest]."""
        assert self.gathered is not None  # noqa: S101 - set where this is made
        total = np.zeros((self.gathered.shape[1], values.shape[1]))
        for rows, weight in zip(self.gathered, self.weights, strict=True):
            total += values[rows] * weight[:, None]
        return total


def mapped_axis(matrix: Array, given: Span, wanted: Span) -> AxisSum:
    """What a matrix of all places of an axis does to those that are kept.

    Args:
        matrix: [all outputs, all inputs].
        given: The axis before.
        wanted: The axis after.
    """
    kept = matrix[wanted.kept]
    terms = max(int(np.count_nonzero(kept, axis=1).max(initial=0)), 1)
    index: Indices = np.argsort(kept == 0, axis=1, kind="stable")[:, :terms].T
    weight = np.take_along_axis(kept, index.T, axis=1).T
    pairs = [(one, other) for one in range(terms) for other in range(terms)]
    rows = [_rows(given, index[one], index[other]) for one, other in pairs]
    squares = np.zeros((given.size, wanted.size))
    outputs, inputs = np.nonzero(matrix)
    seats = given.seats(np.arange(given.whole)), wanted.seats(np.arange(wanted.whole))
    np.add.at(squares, (seats[0][inputs], seats[1][outputs]), matrix[outputs, inputs] ** 2)
    places = np.zeros((wanted.size, given.size))
    for at, weights in zip(index, weight, strict=True):
        np.add.at(places, (np.arange(wanted.size), given.seats(at)), weights)
    return _Mapped(
        places=places,
        back=squares / np.maximum(np.bincount(seats[0], minlength=given.size), 1)[:, None],
        gathered=np.stack(rows),
        weights=np.stack([np.outer(weight[i], weight[j]).ravel() for i, j in pairs]),
    )


def _rows(given: Span, one: Indices, other: Indices) -> Indices:
    first, second = given.pairs(*np.broadcast_arrays(one[:, None], other[None, :]))
    found: Indices = (first * given.size + second).ravel()
    return found


def joined_axis(signal: Signal, axis: int) -> Signal:
    """The signal with one factor of places at an axis.

    Raises:
        NoRule: If channels stand between the places.
    """
    factors = signal.axes[axis]
    if any(factor.role != "place" for factor in factors):
        raise NoRule("places and channels in one axis")
    if len(factors) < 2:
        return signal
    keys = [factor.key for factor in signal.grid]
    at = keys.index(factors[0].key)
    if keys[at : at + len(factors)] != [f.key for f in factors] or any(f.sample for f in factors):
        raise Unfit
    whole = place(math.prod(factor.size for factor in factors))
    axes = (*signal.axes[:axis], (whole,), *signal.axes[axis + 1 :])
    grid = (*signal.grid[:at], whole, *signal.grid[at + len(factors) :])
    return replace(signal, axes=axes, grid=grid)


def separated(signal: Signal, axes: Mapping[int, object]) -> Signal:
    """The signal with one axis of places at each of these axes of the tensor.

    Raises:
        NoRule: If something else stands there.
    """
    for at in axes:
        if any(factor.role != "place" for factor in signal.axes[at]):
            raise NoRule("a map of places where channels or inputs stand")
        signal = joined_axis(signal, at)
    shaped = list(signal.axes)
    for at in axes:
        shaped[at] = signal.axes[at] or (place(1),)
    grid = tuple(factor for axis in shaped for factor in axis if factor.role == "place")
    return replace(in_axis_order(signal), axes=tuple(shaped), grid=grid)


def mapped(
    situation: Situation,
    argument: str,
    matrices: Mapping[int, Array],
    wanted: Mapping[int, Factor],
) -> Step:
    """The step of a linear map of places.

    Args:
        situation: Of the node.
        argument: Which of its arguments is mapped.
        matrices: Of the tensor's axes that change, [all outputs, all inputs].
        wanted: What those axes are afterwards.
    """
    given = situation.signal(argument)
    signal = separated(given, matrices)
    axes: Axes = tuple(
        (wanted[at],) if at in wanted else axis for at, axis in enumerate(signal.axes)
    )
    by_key = {signal.axes[at][0].key: at for at in matrices}
    grid = tuple(factor for axis in axes for factor in axis if factor.role == "place")
    expect_room(math.prod(factor.size for factor in grid))
    sums = [_sum(factor, by_key, matrices, wanted) for factor in signal.grid]
    after = _applied(signal, sums, axes, grid)
    back = [one.back for one in sums]
    ungrown = tuple(factor for factor in signal.grid if factor in given.grid)

    def pull(gradient: Array) -> Array:
        return reordered(along(gradient, back), ungrown, given.grid)

    return single(situation, after, pull, argument)


def _sum(
    factor: Factor,
    by_key: Mapping[int, int],
    matrices: Mapping[int, Array],
    wanted: Mapping[int, Factor],
) -> AxisSum:
    if factor.key not in by_key:
        return moved(factor.span, factor.span)
    at = by_key[factor.key]
    if matrices[at].size > MOST_ENTRIES:
        raise NoRule("a map of so many places")
    return mapped_axis(matrices[at], factor.span, wanted[at].span)


def _applied(signal: Signal, sums: list[AxisSum], axes: Axes, grid: tuple[Factor, ...]) -> Signal:
    places = [one.places for one in sums]
    whole = signal.draw is not None and not any(f.sample for f in (*signal.grid, *grid))
    return replace(
        signal,
        axes=axes,
        grid=grid,
        mean=along(signal.mean, places),
        within=over_axes(signal.within, sums),
        across=over_axes(signal.across, sums),
        draw=(lambda: _along_draws(gaussian_draw(signal), places)) if whole else None,
    )


def _along_draws(draws: Array, matrices: list[Array]) -> Array:
    """One matrix for each axis of places: [draws, 2, P] → [draws, 2, P']."""
    found = draws.reshape(*draws.shape[:2], *(matrix.shape[1] for matrix in matrices))
    for at, matrix in enumerate(matrices):
        found = np.moveaxis(np.tensordot(matrix, found, axes=([1], [at + 2])), 0, at + 2)
    return np.ascontiguousarray(found).reshape(*draws.shape[:2], -1)
