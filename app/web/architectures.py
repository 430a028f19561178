"""A text as a network: what is understood of it, as data."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import orjson

from app.architecture.understanding import understand
from app.core.graph import Argument, Graph, Inventory, Origin, Value
from app.errors import NotANetwork, Refused
from app.web.spec_views import normal

LINE: Final = re.compile(r"\blines? (\d+)", re.IGNORECASE)  # as its sentence names it


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderstoodLayer:
    """One operation of a network, or one module where only its parts are known."""

    name: str
    kind: str  # class of its module, or the operator
    shape: tuple[int, ...] | None  # of what it gives, for the batch; None where it is not known
    parameters: int  # values of those that it is the first to use
    line: int | None  # of the text, from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderstoodInput:
    """What a network is given."""

    name: str
    shape: tuple[int, ...]  # without the batch
    draw: str  # "real", "tokens" or "mask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Misunderstood:
    """Why a text is no network."""

    error: str
    message: str
    hint: str
    line: int | None  # of the text, from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What was understood of a text; nothing is kept."""

    runs: bool  # can be measured
    origin: Origin | None
    parameters: int  # values in learned parameters
    inputs: tuple[UnderstoodInput, ...]
    layers: tuple[UnderstoodLayer, ...]
    notes: tuple[str, ...]
    reason: str | None  # why it cannot run, where only its parts are known
    suggestion: str | None  # a spec to confirm or edit
    error: Misunderstood | None


def is_config(text: str) -> bool:
    """Whether a text is a Hugging Face config.json, which a worker alone can build."""
    if not text.lstrip().startswith("{") or '"model_type"' not in text:
        return False
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and isinstance(found.get("model_type"), str)


def understood(text: str) -> Understood:
    """What is understood of a text, or why nothing is."""
    if is_config(text):
        return BUILT_LATER
    try:
        found = understand(normal(text))
    except Refused as problem:
        return misunderstood(problem)
    return _graph(found) if isinstance(found, Graph) else _inventory(found)


BUILT_LATER: Final = Understood(
    runs=True,
    origin="hugging face config",
    parameters=0,
    inputs=(),
    layers=(),
    notes=("A config.json is built by a worker, when its measurement is ordered.",),
    reason=None,
    suggestion=None,
    error=None,
)


def _graph(graph: Graph) -> Understood:
    return Understood(
        runs=True,
        origin=graph.origin,
        parameters=sum(math.prod(one.shape) for one in graph.parameters if one.learned),
        inputs=tuple(
            UnderstoodInput(name=one.name, shape=one.shape[1:], draw=one.draw)
            for one in graph.inputs
        ),
        layers=tuple(_operations(graph)),
        notes=graph.notes,
        reason=None,
        suggestion=None,
        error=None,
    )


def _operations(graph: Graph) -> Iterator[UnderstoodLayer]:
    sizes = {one.value: math.prod(one.shape) for one in graph.parameters if one.learned}
    for node in graph.nodes:
        names = [name for argument in node.arguments.values() for name in _names(argument)]
        yield UnderstoodLayer(
            name=node.name,
            kind=node.kind or node.op,
            shape=node.shapes[0] if node.shapes else None,
            parameters=sum(sizes.pop(name, 0) for name in names),
            line=node.line,
        )


def _names(argument: Argument) -> list[str]:
    atoms = argument if isinstance(argument, tuple) else (argument,)
    return [atom.value for atom in atoms if isinstance(atom, Value)]


def _inventory(found: Inventory) -> Understood:
    layers = [
        UnderstoodLayer(
            name=one.path, kind=one.kind, shape=None, parameters=one.parameters, line=one.line
        )
        for one in found.layers
    ]
    return Understood(
        runs=False,
        origin=found.origin,
        parameters=sum(one.parameters for one in found.layers),
        inputs=(),
        layers=tuple(layers),
        notes=(),
        reason=found.reason,
        suggestion=found.suggestion,
        error=None,
    )


def misunderstood(problem: Refused) -> Understood:
    """Why nothing is understood."""
    reason = problem.facts.get("reason") if isinstance(problem, NotANetwork) else None
    place = LINE.search(str(reason or problem.message))
    return Understood(
        runs=False,
        origin=None,
        parameters=0,
        inputs=(),
        layers=(),
        notes=(),
        reason=None,
        suggestion=None,
        error=Misunderstood(
            error=problem.code,
            message=problem.message,
            hint=problem.hint,
            line=int(place[1]) if place else None,
        ),
    )
