"""A network with one activation in the place of all of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from app.core.graph import Argument, Graph, Node
from app.core.operators import ACTIVATIONS
from app.errors import Invalid

_GATES: Final = frozenset({"GLU"})  # halves its input: nothing element-wise can take its place
_SIX: Final[Mapping[str, Argument]] = MappingProxyType({"min_val": 0.0, "max_val": 6.0})
_LEAKY: Final[Mapping[str, Argument]] = MappingProxyType({"negative_slope": 0.01})
_NONE: Final[Mapping[str, Argument]] = MappingProxyType({})

REPLACING: Final[dict[str, tuple[str, Mapping[str, Argument]]]] = {
    "ReLU": ("aten.relu.default", _NONE),
    "ReLU6": ("aten.hardtanh.default", _SIX),
    "LeakyReLU": ("aten.leaky_relu.default", _LEAKY),
    "ELU": ("aten.elu.default", _NONE),
    "SELU": ("aten.selu.default", _NONE),
    "CELU": ("aten.celu.default", _NONE),
    "GELU": ("aten.gelu.default", _NONE),
    "SiLU": ("aten.silu.default", _NONE),
    "Mish": ("aten.mish.default", _NONE),
    "Softplus": ("aten.softplus.default", _NONE),
    "Tanh": ("aten.tanh.default", _NONE),
    "Sigmoid": ("aten.sigmoid.default", _NONE),
    "LogSigmoid": ("aten.log_sigmoid.default", _NONE),
    "Hardtanh": ("aten.hardtanh.default", _NONE),
    "Hardsigmoid": ("aten.hardsigmoid.default", _NONE),
    "Hardswish": ("aten.hardswish.default", _NONE),
    "Hardshrink": ("aten.hardshrink.default", _NONE),
    "Softshrink": ("aten.softshrink.default", _NONE),
    "Identity": ("aten.alias.default", _NONE),
}
"""Class of torch.nn → operator and arguments, those of a fresh module without arguments."""


def with_activation(graph: Graph, name: str | None) -> Graph:
    """The network with every activation replaced.

    Gates that halve their input, and the activations inside of recurrent layers, stay.

    Args:
        graph: The network.
        name: A torch.nn class, or None to leave it as it is.

    Raises:
        Invalid: If the class is no activation that can take another's place.
    """
    if name is None:
        return graph
    if name not in REPLACING:
        raise Invalid(what="activation", expected=f"one of {', '.join(REPLACING)}", got=repr(name))
    return replace(graph, nodes=tuple(_replaced(node, name) for node in graph.nodes))


def _replaced(node: Node, name: str) -> Node:
    kind = ACTIVATIONS.get(node.op)
    if kind is None or kind in _GATES:
        return node
    op, settings = REPLACING[name]
    given = node.arguments.get("self", next(iter(node.arguments.values())))
    return replace(node, op=op, arguments={"self": given, **settings}, kind=name)
