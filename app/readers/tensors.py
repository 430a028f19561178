"""Gives `_rebuild_*` records their meaning: a dtype, a shape, and where the elements lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from app.errors import Malformed
from app.readers.dtypes import (
    ELEMENT_TYPES,
    PACKED,
    STORAGE_TYPES,
    contiguous_strides,
    element_count,
    reach,
)
from app.readers.records import Obj, Pers, Ref, by_name, items_of, pairs_of, plain_text

_AXES: Final = 64
_COUNT: Final = 2**62
_NESTING: Final = 8  # wrappers of wrappers of a tensor
_RECORDS: Final = 2_000_000  # looked at in one file, however they are shared


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageRequest:
    """The storage that a persistent id names."""

    key: str
    element: str | None  # dtype of the storage; None for raw bytes
    count: int  # elements of that dtype, or bytes
    view: tuple[str, int, int] | None  # legacy: key of the view, first element, elements


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Where a storage's bytes lie in the file."""

    offset: int
    length: int  # bytes


Locate: TypeAlias = Callable[[StorageRequest], Extent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One tensor of a record: most records have one, a sparse tensor has two."""

    suffix: str  # appended to the name: "" or "indices", "values"
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int  # bytes from the start of the file
    parameter: bool | None
    note: str | None = None


_Parts: TypeAlias = tuple[Part, ...] | None
_Arguments: TypeAlias = tuple[Any, ...]
_DENSE: Final = frozenset({"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3"})
_SPARSE_PIECES: Final = {2: ("indices", "values"), 3: ("crow_indices", "col_indices", "values")}


class Builder:
    """Reads tensors out of records, with the storages of one file."""

    def __init__(self, locate: Locate, *, kind: str) -> None:
        """`locate` finds a storage's bytes; `kind` is the file's format, for refusals."""
        self._locate = locate
        self._kind = kind
        self._left = _RECORDS

    def parts(self, record: object) -> tuple[Part, ...] | None:
        """The tensors that a record stands for, or None if it stands for something else.

        Raises:
            Malformed: If it is a tensor that does not fit its storage.
        """
        return self._parts(record, _NESTING)

    def _parts(self, record: object, depth: int) -> tuple[Part, ...] | None:
        if not isinstance(record, Obj) or not isinstance(record.callable, Ref) or not depth:
            return None
        name, arguments = record.callable.name, record.arguments
        self._spend(1)
        if type(arguments) is not tuple or record.callable.module.startswith("__torch__"):
            return None
        if name in _DENSE:
            return (self._dense(name, arguments),)
        if name == "_rebuild_qtensor":
            return (self._quantised(arguments),)
        make = _COMPOUND.get(name)
        return make(self, record, arguments, depth - 1) if make else None

    def _dense(self, name: str, arguments: tuple[Any, ...]) -> Part:
        if len(arguments) < (4 if name == "_rebuild_tensor" else 6):
            raise self._broken("a tensor lacks its shape")
        storage = storage_request(arguments[0], kind=self._kind)
        dtype = _dtype(arguments[6]) if name.endswith("v3") and len(arguments) > 6 else None
        dtype = dtype or storage.element or "uint8"
        part = self._fit(storage, dtype, arguments[1], arguments[2], arguments[3])
        grad = arguments[4] is True if len(arguments) > 4 else False
        self._spend(len(pairs_of(arguments[-1])))
        metadata = by_name(arguments[-1]) if len(arguments) > 6 else {}
        note = (
            "stored conjugated or negated" if metadata.get("conj") or metadata.get("neg") else None
        )
        if dtype in PACKED:
            note = "packed values"
        return replace(part, parameter=True if grad else None, note=note)

    def _quantised(self, arguments: tuple[Any, ...]) -> Part:
        if len(arguments) < 5:
            raise self._broken("a quantised tensor lacks its shape")
        storage = storage_request(arguments[0], kind=self._kind)
        dtype = storage.element or "quint8"
        part = self._fit(storage, dtype, arguments[1], arguments[2], arguments[3])
        scheme = items_of(arguments[4])
        numbers = [value for value in scheme[1:3] if type(value) in (int, float)]
        scale = f", scale {numbers[0]:g}, zero point {numbers[1]:g}" if len(numbers) == 2 else ""
        return replace(part, note=f"quantised integers{scale}")

    def _parameter(self, record: Obj, arguments: _Arguments, depth: int) -> _Parts:
        data = (arguments or items_of(record.state) or (None,))[0]
        inner = self._parts(data, depth)
        return inner and tuple(replace(part, parameter=True) for part in inner)

    def _sparse(self, _record: Obj, arguments: _Arguments, depth: int) -> _Parts:
        data = items_of(arguments[-1]) if arguments else ()
        pieces = [self._parts(piece, depth) for piece in data[:3]]
        tensors = [piece[0] for piece in pieces if piece]
        names = _SPARSE_PIECES.get(len(tensors), ())
        return (
            tuple(
                replace(tensor, suffix=name, note=f"{name.replace('_', ' ')} of a sparse tensor")
                for name, tensor in zip(names, tensors, strict=False)
            )
            or None
        )

    def _nested(self, _record: Obj, arguments: _Arguments, depth: int) -> _Parts:
        inner = self._parts(arguments[0], depth) if arguments else None
        return inner and tuple(replace(part, note="buffer of a nested tensor") for part in inner)

    def _moved(self, _record: Obj, arguments: _Arguments, depth: int) -> _Parts:
        return self._parts(arguments[0], depth) if arguments else None

    def _subclass(self, _record: Obj, arguments: _Arguments, depth: int) -> _Parts:
        """A tensor subclass: rebuilt from a plain tensor, or wrapping tensors in its state."""
        if len(arguments) < 3:
            return None
        inner = self._parts(Obj(arguments[0], arguments[2]), depth)
        if inner is None:
            return self._wrapped(arguments[3] if len(arguments) > 3 else None, depth)
        if isinstance(arguments[1], Ref) and arguments[1].name == "Parameter":
            return tuple(replace(part, parameter=True) for part in inner)
        return inner

    def _old_subclass(self, _record: Obj, arguments: _Arguments, depth: int) -> _Parts:
        return self._parts(Obj(arguments[0], arguments[1]), depth) if len(arguments) > 1 else None

    def _wrapper(self, record: Obj, _arguments: _Arguments, depth: int) -> _Parts:
        return self._wrapped(record.state, depth)

    def _wrapped(self, state: object, depth: int) -> _Parts:
        found: list[Part] = []
        first = items_of(state)[0] if items_of(state) else state
        self._spend(len(pairs_of(first)))
        for name, value in by_name(first).items():
            for part in self._parts(value, depth) or ():
                suffix = ".".join(filter(None, (plain_text(name, limit=80), part.suffix)))
                note = part.note or "part of a wrapped tensor"
                found.append(replace(part, suffix=suffix, note=note))
        return tuple(found) or None

    def _fit(
        self, storage: StorageRequest, dtype: str, first: object, sizes: object, steps: object
    ) -> Part:
        extent = self._locate(storage)
        if dtype not in ELEMENT_TYPES:
            raise self._broken(f"the dtype {plain_text(dtype, limit=60)!r} is unknown")
        shape, strides = self._numbers(sizes), self._numbers(steps)
        if type(first) is not int or first < 0 or len(shape) != len(strides):
            raise self._broken("a tensor's offset or strides make no sense")
        itemsize = ELEMENT_TYPES[dtype].itemsize
        length = reach(shape, strides)
        if length and (first + length) * itemsize > extent.length:
            raise self._broken(
                f"a tensor of shape {shape} reaches past its storage of {extent.length:,} bytes"
            )
        if element_count(shape) > _COUNT:
            raise self._broken(f"a tensor claims {element_count(shape):,} values")
        offset = extent.offset + (first * itemsize if length else 0)
        steps_taken = strides if length else contiguous_strides(shape)
        return Part(
            suffix="", dtype=dtype, shape=shape, strides=steps_taken, offset=offset, parameter=None
        )

    def _spend(self, records: int) -> None:
        self._left -= records
        if self._left < 0:
            raise self._broken(f"it names more than {_RECORDS:,} tensors")

    def _numbers(self, record: object) -> tuple[int, ...]:
        if isinstance(record, Obj) and type(record.arguments) is tuple and record.arguments:
            record = record.arguments[0]  # torch.Size
        numbers = items_of(record)
        if len(numbers) > _AXES or any(type(n) is not int or not 0 <= n < _COUNT for n in numbers):
            raise self._broken("a tensor's shape or strides make no sense")
        return tuple(numbers)

    def _broken(self, reason: str) -> Malformed:
        return Malformed(format=self._kind, reason=f"{reason}.")


def storage_request(record: object, *, kind: str) -> StorageRequest:
    """The storage that a persistent id asks for.

    Raises:
        Malformed: If it is no storage, or of a type that torch does not have.
    """
    identity = record.identity if isinstance(record, Pers) else None
    if type(identity) is not tuple or len(identity) < 5 or identity[0] != "storage":
        raise Malformed(format=kind, reason="a tensor lacks its storage.")
    storage_type, key, count = identity[1], identity[2], identity[4]
    name = storage_type.name if isinstance(storage_type, Ref) else ""
    element = STORAGE_TYPES.get(name)
    if element is None and name != "UntypedStorage":
        shown = plain_text(name, limit=60)
        raise Malformed(format=kind, reason=f"the storage type {shown!r} is unknown.")
    if type(key) not in (str, int) or type(count) is not int or not 0 <= count < _COUNT:
        raise Malformed(format=kind, reason="a storage lacks its size.")
    view = _view(identity[5]) if len(identity) > 5 else None
    return StorageRequest(key=str(key), element=element, count=count, view=view)


def storage_bytes(request: StorageRequest) -> int:
    """Bytes that the storage must have."""
    return request.count * (ELEMENT_TYPES[request.element].itemsize if request.element else 1)


def _view(metadata: object) -> tuple[str, int, int] | None:
    if type(metadata) is not tuple or len(metadata) != 3:
        return None
    key, first, count = metadata
    if type(first) is not int or type(count) is not int or first < 0 or count < 0:
        return None
    return str(key) if type(key) in (str, int) else "", first, count


def _dtype(record: object) -> str | None:
    return record.name if isinstance(record, Ref) and record.module == "torch" else None


_Make: TypeAlias = Callable[[Builder, Obj, _Arguments, int], _Parts]
_COMPOUND: Final[dict[str, _Make]] = {
    "_rebuild_parameter": Builder._parameter,
    "_rebuild_parameter_with_state": Builder._parameter,
    "Parameter": Builder._parameter,
    "_rebuild_sparse_tensor": Builder._sparse,
    "_rebuild_nested_tensor": Builder._nested,
    "_rebuild_device_tensor_from_cpu_tensor": Builder._moved,
    "_rebuild_from_type_v2": Builder._subclass,
    "_rebuild_from_type": Builder._old_subclass,
    "_rebuild_wrapper_subclass": Builder._wrapper,
}
