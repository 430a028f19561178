"""What each input of an exported program is to be given, and whether its batch is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.architecture.exported_arguments import expression, is_symbolic
from app.architecture.exported_calls import Call, Tensor, atoms, value_of
from app.core.graph import Argument, Input, Value
from app.core.operators import FAMILY
from app.errors import CannotRun
from app.readers.pt2_json import JsonObject, member

_CARRY = frozenset({"shape", "cast", "selection", "factory"})
_INDEXED = {
    "aten.embedding.default": ("weight", "indices"),
    "aten.embedding_bag.padding_idx": ("weight", "indices"),
    "aten.index.Tensor": ("self", "indices"),
    "aten.index_select.default": ("self", "index"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """How many inputs the program was exported with, and whether it takes others."""

    size: int
    fixed: bool


def batch_of(program: JsonObject, names: Sequence[str], values: dict[str, Tensor]) -> Batch:
    """The batch along the first axis of the inputs.

    Args:
        program: The serialised program.
        names: Of its inputs.
        values: What is known of them.

    Returns:
        Open only where the first axis of every input was left open under one name.
    """
    firsts: set[str] = set()
    for name in names:
        meta = member(program, "graph_module", "graph", "tensor_values", name, "sizes")
        first = meta[0] if isinstance(meta, list) and meta else None
        firsts.add(expression(first) if is_symbolic(first) else "")
    shape = value_of(values, names[0]).shape
    return Batch(size=shape[0] if shape else 1, fixed=firsts == {""} or len(firsts) != 1)


def inputs_of(
    names: Sequence[str], values: dict[str, Tensor], calls: Sequence[Call]
) -> tuple[Input, ...]:
    """The inputs and how each is drawn: numbers, token ids, or ones.

    Raises:
        CannotRun: If an input is complex, or of another dtype that cannot be drawn.
    """
    highs = _highs(names, values, calls)
    return tuple(_input(name, value_of(values, name), highs.get(name)) for name in names)


def _input(name: str, value: Tensor, high: int | None) -> Input:
    if value.dtype in {"float32", "float64", "float16", "bfloat16"}:
        return Input(name=name, shape=value.shape, dtype=value.dtype, draw="real")
    if value.dtype in {"int64", "int32"} and high:
        return Input(name=name, shape=value.shape, dtype=value.dtype, draw="tokens", high=high)
    if value.dtype.startswith(("int", "uint", "bool")):
        return Input(name=name, shape=value.shape, dtype=value.dtype, draw="mask")
    raise CannotRun(reason=f"its input {name[:80]!r} is of the dtype {value.dtype or 'none'}.")


def _highs(
    names: Sequence[str], values: dict[str, Tensor], calls: Sequence[Call]
) -> dict[str, int]:
    """For each input that picks rows: one past the last row of the smallest table."""
    carried: dict[str, frozenset[str]] = {name: frozenset({name}) for name in names}
    found: dict[str, int] = {}
    for call in calls:
        if call.op in _INDEXED:
            table, picks = (call.arguments.get(name) for name in _INDEXED[call.op])
            rows = value_of(values, table.value).shape[:1] if isinstance(table, Value) else ()
            for name in _sources({"": picks}, carried):
                found[name] = min(found.get(name, 2**62), *rows, 2**62)
        if FAMILY.get(call.op) in _CARRY:
            sources = _sources(call.arguments, carried)
            if sources:
                carried.update(dict.fromkeys(call.results, sources))
    return {name: high for name, high in found.items() if 0 < high < 2**62}


def _sources(
    arguments: Mapping[str, Argument], carried: Mapping[str, frozenset[str]]
) -> frozenset[str]:
    sources: set[str] = set()
    for atom in atoms(arguments):
        if isinstance(atom, Value):
            sources |= carried.get(atom.value, frozenset())
    return frozenset(sources)
