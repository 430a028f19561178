"""The opcodes that push a number, a text or bytes; `app.readers.inert_pickle` has the table."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Final, TypeAlias

from app.readers.machine import Machine
from app.readers.records import Span

Instruction: TypeAlias = Callable[[Machine], None]

_INTEGER_BYTES: Final = 32  # the widest integer taken; random generators need 16
_COPIED_BYTES: Final = 1 << 16  # longer byte strings stay where they are
_FLOAT: Final = struct.Struct(">d")
_ESCAPE: Final = re.compile(r"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t"}


def constant(value: object) -> Instruction:
    """Push a fixed value: NONE, NEWTRUE, NEWFALSE, EMPTY_TUPLE."""
    return lambda machine: machine.push(value)


def integer(form: struct.Struct) -> Instruction:
    """BININT, BININT1, BININT2."""
    return lambda machine: machine.push(machine.number(form))


def skip(length: int) -> Instruction:
    """PROTO and FRAME, which say nothing about the objects."""

    def skip(machine: Machine) -> None:
        machine.advance(length)

    return skip


def binary_float(machine: Machine) -> None:
    """BINFLOAT."""
    machine.push(_FLOAT.unpack_from(machine.data, machine.advance(8))[0])


def float_text(machine: Machine) -> None:
    """FLOAT."""
    try:
        machine.push(float(machine.line(limit=80)))
    except ValueError as wrong:
        raise machine.broken("a number that is none") from wrong


def integer_text(machine: Machine) -> None:
    """INT and LONG: a decimal line, or the old spelling of a boolean."""
    text = machine.line(limit=80).rstrip(b"L")
    if text in (b"00", b"01"):
        machine.push(text == b"01")
        return
    try:
        machine.push(int(text))
    except ValueError as wrong:
        raise machine.broken("a number that is none") from wrong


def long_integer(form: struct.Struct) -> Instruction:
    """LONG1, LONG4."""

    def long(machine: Machine) -> None:
        length = machine.number(form)
        if not 0 <= length <= _INTEGER_BYTES:
            raise machine.broken(f"an integer of {length:,} bytes")
        machine.push(int.from_bytes(machine.take(length), "little", signed=True))

    return long


def text(form: struct.Struct) -> Instruction:
    """SHORT_BINUNICODE, BINUNICODE, BINUNICODE8."""

    def text(machine: Machine) -> None:
        machine.push(machine.take(machine.number(form)).decode("utf-8", "replace"))

    return text


def binary(form: struct.Struct) -> Instruction:
    """BINBYTES and its kin; a long one stays in the file."""

    def binary(machine: Machine) -> None:
        length = machine.number(form)
        if length <= _COPIED_BYTES:
            machine.push(machine.take(length))
        else:
            machine.push(Span(machine.advance(length), length))

    return binary


def old_text(form: struct.Struct) -> Instruction:
    """STRING forms of Python 2: its str, which held names as well as bytes."""

    def text(machine: Machine) -> None:
        raw = machine.take(machine.number(form))
        try:
            machine.push(raw.decode("utf-8"))
        except UnicodeDecodeError:
            machine.push(raw.decode("latin-1"))

    return text


def quoted_text(machine: Machine) -> None:
    """STRING."""
    text = machine.line(limit=1 << 20).decode("latin-1").strip()
    if len(text) < 2 or text[0] != text[-1] or text[0] not in "'\"":
        raise machine.broken("a text without quotes")
    machine.push(_ESCAPE.sub(_unescaped, text[1:-1]))


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    return chr(int(code[1:], 16)) if len(code) == 3 else _ESCAPED.get(code, code)


def escaped_text(machine: Machine) -> None:
    """UNICODE."""
    try:
        machine.push(machine.line(limit=1 << 20).decode("raw-unicode-escape"))
    except UnicodeDecodeError as wrong:
        raise machine.broken("a text that is none") from wrong
