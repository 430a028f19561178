"""The opcodes that build, share and name; `app.readers.inert_pickle` has the table."""

from __future__ import annotations

import struct
from typing import Any

from app.readers.literals import Instruction
from app.readers.machine import Machine
from app.readers.records import Obj, PDict, Pers, PSet


def tuple_of(length: int) -> Instruction:
    """TUPLE1, TUPLE2, TUPLE3."""

    def tuple_of(machine: Machine) -> None:
        found = [machine.pop() for _ in range(length)]
        machine.push(tuple(reversed(found)))

    return tuple_of


def pop(machine: Machine) -> None:
    """POP: the newest record, or a mark that nothing follows."""
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.pop()


def dictionary(machine: Machine) -> None:
    """DICT."""
    found = machine.since_mark()
    record = PDict()
    _add_pairs(machine, record.pairs, found)
    machine.push(record)


def set_item(machine: Machine) -> None:
    """SETITEM."""
    value, key = machine.pop(), machine.pop()
    _pairs_of_top(machine).append((key, value))


def set_items(machine: Machine) -> None:
    """SETITEMS."""
    found = machine.since_mark()
    _add_pairs(machine, _pairs_of_top(machine), found)


def _add_pairs(machine: Machine, pairs: list[tuple[Any, Any]], found: list[Any]) -> None:
    if len(found) % 2:
        raise machine.broken("a key without a value")
    pairs.extend(zip(found[::2], found[1::2], strict=True))


def _pairs_of_top(machine: Machine) -> list[tuple[Any, Any]]:
    target = machine.top()
    if not isinstance(target, PDict | Obj):
        raise machine.broken("a key set on what is no dictionary")
    return target.pairs


def append(machine: Machine) -> None:
    """APPEND."""
    value = machine.pop()
    _items_of_top(machine).append(value)


def extend(machine: Machine) -> None:
    """APPENDS, ADDITEMS."""
    found = machine.since_mark()
    _items_of_top(machine).extend(found)


def _items_of_top(machine: Machine) -> list[Any]:
    target = machine.top()
    if type(target) is list:
        return target
    if isinstance(target, PSet | Obj):
        return target.items
    raise machine.broken("an element added to what is no list or set")


def persistent(machine: Machine) -> None:
    """BINPERSID."""
    _push_persistent(machine, machine.pop())


def persistent_text(machine: Machine) -> None:
    """PERSID."""
    _push_persistent(machine, machine.line().decode("latin-1"))


def _push_persistent(machine: Machine, identity: object) -> None:
    if type(identity) is tuple and len(identity) > 1 and identity[0] == "module":
        machine.push(identity[1])  # old torch: a class with its source text
    else:
        found = Pers(identity)
        machine.storages.append(found)
        machine.push(found)


def import_name(machine: Machine) -> None:
    """GLOBAL: note the name, import nothing."""
    module = machine.line().decode("utf-8", "replace")
    machine.push(machine.name(module, machine.line().decode("utf-8", "replace")))


def stack_global(machine: Machine) -> None:
    """STACK_GLOBAL."""
    name, module = machine.pop(), machine.pop()
    if type(name) is not str or type(module) is not str:
        raise machine.broken("an import without a name")
    machine.push(machine.name(module, name))


def extension(form: struct.Struct) -> Instruction:
    """EXT1, EXT2, EXT4."""

    def extension(machine: Machine) -> None:
        machine.push(machine.name("copyreg", f"extension {machine.number(form)}"))

    return extension


def reduce(machine: Machine) -> None:
    """REDUCE and NEWOBJ: note the call, make none."""
    arguments, maker = machine.pop(), machine.pop()
    machine.push(Obj(maker, arguments))


def new_object_with_keywords(machine: Machine) -> None:
    """NEWOBJ_EX."""
    keywords, arguments, maker = machine.pop(), machine.pop(), machine.pop()
    record = Obj(maker, arguments)
    record.state = keywords
    machine.push(record)


def instance(machine: Machine) -> None:
    """INST."""
    import_name(machine)
    maker = machine.pop()
    machine.push(Obj(maker, tuple(machine.since_mark())))


def object_(machine: Machine) -> None:
    """OBJ."""
    found = machine.since_mark()
    if not found:
        raise machine.broken("an instruction without its operand")
    machine.push(Obj(found[0], tuple(found[1:])))


def build(machine: Machine) -> None:
    """BUILD: note the state, set none."""
    state, target = machine.pop(), machine.top()
    if not isinstance(target, Obj):
        raise machine.broken("a state set on what is no object")
    target.state = state


def put_text(machine: Machine) -> None:
    """PUT."""
    machine.remember(_index(machine))


def get_text(machine: Machine) -> None:
    """GET."""
    machine.recall(_index(machine))


def _index(machine: Machine) -> int:
    text = machine.line(limit=20)
    if not text.isdigit():
        raise machine.broken("a number that is none")
    return int(text)


def put(form: struct.Struct) -> Instruction:
    """BINPUT, LONG_BINPUT."""
    return lambda machine: machine.remember(machine.number(form))


def get(form: struct.Struct) -> Instruction:
    """BINGET, LONG_BINGET."""
    return lambda machine: machine.recall(machine.number(form))


def no_buffer(machine: Machine) -> None:
    """NEXT_BUFFER."""
    raise machine.broken("a buffer that is not in the file")
