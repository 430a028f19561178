"""The raw weights of an exported program: names, shapes and where the bytes lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.errors import Malformed
from app.readers.dtypes import ELEMENT_TYPES, contiguous_strides, reach
from app.readers.pt2_json import JsonObject, member
from app.readers.records import plain_text
from app.readers.tensors import Part
from app.readers.zip_directory import Entry

_AXES: Final = 63
_SIZE: Final = 2**48  # of one axis, stride or offset
_STRIDED: Final = 7

DTYPES: Final = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32",
    8: "float64", 9: "complex32", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16",
    28: "uint16", 29: "float8_e4m3fn", 30: "float8_e5m2", 31: "float8_e4m3fnuz",
    32: "float8_e5m2fnuz", 33: "float8_e8m0fnu", 34: "uint32", 35: "uint64",
}  # fmt: skip
"""torch's numbers of dtypes, as torch._export.serde.schema.ScalarType has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The tensors of one folder of the archive."""

    parts: tuple[tuple[str, Part], ...] = ()  # by name
    pickled: tuple[str, ...] = ()  # names of what is stored as a pickle
    empty: tuple[str, ...] = ()  # names of what was exported without its values


def read_payload(
    config: JsonObject, entries: dict[str, Entry], folder: str, *, kind: str
) -> Payload:
    """The tensors that a payload's configuration lists.

    Args:
        config: The JSON beside the tensors.
        entries: The zip's directory.
        folder: Where the tensors' entries are, with its slash.
        kind: The file's format, for a refusal.

    Raises:
        Malformed: If a tensor makes no sense or reaches past its bytes.
    """
    listed = member(config, "config")
    if not isinstance(listed, dict):
        raise Malformed(format=kind, reason="its list of weights is not a JSON object.")
    parts: list[tuple[str, Part]] = []
    pickled: list[str] = []
    empty: list[str] = []
    for name, about in listed.items():
        if member(about, "use_pickle") is not False:
            pickled.append(name)
            continue
        part = _Weight(name, about, kind).part(entries, folder)
        if part is None:
            empty.append(name)
        else:
            parts.append((plain_text(name), part))
    return Payload(parts=tuple(parts), pickled=tuple(pickled), empty=tuple(empty))


class _Weight:
    def __init__(self, name: str, about: object, kind: str) -> None:
        self._shown = plain_text(name, limit=80)
        self._about = about
        self._kind = kind

    def part(self, entries: dict[str, Entry], folder: str) -> Part | None:
        """Where the tensor lies; None where it was exported from memory without values."""
        path, meta = member(self._about, "path_name"), member(self._about, "tensor_meta")
        entry = entries.get(f"{folder}{path}") if isinstance(path, str) else None
        if entry is None or not entry.plain:
            raise self._broken("is missing, or compressed")
        code = member(meta, "dtype")
        dtype = DTYPES.get(code) if type(code) is int else None
        if dtype is None or member(meta, "layout") != _STRIDED:
            raise self._broken("has a dtype or layout that is not read")
        shape, strides = self._numbers(meta, "sizes"), self._numbers(meta, "strides")
        first = self._number(member(meta, "storage_offset"))
        if len(shape) != len(strides):
            raise self._broken("has strides that do not fit its shape")
        length, itemsize = reach(shape, strides), ELEMENT_TYPES[dtype].itemsize
        if length and not entry.size:
            return None
        if length and (first + length) * itemsize > entry.size:
            raise self._broken(f"reaches past its {entry.size:,} bytes")
        return Part(
            suffix="",
            dtype=dtype,
            shape=shape,
            strides=strides if length else contiguous_strides(shape),
            offset=entry.offset + (first * itemsize if length else 0),
            parameter=member(self._about, "is_param") is True,
        )

    def _numbers(self, meta: object, name: str) -> tuple[int, ...]:
        given = member(meta, name)
        if not isinstance(given, list) or len(given) > _AXES:
            raise self._broken(f"has {name} that make no sense")
        return tuple(map(self._number, given))

    def _number(self, given: object) -> int:
        number = member(given, "as_int")
        if type(number) is not int or not 0 <= number < _SIZE:
            raise self._broken("has a size that makes no sense")
        return number

    def _broken(self, what: str) -> Malformed:
        return Malformed(format=self._kind, reason=f"the tensor {self._shown!r} {what}.")
