"""A pickle reader that builds records and calls nothing: one table of instructions.

It covers every opcode of protocols 0 to 5, imports nothing, hashes no key of the file and does
not recurse. What it costs is bounded by the size of the file it reads from.
"""

from __future__ import annotations

import struct
from typing import Final

from app.errors import Truncated
from app.readers import instructions as do
from app.readers import literals as push
from app.readers.machine import Buffer, Caps, Machine, Result
from app.readers.records import PDict, PSet

_STOP: Final = ord(".")
_U1, _U2, _U4, _I4, _U8 = map(struct.Struct, ("<B", "<H", "<I", "<i", "<Q"))


def read_pickle(data: Buffer, *, start: int, end: int, caps: Caps, kind: str) -> Result:
    """The records that the pickle at `start` describes; nothing in it runs.

    Args:
        data: The file, or one inflated record.
        start: Offset of its first opcode.
        end: Offset at which it must have stopped.
        caps: What it may cost.
        kind: The file's format, for the sentence of a refusal.

    Raises:
        Malformed: If it is no sound pickle, or asks for more than the caps.
        Truncated: If it does not stop before `end`.
    """
    machine = Machine(data, start=start, end=end, caps=caps, kind=kind)
    table = _TABLE
    for _ in range(caps.operations):
        if machine.position >= end:
            raise Truncated(expected="a pickle with an end", found=f"none in {end - start:,} bytes")
        code = data[machine.position]
        machine.position += 1
        if code == _STOP:
            return machine.result()
        instruction = table[code]
        if instruction is None:
            raise machine.broken(f"an unknown instruction, byte 0x{code:02x}")
        instruction(machine)
    raise machine.broken(f"more than {caps.operations:,} instructions")


_INSTRUCTIONS: Final[dict[int, push.Instruction]] = {
    ord("("): Machine.mark,
    ord("0"): do.pop,
    ord("1"): lambda machine: machine.since_mark().clear(),
    ord("2"): lambda machine: machine.push(machine.top()),
    ord("F"): push.float_text,
    ord("I"): push.integer_text,
    ord("J"): push.integer(_I4),
    ord("K"): push.integer(_U1),
    ord("L"): push.integer_text,
    ord("M"): push.integer(_U2),
    ord("N"): push.constant(None),
    ord("P"): do.persistent_text,
    ord("Q"): do.persistent,
    ord("R"): do.reduce,
    ord("S"): push.quoted_text,
    ord("T"): push.old_text(_U4),
    ord("U"): push.old_text(_U1),
    ord("V"): push.escaped_text,
    ord("X"): push.text(_U4),
    ord("a"): do.append,
    ord("b"): do.build,
    ord("c"): do.import_name,
    ord("d"): do.dictionary,
    ord("}"): lambda machine: machine.push(PDict()),
    ord("e"): do.extend,
    ord("g"): do.get_text,
    ord("h"): do.get(_U1),
    ord("i"): do.instance,
    ord("j"): do.get(_U4),
    ord("l"): lambda machine: machine.push(machine.since_mark()),
    ord("]"): lambda machine: machine.push([]),
    ord("o"): do.object_,
    ord("p"): do.put_text,
    ord("q"): do.put(_U1),
    ord("r"): do.put(_U4),
    ord("s"): do.set_item,
    ord("t"): lambda machine: machine.push(tuple(machine.since_mark())),
    ord(")"): push.constant(()),
    ord("u"): do.set_items,
    ord("G"): push.binary_float,
    0x80: push.skip(1),  # PROTO
    0x81: do.reduce,  # NEWOBJ
    0x82: do.extension(_U1),
    0x83: do.extension(_U2),
    0x84: do.extension(_I4),
    0x85: do.tuple_of(1),
    0x86: do.tuple_of(2),
    0x87: do.tuple_of(3),
    0x88: push.constant(True),  # the opcode NEWTRUE
    0x89: push.constant(False),  # the opcode NEWFALSE
    0x8A: push.long_integer(_U1),
    0x8B: push.long_integer(_I4),
    ord("B"): push.binary(_U4),
    ord("C"): push.binary(_U1),
    0x8C: push.text(_U1),
    0x8D: push.text(_U8),
    0x8E: push.binary(_U8),
    0x8F: lambda machine: machine.push(PSet([])),
    0x90: do.extend,  # ADDITEMS
    0x91: lambda machine: machine.push(PSet(machine.since_mark())),
    0x92: do.new_object_with_keywords,
    0x93: do.stack_global,
    0x94: lambda machine: machine.remember(len(machine.memo)),
    0x95: push.skip(8),  # FRAME
    0x96: push.binary(_U8),  # BYTEARRAY8
    0x97: do.no_buffer,
    0x98: lambda machine: None,  # noqa: ARG005  READONLY_BUFFER changes nothing
}
_TABLE: Final = [_INSTRUCTIONS.get(code) for code in range(256)]
