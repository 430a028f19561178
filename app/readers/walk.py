"""Finds the tensors, modules and plain values in what a pickle describes, without recursion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from app.core.checkpoint import Attribute, ModuleRecord, Scalar
from app.errors import Malformed
from app.readers.records import (
    Obj,
    PDict,
    PSet,
    Ref,
    attributes_of,
    by_name,
    class_of,
    items_of,
    pairs_of,
    plain_text,
)
from app.readers.tensors import Builder, Part

Path: TypeAlias = tuple[str, ...]
_Child: TypeAlias = tuple[str, Any, bool | None]  # name, record, whether a parameter

_DEPTH: Final = 64
_TENSORS: Final = 200_000
_MODULES: Final = 100_000
_SCALARS: Final = 200
_ENTRIES: Final = 3_000_000  # looked at, each time anew where containers share one
_TOO_DEEP: Final = "Containers nested more than 64 deep were not read."
_CONTAINERS: Final = (PDict, Obj, PSet, list, tuple)
_NAME_CHARACTERS: Final = 32 * 2**20  # over all names
_ATTRIBUTES, _ATTRIBUTE_CHARACTERS, _ELEMENTS = 96, 200, 32
_MANGLED: Final = "___torch_mangle_"


@dataclass(slots=True, kw_only=True)
class Findings:
    """Everything of use in one pickle, by its path from the root."""

    tensors: list[tuple[Path, Part]] = field(default_factory=list)
    modules: list[tuple[Path, ModuleRecord]] = field(default_factory=list)
    scalars: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    top: list[str] = field(default_factory=list)  # names at the root


def walk(root: object, builder: Builder, *, kind: str) -> Findings:
    """Visit every container once, whatever cycles and shared parts the file has.

    Args:
        root: What the pickle's machine left on its stack.
        builder: Turns records into tensors.
        kind: The file's format, for refusals.

    Raises:
        Malformed: If a tensor does not fit its storage, or there are too many.
    """
    return _Walk(builder, kind).over(root)


class _Walk:
    """The state of one visit."""

    def __init__(self, builder: Builder, kind: str) -> None:
        self._builder = builder
        self._kind = kind
        self._found = Findings()
        self._visited: set[int] = set()
        self._entries = 0
        self._characters = 0

    def over(self, root: object) -> Findings:
        stack: list[tuple[Path, Any, bool | None]] = [((), root, None)]
        while stack:
            path, record, parameter = stack.pop()
            parts = self._builder.parts(record)
            if parts is not None:
                self._keep_tensors(path, parts, parameter)
            elif id(record) not in self._visited:
                self._visited.add(id(record))
                inside = self._inside(path, record)
                stack.extend(((*path, name), child, flag) for name, child, flag in reversed(inside))
        return self._found

    def _inside(self, path: Path, record: object) -> list[_Child]:
        """The containers and objects in a container; its plain values are noted on the way."""
        found = self._found
        if len(path) >= _DEPTH:
            if _TOO_DEEP not in found.notes:
                found.notes.append(_TOO_DEEP)
            return []
        attributes = attributes_of(record) if isinstance(record, Obj) else {}
        children = list(_children(record, attributes))
        self._count(len(attributes) + len(children))
        _keep_module(found, path, record, attributes)
        if not path:
            found.top = [name for name, _, _ in children[:20]]
        for name, child, _ in children:
            _keep_scalar(found, path, name, child)
        return [child for child in children if isinstance(child[1], _CONTAINERS)]

    def _count(self, entries: int) -> None:
        self._entries += entries
        if self._entries > _ENTRIES:
            raise self._broken(f"it has more than {_ENTRIES:,} entries")

    def _keep_tensors(self, path: Path, parts: tuple[Part, ...], parameter: bool | None) -> None:
        for part in parts:
            place = (*path, part.suffix) if part.suffix else path
            known = part if parameter is None else replace(part, parameter=parameter)
            self._found.tensors.append((place, known))
            self._characters += sum(map(len, place))
        if len(self._found.tensors) > _TENSORS:
            raise self._broken(f"it names more than {_TENSORS:,} tensors")
        if self._characters > _NAME_CHARACTERS:
            raise self._broken(f"its names take more than {_NAME_CHARACTERS:,} characters")

    def _broken(self, reason: str) -> Malformed:
        return Malformed(format=self._kind, reason=f"{reason}.")


def _children(record: object, attributes: dict[str, Any]) -> Iterator[_Child]:
    if _is_module(attributes):
        for place, parameter in (("_parameters", True), ("_buffers", False), ("_modules", None)):
            for name, value in by_name(attributes.get(place)).items():
                yield _name(name), value, parameter
        return
    script = _is_script(record)
    for name, value in attributes.items():
        # "_metadata" is the versions of modules beside every state_dict.
        if name != "_metadata" and (not script or isinstance(value, Obj)):
            yield _name(name), value, None
    for key, value in pairs_of(record):
        yield _name(key), value, None
    for index, value in enumerate(items_of(record)):
        yield str(index), value, None


def _is_module(attributes: dict[str, Any]) -> bool:
    """Whether these are the attributes of a pickled torch.nn.Module."""
    return "_modules" in attributes and "_parameters" in attributes


def _is_script(record: object) -> bool:
    """Whether a record is a module of a TorchScript archive."""
    kind = class_of(record)
    return kind is not None and kind.module.startswith("__torch__")


def _name(key: object) -> str:
    if type(key) is str:
        return plain_text(key)
    if key is None or type(key) in (int, float, bool):
        return str(key)
    return f"<{type(key).__name__.lower()}>"


def _keep_scalar(found: Findings, path: Path, name: str, value: object) -> None:
    if type(value) not in (str, int, float, bool) or len(found.scalars) >= _SCALARS:
        return
    if not name.isdigit():  # an element of a list says little
        shown = plain_text(".".join((*path, name)), limit=_ATTRIBUTE_CHARACTERS)
        found.scalars[shown] = plain_text(str(value), limit=_ATTRIBUTE_CHARACTERS)


def _keep_module(found: Findings, path: Path, record: object, attributes: dict[str, Any]) -> None:
    if len(found.modules) >= _MODULES or not (_is_module(attributes) or _is_script(record)):
        return
    kind = class_of(record)
    name = "" if kind is None else _class_name(kind)
    plain = _plain_attributes(attributes)
    found.modules.append((path, ModuleRecord(path="", class_name=name, attributes=plain)))


def _class_name(kind: Ref) -> str:
    """The class as Python names it, without TorchScript's additions."""
    pieces = [piece for piece in kind.path.split(".") if not piece.startswith(_MANGLED)]
    return plain_text(".".join(pieces).removeprefix("__torch__."), limit=_ATTRIBUTE_CHARACTERS)


def _plain_attributes(attributes: dict[str, Any]) -> dict[str, Attribute]:
    kept: dict[str, Attribute] = {}
    for name, value in attributes.items():
        if len(kept) == _ATTRIBUTES:
            break
        plain, attribute = _attribute(value)
        if plain and len(name) <= _ATTRIBUTE_CHARACTERS:
            kept[plain_text(name)] = attribute
    return kept


def _attribute(value: object) -> tuple[bool, Attribute]:
    """Whether a value is a plain one or a short sequence of such, and that value."""
    if isinstance(value, Obj):  # torch.Size
        kind = class_of(value)
        inner = value.arguments[0] if type(value.arguments) is tuple and value.arguments else None
        if kind is None or kind.path != "torch.Size":
            return False, None
        value = inner
    if type(value) in (list, tuple):
        elements = [_scalar(element) for element in items_of(value)[:_ELEMENTS]]
        whole = len(items_of(value)) <= _ELEMENTS and all(plain for plain, _ in elements)
        return whole, tuple(element for _, element in elements) if whole else None
    return _scalar(value)


def _scalar(value: object) -> tuple[bool, Scalar]:
    if value is None or type(value) in (bool, float):
        return True, value  # type: ignore[return-value]
    if type(value) is int:
        return abs(value) < 2**63, value
    if type(value) is str:
        return True, plain_text(value, limit=_ATTRIBUTE_CHARACTERS)
    if isinstance(value, Ref):  # a function or a dtype, by name
        return True, plain_text(value.path, limit=_ATTRIBUTE_CHARACTERS)
    return False, None
