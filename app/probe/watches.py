"""What is counted at each operation: where its units lie, when it is saturated, whether to look."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.core.graph import Graph, Node, Value
from app.core.layers import WEIGHT_ROLES
from app.core.operators import FAMILY, SATURATING, TRAINING_ARGUMENT, WEIGHT_ARGUMENT, ZEROING
from app.probe.statistics import Limits
from app.probe.trace import Trace

CHANNELS, LAST = 1, -1
MARGIN = 0.015  # of a smooth function's range: |tanh| > 0.97, a sigmoid below 0.015 or over 0.985
_HARD = frozenset({"aten.hardtanh.default", "aten.hardsigmoid.default", "aten.relu6.default"})
_CHANNEL_NORMS = ("batch_norm", "group_norm", "instance_norm")
_KEEPING = frozenset({"activation", "arithmetic", "dropout", "cast", "softmax"})
_COPYING = frozenset(
    f"aten.{name}"
    for name in (
        "reshape.default", "permute.default", "transpose.int", "t.default", "flatten.using_ints",
        "unflatten.int", "squeeze.default", "squeeze.dim", "squeeze.dims", "unsqueeze.default",
        "reshape_as.default", "view_as.default", "clone.default", "contiguous.default",
        "detach.default", "alias.default", "roll.default", "flip.default", "movedim.int",
        "movedim.intlist", "swapaxes.default", "swapdims.default", "moveaxis.int", "mT.default",
        "numpy_T.default", "pixel_shuffle.default", "pixel_unshuffle.default",
        "channel_shuffle.default",
    )
)  # fmt: skip
"""Operators that give the very values they take, in another layout: nothing to count again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is counted of one operation's first result."""

    place: int  # of the operation
    value: str
    shape: tuple[int, ...]  # of one replica
    weighted: bool
    units: int | None  # axis whose units can be dead, for operations that are exactly 0
    limits: Limits | None  # beyond which it is saturated, for operations that saturate
    copied: str | None  # the value whose values it repeats


def watches(graph: Graph, trace: Trace, *, training: bool) -> tuple[Watch, ...]:
    """What is counted, for every operation whose first result is floating and carries the signal.

    Units lie along axis 1 after convolutions and norms over channels, along the last axis after
    linear layers, embeddings and layer norms; element-wise operations leave them where they are,
    and after any other operation they are not known.
    """
    roots = _roots(graph)
    weights = {p.value for p in graph.parameters if _is_weight(p.facts.role, p.shape)}
    axes: dict[str, int | None] = {}
    found = []
    for place, node in enumerate(graph.nodes):
        name = node.results[0] if node.results else ""
        traced = trace.values.get(name)
        if traced is None:
            continue
        axes[name] = _axis(node, axes, trace)
        if not traced.floating or name not in trace.signal:
            continue
        units = axes[name] if node.op in ZEROING and _lowest(node) == 0.0 else None
        found.append(
            Watch(
                place=place,
                value=name,
                shape=traced.shape,
                weighted=_is_weighted(node, roots, weights),
                units=units if units is not None and len(traced.shape) > 1 else None,
                limits=_limits(node),
                copied=_copied(node, trace, training=training),
            )
        )
    return tuple(found)


def _is_weight(role: str, shape: Sequence[int]) -> bool:
    return role in WEIGHT_ROLES and len(shape) >= 2


def _roots(graph: Graph) -> dict[str, frozenset[str]]:
    """For each value made of parameters alone, those it is made of: a transposed weight's own."""
    roots = {p.value: frozenset({p.value}) for p in graph.parameters}
    for node in graph.nodes:
        read = [name for argument in node.arguments.values() for name in _names(argument)]
        if read and all(name in roots for name in read):
            mine = frozenset().union(*(roots[name] for name in read))
            roots.update({name: mine for name in node.results if name})
    return roots


def _names(argument: object) -> list[str]:
    atoms = argument if isinstance(argument, tuple) else (argument,)
    return [atom.value for atom in atoms if isinstance(atom, Value)]


def _is_weighted(node: Node, roots: Mapping[str, frozenset[str]], weights: set[str]) -> bool:
    carrier = WEIGHT_ARGUMENT.get(node.op)
    if carrier is not None:
        return carrier in node.arguments
    if FAMILY[node.op] != "product":
        return False
    read = [name for argument in node.arguments.values() for name in _names(argument)]
    return any(roots.get(name, frozenset()) & weights for name in read)


def _source(node: Node, trace: Trace) -> str | None:
    """The first of a node's values that carries the signal."""
    for argument in node.arguments.values():
        for name in _names(argument):
            if name in trace.signal and name in trace.values:
                return name
    return None


def _axis(node: Node, axes: Mapping[str, int | None], trace: Trace) -> int | None:
    family, name = FAMILY[node.op], node.results[0]
    if family == "convolution":
        return CHANNELS
    if family in {"linear", "embedding", "recurrent", "product"}:
        return LAST
    if family == "norm":
        return CHANNELS if any(norm in node.op for norm in _CHANNEL_NORMS) else LAST
    source = _source(node, trace)
    if source is None:
        return None
    if family in {"pooling", "resampling"}:
        return axes.get(source) if axes.get(source) == CHANNELS else None
    same = trace.values[source].shape == trace.values[name].shape
    keeps = family in _KEEPING or node.op in {"aten.contiguous.default", "aten.clone.default"}
    return axes.get(source) if keeps and same else None


def _lowest(node: Node) -> float:
    """The least output of an operator of ZEROING; 0 for all but a hardtanh that says otherwise."""
    if node.op != "aten.hardtanh.default":
        return 0.0
    least = node.arguments.get("min_val", -1.0)
    return float(least) if isinstance(least, int | float) else -1.0


def _limits(node: Node) -> Limits | None:
    ends = SATURATING.get(node.op)
    if ends is None:
        return None
    low, high = ends
    if node.op == "aten.hardtanh.default":
        top = node.arguments.get("max_val", high)
        low, high = _lowest(node), float(top) if isinstance(top, int | float) else high
    if node.op in _HARD:
        dead = low == 0.0 and node.op != "aten.hardsigmoid.default"
        inside_low = -math.inf if dead else _inside(low, high)
        return inside_low, _inside(high, low)
    margin = MARGIN * (high - low)
    return low + margin, high - margin


def _inside(end: float, other: float) -> float:
    """A number just inside of a hard end, in every dtype: at the end is beyond it."""
    return end + (other - end) * 2.0**-20


def _copied(node: Node, trace: Trace, *, training: bool) -> str | None:
    off = FAMILY[node.op] == "dropout" and node.op in TRAINING_ARGUMENT and not training
    if node.op not in _COPYING and not off:
        return None
    source, name = _source(node, trace), node.results[0]
    if source is None:
        return None
    sizes = [math.prod(trace.values[each].shape) for each in (source, name)]
    return source if sizes[0] == sizes[1] else None
