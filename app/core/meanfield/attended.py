"""The rule of attention: softmax over random logits, with what finite heads add.

Each logit is Gaussian over queries and keys of independent weights, of variance
`s² = E σ_q² σ_k² (1−ρ)/E` after what all keys share has cancelled. The weights' squares sum to
`p₂ ≈ e^{s²}/T`; and a query meets the keys' own direction, `Σ_j A_ij x_j ≈ W_kᵀ q_i/√E`, which adds
`s²/E` and dominates in long sequences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.core.meanfield.axes import Factor
from app.core.meanfield.nonlinearities import Array
from app.core.meanfield.signal import Signal
from app.core.meanfield.step import NoRule, Pull, Situation, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tokens:
    """Of one input's tokens: their mean square, and what two of them share."""

    own: float
    shared: float

    @property
    def correlation(self) -> float:
        return self.shared / self.own if self.own > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weights:
    """Of the attention weights: who is seen, and how the softmax spreads."""

    seen: Array  # [queries, keys], 1 where a query sees a key
    logit: float  # variance of a logit over the keys
    correlation: float  # of two queries
    tilt: float  # s²/E

    @property
    def alone(self) -> Array:
        """`E Σ_j A_ij²`: [queries]; e^{s²}/n for many keys, 1 for one."""
        others: Array = self.seen.sum(axis=1) - 1
        return np.reciprocal(1 + others * math.exp(-self.logit))

    @property
    def paired(self) -> Array:
        """`E Σ_j A_ij A_i'j`: [queries, queries]."""
        common = np.minimum.outer(self.seen.sum(axis=1), self.seen.sum(axis=1))
        most = np.sqrt(np.outer(self.alone, self.alone))
        found: Array = np.minimum(math.exp(self.correlation * self.logit) / common, most)
        np.fill_diagonal(found, self.alone)
        return found


def attention(situation: Situation) -> Step:
    """Scaled dot-product attention of queries, keys and values with independent weights."""
    query, key, value = (situation.signal(name) for name in ("query", "key", "value"))
    _refuse_what_has_no_rule(situation, query)
    weights = _weights(situation, query, key)
    after = _attended(query, value, weights)
    loose = _tokens(value).own - _tokens(value).shared
    names = [situation.name(name) for name in ("query", "key", "value")]

    def to_value(gradient: Array) -> Array:
        share = weights.seen * (weights.alone / weights.seen.sum(axis=1))[:, None]
        spread: Array = gradient @ share
        return spread

    def to_logits(gradient: Array) -> Array:
        steep: Array = gradient * weights.alone * loose * weights.logit
        return steep

    pulls: dict[str, Pull] = {
        names[0]: lambda gradient: to_logits(gradient) / (query.second or 1.0),
        names[1]: lambda gradient: to_logits(gradient) / (key.second or 1.0),
        names[2]: to_value,
    }
    return Step(signals=(after,), pulls=(pulls,))


def _refuse_what_has_no_rule(situation: Situation, query: Signal) -> None:
    if situation.number("dropout_p", 0) and situation.training:
        raise NoRule("attention with dropout on its weights")
    if situation.node.arguments.get("attn_mask") is not None:
        raise NoRule("attention with a mask of its own")
    axis = query.axes[-2]
    if len(axis) != 1 or axis[0].role != "place" or len(query.grid) != 1:
        raise NoRule("attention over anything but one axis of tokens")


def _weights(situation: Situation, query: Signal, key: Signal) -> _Weights:
    width = _size(query.axes[-1])
    scale = situation.node.arguments.get("scale")
    factor = float(scale) if isinstance(scale, int | float) else 1 / math.sqrt(width)
    keys = _tokens(key)
    logit = factor**2 * width * query.second * max(keys.own - keys.shared, 0.0)
    seen = np.ones((query.mean.size, key.mean.size))
    if situation.node.arguments.get("is_causal", False):
        seen = np.tril(seen)
    return _Weights(
        seen=seen,
        logit=logit,
        correlation=_tokens(query).correlation,
        tilt=logit / max(query.channels, 1),
    )


def _attended(query: Signal, value: Signal, weights: _Weights) -> Signal:
    tokens = _tokens(value)
    loose = max(tokens.own - tokens.shared, 0.0)
    paired = weights.paired
    tilt = np.full_like(paired, weights.correlation * weights.tilt)
    np.fill_diagonal(tilt, weights.tilt)
    within = tokens.shared + loose * (paired + (1 - paired) * tilt)
    return Signal(
        axes=(*query.axes[:-1], (Factor("channel", _size(value.axes[-1])),)),
        grid=query.grid,
        mean=np.full(query.mean.size, value.first),
        within=within,
        across=np.full_like(within, float(np.mean(value.across))),
        inherited=value.inherited,
    )


def _tokens(signal: Signal) -> _Tokens:
    own = float(np.mean(np.diag(signal.within)))
    count = signal.mean.size
    others = count * (count - 1)
    shared = (float(signal.within.sum()) - own * count) / others if others else 0.0
    return _Tokens(own=own, shared=shared)


def _size(axis: Sequence[Factor]) -> int:
    return math.prod(factor.size for factor in axis)
