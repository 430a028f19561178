"""Pickles written opcode by opcode: nothing here ever holds the objects they speak of."""

from __future__ import annotations

import struct

PROTO = b"\x80\x02"
STOP = b"."
NONE, TRUE, FALSE = b"N", b"\x88", b"\x89"
REDUCE, BUILD, NEWOBJ = b"R", b"b", b"\x81"


def text(value: str | bytes) -> bytes:
    raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return b"X" + struct.pack("<I", len(raw)) + raw


def integer(value: int) -> bytes:
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def name(path: str) -> bytes:
    module, _, attribute = path.rpartition(".")
    return f"c{module}\n{attribute}\n".encode()


def tuple_(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def dict_(entries: dict[str, bytes] | list[tuple[bytes, bytes]]) -> bytes:
    pairs = entries if isinstance(entries, list) else [(text(k), v) for k, v in entries.items()]
    return b"}(" + b"".join(key + value for key, value in pairs) + b"u"


def list_(*parts: bytes) -> bytes:
    return b"](" + b"".join(parts) + b"e"


def call(path: str, *arguments: bytes) -> bytes:
    return name(path) + tuple_(*arguments) + REDUCE


def storage(
    key: str, count: int, kind: str = "FloatStorage", *, view: bytes | None = None
) -> bytes:
    parts = [text("storage"), name(f"torch.{kind}"), text(key), text("cpu"), integer(count)]
    return tuple_(*parts, *([view] if view is not None else [])) + b"Q"


def tensor(
    key: str = "0",
    count: int = 4,
    *,
    shape: tuple[int, ...] = (4,),
    strides: tuple[int, ...] = (1,),
    first: int = 0,
    kind: str = "FloatStorage",
    view: bytes | None = None,
) -> bytes:
    return call(
        "torch._utils._rebuild_tensor_v2",
        storage(key, count, kind, view=view),
        integer(first),
        tuple_(*map(integer, shape)),
        tuple_(*map(integer, strides)),
        FALSE,
        call("collections.OrderedDict"),
    )


def pickled(body: bytes) -> bytes:
    return PROTO + body + STOP
