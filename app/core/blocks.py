"""Tensors that hold several weights in one: fused queries, keys and values, gates, and the like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.core.fans import Fans
from app.core.layers import GATES, ParameterFacts

_QKV: Final = re.compile(r"(?:^|_)(?:to_?)?w?qkv(?:_proj)?$|^c_attn$", re.IGNORECASE)
_BY_HEAD: Final = re.compile(r"^query_key_value$")
_KV: Final = re.compile(r"^(?:to_?)?w?kv(?:_proj)?$", re.IGNORECASE)
_GATE_UP: Final = re.compile(r"^gate_(?:and_)?up(?:_proj)?$", re.IGNORECASE)
_ROLES: Final = frozenset({"weight", "bias"})
_GATE_NAMES: Final = {4: ("i", "f", "g", "o"), 3: ("r", "z", "n")}
_RECURRENT: Final = frozenset({"weight_ih", "weight_hh", "bias_ih", "bias_hh"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some consecutive outputs of a packed tensor."""

    name: str
    axis: int
    start: int
    stop: int

    @property
    def index(self) -> tuple[slice, ...]:
        """What picks it from the whole."""
        return (*(slice(None) for _ in range(self.axis)), slice(self.start, self.stop))

    def shape(self, whole: Sequence[int]) -> tuple[int, ...]:
        """Its own shape, given the whole's."""
        size = self.stop - self.start
        return (*whole[: self.axis], size, *whole[self.axis + 1 :])

    def fans(self, whole: Sequence[int]) -> Fans | None:
        """Its own fans: the block's outputs, not the whole's."""
        if len(whole) != 2:
            return None
        return Fans(fan_in=whole[1 - self.axis], fan_out=self.stop - self.start)


def blocks(facts: ParameterFacts, shape: Sequence[int]) -> tuple[Block, ...]:
    """The weights packed into one tensor, by its role and its layer's name.

    Args:
        facts: What is known of its layer.
        shape: The tensor's.

    Returns:
        In order, covering the outputs' axis; none where nothing is packed or its sizes are not
        clear.
    """
    if len(shape) not in {1, 2} or 0 in shape:
        return ()
    axis = 1 if facts.kind == "Conv1D" and len(shape) == 2 else 0
    sizes = _sizes(facts, shape, axis)
    found, start = [], 0
    for name, size in sizes:
        found.append(Block(name=name, axis=axis, start=start, stop=start + size))
        start += size
    return tuple(found)


def _sizes(facts: ParameterFacts, shape: Sequence[int], axis: int) -> list[tuple[str, int]]:
    outputs = shape[axis]
    if facts.role in {"in_proj_weight", "in_proj_bias"}:
        return _equal(("q", "k", "v"), outputs)
    if facts.role in _RECURRENT:
        return _equal(_GATE_NAMES.get(GATES.get(facts.kind, 0), ()), outputs)
    own = facts.module.rpartition(".")[2]
    if facts.role not in _ROLES:
        return []
    if _KV.search(own):
        return _equal(("k", "v"), outputs)
    if _GATE_UP.search(own):
        return _equal(("gate", "up"), outputs)
    if _BY_HEAD.search(own):
        return _equal(("1st third", "2nd third", "3rd third"), outputs)
    return _queries(outputs, facts.fan_in) if _QKV.search(own) else []


def _equal(names: Sequence[str], outputs: int) -> list[tuple[str, int]]:
    if not names or outputs % len(names):
        return []
    return [(name, outputs // len(names)) for name in names]


def _queries(outputs: int, inputs: int | None) -> list[tuple[str, int]]:
    """Queries as wide as the inputs; keys and values share the rest, fewer with grouped heads.

    A bias has the fan_in of its weight, so it is divided alike.
    """
    if inputs is None or inputs >= outputs or (outputs - inputs) % 2:
        return _equal(("q", "k", "v"), outputs)
    if outputs > 3 * inputs:
        return _equal(("q", "k", "v"), outputs)
    rest = (outputs - inputs) // 2
    return [("q", inputs), ("k", rest), ("v", rest)]
