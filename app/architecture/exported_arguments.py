"""Arguments of an exported program's operations: torch's tagged JSON → the graph's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from app.core.graph import Argument, Atom, DType, NonFinite, Value
from app.errors import Malformed
from app.readers.pt2_json import JsonObject, member, objects
from app.readers.pt2_weights import DTYPES
from app.readers.records import plain_text

KIND: Final = "pt2"

_LARGEST: Final = 2**63
_CHARACTERS: Final = 400
_ITEMS: Final = 10_000
_AXES: Final = 63
_DIMENSION: Final = 2**40
_NONFINITE: Final = {"Infinity": "inf", "-Infinity": "-inf", "NaN": "nan"}


class Dropped:
    """An argument that says where or how memory lies: the run decides that."""


class Subgraph:
    """An argument that is a graph of its own."""

    def __init__(self, graph: JsonObject) -> None:
        self.graph = graph


Read: TypeAlias = "Argument | Dropped | Subgraph"


def malformed(reason: str) -> Malformed:
    """The refusal of a program that makes no sense."""
    return Malformed(format=KIND, reason=f"{reason}.")


def argument(given: object) -> Read:
    """One argument.

    Args:
        given: A JSON object with one tag, such as {"as_tensor": {"name": "x"}}.

    Raises:
        Malformed: If the tag is unknown or its value is not of its kind.
    """
    if not isinstance(given, dict) or len(given) != 1:
        raise malformed("an operation's argument is not of the form that torch writes")
    tag, value = next(iter(given.items()))
    form = _FORMS.get(tag)
    if form is None:
        raise malformed(f"an argument is of the kind {plain_text(tag, limit=40)!r}, unknown here")
    return form(value)


def sizes(meta: object) -> tuple[int, ...]:
    """A tensor's shape from its metadata; symbolic sizes by the example's number.

    Raises:
        Malformed: If a size is no number of at least 0, or has no example.
    """
    given = member(meta, "sizes")
    if not isinstance(given, list) or len(given) > _AXES:
        raise malformed("a tensor's sizes make no sense")
    return tuple(map(_size, given))


def is_symbolic(size: object) -> bool:
    """Whether a size was left open at export."""
    return member(size, "as_expr") is not None


def expression(size: object) -> str:
    """The text of a symbolic size: compared with others, never evaluated."""
    text = member(size, "as_expr", "expr_str")
    return text if isinstance(text, str) else ""


def dtype_name(code: object) -> str:
    """Torch's name of a dtype's number.

    Raises:
        Malformed: If torch has none.
    """
    name = DTYPES.get(code) if type(code) is int else None
    if name is None:
        raise malformed("a dtype is not one of torch's")
    return name


def value_name(given: object) -> str:
    """The name in {"name": …}."""
    return _name(member(given, "name"))


def _size(given: object) -> int:
    number = member(given, "as_int")
    if is_symbolic(given):
        number = member(given, "as_expr", "hint", "as_int")
        if number is None:
            raise malformed("a size that was left open has no example; export it with torch 2.3+")
    if type(number) is not int or not 0 <= number < _DIMENSION:
        raise malformed("a tensor's sizes make no sense")
    return number


def _name(given: object) -> str:
    if not isinstance(given, str) or len(given) > _CHARACTERS or not given.isidentifier():
        raise malformed("a value lacks a name, or has one that torch would not give")
    return given


def _tensor(given: object) -> Value:
    return Value(value=value_name(given))


def _optional(given: object) -> Atom:
    if member(given, "as_none") is True:
        return None
    return _tensor(member(given, "as_tensor"))


def _symbol(given: object) -> Atom:
    """A number, or the name of one that the graph calculates."""
    if isinstance(given, dict) and len(given) == 1:
        tag, value = next(iter(given.items()))
        if tag == "as_name":
            return Value(value=_name(value))
        plain: dict[str, Callable[[object], Atom]] = {
            "as_int": _int, "as_float": _float, "as_bool": _bool,
        }  # fmt: skip
        if tag in plain:
            return plain[tag](value)
    raise malformed("a number that was left open makes no sense")


def _int(given: object) -> int:
    if type(given) is not int or not -_LARGEST <= given < _LARGEST:
        raise malformed("a whole number makes no sense")
    return given


def _bool(given: object) -> bool:
    if type(given) is not bool:
        raise malformed("a truth value makes no sense")
    return given


def _float(given: object) -> Atom:
    if isinstance(given, str) and given in _NONFINITE:
        return NonFinite(number=_NONFINITE[given])  # type: ignore[arg-type]
    if type(given) not in (int, float) or not math.isfinite(given):  # type: ignore[arg-type]
        raise malformed("a number makes no sense")
    return float(given)  # type: ignore[arg-type]


def _text(given: object) -> str:
    if not isinstance(given, str) or not given.isascii() or len(given) > _CHARACTERS:
        raise malformed("a text is no text, or too long")
    return given


def _none(_given: object) -> None:
    return None


def _dtype(given: object) -> DType:
    return DType(dtype=dtype_name(given))


def _layout(given: object) -> Dropped:
    if given != 7:  # strided
        raise malformed("a tensor is sparse, which is not run")
    return Dropped()


def _dropped(_given: object) -> Dropped:
    return Dropped()


def _graph(given: object) -> Subgraph:
    graph = member(given, "graph")
    if not isinstance(graph, dict):
        raise malformed("a graph inside the graph makes no sense")
    return Subgraph(graph)


def _many(form: Callable[[object], Atom]) -> Callable[[object], tuple[Atom, ...]]:
    def read(given: object) -> tuple[Atom, ...]:
        if not isinstance(given, list) or len(given) > _ITEMS:
            raise malformed("a list is no list, or too long")
        return tuple(map(form, given))

    return read


_FORMS: Final[dict[str, Callable[[Any], Read]]] = {
    "as_none": _none,
    "as_tensor": _tensor,
    "as_tensors": _many(_tensor),
    "as_optional_tensor": _optional,
    "as_optional_tensors": _many(_optional),
    "as_int": _int,
    "as_ints": _many(_int),
    "as_float": _float,
    "as_floats": _many(_float),
    "as_bool": _bool,
    "as_bools": _many(_bool),
    "as_string": _text,
    "as_strings": _many(_text),
    "as_sym_int": _symbol,
    "as_sym_ints": _many(_symbol),
    "as_sym_float": _symbol,
    "as_sym_floats": _many(_symbol),
    "as_sym_bool": _symbol,
    "as_sym_bools": _many(_symbol),
    "as_scalar_type": _dtype,
    "as_memory_format": _dropped,
    "as_layout": _layout,
    "as_device": _dropped,
    "as_graph": _graph,
}

__all__ = [
    "Dropped", "Read", "Subgraph", "argument", "dtype_name", "expression", "is_symbolic",
    "malformed", "objects", "sizes", "value_name",
]  # fmt: skip
