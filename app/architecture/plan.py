"""A network as it was written: layers in order, nested, not yet expanded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from app.core.arguments import Argument

Joint: TypeAlias = Literal["add", "concat", "multiply"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One torch.nn layer, or an operation of the spec's own, with its arguments."""

    kind: str  # class name: "Linear"
    arguments: dict[str, Argument]
    text: str  # as a person would write it: "Linear(512, 512)"
    line: int | None = None  # from 1
    name: str | None = None  # of its own, in place of its number
    items: tuple[Item, ...] = ()  # layers among its arguments: a TransformerEncoder's


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """Items one after the other."""

    items: tuple[Item, ...]
    line: int | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """`shortcut(x) + scale · body(x)`."""

    body: Sequence
    shortcut: Sequence | None = None
    scale: float = 1.0
    line: int | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel:
    """Branches over one input, joined."""

    branches: tuple[Sequence, ...]
    joint: Joint = "add"
    dim: int = 1  # along which "concat" joins
    line: int | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """The same items a number of times, each time with parameters of their own."""

    times: int
    body: Sequence
    line: int | None = None
    name: str | None = None  # under which each time stands by its number


Item: TypeAlias = Layer | Sequence | Residual | Parallel | Repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the network is given."""

    shape: tuple[int, ...] = ()  # without the batch
    tokens: int | None = None  # ids in place of real numbers
    vocabulary: int | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole network."""

    body: Sequence
    entry: Entry | None = None  # None: by the first layer
    notes: tuple[str, ...] = ()
    name: str = ""
