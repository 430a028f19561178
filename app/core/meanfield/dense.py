"""Rules of linear maps and embeddings: sums with independent random weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.core.meanfield.axes import Factor
from app.core.meanfield.nonlinearities import Array
from app.core.meanfield.signal import Signal, over_places
from app.core.meanfield.step import NoRule, Situation, Step, WeightMoments, single

NOTHING = WeightMoments(mean=0.0, second=0.0)


def linear(situation: Situation, *, given: str = "input", weight: str = "weight") -> Step:
    """`y = x Wᵀ + b` over the last axis: `q' = n_in E[w²] q + E[b²]`, `g = n_out E[w²] g'`."""
    law = situation.weight(weight)
    if law is None:
        raise NoRule("a linear map without weights")
    signal = situation.signal(given)
    last = signal.axes[-1]
    folded = [factor for factor in last if factor.role == "place"]
    kept = [factor for factor in signal.grid if factor not in folded]
    ordered = over_places(signal, (*kept, *folded))
    channels = math.prod(factor.size for factor in last if factor.role == "channel")
    outputs = situation.node.shapes[0][-1]
    rows, columns = size_of(kept), size_of(folded)
    bias = situation.weight("bias") or NOTHING
    factor = channels * law.second
    after = Signal(
        axes=(*signal.axes[:-1], (Factor("channel", outputs),)),
        grid=tuple(kept),
        mean=channels * law.mean * ordered.mean.reshape(rows, columns).sum(axis=1) + bias.mean,
        within=factor * _traced(ordered.within, rows, columns) + bias.second,
        across=factor * _traced(ordered.across, rows, columns) + bias.second,
    )
    after = weighted(signal, after, bias=bias.second, batch=situation.batch)
    back = outputs * law.second

    def pull(gradient: Array) -> Array:
        spread = np.repeat(gradient * back, columns)
        return reordered(spread, ordered.grid, signal.grid)

    return single(situation, after, pull, given)


def size_of(factors: Sequence[Factor]) -> int:
    """How many places some axes of a grid have."""
    return math.prod(factor.size for factor in factors)


def _traced(matrix: Array, rows: int, columns: int) -> Array:
    """The sum over the columns' own places, for each pair of rows."""
    traced: Array = np.einsum("abcb->ac", matrix.reshape(rows, columns, rows, columns))
    return traced


def weighted(before: Signal, after: Signal, *, bias: float, batch: int) -> Signal:
    """A sum with random weights: Gaussian, and as uncertain as what it is a sum of."""
    second = after.second
    if second <= 0:
        return after
    passed = max(second - bias, 0.0) / second
    shared = float(np.mean(np.diag(after.across))) / second
    inherited = before.log_variance(batch) * passed**2
    return replace(after, inherited=inherited, joint=1 + 2 * shared**2)


def embedding(situation: Situation) -> Step:
    """Rows of a table by token ids drawn evenly: tokens share a row with probability 1/V."""
    law = situation.weight("weight")
    if law is None:
        raise NoRule("an embedding without a table")
    rows, width = situation.shape("weight")
    tokens = situation.signal("indices")
    places = tokens.mean.size
    same = law.mean**2 + (law.second - law.mean**2) / rows
    across = np.full((places, places), same)
    within = across.copy()
    np.fill_diagonal(within, law.second)
    signal = Signal(
        axes=(*tokens.axes, (Factor("channel", width),)),
        grid=tokens.grid,
        mean=np.full(places, law.mean),
        within=within,
        across=across,
    )
    return Step(signals=(signal,), pulls=({},))


def reordered(values: Array, grid: Sequence[Factor], wanted: Sequence[Factor]) -> Array:
    """Values at places, in the order of another grid of the same places."""
    if tuple(grid) == tuple(wanted) or {f.key for f in grid} != {f.key for f in wanted}:
        return values
    keys = [factor.key for factor in grid]
    order = [keys.index(factor.key) for factor in wanted]
    turned: Array = values.reshape([factor.size for factor in grid]).transpose(order).reshape(-1)
    return turned
