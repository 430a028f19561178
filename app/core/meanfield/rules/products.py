"""Rules of products of matrices: with a parameter a linear map, of two signals attention."""

from __future__ import annotations

from app.core.meanfield.notes import Logits
from app.core.meanfield.rules.dense import linear
from app.core.meanfield.rules.written_attention import logits, weighed
from app.core.meanfield.step import NoRule, Situation, Step


def product(situation: Situation) -> Step:
    """`A B`: of a signal and a weight, of queries and keys, of attention's weights and values."""
    left = "self"
    right = next(name for name in ("other", "mat2", "vec2") if name in situation.node.arguments)
    names = situation.name(left), situation.name(right)
    if names[0] in situation.signals and names[1] in situation.weights:
        if len(situation.shapes[names[1]]) != 2:
            raise NoRule("a product with a stack of weights")
        return linear(situation, given=left, weight=right)
    if any(name not in situation.signals for name in names):
        raise NoRule("a product of matrices of which one is no signal")
    note = situation.notes.get(names[0])
    if isinstance(note, Logits):
        if not note.weights:
            raise NoRule("attention without a softmax")
        return weighed(situation, left, right, note)
    return logits(situation, left, right)
