"""A network with another activation in the place of each of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from app.architecture.activations import POINTWISE
from app.architecture.written import Written, written_activations
from app.core.activations import INTERCHANGEABLE
from app.core.arguments import Arguments
from app.core.composites import all_parameters
from app.core.graph import Argument, Graph, Node, Parameter, Value
from app.core.operators import ACTIVATIONS
from app.core.wording import listed
from app.errors import Invalid

IDENTITY = "Identity"
_COMPOSED = {"Softsign": "aten.div.Tensor", "Tanhshrink": "aten.sub.Tensor"}  # the last of several
_KEPT = frozenset({"aten.glu.default"})  # halves its input, so nothing can take its place
_REPLACED = ACTIVATIONS.keys() - _KEPT


UNCLEAR = "activations whose input or result is not clear stay as they are"


@dataclass(frozen=True, slots=True, kw_only=True)
class Activated:
    """The network, and what was left as it is."""

    graph: Graph
    notes: tuple[str, ...] = ()


def with_activation(graph: Graph, kind: str) -> Activated:
    """The graph with every activation replaced.

    Args:
        graph: Of any origin.
        kind: A torch.nn class at its own defaults; "Identity" for none.

    Returns:
        A graph with the same names; parameters that no operation uses any more are gone. A note
        names the activations that were left, as an uploaded network may have them: without an
        input or a result.

    Raises:
        Invalid: If there is no such activation.
    """
    if kind not in INTERCHANGEABLE:
        expected = f"one of {', '.join(INTERCHANGEABLE)}"
        raise Invalid(what="the activation", expected=expected, got=kind[:60])
    before = _as_one(graph)
    left = [node for node in before if _is_activation(node) and not _is_clear(node)]
    whole = {_place(node) for node in left if node.kind in _COMPOSED}
    nodes: list[Node] = []
    slopes: list[Parameter] = []
    for node in before:
        if _place(node) in whole or (not _is_step(node) and not _is_replaced(node)):
            nodes.append(node)
        elif _is_replaced(node):
            nodes += _replaced(node, kind)
            slopes += [_slope(node)] if kind == "PReLU" else []
    used = {value for node in nodes for value in _values(node)}
    kept = [p for p in graph.parameters if p.value in used or not _was_used(graph, p)]
    return Activated(
        graph=replace(graph, nodes=tuple(nodes), parameters=(*kept, *slopes)),
        notes=(f"{UNCLEAR}: {listed([node.name for node in left])}",) if left else (),
    )


def _as_one(graph: Graph) -> list[Node]:
    """The nodes; of activations that are written as arithmetic one operation each."""
    whole = written_activations(graph)
    steps = {name for one in whole.values() for name in one.steps}
    return [_joined(node, whole.get(node.name)) for node in graph.nodes if node.name not in steps]


def _is_activation(node: Node) -> bool:
    """Whether a node gives what an activation gives: of several operations it is the last."""
    if node.kind in _COMPOSED:
        return node.op == _COMPOSED[node.kind]
    return node.op in _REPLACED


def _is_step(node: Node) -> bool:
    """Whether a node is on the way to the last operation of an activation."""
    return node.kind in _COMPOSED and not _is_activation(node)


def _is_clear(node: Node) -> bool:
    """Whether a node has what its replacement takes from it: an input and a result."""
    has_input = isinstance(node.arguments.get("self"), Value)
    return has_input and bool(node.results) and bool(node.shapes)


def _is_replaced(node: Node) -> bool:
    return _is_activation(node) and _is_clear(node)


def _place(node: Node) -> tuple[str, str]:
    return node.module, node.kind


def _joined(node: Node, written: Written | None) -> Node:
    """The node, or in the place of one that is written as arithmetic, one operation."""
    if written is None:
        return node
    return replace(
        node, op="aten.relu.default", arguments={"self": Value(value=written.x)}, kind=""
    )


def _values(node: Node) -> Iterator[str]:
    for argument in node.arguments.values():
        for one in argument if isinstance(argument, tuple) else (argument,):
            if isinstance(one, Value):
                yield one.value


def _was_used(graph: Graph, parameter: Parameter) -> bool:
    return any(parameter.value in _values(node) for node in graph.nodes)


def _replaced(node: Node, kind: str) -> list[Node]:
    """The operations that take the place of one."""
    x = node.arguments["self"]
    shape = node.shapes[0]
    if kind in POINTWISE:
        op, settings = POINTWISE[kind]
        told = {n: v for n, v in settings(Arguments(kind, {})).items() if _is_plain(v)}
        return [_node(node, kind, f"aten.{op}", {"self": x, **told})]  # type: ignore[dict-item]
    if kind == "PReLU":
        arguments: dict[str, Argument] = {"self": x, "weight": Value(value=_slope(node).value)}
        return [_node(node, kind, "aten.prelu.default", arguments)]
    if kind == IDENTITY:
        return [_node(node, kind, "aten.clone.default", {"self": x})]
    first, second = f"{node.results[0]}~1", f"{node.results[0]}~2"
    if kind == "Tanhshrink":
        return [
            _step(node, kind, "aten.tanh.default", {"self": x}, first, shape),
            _node(node, kind, "aten.sub.Tensor", {"self": x, "other": Value(value=first)}),
        ]
    size: Argument = Value(value=first)
    return [
        _step(node, kind, "aten.abs.default", {"self": x}, first, shape),
        _step(node, kind, "aten.add.Scalar", {"self": size, "other": 1}, second, shape),
        _node(node, kind, "aten.div.Tensor", {"self": x, "other": Value(value=second)}),
    ]


def _is_plain(value: object) -> bool:
    return isinstance(value, bool | int | float | str)


def _node(node: Node, kind: str, op: str, arguments: dict[str, Argument]) -> Node:
    return replace(node, op=op, arguments=arguments, kind=kind)


def _step(
    node: Node,
    kind: str,
    op: str,
    arguments: dict[str, Argument],
    result: str,
    shape: tuple[int, ...],
) -> Node:
    """An operation on the way to the activation's last."""
    word = op.split(".")[1]
    return replace(
        node,
        name=f"{node.name} · {word}",
        op=op,
        arguments=arguments,
        results=(result,),
        shapes=(shape,),
        kind=kind,
    )


def _slope(node: Node) -> Parameter:
    """The one slope of a PReLU, under the activation's own name."""
    (drawn,) = all_parameters("PReLU", {})
    name = f"{node.name}.weight"
    return Parameter(
        name=name,
        value=name,
        shape=drawn.shape,
        dtype="float32",
        learned=True,
        facts=replace(drawn.facts, module=node.module or node.name),
    )
