"""An ONNX file as plain facts: its operations, and where its tensors lie. Nothing is run."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np

from app.errors import Malformed
from app.readers.dtypes import ELEMENT_TYPES, contiguous_strides, element_count, view_type
from app.readers.mapped import Mapped
from app.readers.protobuf import Span, Wire
from app.readers.records import plain_text
from app.readers.tensors import Part

KIND: Final = "ONNX"

_FIELDS: Final = 3_000_000
_NAME: Final = 400  # bytes
_AXES: Final = 32
_SIZE: Final = 2**48
_SMALL: Final = 2**16  # values of a tensor that may be looked at
_DTYPES: Final = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16",
}  # fmt: skip

Attribute: TypeAlias = "int | float | str | list[int] | list[float] | OnnxTensor | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxTensor:
    """A tensor of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    place: Span | None  # of its raw values; None where they lie elsewhere
    numbers: tuple[int | float, ...] | None = None  # where they are written one by one
    external: bool = False  # in another file, which is never opened


@dataclass(slots=True, kw_only=True)
class OnnxNode:
    """One operation."""

    operator: str = ""
    domain: str = ""
    name: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: dict[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxInput:
    """What the graph is given."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]  # None where the file leaves a size open


@dataclass(slots=True, kw_only=True)
class OnnxFile:
    """The file's graph."""

    nodes: list[OnnxNode] = field(default_factory=list)
    tensors: dict[str, OnnxTensor] = field(default_factory=dict)
    inputs: list[OnnxInput] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


def is_onnx(mapped: Mapped) -> bool:
    """Whether a file begins as an ONNX model: its version, then who made it, or the graph."""
    head = mapped.data[:4]
    return len(head) == 4 and head[0] == 0x08 and 1 <= head[1] <= 20 and head[2] in (0x12, 0x3A)


def read_onnx_file(mapped: Mapped) -> OnnxFile:
    """The operations and tensors of an ONNX file.

    Raises:
        Malformed: If it is no sound protocol buffer, or holds no graph.
    """
    return _Reader(Wire(data=mapped.data, kind=KIND, left=_FIELDS)).file(mapped.size)


def part_of(tensor: OnnxTensor) -> Part | None:
    """The place of a tensor as a checkpoint lists it; None where its bytes are not in the file."""
    size = element_count(tensor.shape) * ELEMENT_TYPES[tensor.dtype].itemsize
    if tensor.place is None or tensor.place.end - tensor.place.start != size:
        return None
    return Part(
        suffix="",
        dtype=tensor.dtype,
        shape=tensor.shape,
        strides=contiguous_strides(tensor.shape),
        offset=tensor.place.start,
        parameter=None,
    )


def small_values(mapped: Mapped, tensor: OnnxTensor) -> np.ndarray[Any, Any] | None:
    """A small tensor's values; None where it is large, elsewhere, or of a dtype numpy lacks."""
    count = element_count(tensor.shape)
    if count > _SMALL or tensor.dtype == "bfloat16":
        return None
    if tensor.numbers is not None and len(tensor.numbers) == count:
        return np.array(tensor.numbers, view_type(tensor.dtype)).reshape(tensor.shape)
    part = part_of(tensor)
    if part is None or tensor.place is None:
        return None
    raw = bytes(mapped.data[tensor.place.start : tensor.place.end])
    return np.frombuffer(raw, view_type(tensor.dtype)).reshape(tensor.shape)


class _Reader:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def file(self, size: int) -> OnnxFile:
        graphs = [v for n, v in self._wire.fields(Span(start=0, end=size)) if n == 7]
        if not graphs:
            raise self._wire.broken("it holds no graph")
        found = OnnxFile()
        for number, value in self._wire.fields(self._wire.span(graphs[-1])):
            if number == 1:
                found.nodes.append(self._node(self._wire.span(value)))
            elif number == 5:
                tensor = self._tensor(self._wire.span(value))
                found.tensors[tensor.name] = tensor
            elif number == 11:
                found.inputs.append(self._input(self._wire.span(value)))
            elif number == 12:
                found.outputs.append(self._input(self._wire.span(value)).name)
        return found

    def _fields(self, span: Span, wanted: int) -> Iterator[int | Span]:
        return (value for number, value in self._wire.fields(span) if number == wanted)

    def _text(self, value: int | Span) -> str:
        return self._wire.text(value, limit=_NAME)

    def _node(self, span: Span) -> OnnxNode:
        found = OnnxNode()
        for number, value in self._wire.fields(span):
            if number == 1:
                found.inputs.append(self._text(value))
            elif number == 2:
                found.outputs.append(self._text(value))
            elif number in (3, 4, 7):
                setattr(found, {3: "name", 4: "operator", 7: "domain"}[number], self._text(value))
            elif number == 5:
                name, attribute = self._attribute(self._wire.span(value))
                found.attributes[name] = attribute
        return found

    def _attribute(self, span: Span) -> tuple[str, Attribute]:
        name, found = "", None
        whole: list[int] = []
        real: list[float] = []
        for number, value in self._wire.fields(span):
            if number == 1:
                name = self._text(value)
            elif number == 7:
                real += self._reals(value)
            elif number == 8:
                whole += map(_signed, self._wire.numbers(value))
            elif number in (2, 3, 4, 5):
                found = self._single(number, value)
        return name, whole or real or found

    def _single(self, number: int, value: int | Span) -> Attribute:
        if isinstance(value, int):
            return _signed(value)
        if number == 2:
            return next(iter(self._reals(value)), None)
        return self._text(value) if number == 4 else self._tensor(value)

    def _tensor(self, span: Span) -> OnnxTensor:
        held: dict[int, int | Span] = {}
        shape: list[int] = []
        numbers: list[int | float] = []
        for number, value in self._wire.fields(span):
            if number == 1:
                shape += self._wire.numbers(value)
            elif number == 4:
                numbers += self._reals(value)
            elif number in (5, 7):
                numbers += map(_signed, self._wire.numbers(value))
            else:
                held[number] = value
        name = self._text(held[8]) if 8 in held else ""
        if len(shape) > _AXES or any(size >= _SIZE for size in shape):
            shown = plain_text(name, limit=80)
            raise self._wire.broken(f"the shape of {shown!r} makes no sense")
        code, external = held.get(2, 0), 13 in held or held.get(14, 0) != 0
        inside = 9 in held and not external
        return OnnxTensor(
            name=name,
            dtype=self._dtype(code if isinstance(code, int) else 0),
            shape=tuple(shape),
            place=self._wire.span(held[9]) if inside else None,
            numbers=tuple(numbers) or None,
            external=external,
        )

    def _input(self, span: Span) -> OnnxInput:
        name, code = "", 1
        shape: list[int | None] = []
        for number, value in self._wire.fields(span):
            if number == 1:
                name = self._text(value)
            elif number == 2:
                for tensor in self._fields(self._wire.span(value), 1):
                    code, shape = self._type(self._wire.span(tensor))
        return OnnxInput(name=name, dtype=self._dtype(code), shape=tuple(shape))

    def _type(self, span: Span) -> tuple[int, list[int | None]]:
        code, shape = 0, []
        for number, value in self._wire.fields(span):
            if number == 1:
                code = value if isinstance(value, int) else 0
            elif number == 2:
                shape = [self._size(d) for d in self._fields(self._wire.span(value), 1)]
        return code, shape

    def _size(self, value: int | Span) -> int | None:
        told = [v for v in self._fields(self._wire.span(value), 1) if isinstance(v, int)]
        return told[0] if told and 0 < told[0] < _SIZE else None

    def _reals(self, value: int | Span) -> list[float]:
        span = self._wire.span(value)
        if (span.end - span.start) % 4 or span.end - span.start > 4 * _SMALL:
            raise self._wire.broken("a list of numbers makes no sense")
        raw = bytes(self._wire.data[span.start : span.end])
        return list(struct.unpack(f"<{len(raw) // 4}f", raw))

    def _dtype(self, code: int) -> str:
        return _DTYPES.get(code, "complex64")


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number


__all__ = [
    "KIND", "Malformed", "OnnxFile", "OnnxInput", "OnnxNode", "OnnxTensor", "is_onnx", "part_of",
    "read_onnx_file", "small_values",
]  # fmt: skip
