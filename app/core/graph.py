"""The one form every network takes: named operations, their shapes and their parameters.

A graph is plain data. Its operations are ATen operators under torch's own names, whatever the
network came from, so that one interpreter measures and one set of rules predicts them all. Values
have names: of inputs, parameters, constants and results, all in one namespace; a node may use only
what stands before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from app.core.layers import ParameterFacts

SCHEMA = "initscope.graph/1"

Origin: TypeAlias = Literal[
    "pt2", "spec", "module text", "pickled module", "state dict", "hugging face config", "onnx"
]
Draw: TypeAlias = Literal["real", "tokens", "mask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A reference to an input, a parameter, a constant, or a result of an earlier node."""

    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DType:
    """A torch dtype as an argument, by its name without the prefix."""

    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NonFinite:
    """A number that JSON has no form for."""

    number: Literal["inf", "-inf", "nan"]


Atom: TypeAlias = Value | DType | NonFinite | bool | int | float | str | None
Argument: TypeAlias = Atom | tuple[Atom, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What the network is given, for the graph's batch."""

    name: str
    shape: tuple[int, ...]
    dtype: str  # "float32", "int64", ...
    draw: Draw  # real numbers by the input law, token ids, or a mask of ones
    high: int | None = None  # of token ids: one past the largest


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A learned tensor or a buffer of the network."""

    name: str  # as in the state_dict, "encoder.layers.0.linear1.weight"
    value: str  # its name as an argument of nodes; tied parameters share one record
    shape: tuple[int, ...]
    dtype: str
    learned: bool  # False for a buffer
    facts: ParameterFacts  # what its default law and the schemes depend on
    stored: int | None = None  # index among the source file's tensors, where it holds the values


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A fixed tensor that is no parameter: a causal mask, position ids, a relative index."""

    value: str
    shape: tuple[int, ...]
    dtype: str
    stored: int | None = None  # index among the source file's tensors
    values: tuple[bool | int | float, ...] | None = None  # row-major, where it is small


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operation.

    `module` and `kind` say where a person finds it; several nodes of one module share them.
    """

    name: str  # unique and shown: "layers.3.linear1", "layers.3 · add"
    op: str  # on the list: "aten.linear.default", "_operator.mul"
    arguments: dict[str, Argument]  # by the operator schema's names, defaults left out
    results: tuple[str, ...]  # names of the values it gives; "" for one nobody uses
    shapes: tuple[tuple[int, ...], ...]  # of the tensors it gives, for the graph's batch; () scalar
    module: str = ""  # path of the module that it belongs to
    kind: str = ""  # class of that module: "Linear", "MultiheadAttention", "BasicBlock"
    line: int | None = None  # of the text it was read from, from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A network."""

    origin: Origin
    inputs: tuple[Input, ...]
    parameters: tuple[Parameter, ...]
    nodes: tuple[Node, ...]  # in an order in which they can run
    outputs: tuple[str, ...]  # values; those of floating point get the cotangent
    batch: int  # inputs that the shapes hold
    fixed_batch: bool  # whether the batch is written into the operations and cannot be changed
    constants: tuple[Constant, ...] = ()
    notes: tuple[str, ...] = ()  # sentences for the person
    name: str = ""  # as its author calls it
    schema: str = SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryLayer:
    """One module of an inventory."""

    path: str
    kind: str
    text: str  # its arguments as they were read: "in_features=512, out_features=10"
    parameters: int  # values in its parameters
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What can be said of a network that cannot be run from its source."""

    origin: Origin
    layers: tuple[InventoryLayer, ...]
    reason: str  # why it cannot run, and what would make it run
    suggestion: str | None = None  # a spec for the person to confirm or edit


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """How a checkpoint's tensors fit a graph's parameters."""

    matched: dict[str, int]  # parameter name → index of the checkpoint's tensor
    missing: tuple[str, ...] = ()  # parameters without a tensor
    unused: tuple[str, ...] = ()  # tensors without a parameter
    differ: tuple[str, ...] = ()  # sentences: same name, another shape
    prefixes: tuple[str, ...] = field(default=())  # stripped from the checkpoint's names
    by_order: bool = False  # names differ: matched by the order of last names and shapes
