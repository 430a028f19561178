"""What an inert pickle machine builds: descriptions of objects, never the objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_DICTIONARIES: Final = frozenset({"OrderedDict", "dict", "Counter"})


class Ref:
    """The name of something importable; it is never imported."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    @property
    def path(self) -> str:
        """The dotted name."""
        return f"{self.module}.{self.name}"


class Obj:
    """A call that was not made: what would be called, with what, and what would be put in it."""

    __slots__ = ("arguments", "callable", "items", "pairs", "state")

    def __init__(self, callable_: object, arguments: object) -> None:
        self.callable = callable_
        self.arguments = arguments
        self.state: object = None
        self.items: list[Any] = []  # appended or added
        self.pairs: list[tuple[Any, Any]] = []  # set by key


class PDict:
    """A dict as pairs: hostile keys are never hashed, the last of equal keys counts."""

    __slots__ = ("pairs",)

    def __init__(self) -> None:
        self.pairs: list[tuple[Any, Any]] = []


class PSet:
    """A set or frozenset as a list."""

    __slots__ = ("items",)

    def __init__(self, items: list[Any]) -> None:
        self.items = items


class Pers:
    """A persistent id: a storage that lies elsewhere in the file."""

    __slots__ = ("identity",)

    def __init__(self, identity: object) -> None:
        self.identity = identity


class Span:
    """A string of bytes too long to copy: where it lies in the file or record."""

    __slots__ = ("length", "offset")

    def __init__(self, offset: int, length: int) -> None:
        self.offset = offset
        self.length = length


def pairs_of(record: object) -> list[tuple[Any, Any]]:
    """The pairs of a dict or of an object that behaves like one (OrderedDict); else none."""
    if isinstance(record, Obj):
        return [*_constructed_pairs(record), *record.pairs]
    return record.pairs if isinstance(record, PDict) else []


def _constructed_pairs(record: Obj) -> list[tuple[Any, Any]]:
    """Python 2 pickled an OrderedDict as a call on the list of its pairs."""
    arguments = record.arguments
    if not isinstance(record.callable, Ref) or record.callable.name not in _DICTIONARIES:
        return []
    first = arguments[0] if type(arguments) is tuple and len(arguments) == 1 else ()
    if isinstance(first, PDict):
        return first.pairs
    pairs = first if type(first) in (list, tuple) else ()
    return [(pair[0], pair[1]) for pair in pairs if type(pair) in (list, tuple) and len(pair) == 2]


def items_of(record: object) -> list[Any] | tuple[Any, ...]:
    """The elements of a list, tuple, set or of an object that behaves like one; else none."""
    if type(record) in (list, tuple):
        return record  # type: ignore[return-value]
    return record.items if isinstance(record, PSet | Obj) else []


def by_name(record: object) -> dict[str, Any]:
    """The pairs of a dict whose keys are text; text has a keyed hash, so this is no trap."""
    return {key: value for key, value in pairs_of(record) if type(key) is str}


def class_of(record: object) -> Ref | None:
    """The class of an object record, whichever way the pickle asked for it."""
    if not isinstance(record, Obj):
        return None
    maker, arguments = record.callable, record.arguments
    if not isinstance(maker, Ref):
        return None
    if maker.name in ("_reconstructor", "__newobj__", "__newobj_ex__") and maker.module in (
        "copyreg",
        "copy_reg",
    ):
        first = arguments[0] if type(arguments) is tuple and arguments else None
        return first if isinstance(first, Ref) else None
    return maker


def attributes_of(record: Obj) -> dict[str, Any]:
    """An object's attributes by name, from either form of its state."""
    state = record.state
    parts = state[:2] if type(state) is tuple else (state,)
    merged: dict[str, Any] = {}
    for part in parts:
        merged |= by_name(part)
    return merged


def plain_text(text: str, *, limit: int = 1000) -> str:
    """Hostile text that any encoder takes: lone surrogates replaced, length capped."""
    clean = text[:limit].encode("utf-8", "replace").decode("utf-8")
    return clean + "…" if len(text) > limit else clean


def refs(found: Iterator[Ref]) -> tuple[str, ...]:
    """Their dotted names, each once, in order."""
    return tuple(sorted({plain_text(ref.path, limit=200) for ref in found}))
