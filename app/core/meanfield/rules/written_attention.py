"""Attention that is written out: a product of queries and keys, a softmax, a product with values.

The products and the weights are told by their moments over all queries and keys; a note leads from
one to the next, so that the last product is the fused operation's rule on the same three signals.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from app.core.graph import Argument, Node, Value
from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.nonlinear.softmax import concentration
from app.core.meanfield.notes import Logits
from app.core.meanfield.rules.attended import attention
from app.core.meanfield.rules.operands import is_tensor
from app.core.meanfield.signals.axes import Axes, Factor
from app.core.meanfield.signals.signal import Signal
from app.core.meanfield.step import Fixed, NoRule, Pull, Situation, Step

_HIDDEN: Final = -1e3  # a logit below it leaves no weight
_ATTENTION: Final = "aten.scaled_dot_product_attention.default"


def fused(situation: Situation) -> Step:
    """The fused operation; a mask of fixed numbers that hides nothing or what is later is known."""
    mask = situation.node.arguments.get("attn_mask")
    if not isinstance(mask, Value) or mask.value not in situation.fixed:
        return attention(situation)
    numbers = situation.fixed[mask.value]
    seen = numbers if numbers.dtype == np.bool_ else _visible(numbers)
    arguments = dict(situation.node.arguments) | {"attn_mask": None, "is_causal": _is_causal(seen)}
    return attention(replace(situation, node=replace(situation.node, arguments=arguments)))


def _visible(mask: Fixed) -> Fixed:
    """Where a mask that is added leaves a logit.

    Raises:
        NoRule: If it changes the logits that it leaves.
    """
    seen: Fixed = np.greater(np.asarray(mask, np.float64), _HIDDEN)
    if np.any(mask[seen] != 0):
        raise NoRule("attention with a bias on its logits")
    return seen


def _is_causal(seen: Fixed) -> bool:
    """Whether each query sees the keys up to its own; False where it sees all.

    Raises:
        NoRule: If it is neither.
    """
    if seen.ndim < 2:
        raise NoRule("attention with a mask of its own")
    flat = seen.reshape(-1, *seen.shape[-2:])
    if np.all(flat):
        return False
    if flat.shape[1] == flat.shape[2] and np.all(flat == np.tril(np.ones_like(flat[0]))):
        return True
    raise NoRule("attention with a mask of its own")


def logits(situation: Situation, left: str, right: str) -> Step:
    """`S_ij = Σ_c q_ic k_jc`: queries and keys of independent weights.

    Returns:
        Moments over all pairs of a query and a key: `d E q² E k²`.

    Raises:
        NoRule: If these are no queries and keys.
    """
    query, key = situation.signal(left), situation.signal(right)
    names = situation.name(left), situation.name(right)
    if situation.roots.get(names[0], frozenset()) & situation.roots.get(names[1], frozenset()):
        raise NoRule("a product of matrices that depend on each other")
    if not _are_channels(query.axes[-1]) or not _are_channels(key.axes[-2]):
        raise NoRule("a product of two signals' matrices over places")
    width = _size(query.axes[-1])
    mean = width * query.first * key.first
    fixed = width * (query.first * key.first) ** 2
    shared = width * _average(query, "across") * _average(key, "across")
    second = width * query.second * key.second - fixed + mean**2
    axes = (*query.axes[:-2], _crowd(query.axes[-2]), _crowd(key.axes[-1]))
    after = _over_pairs(axes, mean, second, shared - fixed + mean**2)
    pulls: dict[str, Pull] = {}  # the gradient goes from the attention's output to all three
    return Step(signals=(after,), pulls=(pulls,), notes=(Logits(query=names[0], key=names[1]),))


def _are_channels(axis: tuple[Factor, ...]) -> bool:
    return all(factor.role == "channel" for factor in axis)


def _average(signal: Signal, name: str) -> float:
    return signal.average(np.diag(getattr(signal, name)))


def _size(axis: tuple[Factor, ...]) -> int:
    return math.prod(factor.whole for factor in axis)


def _crowd(axis: tuple[Factor, ...]) -> tuple[Factor, ...]:
    """An axis of queries or keys, which pairs of them tell apart no more."""
    size = _size(axis)
    return (Factor("channel", size),) if size > 1 else ()


def _over_pairs(axes: Axes, mean: float, second: float, shared: float) -> Signal:
    lean = tuple(tuple(f for f in axis if f.role != "place") for axis in axes)
    return Signal(
        axes=lean,
        grid=(),
        mean=np.array([mean]),
        within=np.array([[second]]),
        across=np.array([[shared]]),
    )


def softmax(situation: Situation, note: Logits) -> Step:
    """Weights of the keys, whose squares sum up as logits of variance s² make them."""
    signal = situation.signal("self")
    axis = int(situation.number("dim", -1)) % len(signal.axes)
    if axis != len(signal.axes) - 1:
        raise NoRule("a softmax of products over anything but the keys")
    count = _size(signal.axes[-1])
    counts = np.arange(1, count + 1) if note.causal else np.full(1, count)
    spread = note.scale**2 * _loose(situation, note)
    alone, _ = concentration(counts.astype(np.float64), np.full(len(counts), spread))
    mean, second = 1 / count, float(np.mean(alone)) / count
    after = _over_pairs(signal.axes, mean, second, float(np.mean(1 / counts)) / count)
    return Step(signals=(after,), pulls=({},), notes=(replace(note, weights=True),))


def _loose(situation: Situation, note: Logits) -> float:
    """Variance of a product over the keys, but for the scale."""
    query, key = situation.signals[note.query], situation.signals[note.key]
    size = key.mean.size
    own = key.second
    shared = (float(key.within.sum()) - own * size) / (size * (size - 1)) if size > 1 else own
    return _size(query.axes[-1]) * query.second * max(own - shared, 0.0)


def weighed(situation: Situation, left: str, right: str, note: Logits) -> Step:
    """The weights times the values, by the rule of the fused operation."""
    key = situation.signals[note.key]
    turned = replace(key, axes=(*key.axes[:-2], key.axes[-1], key.axes[-2]))
    arguments: dict[str, Argument] = {
        "query": Value(value=note.query),
        "key": Value(value=note.key),
        "value": Value(value=situation.name(right)),
        "scale": note.scale,
        "is_causal": note.causal,
        "dropout_p": note.dropped,
    }
    node: Node = replace(situation.node, op=_ATTENTION, arguments=arguments)
    signals = {**situation.signals, note.key: turned}
    step = attention(replace(situation, node=node, signals=signals))
    value = situation.signal(right)
    width = _size(value.axes[-1])

    def of_weights(gradient: Array) -> Array:
        own = np.diag(gradient) if gradient.ndim == 2 else gradient
        return np.array([width * value.second * float(np.mean(own))])

    pulls = {**step.pulls[0], situation.name(left): of_weights}
    return replace(step, pulls=(pulls,))


def attention_logits(situation: Situation) -> Logits | None:
    """The note of a sum of logits and something else."""
    for name in ("self", "other"):
        if is_tensor(situation, name):
            note = situation.notes.get(situation.name(name))
            if isinstance(note, Logits):
                return note
    return None


def masked_sum(situation: Situation, note: Logits) -> Step:
    """Logits with a mask added: those that it hides are left out of the moments.

    Raises:
        NoRule: If what is added is no such mask.
    """
    names = [situation.name(name) for name in ("self", "other")]
    given = next((name for name in names if name in situation.fixed), None)
    if given is None or note.weights:
        raise NoRule("attention with a bias on its logits")
    return _masked(situation, note, _visible(situation.fixed[given]))


def masked_fill(situation: Situation) -> Step:
    """Logits of which some are hidden from the softmax.

    Raises:
        NoRule: If it is anything else that is filled.
    """
    note = situation.notes.get(situation.name("self"))
    mask = situation.fixed.get(situation.name("mask"))
    if not isinstance(note, Logits) or note.weights:
        raise NoRule("a tensor that is filled in places")
    if mask is None:
        raise NoRule("a mask whose values theory is not given")
    if situation.fixed_number("value") > _HIDDEN:
        raise NoRule("logits that are filled with a number")
    return _masked(situation, note, ~mask.astype(np.bool_))


def where(situation: Situation) -> Step:
    """Logits where a mask is set, and nothing elsewhere.

    Raises:
        NoRule: If it is anything else that is chosen.
    """
    mask = situation.fixed.get(situation.name("condition"))
    name = situation.node.arguments.get("self")
    note = situation.notes.get(name.value) if isinstance(name, Value) else None
    if not isinstance(note, Logits) or note.weights:
        raise NoRule("a choice between signals")
    if mask is None:
        raise NoRule("a mask whose values theory is not given")
    if situation.fixed_number("other") > _HIDDEN:
        raise NoRule("a choice between signals")
    return _masked(situation, note, mask.astype(np.bool_))


def _masked(situation: Situation, note: Logits, seen: Fixed) -> Step:
    value = next(
        name
        for argument in ("self", "other")
        if is_tensor(situation, argument)
        and (name := situation.name(argument)) in situation.signals
    )
    axes, unknown = situation.signals[value].axes, math.nan  # moments of hidden logits are infinite
    signal = _over_pairs(axes, unknown, unknown, unknown)
    causal = note.causal or _is_causal(seen)
    return Step(signals=(signal,), pulls=({},), notes=(replace(note, causal=causal),))
