"""Torch's dtypes: bytes per element and the numpy form in which their values are handed on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementType:
    """One dtype as it lies in a file, always little-endian."""

    itemsize: int  # bytes per element
    view: str  # numpy dtype of the values handed to `sketch`
    values: str  # name under which `sketch` knows that form
    parts: int = 1  # values per element: 2 for complex numbers


def _plain(itemsize: int, view: str, values: str, parts: int = 1) -> ElementType:
    return ElementType(itemsize=itemsize, view=view, values=values, parts=parts)


ELEMENT_TYPES: Final[dict[str, ElementType]] = {
    "float64": _plain(8, "<f8", "float64"),
    "float32": _plain(4, "<f4", "float32"),
    "float16": _plain(2, "<f2", "float16"),
    "bfloat16": _plain(2, "<u2", "bfloat16"),
    "complex32": _plain(4, "<f2", "float16", 2),
    "complex64": _plain(8, "<f4", "float32", 2),
    "complex128": _plain(16, "<f8", "float64", 2),
    "int8": _plain(1, "|i1", "int8"),
    "int16": _plain(2, "<i2", "int16"),
    "int32": _plain(4, "<i4", "int32"),
    "int64": _plain(8, "<i8", "int64"),
    "uint8": _plain(1, "|u1", "uint8"),
    "uint16": _plain(2, "<u2", "uint16"),
    "uint32": _plain(4, "<u4", "uint32"),
    "uint64": _plain(8, "<u8", "uint64"),
    "bool": _plain(1, "|b1", "bool"),
    "float8_e4m3fn": _plain(1, "|u1", "float8_e4m3fn"),
    "float8_e5m2": _plain(1, "|u1", "float8_e5m2"),
    "float8_e4m3fnuz": _plain(1, "|u1", "float8_e4m3fnuz"),
    "float8_e5m2fnuz": _plain(1, "|u1", "float8_e5m2fnuz"),
    "float8_e8m0fnu": _plain(1, "|u1", "float8_e8m0fnu"),
    # Stored integers of a quantised tensor; scale and zero point are noted beside it.
    "qint8": _plain(1, "|i1", "int8"),
    "quint8": _plain(1, "|u1", "uint8"),
    "qint32": _plain(4, "<i4", "int32"),
    # Two or four values in one byte: only the packed bytes have a numpy form.
    "quint4x2": _plain(1, "|u1", "uint8"),
    "quint2x4": _plain(1, "|u1", "uint8"),
    "float4_e2m1fn_x2": _plain(1, "|u1", "uint8"),
}

STORAGE_TYPES: Final = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
    "QUInt4x2Storage": "quint4x2",
    "QUInt2x4Storage": "quint2x4",
}

PACKED: Final = frozenset({"quint4x2", "quint2x4", "float4_e2m1fn_x2"})


def element_count(shape: tuple[int, ...]) -> int:
    """Elements of a tensor of this shape, exact however large."""
    count = 1
    for size in shape:
        count *= size
    return count


def reach(shape: tuple[int, ...], strides: tuple[int, ...]) -> int:
    """Elements from the first to just past the last one addressed; 0 for an empty tensor."""
    if 0 in shape:
        return 0
    return 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major strides in elements, as torch has them: a size of 0 counts as 1."""
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def view_type(name: str) -> np.dtype[np.generic]:
    """The numpy dtype in which a torch dtype's bytes are looked at."""
    return np.dtype(ELEMENT_TYPES[name].view)
