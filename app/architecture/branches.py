"""The residual branches of a network, and the weights that end them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.core.graph import Graph, Node, Value
from app.core.operators import FAMILY, WEIGHT_ARGUMENT

_ADDS: Final = frozenset({"aten.add.Tensor"})
_WEIGHTED: Final = frozenset({"linear", "convolution"})
_PASSED: Final = frozenset({"shape", "cast", "dropout", "activation", "pooling", "resampling"})
_SCALED: Final = ("aten.mul.", "aten.div.")
_VIEWS: Final = frozenset({"shape", "cast"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One residual branch: `shortcut(x) + body(x)`."""

    add: str  # name of the node that joins it
    fork: str  # value that both sides begin from
    ends: tuple[str, ...]  # names of the weights that scale the whole of it; none where none does
    biases: tuple[str, ...]  # names of the biases added behind those weights
    norm: bool  # whether it ends in a norm


def branches(graph: Graph) -> tuple[Branch, ...]:
    """The residual branches in the order in which they join.

    Where two signals of one shape are added and one is calculated from the other, that one's way
    is the branch. Where both are calculated from a third, as beside a projection, the branch is
    the side with more weighted operations.
    """
    return tuple(_Search(graph))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ends:
    weights: tuple[str, ...] = ()
    biases: tuple[str, ...] = ()
    norm: bool = False


class _Search:
    """One walk over a graph; sets of values are bits of whole numbers."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._parameters = {one.value: one.name for one in graph.parameters}
        self._makers = {name: node for node in graph.nodes for name in node.results if name}
        self._shapes = {one.name: one.shape for one in graph.inputs}
        self._before: dict[str, int] = {}  # value → what it is calculated from, and itself
        self._values: list[str] = []
        self._weighted = 0
        for one in graph.inputs:
            self._enter(one.name, 0)

    def __iter__(self) -> Iterator[Branch]:
        for node in self._graph.nodes:
            found = self._joined(node) if node.op in _ADDS else None
            if found is not None:
                yield found
            self._follow(node)

    def _enter(self, name: str, before: int) -> int:
        bit = 1 << len(self._values)
        self._values.append(name)
        self._before[name] = before | bit
        return bit

    def _follow(self, node: Node) -> None:
        if FAMILY.get(node.op) == "size":  # a number, though of a signal
            return
        before = 0
        for name in values_of(node):
            before |= self._before.get(name, 0)
        if not before:
            return
        for name, shape in zip(node.results, node.shapes, strict=False):
            if name:
                bit = self._enter(name, before)
                self._shapes[name] = shape
                self._weighted |= bit if node.op in WEIGHT_ARGUMENT else 0

    def _joined(self, node: Node) -> Branch | None:
        sides = [node.arguments.get(name) for name in ("self", "other")]
        names = [side.value for side in sides if isinstance(side, Value)]
        if len(names) < 2 or any(name not in self._before for name in names):
            return None
        if len({self._shapes[name] for name in names}) > 1:
            return None
        return self._branch(node, names[0], names[1])

    def _branch(self, node: Node, one: str, other: str) -> Branch | None:
        """The branch among two sides of a sum; None where neither is one."""
        common = self._before[one] & self._before[other]
        if not common:
            return None
        fork = self._values[common.bit_length() - 1]
        before = self._before[fork]
        weights = {
            side: (self._before[side] & ~before & self._weighted).bit_count()
            for side in (one, other)
        }
        body = max(weights, key=weights.__getitem__)
        if len(set(weights.values())) < 2:
            return None
        ends = self._ends(body, before)
        found = ends if ends is not None else _Ends()
        return Branch(
            add=node.name, fork=fork, ends=found.weights, biases=found.biases, norm=found.norm
        )

    def _ends(self, value: str, outside: int) -> _Ends | None:
        """The last weights on all ways to a value; None where one way has none."""
        node = self._makers.get(value)
        if node is None or not self._before[value] & ~outside:
            return None
        family = FAMILY.get(node.op)
        if family in _WEIGHTED or family == "norm":
            return self._own(node, norm=family == "norm")
        if node.op in _ADDS:
            return self._both(node, outside)
        if node.kind.endswith("Norm") and node.op.startswith(_SCALED):
            return self._written_norm(node)
        source = self._source(node)
        passed = family in _PASSED or node.op.startswith(_SCALED)
        return self._ends(source, outside) if passed and source else None

    def _own(self, node: Node, *, norm: bool) -> _Ends | None:
        """The weight and bias of one operation."""
        weight = self._parameter(node, "weight" if norm else WEIGHT_ARGUMENT[node.op])
        if weight is None:
            return None
        bias = self._parameter(node, "self" if node.op == "aten.addmm.default" else "bias")
        return _Ends(weights=(weight,), biases=() if bias is None else (bias,), norm=norm)

    def _written_norm(self, node: Node) -> _Ends | None:
        """The scale of a norm that is written as arithmetic."""
        names = [name for name in values_of(node) if name in self._parameters]
        if len(names) != 1:
            return None
        return _Ends(weights=(self._parameters[names[0]],), norm=True)

    def _both(self, node: Node, outside: int) -> _Ends | None:
        """The ends of both sides of a sum within a branch: of a signal, and of a bias beside it."""
        weights: tuple[str, ...] = ()
        biases: tuple[str, ...] = ()
        norm = False
        for name in values_of(node):
            if name in self._parameters:
                biases += (self._parameters[name],)
                continue
            found = self._ends(name, outside) if name in self._before else None
            if found is None:
                return None
            weights, biases = weights + found.weights, biases + found.biases
            norm = norm or found.norm
        return _Ends(weights=weights, biases=biases, norm=norm) if weights else None

    def _source(self, node: Node) -> str | None:
        """The signal that an operation passes on; of two multiplied, the earlier one.

        A gate is calculated from what it multiplies, so the way goes on along the latter.
        """
        signals = [name for name in values_of(node) if name in self._before]
        if len(signals) > 1 and not node.op.startswith(_SCALED):
            return None
        return min(signals, key=lambda name: self._before[name].bit_length(), default=None)

    def _parameter(self, node: Node, argument: str) -> str | None:
        """The name of the parameter behind an argument, through views of it."""
        found = node.arguments.get(argument)
        name = found.value if isinstance(found, Value) else ""
        while name not in self._parameters:
            maker = self._makers.get(name)
            sources = [] if maker is None else values_of(maker)
            if maker is None or FAMILY.get(maker.op) not in _VIEWS or len(sources) != 1:
                return None
            name = sources[0]
        return self._parameters[name]


def values_of(node: Node) -> list[str]:
    """The values that a node uses, in order."""
    found = []
    for argument in node.arguments.values():
        items = argument if isinstance(argument, tuple) else (argument,)
        found += [item.value for item in items if isinstance(item, Value)]
    return found
