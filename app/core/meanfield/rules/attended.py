"""The rule of attention: softmax over random logits, with what finite heads add.

Each logit is Gaussian over queries and keys of independent weights, of variance
`s² = E σ_q² σ_k² (1−ρ)/E` after what all keys share has cancelled. The weights' squares sum to
`p₂`, for many keys `e^{s²}/T`; and a query meets the keys' own direction,
`Σ_j A_ij x_j ≈ W_kᵀ q_i/√E`, which adds `s²/E` and dominates in long sequences. The same direction
goes back: `Σ_j A_ij (v_j−o_i) k_jᵀ` does not average out, as both are maps of one x_j, and adds
`1/E` to the gradient of queries.

Dropout on the weights multiplies each by a number of mean 1 and variance `p/(1−p)`, another one for
each query and key: a query's own squares grow by that, and the values' common part, which the sum
over keys otherwise leaves as it is, adds to them and to the gradient of the logits.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.nonlinear.softmax import concentration
from app.core.meanfield.signals.axes import Factor
from app.core.meanfield.signals.grouped import Groups, groups
from app.core.meanfield.signals.signal import Signal
from app.core.meanfield.step import NoRule, Pull, Situation, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weights:
    """Of the attention weights: who is seen, and how the softmax spreads."""

    queries: Groups
    keys: Groups
    seen: Array  # [queries, keys], how many of a key's group a query sees
    seeing: Array  # [queries, keys], how many of a query's group see a key
    logit: Array  # [queries], variance of a logit over the keys that the query sees
    correlation: Array  # [queries, queries], of two queries
    width: int  # E, the channels that queries and keys are maps of
    alone: Array  # [queries], E Σ_j A_ij²; e^{s²}/n for many keys, 1 for one
    cubes: Array  # [queries], E Σ_j A_ij³
    noise: float  # p/(1−p), variance of what dropout multiplies a weight by

    @property
    def tilt(self) -> Array:
        """`Σ_j A_ij x_j` along the query, of x with one unit in each channel: [queries, queries].

        `ρ s²/E` times `1 − p₂ + 6(p₂² − p₃)`, twice integrated by parts.
        """
        spread = 1 - self.paired
        np.fill_diagonal(spread, 1 - self.alone + 6 * (self.alone**2 - self.cubes))
        along = self.correlation * self._logits / self.width
        return np.asarray(along * np.maximum(spread, 0.0))

    @property
    def cut(self) -> Array:
        """`E Σ_j A_ij A_i'j (1 − …)`, of keys less what a query sees: [queries, queries].

        `Σ_j A_j² |v_j − o|²` for unit v is `p₂ − 2p₃ + p₂²`.
        """
        found = self.paired * (1 - self.paired)
        np.fill_diagonal(found, np.maximum(self.alone - 2 * self.cubes + self.alone**2, 0.0))
        return np.asarray(found)

    @property
    def _logits(self) -> Array:
        """Variance of two queries' logits, of their geometric mean."""
        return np.sqrt(np.outer(self.logit, self.logit))

    @property
    def counts(self) -> Array:
        """Keys that each query sees: [queries]."""
        return np.asarray(self.seen.sum(axis=1))

    def mean_seen(self, values: Array) -> Array:
        """The mean over the keys that each query sees: [queries]."""
        return np.asarray(self.seen @ values / self.counts)

    @property
    def common(self) -> Array:
        """Keys that two queries see: [queries, queries]."""
        return self.keys.together(self.seen, np.ones(self.seen.shape[1]))

    @property
    def paired(self) -> Array:
        """`E Σ_j A_ij A_i'j`: [queries, queries]."""
        most = np.sqrt(np.outer(self.alone, self.alone))
        many = np.maximum.outer(self.counts, self.counts)
        found = np.minimum(np.exp(self.correlation * self._logits) / many, most)
        np.fill_diagonal(found, self.alone)
        return np.asarray(found)

    @property
    def together(self) -> Array:
        """`E A_ij A_i'j` of a key that both queries see: [queries, queries]."""
        return np.asarray(self.paired / np.maximum(self.common, 1.0))

    @property
    def apart(self) -> Array:
        """`E A_ij A_i'j'` of two keys that they see: [queries, queries]."""
        rest = np.outer(self.counts, self.counts) - self.common
        return np.asarray((1 - self.paired) / np.maximum(rest, 1.0))


def attention(situation: Situation) -> Step:
    """Scaled dot-product attention of queries, keys and values with independent weights."""
    query, key, value = (situation.signal(name) for name in ("query", "key", "value"))
    names = [situation.name(name) for name in ("query", "key", "value")]
    _refuse_what_has_no_rule(situation, query, key)
    _expect_own_weights(situation, names)
    factor = _factor(situation, query)
    causal = bool(situation.node.arguments.get("is_causal", False))
    weights = _weights(query, key, factor, causal=causal, p=_dropped_share(situation))
    loose = _loose(value, weights.keys, weights.seen)
    size = factor * np.sqrt(np.outer(loose, loose))
    keys = _loose(key, weights.keys, weights.seen)
    dropped = factor * weights.noise * weights.mean_seen(np.diag(value.within))
    pulls: dict[str, Pull] = {
        names[0]: lambda gradient: _to_query(
            gradient, weights, size * np.sqrt(np.outer(keys, keys)), dropped * keys
        ),
        names[1]: lambda gradient: _to_key(
            gradient, weights, (size + np.diag(dropped)) * query.within
        ),
        names[2]: lambda gradient: _to_value(gradient, weights),
    }
    return Step(signals=(_attended(query, value, weights, loose),), pulls=(pulls,))


def _to_value(gradient: Array, weights: _Weights) -> Array:
    """`g_j = Σ_i A_ij g_i`, with what two queries' weights and gradients share."""
    pairs = _pairs(gradient)
    found = _to_keys(pairs * weights.apart, weights)
    own = pairs * (weights.together + np.diag(weights.noise * np.diag(weights.together)))
    np.fill_diagonal(found, np.diag(_to_keys(own, weights)))
    return found


def _to_keys(each: Array, weights: _Weights) -> Array:
    """The sum over the pairs of queries that see two keys: [keys, keys]."""
    queries = weights.queries
    return queries.summed(weights.seeing.T, np.diag(each), queries.apart(each))


def _to_query(gradient: Array, weights: _Weights, sizes: Array, dropped: Array) -> Array:
    """`Σ_j A_ij (g_i·(v_j−o_i)) k_j`: by chance, and along what values and keys share."""
    spread, cut = 1 - weights.paired, weights.cut
    along = sizes * (cut + spread**2 / weights.width)
    return np.asarray(_pairs(gradient) * (along + np.diag(dropped * np.diag(cut))))


def _to_key(gradient: Array, weights: _Weights, sizes: Array) -> Array:
    """`Σ_i A_ij (g_i·(v_j−o_i)) q_i`; over all keys it sums to nothing."""
    each = _pairs(gradient) * sizes * weights.cut / np.maximum(weights.common, 1.0)
    own = np.diag(_to_keys(each, weights))
    roots = np.sqrt(np.maximum(own, 0.0))
    found = -np.outer(roots, roots) / max(weights.keys.whole - 1, 1)
    np.fill_diagonal(found, own)
    return np.asarray(found)


def _pairs(gradient: Array) -> Array:
    return np.diag(gradient) if gradient.ndim == 1 else gradient


def _refuse_what_has_no_rule(situation: Situation, query: Signal, key: Signal) -> None:
    if _dropped_share(situation) >= 1:
        raise NoRule("dropout of everything")
    if situation.node.arguments.get("attn_mask") is not None:
        raise NoRule("attention with a mask of its own")
    for signal in (query, key):
        axis = signal.axes[-2]
        if tuple(axis) != tuple(signal.grid) or any(one.role != "place" for one in axis):
            raise NoRule("attention over anything but one axis of tokens")
        if any(one.sample is not None and not one.sample.starts for one in axis):
            raise NoRule("attention over the places of a picture of which a sample is kept")


def _dropped_share(situation: Situation) -> float:
    return situation.number("dropout_p", 0) if situation.training else 0.0


def _expect_own_weights(situation: Situation, names: Sequence[str]) -> None:
    roots = [situation.roots.get(name, frozenset()) for name in names]
    if any(one & other for one, other in itertools.combinations(roots, 2)):
        raise NoRule("attention of queries, keys and values that depend on each other")


def _factor(situation: Situation, query: Signal) -> float:
    """What a channel of a query and of a key add to a logit's variance: 1 where scale is 1/√d."""
    width = _size(query.axes[-1])
    scale = situation.node.arguments.get("scale")
    return float(scale) ** 2 * width if isinstance(scale, int | float) else 1.0


def _weights(query: Signal, key: Signal, factor: float, *, causal: bool, p: float) -> _Weights:
    own = np.diag(query.within)
    scale = np.sqrt(np.outer(own, own))
    queries, keys = groups(query.axes[-2]), groups(key.axes[-2])
    seen = keys.seen_by(queries, causal=causal)
    logit = factor * own * _loose(key, keys, seen)
    alone, cubes = concentration(seen.sum(axis=1), logit)
    return _Weights(
        queries=queries,
        keys=keys,
        seen=seen,
        seeing=keys.seeing(queries, causal=causal),
        logit=logit,
        correlation=np.divide(query.within, scale, out=np.zeros_like(scale), where=scale > 0),
        width=max(query.channels, 1),
        alone=alone,
        cubes=cubes,
        noise=p / (1 - p),
    )


def _attended(query: Signal, value: Signal, weights: _Weights, loose: Array) -> Signal:
    """`Σ_jj' E[A_ij A_i'j'] K_jj'`, and what the tilt adds of what two keys do not share."""
    seen, keys, own = weights.seen, weights.keys, np.diag(value.within)
    alike = keys.together(seen, own)
    every = keys.summed(seen, own, keys.apart(value.within))
    within = weights.together * alike + weights.apart * (every - alike)
    within += weights.tilt * np.sqrt(np.outer(loose, loose))
    within += np.diag(weights.noise * weights.alone * weights.mean_seen(own))
    across = keys.summed(seen, np.diag(value.across), keys.apart(value.across))
    across /= np.outer(weights.counts, weights.counts)
    shares = np.diag(across) / np.maximum(np.diag(within), 1e-300)
    return Signal(
        axes=(*query.axes[:-1], (Factor("channel", _size(value.axes[-1])),)),
        grid=query.grid,
        mean=weights.mean_seen(value.mean),
        within=within,
        across=across,
        joint=1 + 2 * query.average(shares**2),
        inherited=value.inherited,
    )


def _loose(signal: Signal, keys: Groups, seen: Array) -> Array:
    """`E x_j² − E x_j x_j'` over the tokens that each query sees: [queries]."""
    counts = seen.sum(axis=1)
    alone = np.diag(signal.within)
    own = seen @ alone
    shared = np.diag(keys.summed(seen, alone, keys.apart(signal.within))) - own
    others = np.maximum(counts * (counts - 1), 1.0)
    return np.asarray(np.where(counts > 1, np.maximum(own / counts - shared / others, 0.0), 0.0))


def _size(axis: Sequence[Factor]) -> int:
    return math.prod(factor.size for factor in axis)
