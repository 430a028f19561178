"""The operations of an exported program in their order, the graphs inside it unfolded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from app.architecture.exported_arguments import (
    Dropped,
    Read,
    Subgraph,
    argument,
    dtype_name,
    malformed,
    sizes,
    value_name,
)
from app.core.graph import Argument, Atom, Value
from app.readers.pt2_json import JsonObject, member, objects
from app.readers.pt2_modules import module_stack
from app.readers.records import plain_text

_NODES: Final = 50_000
_DEPTH: Final = 8
_TARGET: Final = 200  # characters

_NO_GRADIENT: Final = "higher_order.wrap_with_set_grad_enabled"
_AUTOCAST: Final = "higher_order.wrap_with_autocast"
# What only checks: nothing that is calculated depends on it.
_CHECKS: Final = (
    "aten._assert", "aten.sym_constrain_range", "aten._check", "aten.lift_fresh_check",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """What the program says of one value."""

    shape: tuple[int, ...]
    dtype: str  # "" for a number


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One operation, before it has a name for people."""

    op: str
    arguments: dict[str, Argument]
    results: tuple[str, ...]
    module: str = ""
    kind: str = ""  # class of that module, "torch.nn.modules.linear.Linear"


@dataclass(slots=True, kw_only=True)
class Calls:
    """All operations in order, and what is known of every value."""

    calls: list[Call] = field(default_factory=list)
    values: dict[str, Tensor] = field(default_factory=dict)


_NUMBER: Final = Tensor(shape=(), dtype="")


def read_calls(graph: JsonObject) -> Calls:
    """The operations of a serialised graph.

    Raises:
        Malformed: If an operation or a value makes no sense, or there are too many.
    """
    found = Calls(values=_values(graph, ""))
    _unfold(graph, found, prefix="", renamed={}, depth=0)
    return found


def atoms(arguments: Mapping[str, Argument]) -> Iterator[Atom]:
    """Every single argument, those in lists too."""
    for given in arguments.values():
        yield from given if isinstance(given, tuple) else (given,)


def mapped(arguments: dict[str, Argument], names: dict[str, str]) -> dict[str, Argument]:
    """The arguments with values under their new names."""

    def one(atom: Atom) -> Atom:
        if isinstance(atom, Value):
            return Value(value=names.get(atom.value, atom.value))
        return atom

    return {
        name: tuple(map(one, given)) if isinstance(given, tuple) else one(given)
        for name, given in arguments.items()
    }


def _values(graph: JsonObject, prefix: str) -> dict[str, Tensor]:
    tensors = graph.get("tensor_values")
    if not isinstance(tensors, dict):
        raise malformed("its graph does not list its tensors")
    return {
        prefix + name: Tensor(shape=sizes(meta), dtype=dtype_name(member(meta, "dtype")))
        for name, meta in tensors.items()
    }


def _unfold(
    graph: JsonObject, found: Calls, *, prefix: str, renamed: dict[str, str], depth: int
) -> None:
    nodes = graph.get("nodes")
    if not isinstance(nodes, list) or len(objects(nodes)) != len(nodes):
        raise malformed("its graph has no list of operations")
    if len(found.calls) + len(nodes) > _NODES:
        raise malformed(f"it has more than {_NODES:,} operations")
    for node in objects(nodes):
        target, given = _target(node), _given(node)
        graphs = [item for item in given.values() if isinstance(item, Subgraph)]
        results = tuple(prefix + name if name else "" for name in _results(node))
        arguments = _arguments(given, prefix, renamed)
        if graphs:
            call = _call(node, target, arguments, results)
            _inline(call, graphs, found, prefix=prefix, depth=depth)
        elif not target.startswith(_CHECKS):
            found.calls.append(_call(node, target, arguments, results))


def _target(node: JsonObject) -> str:
    target = node.get("target")
    if not isinstance(target, str) or not 0 < len(target) <= _TARGET:
        raise malformed("an operation lacks its name")
    return plain_text(target.removeprefix("torch.ops."))


def _given(node: JsonObject) -> dict[str, Read]:
    inputs = node.get("inputs")
    if not isinstance(inputs, list):
        raise malformed("an operation lacks its arguments")
    found: dict[str, Read] = {}
    for place, item in enumerate(inputs):
        name = member(item, "name")
        if not isinstance(name, str) or len(name) > 100 or name in found:
            raise malformed("an operation's arguments lack names of their own")
        found[name or f"#{place}"] = argument(member(item, "arg"))
    return found


def _arguments(given: dict[str, Read], prefix: str, renamed: dict[str, str]) -> dict[str, Argument]:
    plain: dict[str, Argument] = {
        name: item for name, item in given.items() if not isinstance(item, Dropped | Subgraph)
    }
    if not prefix:
        return plain
    names = {
        atom.value: renamed.get(atom.value, prefix + atom.value)
        for atom in atoms(plain)
        if isinstance(atom, Value)
    }
    return mapped(plain, names)


def _results(node: JsonObject) -> list[str]:
    outputs = node.get("outputs")
    if not isinstance(outputs, list):
        raise malformed("an operation lacks its results")
    found: list[str] = []
    for output in outputs:
        given = argument(output)
        for atom in given if isinstance(given, tuple) else (given,):
            if atom is not None and not isinstance(atom, Value):
                raise malformed("an operation's result is no value")
            found.append("" if atom is None else atom.value)
    return found


def _call(
    node: JsonObject, target: str, arguments: dict[str, Argument], results: tuple[str, ...]
) -> Call:
    stack = module_stack(member(node, "metadata", "nn_module_stack"))
    path, kind = stack[-1] if stack else ("", "")
    return Call(
        op=target,
        arguments=arguments,
        results=results,
        module=path,
        kind=kind,
    )


def _inline(call: Call, graphs: list[Subgraph], found: Calls, *, prefix: str, depth: int) -> None:
    """The operations of a graph that runs as it stands, in the place of the call to it."""
    given = list(call.arguments.values())
    switched_off = call.op == _AUTOCAST and given[2:3] == [False]
    if not (switched_off or call.op == _NO_GRADIENT) or len(graphs) != 1 or depth >= _DEPTH:
        found.calls.append(replace(call, arguments={}))  # off the list: refused by its name
        return
    graph, own = graphs[0].graph, f"{prefix}{call.results[0] if call.results else ''}/"
    inputs = [value_name(member(item, "as_tensor")) for item in objects(graph.get("inputs"))]
    passed = [atom for atom in given if isinstance(atom, Value)]
    if len(passed) != len(inputs):
        raise malformed("a graph inside the graph is called with other inputs than it takes")
    for name, tensor in _values(graph, own).items():
        found.values.setdefault(name, tensor)
    renamed = {name: atom.value for name, atom in zip(inputs, passed, strict=True)}
    _unfold(graph, found, prefix=own, renamed=renamed, depth=depth + 1)
    outputs = [value_name(member(item, "as_tensor")) for item in objects(graph.get("outputs"))]
    if len(outputs) != len(call.results):
        raise malformed("a graph inside the graph gives other results than it says")
    how = "aten.detach.default" if call.op == _NO_GRADIENT else "aten.alias.default"
    for inner, outer in zip(outputs, call.results, strict=True):
        value = Value(value=renamed.get(inner, own + inner))
        found.calls.append(replace(call, op=how, arguments={"self": value}, results=(outer,)))


def value_of(values: dict[str, Tensor], name: str) -> Tensor:
    """What is known of a value; numbers have no shape."""
    return values.get(name, _NUMBER)
