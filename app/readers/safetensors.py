"""Safetensors, read strictly: no duplicate name, no gap, no overlap, nothing after the end."""

from __future__ import annotations

import json
import struct
from typing import Any, Final

from app.core.checkpoint import Checkpoint
from app.errors import Malformed, NoTensors, Truncated, UnsupportedFormat
from app.readers.assembly import stored_tensors
from app.readers.dtypes import ELEMENT_TYPES, contiguous_strides, element_count
from app.readers.mapped import Mapped
from app.readers.records import plain_text
from app.readers.tensors import Part

KIND: Final = "safetensors"
HEADER_BYTES: Final = 16 * 2**20  # 20,000 tensors need 3 MB
_LENGTH: Final = struct.Struct("<Q")
_TENSORS: Final = 200_000
_METADATA: Final = 200
_DTYPES: Final = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "C64": "complex64",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
}
_NARROW: Final = frozenset({"F4", "F6_E2M3", "F6_E3M2"})


def read_safetensors(mapped: Mapped) -> Checkpoint:
    """The table of contents of a safetensors file, in the order of its bytes.

    Raises:
        Truncated: If the header or the data are cut off.
        Malformed: If the header leaves any doubt about which byte belongs to which tensor.
        UnsupportedFormat: If a value is narrower than a byte.
        NoTensors: If it holds none.
    """
    header, start = _header(mapped)
    metadata = _metadata(header.pop("__metadata__", {}))
    if not header:
        raise NoTensors(detail="")
    if len(header) > _TENSORS:
        raise _broken(f"it names more than {_TENSORS:,} tensors")
    parts = sorted((_part(name, entry, start) for name, entry in header.items()), key=_by_place)
    _check_cover(parts, start, mapped.size)
    placed = [("", name, part) for name, part, _ in parts]
    tensors = stored_tensors(placed, kind=KIND, file_bytes=mapped.size)
    return Checkpoint(format=KIND, tensors=tensors, metadata=metadata)


def _header(mapped: Mapped) -> tuple[dict[str, Any], int]:
    length = _LENGTH.unpack_from(mapped.data, 0)[0]
    end = _LENGTH.size + length
    if length > HEADER_BYTES:
        raise _broken(f"its header would take {length:,} bytes, the limit is {HEADER_BYTES:,}")
    if end > mapped.size:
        raise Truncated(expected=f"a header of {length:,} bytes", found=f"{mapped.size - 8:,}")
    try:
        header = json.loads(
            mapped.data[_LENGTH.size : end], object_pairs_hook=_once, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as wrong:
        raise _broken("its header is not JSON") from wrong
    if not isinstance(header, dict):
        raise _broken("its header is not a JSON object")
    return header, end


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _broken("a name occurs twice in its header")
    return found


def _no_constant(name: str) -> None:
    raise _broken(f"its header has a {name}")


def _metadata(entry: object) -> dict[str, str]:
    if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
        raise _broken("its metadata is not a JSON object of texts")
    shown = list(entry.items())[:_METADATA]
    return {plain_text(key, limit=200): plain_text(value, limit=200) for key, value in shown}


def _part(name: str, entry: object, start: int) -> tuple[str, Part, int]:
    """Name, place and end of one tensor."""
    shown = plain_text(name, limit=80)
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _broken(f"the entry of {shown!r} is not dtype, shape and data_offsets")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not _naturals(shape) or not _naturals(offsets) or len(offsets) != 2 or len(shape) > 63:
        raise _broken(f"the shape or the offsets of {shown!r} make no sense")
    dtype = _dtype(entry["dtype"], shown)
    shape = tuple(shape)
    size = element_count(shape) * ELEMENT_TYPES[dtype].itemsize
    if offsets[1] - offsets[0] != size:
        raise _broken(f"{shown!r} needs {size:,} bytes, its offsets give another number")
    part = Part(
        suffix="",
        dtype=dtype,
        shape=shape,
        strides=contiguous_strides(shape),
        offset=start + offsets[0],
        parameter=None,
    )
    return plain_text(name), part, start + offsets[1]


def _dtype(name: object, tensor: str) -> str:
    if name in _NARROW:
        raise UnsupportedFormat(format="safetensors (with values narrower than a byte)")
    if not isinstance(name, str) or name not in _DTYPES:
        raise _broken(f"the dtype of {tensor!r} is unknown")
    return _DTYPES[name]


def _naturals(values: object) -> bool:
    return isinstance(values, list) and all(type(n) is int and 0 <= n < 2**62 for n in values)


def _by_place(entry: tuple[str, Part, int]) -> tuple[int, int]:
    return entry[1].offset, entry[2]


def _check_cover(parts: list[tuple[str, Part, int]], start: int, size: int) -> None:
    at = start
    for name, part, end in parts:
        if part.offset != at:
            raise _broken(f"there is a gap or an overlap at {plain_text(name, limit=80)!r}")
        at = end
    if at > size:
        raise Truncated(expected=f"{at:,} bytes", found=f"{size:,}")
    if at < size:
        raise _broken(f"{size - at:,} bytes stand after the last tensor")


def _broken(reason: str) -> Malformed:
    return Malformed(format=KIND, reason=f"{reason}.")
