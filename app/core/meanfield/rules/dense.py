"""Rules of linear maps and embeddings: sums with independent random weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.signals.axes import Factor, place, sequence
from app.core.meanfield.signals.signal import Signal, over_places
from app.core.meanfield.step import Fixed, NoRule, Situation, Step, WeightMoments, single

NOTHING = WeightMoments(mean=0.0, second=0.0)


def linear(
    situation: Situation, *, given: str = "input", weight: str = "weight", bias: str = "bias"
) -> Step:
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
    law_of_bias = situation.weight(bias) or NOTHING
    after = Signal(
        axes=(*signal.axes[:-1], (Factor("channel", outputs),)),
        grid=tuple(kept),
        mean=channels * law.mean * ordered.mean.reshape(rows, columns).sum(axis=1)
        + law_of_bias.mean,
        within=_summed(law, law_of_bias, ordered, ordered.within, (channels, rows, columns)),
        across=_summed(law, law_of_bias, ordered, ordered.across, (channels, rows, columns)),
        summands=channels * columns,
    )
    after = weighted(signal, after, bias=law_of_bias.second, batch=situation.batch)
    back = outputs * law.second

    def pull(gradient: Array) -> Array:
        spread = np.repeat(gradient * back, columns)
        return reordered(spread, ordered.grid, signal.grid)

    return single(situation, after, pull, given)


def size_of(factors: Sequence[Factor]) -> int:
    """How many places some axes of a grid have."""
    return math.prod(factor.size for factor in factors)


def covariance(law: WeightMoments, fan_in: int, moments: Array, means: Array) -> Array:
    """Of two sums `Σ w_j x_j` with the same weights, less the product of their means.

    Args:
        law: Of the weights.
        fan_in: Terms of a sum.
        moments: `E x x'` of each term of the two.
        means: `μ μ'`.

    Returns:
        `n E[w²] (E x x' − μμ') + n (E (Σ_j w_j)²/n − n (E w)²) μμ'`: what all terms share is
        multiplied by the sum of the weights, which of independent ones is no more than they are.
    """
    shared = law.rows(fan_in) - fan_in * law.mean**2
    found: Array = fan_in * (law.second * (moments - means) + shared * means)
    return found


def _summed(
    law: WeightMoments,
    bias: WeightMoments,
    signal: Signal,
    moments: Array,
    sizes: tuple[int, int, int],
) -> Array:
    """Second moments of the sums over channels and the columns' places, for each pair of rows."""
    channels, rows, columns = sizes
    fan_in = channels * columns
    middle = signal.mean.reshape(rows, columns).mean(axis=1)
    means = np.outer(middle, middle)
    found = covariance(law, fan_in, _traced(moments, rows, columns) / columns, means)
    whole = fan_in * law.mean * middle
    found += np.outer(whole, whole) + bias.second
    moved: Array = bias.mean * (whole[:, None] + whole[None, :])
    return found + moved


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
    shared = after.average(np.diag(after.across)) / second
    inherited = before.log_variance(batch) * passed**2
    # Of n numbers the mean product is that of all but for a chance that all channels share.
    alike = before.average(np.diag(before.across)) / before.second if before.second > 0 else 0.0
    chance = max(before.joint - alike**2, 0.0) / after.summands
    stray = (before.stray + chance) * passed**2
    joint = 1 + 2 * shared**2 + 2 * stray
    return replace(after, inherited=inherited, joint=joint, stray=stray)


def embedding(situation: Situation) -> Step:
    """Rows of a table by token ids drawn evenly: tokens share a row with probability 1/V.

    Of ids that are fixed numbers, such as positions, the same rows are taken for all inputs.
    """
    law = situation.weight("weight")
    if law is None:
        raise NoRule("an embedding without a table")
    rows, width = situation.shape("weight")
    ids = situation.fixed.get(situation.name("indices"))
    if ids is not None:
        return Step(signals=(_chosen(ids, law, width, situation.batch_size),), pulls=({},))
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
        joint=1 + 2 / rows,
    )
    return Step(signals=(signal,), pulls=({},))


def _chosen(ids: Fixed, law: WeightMoments, width: int, batch: int) -> Signal:
    """Rows that are the same for every input.

    Raises:
        NoRule: If the ids differ from input to input.
    """
    first: tuple[Factor, ...] = (Factor("batch", batch),) if len(ids) == batch > 1 else ()
    if ids.ndim > 1 and not np.array_equal(ids, np.broadcast_to(ids[:1], ids.shape)):
        raise NoRule("an embedding of fixed ids that differ from input to input")
    shape = ids.shape[1:] if ids.ndim > 1 else ids.shape
    flat = (ids[0] if ids.ndim > 1 else ids).reshape(-1)
    grid = tuple(place(size) for size in shape if size > 1)
    if len(grid) == 1:
        grid = (sequence(flat.size),)
        flat = flat[grid[0].span.kept]
    keys = iter(grid)
    axes = tuple((next(keys),) if size > 1 else () for size in shape)
    own = (flat[:, None] == flat[None, :]) * (law.second - law.mean**2) + law.mean**2
    leading = (first,) if ids.ndim > 1 else ()
    return Signal(
        axes=(*leading, *axes, (Factor("channel", width),)),
        grid=grid,
        mean=np.full(flat.size, law.mean),
        within=own,
        across=own,
    )


def reordered(values: Array, grid: Sequence[Factor], wanted: Sequence[Factor]) -> Array:
    """Values at places, in the order of another grid of the same places."""
    if tuple(grid) == tuple(wanted) or {f.key for f in grid} != {f.key for f in wanted}:
        return values
    keys = [factor.key for factor in grid]
    order = [keys.index(factor.key) for factor in wanted]
    turned: Array = values.reshape([factor.size for factor in grid]).transpose(order).reshape(-1)
    return turned
