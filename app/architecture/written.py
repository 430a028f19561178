"""Norms and activations that a model writes as arithmetic, as those of Hugging Face are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import dropwhile, groupby
from typing import Final

from app.architecture.branches import values_of
from app.core.graph import Graph, Node, Parameter
from app.core.layers import OFFSET, ParameterFacts
from app.core.operators import FAMILY, Family

LEAST: Final = 2  # operations
_ARITHMETIC: Final = frozenset[Family]({"arithmetic", "cast", "shape"})
_NORM_STEPS: Final[frozenset[Family]] = _ARITHMETIC | {"reduction"}
_ACTIVATION_STEPS: Final[frozenset[Family]] = _ARITHMETIC | {
    "activation",
    "comparison",
    "selection",
}
_NORMS: Final = ("Norm",)
_ACTIVATIONS: Final = ("Activation", "GELU", "GELUTanh", "SiLU", "Swish", "Mish", "Sigmoid", "Tanh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Several operations of one module that are a norm or an activation together."""

    last: Node  # whose result the rest of the network uses
    x: str  # the value that they begin from
    steps: frozenset[str]  # names of its other nodes
    own: Mapping[str, Parameter] = field(default_factory=dict)  # "weight", "bias"
    shifted: bool = False  # multiplies by 1 + weight, as Gemma's norms do


def written_norms(graph: Graph) -> dict[str, Written]:
    """Every norm that is written as arithmetic, by the name of its last node.

    A module counts whose class ends in "Norm", that does nothing but arithmetic, and that takes
    one signal and gives one of the same shape. A cast before all else is not part of it: what it
    gives is often the residual stream, too.
    """
    return _written(graph, _NORMS, of=_NORM_STEPS)


def written_activations(graph: Graph) -> dict[str, Written]:
    """Every activation that is written as arithmetic, by the name of its last node.

    As of norms, for classes such as NewGELUActivation.
    """
    found = _written(graph, _ACTIVATIONS, of=_ACTIVATION_STEPS)
    return {name: one for name, one in found.items() if not one.own}


def with_offsets(graph: Graph) -> Graph:
    """The graph, in whose facts a norm's weight has the 1 that is added to it, as Gemma's have.

    A weight counts that a module of a class with "Norm" in its name adds 1 to before all else.
    """
    norms = (node for node in graph.nodes if "Norm" in node.kind)
    learned = {one.value for one in graph.parameters if one.learned and len(one.shape) == 1}
    shifted = _shifted(norms, learned)
    if not shifted:
        return graph
    told = (
        replace(one, facts=_with_offset(one.facts)) if one.value in shifted else one
        for one in graph.parameters
    )
    return replace(graph, parameters=tuple(told))


def _with_offset(facts: ParameterFacts) -> ParameterFacts:
    return replace(facts, role="norm_weight", attributes={**facts.attributes, OFFSET: 1})


def _written(
    graph: Graph, endings: tuple[str, ...], *, of: frozenset[Family]
) -> dict[str, Written]:
    shapes = {one.name: one.shape for one in graph.inputs}
    for node in graph.nodes:
        shapes |= dict(zip(node.results, node.shapes, strict=False))
    parameters = {one.value: one for one in graph.parameters}
    users: dict[str, set[str]] = defaultdict(set)
    for node in graph.nodes:
        for name in values_of(node):
            users[name].add(node.name)
    found = {}
    for (_, kind), group in groupby(graph.nodes, key=lambda node: (node.module, node.kind)):
        nodes = list(dropwhile(lambda node: FAMILY.get(node.op) == "cast", group))
        if len(nodes) < LEAST or not kind.endswith(endings) or _leaks(nodes, users):
            continue
        whole = _whole(nodes, shapes, parameters)
        if whole is not None and all(FAMILY.get(node.op) in of for node in nodes):
            found[whole.last.name] = whole
    return found


def _leaks(nodes: list[Node], users: Mapping[str, set[str]]) -> bool:
    """Whether something outside uses more than the last result."""
    own = {node.name for node in nodes}
    inner = [name for node in nodes[:-1] for name in node.results]
    return any(not users.get(name, set()) <= own for name in inner)


def _whole(
    nodes: list[Node],
    shapes: Mapping[str, tuple[int, ...]],
    parameters: Mapping[str, Parameter],
) -> Written | None:
    made = {name for node in nodes for name in node.results}
    used = {name for node in nodes for name in values_of(node)} - made - parameters.keys()
    given = [name for name in used if name in shapes]
    last = nodes[-1]
    if len(given) != 1 or len(used) > 1 or len(last.results) != 1:
        return None
    if last.shapes[:1] != (shapes[given[0]],):
        return None
    return Written(
        last=last,
        x=given[0],
        steps=frozenset(node.name for node in nodes[:-1]),
        own=_own(nodes, parameters),
        shifted=bool(_shifted(nodes, parameters)),
    )


def _own(nodes: list[Node], parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """The parameter that is multiplied by, and the one that is added."""
    shifted = _shifted(nodes, parameters)
    found: dict[str, Parameter] = {}
    for node in nodes:
        part = "bias" if node.op.startswith("aten.add.") else "weight"
        for name in values_of(node):
            if name in parameters:
                known = "weight" if parameters[name].value in shifted else part
                found.setdefault(known, parameters[name])
    return found


def _shifted(nodes: Iterable[Node], parameters: Iterable[str]) -> set[str]:
    """Values of the parameters that 1 is added to before all else, casts aside."""
    origins = {name: name for name in parameters}
    found = set()
    for node in nodes:
        used = list(values_of(node))
        if len(used) != 1 or used[0] not in origins:
            continue
        if FAMILY.get(node.op) in ("cast", "shape"):
            origins |= dict.fromkeys(node.results, origins[used[0]])
        elif node.op.startswith("aten.add.") and _adds_1(node):
            found.add(origins[used[0]])
    return found


def _adds_1(node: Node) -> bool:
    told = node.arguments.get("self"), node.arguments.get("other")
    return node.arguments.get("alpha", 1) == 1 and 1 in told
