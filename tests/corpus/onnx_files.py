"""ONNX files written field by field."""

from __future__ import annotations

import numpy as np

TYPES = {"float32": 1, "int64": 7, "bool": 9}


def varint(number: int) -> bytes:
    number &= 2**64 - 1
    found = b""
    while number > 0x7F:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def number(place: int, value: int) -> bytes:
    return varint(place << 3) + varint(value)


def span(place: int, raw: bytes | str) -> bytes:
    raw = raw.encode() if isinstance(raw, str) else raw
    return varint(place << 3 | 2) + varint(len(raw)) + raw


def held(values: np.ndarray, name: str = "", *, place: int = 5) -> bytes:
    """A tensor with its values, as an initializer or as an attribute's."""
    values = np.asarray(values)
    dims = span(1, b"".join(map(varint, values.shape)))
    kind = number(2, TYPES[values.dtype.name])
    return span(place, dims + kind + span(8, name) + span(9, values.tobytes()))


def empty(name: str, *shape: int, external: str = "") -> bytes:
    """An initializer that says a shape and holds nothing, or says that another file does."""
    beside = span(13, span(1, "location") + span(2, external)) + number(14, 1) if external else b""
    dims = b"".join(number(1, size) for size in shape)
    return span(5, dims + number(2, 1) + span(8, name) + beside)


def attribute(name: str, value: object) -> bytes:
    match value:
        case float():
            body = varint(2 << 3 | 5) + np.float32(value).tobytes() + number(20, 1)
        case int():
            body = number(3, value) + number(20, 2)
        case str():
            body = span(4, value) + number(20, 3)
        case np.ndarray():
            body = held(value, place=5) + number(20, 4)
        case _:
            body = span(8, b"".join(map(varint, value))) + number(20, 7)
    return span(5, span(1, name) + body)


def node(operator: str, inputs: list[str], outputs: list[str] | str, *, name: str = "", **how):
    outputs = [outputs] if isinstance(outputs, str) else outputs
    body = b"".join(span(1, one) for one in inputs) + b"".join(span(2, one) for one in outputs)
    body += span(3, name) + span(4, operator)
    return span(1, body + b"".join(attribute(key, value) for key, value in how.items()))


def given(name: str, *shape: int | str, dtype: str = "float32", place: int = 11) -> bytes:
    sizes = b"".join(span(1, span(2, s) if isinstance(s, str) else number(1, s)) for s in shape)
    kind = span(1, number(1, TYPES[dtype]) + span(2, sizes))
    return span(place, span(1, name) + span(2, kind))


def result(name: str) -> bytes:
    return given(name, place=12)


def model(*parts: bytes) -> bytes:
    return number(1, 8) + span(2, "pytorch") + span(7, b"".join(parts))
