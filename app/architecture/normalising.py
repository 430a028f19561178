"""A network with another normalisation in the place of each of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from app.architecture.branches import values_of
from app.architecture.turning import changed, turned
from app.architecture.written import Written, written_norms
from app.core.graph import Argument, Graph, Node, Parameter, Value
from app.core.layers import OFFSET, ParameterFacts
from app.core.operators import FAMILY
from app.core.plans import NORMALISATIONS, Normalisation
from app.core.wording import listed
from app.errors import Invalid

GROUPS: Final = 32  # of a GroupNorm, as its paper has them; half of that, … where they do not fit
_FIRST: Final = frozenset({"batch_norm", "group_norm", "instance_norm"})  # channels stand second
_EPS: Final = 1e-5
UNCLEAR: Final = "norms whose channels are not clear stay as they are"
ANEW: Final = "norms that multiply by 1 + weight begin anew at 1, whatever a file holds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalised:
    """The network, and what was left as it is."""

    graph: Graph
    notes: tuple[str, ...] = ()


def with_normalisation(graph: Graph, kind: Normalisation) -> Normalised:
    """The graph with every normalisation replaced by one over the same channels.

    Weights and biases keep their names, and their values in a file where their shape stays; the
    weights of norms that multiply by 1 + weight begin anew at 1. The replacement is as torch.nn
    builds it by default; a GroupNorm has 32 groups, or as many of 16, 8, 4 and 2 as leave two
    channels to each.

    Args:
        graph: Of any origin.
        kind: "none" puts an identity in the place of each.

    Returns:
        A graph with the same node names; parameters that no operation uses any more are gone.
        Notes name the norms that were left.

    Raises:
        Invalid: If there is no such normalisation.
    """
    if kind not in NORMALISATIONS:
        expected = f"one of {', '.join(NORMALISATIONS)}"
        raise Invalid(what="the normalisation", expected=expected, got=kind[:60])
    return _Rewriting(graph, kind).done()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Norm:
    """One that can be replaced."""

    node: Node
    x: Value
    shape: tuple[int, ...]
    axis: int  # of the channels
    own: Mapping[str, Parameter]  # "weight", "bias"
    shifted: bool = False  # whether it multiplies by 1 + weight

    @property
    def channels(self) -> int:
        return self.shape[self.axis]

    @property
    def path(self) -> str:
        """What the parameters' names begin with."""
        known = next((one.name for one in self.own.values()), "")
        return known.rpartition(".")[0] or self.node.module or self.node.name


class _Rewriting:
    def __init__(self, graph: Graph, kind: Normalisation) -> None:
        self._graph = graph
        self._kind = kind
        self._parameters = {one.value: one for one in graph.parameters}
        self._written = written_norms(graph)
        self._names = {one.name for one in graph.parameters}
        self._uses = [name for node in graph.nodes for name in values_of(node)]
        self._shapes = {one.name: one.shape for one in graph.inputs}
        self._made: dict[str, Parameter] = {}  # by name
        self._left: dict[str, list[str]] = {}  # reason → nodes

    def done(self) -> Normalised:
        nodes: list[Node] = []
        for node in self._graph.nodes:
            found = self._replaced(node)
            if node.name in self._written and found != [node]:
                del nodes[-len(self._written[node.name].steps) :]  # which stand right before it
            nodes += found
            self._shapes |= dict(zip(node.results, node.shapes, strict=False))
        used = {name for node in nodes for name in values_of(node)}
        before = set(self._uses)
        kept = {
            one.name: one
            for one in self._graph.parameters
            if one.value in used or one.value not in before
        }
        graph = replace(
            self._graph, nodes=tuple(nodes), parameters=tuple((kept | self._made).values())
        )
        return Normalised(graph=graph, notes=self._notes())

    def _notes(self) -> tuple[str, ...]:
        found = [f"{reason}: {listed(names)}" for reason, names in self._left.items()]
        if not self._written and not any(_is_norm(node) for node in self._graph.nodes):
            what = "to remove" if self._kind == "none" else f"that {self._kind} could replace"
            found.append(f"the network has no normalisation {what}")
        return tuple(found)

    def _replaced(self, node: Node) -> list[Node]:
        written = self._written.get(node.name)
        if written is None and not _is_norm(node):
            return [node]
        norm = self._norm(node) if written is None else self._of(written)
        if norm is None:
            return self._stays(node, UNCLEAR)
        if any(name and name in self._uses for name in node.results[1:]):
            return self._stays(node, "norms whose statistics are used elsewhere stay as they are")
        if self._kind == "none":
            return [changed(node, "aten.clone.default", {"self": norm.x}, "Identity")]
        return self._as(norm)

    def _stays(self, node: Node, reason: str) -> list[Node]:
        self._left.setdefault(reason, []).append(node.name)
        return [node]

    def _norm(self, node: Node) -> _Norm | None:
        x = node.arguments.get("input")
        if not isinstance(x, Value) or x.value not in self._shapes:
            return None
        shape = self._shapes[x.value]
        axis = _channel_axis(node, shape)
        if axis is None or not 0 <= axis < len(shape):
            return None
        if not node.results or node.shapes[:1] != (shape,):
            return None
        own = {
            name: self._parameters[found.value]
            for name in ("weight", "bias")
            if isinstance(found := node.arguments.get(name), Value)
            and found.value in self._parameters
        }
        return _Norm(node=node, x=x, shape=shape, axis=axis, own=own)

    def _of(self, written: Written) -> _Norm | None:
        """One written as arithmetic, over the axis that is as long as its weight."""
        shape = self._shapes[written.x]
        sizes = {one.shape for one in written.own.values()} or {shape[-1:]}
        axes = [axis for axis in (len(shape) - 1, 1) if axis < len(shape)]
        axis = next((axis for axis in axes if sizes == {(shape[axis],)}), None)
        if axis is None or axis == 0:
            return None
        x = Value(value=written.x)
        return _Norm(
            node=written.last,
            x=x,
            shape=shape,
            axis=axis,
            own=written.own,
            shifted=written.shifted,
        )

    def _as(self, norm: _Norm) -> list[Node]:
        """The operations of the new kind: channels are brought where it wants them, and back."""
        groups = _groups(norm.channels) if self._kind == "GroupNorm" else None
        if groups == 1:
            reason = f"{GROUPS}, 16, 8, 4 or 2 groups of at least 2 channels do not fit"
            return self._stays(norm.node, f"GroupNorm's {reason}, so these stay as they are")
        wanted = 1 if self._kind in ("BatchNorm", "GroupNorm") else len(norm.shape) - 1
        if wanted >= len(norm.shape):
            return self._stays(norm.node, UNCLEAR)
        if norm.shifted:
            self._left.setdefault(ANEW, []).append(norm.node.name)
        arguments = self._arguments(norm, groups)
        op = _OPERATORS[self._kind]
        node = changed(norm.node, op, {"input": norm.x, **arguments}, self._class(norm))
        return [node] if norm.axis == wanted else turned(node, axis=norm.axis, wanted=wanted)

    def _class(self, norm: _Norm) -> str:
        axes = max(1, min(3, len(norm.shape) - 2))
        return f"BatchNorm{axes}d" if self._kind == "BatchNorm" else self._kind

    def _arguments(self, norm: _Norm, groups: int | None) -> dict[str, Argument]:
        eps = norm.node.arguments.get("eps")
        told: dict[str, Argument] = {"eps": eps if isinstance(eps, float) else _EPS}
        own: dict[str, Argument] = {"weight": self._own(norm, "weight")}
        if self._kind != "RMSNorm":
            own["bias"] = self._own(norm, "bias")
        if self._kind == "GroupNorm":
            return {"num_groups": groups, **own, **told}
        if self._kind != "BatchNorm":
            return {"normalized_shape": (norm.channels,), **own, **told}
        return {
            **own,
            "running_mean": self._own(norm, "running_mean"),
            "running_var": self._own(norm, "running_var"),
            "training": True,
            "momentum": 0.1,
            **told,
            "cudnn_enabled": True,
        }

    def _own(self, norm: _Norm, part: str) -> Value:
        """A parameter of the new norm: the old one's where its shape stays."""
        learned = part in ("weight", "bias")
        old = norm.own.get(part)
        found = norm.node.arguments.get(part)
        if not learned and isinstance(found, Value):
            old = self._parameters.get(found.value)
        name = old.name if old is not None else self._free(f"{norm.path}.{part}")
        stays = old is not None and old.shape == (norm.channels,) and not norm.shifted
        value = old.value if old is not None and stays else f"{name} of {self._kind}"
        self._made[name] = Parameter(
            name=name,
            value=value,
            shape=(norm.channels,),
            dtype="float32" if old is None else old.dtype,
            learned=learned,
            facts=_facts(old, name, part, self._class(norm)),
            stored=old.stored if old is not None and stays else None,
        )
        return Value(value=value)

    def _free(self, name: str) -> str:
        """The name, or with a number behind it where another parameter has it."""
        found, number = name, 1
        while found in self._names or found in self._made:
            number += 1
            found = f"{name} {number}"
        return found


_OPERATORS: Final[dict[str, str]] = {
    "BatchNorm": "aten.batch_norm.default",
    "LayerNorm": "aten.layer_norm.default",
    "RMSNorm": "aten.rms_norm.default",
    "GroupNorm": "aten.group_norm.default",
}


def _is_norm(node: Node) -> bool:
    return FAMILY.get(node.op) == "norm"


def _groups(channels: int) -> int:
    """The most groups of two channels or more among 32, 16, 8, 4 and 2; 1 where none fits."""
    groups = GROUPS
    while groups > 1 and (channels % groups or channels // groups < 2):
        groups //= 2
    return groups


def _channel_axis(node: Node, shape: tuple[int, ...]) -> int | None:
    """Second, or of a norm over the last axes the last; over all axes of an image the second."""
    word = node.op.split(".")[1].removeprefix("native_").removeprefix("_native_")
    if word in _FIRST or "batch_norm" in word:
        return 1 if len(shape) > 1 else None
    over = node.arguments.get("normalized_shape")
    if not isinstance(over, tuple) or not all(isinstance(one, int) for one in over):
        return None
    whole = len(over) >= 3 and len(over) == len(shape) - 1
    return 1 if whole else len(shape) - 1


def _facts(old: Parameter | None, name: str, part: str, kind: str) -> ParameterFacts:
    role = "norm_weight" if part == "weight" else part
    if old is not None:
        kept = {name: told for name, told in old.facts.attributes.items() if name != OFFSET}
        return replace(
            old.facts,
            kind=kind,
            role=role,
            fan_in=None,
            fan_out=None,
            fan_certainty="unknown",
            attributes=kept,
        )
    return ParameterFacts(
        module=name.rpartition(".")[0],
        kind=kind,
        kind_certainty="confirmed",
        role=role,
        fan_in=None,
        fan_out=None,
        fan_certainty="unknown",
        evidence="the plan's normalisation",
    )
