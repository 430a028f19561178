"""Where a tensor stands in its model, as far as schemes depend on it: depth, width, its part."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.core.checkpoint import Attribute
from app.core.layers import CONV, CONV_TRANSPOSE, EMBEDDING, LINEAR, ParameterFacts
from app.core.parts import named_parts

_NORM = re.compile(r"(?:^|[._])(?:\w*norm\w*|ln\w*|bn\d*)$", re.IGNORECASE)
_BIAS_TABLE = "relative_attention_bias"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the scale of a draw may depend on beside the tensor's own fans."""

    parts: frozenset[str] = frozenset()  # "residual", "query", "embedding", "convolution", …
    layers: int | None = None  # blocks of the stack that the tensor stands in
    place: int | None = None  # of its block in the stack, from 1
    blocks: int | None = None  # residual blocks of the whole model
    width: int | None = None  # of the stream that its block reads and writes
    head_width: int | None = None  # of an attention head
    groups: int = 1  # of a convolution


NUMBERS = ("layers", "place", "blocks", "width", "head_width", "groups")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A tensor as the context sees it."""

    path: str  # of the owning layer
    leaf: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelContext:
    """The stacks of repeated blocks that a model's names show, and its widths."""

    stacks: dict[str, int] = field(default_factory=dict)  # path of a stack → its blocks
    blocks: int | None = None  # of all innermost stacks together
    widths: dict[str, int] = field(default_factory=dict)  # by stack, "" for the model
    heads: int | None = None  # where a relative position bias has one column a head

    def attributes(self, tensor: Named) -> dict[str, Attribute]:
        """The tensor's place in the model, as attributes that travel with its facts."""
        stack, place = self._stack(tensor.path)
        inside = {} if stack is None else {"layers": self.stacks[stack], "place": place}
        parts = named_parts(tensor.path, tensor.leaf, inside=stack is not None)
        numbers = {
            **inside,
            "blocks": self.blocks,
            "width": self.widths.get(stack or "", self.widths.get("")),
            "head_width": self._head_width(tensor) if "query" in parts else None,
        }
        known = {name: value for name, value in numbers.items() if value is not None}
        return {**known, "parts": tuple(sorted(parts))}

    def _stack(self, path: str) -> tuple[str | None, int | None]:
        """The outermost stack a path stands in, and its block there."""
        for stack, number in _numbered(path):
            if stack in self.stacks:
                return stack, number + 1
        return None, None

    def _head_width(self, tensor: Named) -> int | None:
        if not self.heads or len(tensor.shape) != 2 or tensor.shape[0] % self.heads:
            return None
        return tensor.shape[0] // self.heads


def model_context(tensors: Sequence[Named]) -> ModelContext:
    """What the names and shapes of one model tell of its depth and widths.

    Args:
        tensors: Of one group of a checkpoint, in file order.
    """
    stacks = _stacks(tensors)
    table = next((t for t in tensors if _BIAS_TABLE in t.path and len(t.shape) == 2), None)
    outer = {s[:at] for s in stacks for at, letter in enumerate(s) if letter == "."}
    innermost = [s for s in stacks if s not in outer]
    return ModelContext(
        stacks=stacks,
        blocks=sum(stacks[s] for s in innermost) or None,
        widths=_widths(tensors, stacks),
        heads=table.shape[1] if table else None,
    )


def site_of(facts: ParameterFacts, shape: Sequence[int]) -> Site:
    """A tensor's place, from the facts that travel with it.

    Args:
        facts: With the attributes that `ModelContext.attributes` gave, or without.
        shape: The tensor's.
    """
    told = facts.attributes
    parts = told.get("parts")
    named = {str(part) for part in parts} if isinstance(parts, tuple) else set()
    parts_of = named | _shaped_parts(facts, shape)
    if "convolution" not in parts_of:
        parts_of.discard("branch")
    return site(parts_of, told)


def site(parts: set[str], numbers: Mapping[str, object]) -> Site:
    """A place of these parts; numbers that are no whole numbers of at least 1 are left out."""
    return Site(parts=frozenset(parts), **numbers_told(numbers))


def numbers_told(told: Mapping[str, object]) -> dict[str, int]:
    """Those of NUMBERS that are whole numbers of at least 1."""
    return {
        name: value
        for name in NUMBERS
        if isinstance(value := told.get(name), int) and not isinstance(value, bool) and value > 0
    }


def _shaped_parts(facts: ParameterFacts, shape: Sequence[int]) -> set[str]:
    """What class and shape tell: a convolution, a linear layer, a vector."""
    if len(shape) < 2:
        return {"vector"} | ({"scalar"} if math.prod(shape) == 1 else set())
    possible = facts.attributes.get("possible")
    open_ = {facts.kind} | ({str(k) for k in possible} if isinstance(possible, tuple) else set())
    found = {"packed"} if facts.role == "in_proj_weight" else set()
    if "Conv1D" in open_:
        found.add("conv1d")
    if open_ & (LINEAR | {"Conv1D"}) or (facts.kind == "unknown" and len(shape) == 2):
        found.add("linear")
    if open_ & (CONV.keys() | CONV_TRANSPOSE.keys()) or len(shape) > 2:
        found.add("convolution")
    if open_ & EMBEDDING:
        found.add("embedding")
    return found


def _numbered(path: str) -> list[tuple[str, int]]:
    """Every prefix of a path that ends before a number, with the number; outermost first."""
    parts = path.split(".")
    return [
        (".".join(parts[:at]), int(part))
        for at, part in enumerate(parts)
        if part.isascii() and part.isdecimal() and len(part) < 6
    ]


def _stacks(tensors: Sequence[Named]) -> dict[str, int]:
    """Prefixes whose numbered children are blocks: two of them own the same nested matrices."""
    children: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for tensor in tensors:
        if len(tensor.shape) < 2:
            continue
        for prefix, number in _numbered(tensor.path):
            rest = tensor.path[len(prefix) :].lstrip(".").partition(".")[2]
            if rest:
                children[prefix][number].add(rest)
    return {
        prefix: max(blocks) + 1
        for prefix, blocks in children.items()
        if _repeats(list(blocks.values()))
    }


def _repeats(blocks: Sequence[set[str]]) -> bool:
    if len(blocks) == 1:
        return len(blocks[0]) > 1 and any("." in rest for rest in blocks[0])
    counts = Counter(rest for block in blocks for rest in block)
    return max(counts.values()) > 1


def _widths(tensors: Sequence[Named], stacks: Mapping[str, int]) -> dict[str, int]:
    """The commonest length of a norm's weight, in each stack and in the whole model."""
    seen: dict[str, Counter[int]] = defaultdict(Counter)
    for tensor in tensors:
        if len(tensor.shape) != 1 or not _NORM.search(tensor.path):
            continue
        seen[""][tensor.shape[0]] += 1
        for prefix, _ in _numbered(tensor.path):
            if prefix in stacks:
                seen[prefix][tensor.shape[0]] += 1
    return {stack: lengths.most_common(1)[0][0] for stack, lengths in seen.items()}
