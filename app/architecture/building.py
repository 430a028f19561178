"""A graph in the making: operations and parameters are added one by one, under the limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NoReturn, TypeAlias

from app.architecture.limits import MOST_NODES, MOST_PARAMETERS, MOST_VALUES
from app.core import graph
from app.core.arguments import Argument, Arguments
from app.core.composites import all_parameters
from app.core.layers import ParameterFacts
from app.core.parameters import Parameter as Drawn
from app.errors import NotANetwork

BATCH = 2  # inputs that the shapes hold; no operation has it written in
Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A value on its way through the network."""

    value: str
    shape: Shape  # with the batch
    dtype: str = "float32"
    high: int | None = None  # of token ids: one past the largest
    source: str = "the input"  # what it arrives from, as a person reads it

    @property
    def inner(self) -> Shape:
        """The shape without the batch."""
        return self.shape[1:]


Given: TypeAlias = graph.Atom | Signal | tuple[graph.Atom | Signal, ...]


@dataclass(slots=True, kw_only=True)
class Building:
    """What has been built so far."""

    nodes: list[graph.Node] = field(default_factory=list)
    parameters: list[graph.Parameter] = field(default_factory=list)
    inputs: list[graph.Input] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)  # in order, each once
    values: int = 0  # in parameters
    names: dict[str, int] = field(default_factory=dict)  # of nodes, with how often each was asked
    owned: set[str] = field(default_factory=set)  # names of parameters
    known: dict[object, tuple[Drawn, ...]] = field(default_factory=dict)  # by class and arguments

    def give(
        self, name: str, inner: Shape, *, dtype: str = "float32", high: int | None = None
    ) -> Signal:
        """An input of the network, once for each name."""
        shape = (BATCH, *inner)
        known = next((given for given in self.inputs if given.name == name), None)
        if known is not None and known.shape != shape:
            raise NotANetwork(
                reason=f"the input {name!r} is asked for with the shapes {known.shape[1:]} and "
                f"{inner}; give all layers that use it one shape."
            )
        if known is None:
            draw: graph.Draw = "real" if high is None else "tokens"
            self.inputs.append(
                graph.Input(name=name, shape=shape, dtype=dtype, draw=draw, high=high)
            )
        return Signal(value=name, shape=shape, dtype=dtype, high=high)

    def unique(self, name: str) -> str:
        """The name, or with a number behind it where it is taken."""
        found = name
        while found in self.names:
            self.names[name] += 1
            found = f"{name} {self.names[name]}"
        self.names[found] = 1
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a layer stands, and what it adds to the graph there."""

    building: Building
    path: str  # of the module
    kind: str
    text: str = ""
    line: int | None = None

    @property
    def title(self) -> str:
        """The layer as a sentence names it: "Linear(64, 10) on line 7"."""
        where = "" if self.line is None else f" on line {self.line}"
        return f"{self.text or self.kind}{where}"

    @property
    def source(self) -> str:
        """What a signal from here arrives from."""
        return f"line {self.line}" if self.line is not None else self.path or self.kind

    def inside(self, part: str, kind: str) -> Place:
        """A module within this one."""
        path = f"{self.path}.{part}" if self.path else part
        return replace(self, path=path, kind=kind)

    def refuse(self, reason: str) -> NoReturn:
        """Say why this layer cannot stand here."""
        raise NotANetwork(reason=f"{self.title} {reason}")

    def note(self, sentence: str) -> None:
        """Tell the person something about the whole network, once."""
        self.building.notes[sentence] = None

    def op(
        self, op: str, arguments: Mapping[str, Given], shape: Shape, *, part: str = ""
    ) -> Signal:
        """Add an operation with one result.

        Args:
            op: ATen's name without the prefix: "relu.default".
            arguments: By the schema's names, defaults left out.
            shape: Of the result.
            part: What it does in the module, where that takes several operations.
        """
        return self.ops(op, arguments, (shape,), part=part)[0]

    def ops(
        self,
        op: str,
        arguments: Mapping[str, Given],
        shapes: tuple[Shape, ...],
        *,
        part: str = "",
        unused: int = 0,
    ) -> tuple[Signal, ...]:
        """Add an operation with several results, of which the last `unused` go nowhere."""
        made = self.building
        self._check(shapes)
        base = len(made.nodes)
        values = tuple(f"%{base}" if at == 0 else f"%{base}.{at}" for at in range(len(shapes)))
        used = len(values) - unused
        own = self.path or self.kind
        made.nodes.append(
            graph.Node(
                name=made.unique(f"{own} · {part}" if part else own),
                op=f"aten.{op}",
                arguments={name: _plain(value) for name, value in arguments.items()},
                results=(*values[:used], *("" for _ in range(unused))),
                shapes=shapes,
                module=self.path,
                kind=self.kind,
                line=self.line,
            )
        )
        pairs = zip(values, shapes, strict=True)
        return tuple(Signal(value=v, shape=s, source=self.source) for v, s in pairs)

    def _check(self, shapes: tuple[Shape, ...]) -> None:
        if len(self.building.nodes) >= MOST_NODES:
            raise NotANetwork(
                reason=f"expected at most {MOST_NODES:,} operations, and {self.title} would be "
                "one more. Describe a shallower network."
            )
        values = max(math.prod(shape[1:]) for shape in shapes)
        if values > MOST_VALUES:
            self.refuse(f"would give {values:,} values for one input; {MOST_VALUES:,} is the most.")

    def drawn(self, kind: str, arguments: Mapping[str, Argument]) -> dict[str, Signal]:
        """Add every parameter of a torch.nn layer here; by its name in the layer."""
        key = (kind, tuple(arguments.items()))
        found = self.building.known.get(key)
        if found is None:
            found = self.building.known[key] = all_parameters(kind, arguments)
        return {parameter.name: self._own(parameter) for parameter in found}

    def _own(self, drawn: Drawn) -> Signal:
        module = f"{self.path}.{drawn.facts.module}".strip(".")
        facts = replace(drawn.facts, module=module)
        return self.parameter(drawn.name, drawn.shape, facts)

    def parameter(
        self, name: str, shape: Shape, facts: ParameterFacts, *, learned: bool = True
    ) -> Signal:
        """Add one parameter, or a buffer, of this module."""
        made = self.building
        whole = f"{self.path}.{name}" if self.path else name
        made.values += math.prod(shape)
        if made.values > MOST_PARAMETERS:
            raise too_many_parameters(made.values)
        if whole in made.owned:
            self.refuse(f"has the name {self.path!r}, which another layer has already.")
        made.owned.add(whole)
        made.parameters.append(
            graph.Parameter(
                name=whole,
                value=whole,
                shape=shape,
                dtype="float32",
                learned=learned,
                facts=facts,
            )
        )
        return Signal(value=whole, shape=shape)

    def buffer(self, name: str, shape: Shape) -> Signal:
        """Add a running mean or variance of this module."""
        facts = ParameterFacts(
            module=self.path,
            kind=self.kind,
            kind_certainty="confirmed",
            role=name,
            fan_in=None,
            fan_out=None,
            fan_certainty="unknown",
            evidence="the layer's arguments",
        )
        return self.parameter(name, shape, facts, learned=False)


Rule: TypeAlias = Callable[[Place, Arguments, Signal], Signal]


def too_many_parameters(values: int) -> NotANetwork:
    """The refusal of a network whose weights are too many to name."""
    return NotANetwork(
        reason=f"expected at most {MOST_PARAMETERS:,} parameter values, but the network has "
        f"{values:,} or more. Describe a smaller one."
    )


def _plain(value: Given) -> graph.Argument:
    if isinstance(value, tuple):
        return tuple(_atom(one) for one in value)
    return _atom(value)


def _atom(value: graph.Atom | Signal) -> graph.Atom:
    if isinstance(value, Signal):
        return graph.Value(value=value.value)
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return graph.NonFinite(number="nan")
        return graph.NonFinite(number="inf" if value > 0 else "-inf")
    return value
