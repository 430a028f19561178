"""Torch's exported program (.pt2): its weights as any checkpoint's, its graph as plain JSON.

Two layouts: an archive with raw weights (torch 2.8 and later), and a zip with two torch files in it
(torch 2.1 to 2.7). Pickled weights, sample inputs, custom objects and compiled code are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from app.core.checkpoint import Checkpoint, StoredTensor
from app.errors import Malformed, NoTensors, UnsupportedFormat
from app.readers.assembly import stored_tensors
from app.readers.mapped import Mapped
from app.readers.pt2_json import JsonObject, read_json
from app.readers.pt2_modules import module_records
from app.readers.pt2_weights import Payload, read_payload
from app.readers.records import plain_text
from app.readers.torch_zip import read_torch_zip, refuse_big_endian
from app.readers.window import Window
from app.readers.zip_directory import Entry, read_directory

KIND: Final = "pt2"
CONSTANTS: Final = "constants"  # group of the tensors that are neither parameters nor buffers

_MODEL: Final = re.compile(r"(?P<root>(?:[^/]+/)?)models/(?P<name>[^/]+)\.json")
_OLD_GRAPH: Final = "serialized_exported_program.json"
_OLD_TENSORS: Final = {"serialized_state_dict": "", "serialized_constants": CONSTANTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """A .pt2 file: what it stores and what it says of the graph, the latter unchecked."""

    checkpoint: Checkpoint
    program: JsonObject  # torch's own serialised ExportedProgram


def is_pt2(entries: Iterable[str]) -> bool:
    """Whether a zip's entries are those of an exported program or of a package of one."""
    return any(_marks_pt2(name) for name in entries)


def open_pt2(descriptor: int) -> ExportedFile:
    """The table of contents and the graph of an exported program.

    Args:
        descriptor: A regular file, open for reading.

    Raises:
        UnsupportedFormat: If it is no .pt2 file, or one that holds compiled code alone.
        Malformed: If an entry is missing or makes no sense.
    """
    with Mapped(descriptor) as mapped:
        return _opened(mapped, read_directory(mapped))


def read_pt2(mapped: Mapped, entries: dict[str, Entry]) -> Checkpoint:
    """The table of contents alone.

    Raises:
        UnsupportedFormat: If it is no .pt2 file, or one that holds compiled code alone.
        Malformed: If an entry is missing or makes no sense.
        NoTensors: If it holds none.
    """
    found = _opened(mapped, entries).checkpoint
    if not found.tensors:
        raise NoTensors(detail="")
    return found


def _marks_pt2(name: str) -> bool:
    if name.endswith(_OLD_GRAPH) or "/data/aotinductor/" in f"/{name}":
        return True
    return _MODEL.fullmatch(name) is not None


def _opened(mapped: Mapped, entries: dict[str, Entry]) -> ExportedFile:
    if _OLD_GRAPH in entries:
        return _old_layout(mapped, entries)
    root, name = _model(entries)
    refuse_big_endian(mapped, entries, root)
    program = read_json(mapped, entries[f"{root}models/{name}.json"])
    weights = _payload(mapped, entries, root, f"weights/{name}_weights_config.json")
    constants = _payload(mapped, entries, root, f"constants/{name}_constants_config.json")
    parts = [("", part_name, part) for part_name, part in weights.parts]
    parts += [(CONSTANTS, part_name, part) for part_name, part in constants.parts]
    tensors = stored_tensors(parts, kind=KIND, file_bytes=mapped.size)
    checkpoint = _checkpoint(program, tensors, _notes(weights, constants))
    return ExportedFile(checkpoint=checkpoint, program=program)


def _model(entries: dict[str, Entry]) -> tuple[str, str]:
    """The archive's folder with its slash, and the name of its model."""
    found = [match.group("root", "name") for name in entries if (match := _MODEL.fullmatch(name))]
    if not found:
        compiled = any(_marks_pt2(name) for name in entries)
        raise UnsupportedFormat(
            format="compiled torch package (AOTInductor)" if compiled else "zip"
        )
    named = [pair for pair in found if pair[1] == "model"] or found
    if len(named) > 1:
        shown = ", ".join(repr(plain_text(name, limit=40)) for _, name in named[:5])
        raise Malformed(format=KIND, reason=f"it holds several models ({shown}); send one.")
    return named[0][0], named[0][1]


def _payload(mapped: Mapped, entries: dict[str, Entry], root: str, config: str) -> Payload:
    entry = entries.get(f"{root}data/{config}")
    folder = f"{root}data/{config.partition('/')[0]}/"
    if entry is None:
        return Payload()
    return read_payload(read_json(mapped, entry), entries, folder, kind=KIND)


def _notes(weights: Payload, constants: Payload) -> tuple[str, ...]:
    told = {
        "Pickled, and therefore not read": (*weights.pickled, *constants.pickled),
        "Exported without values": (*weights.empty, *constants.empty),
    }
    return tuple(f"{what}: {_listed(names)}." for what, names in told.items() if names)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(plain_text(name, limit=60)) for name in names[:5])
    return f"{shown} and {len(names) - 5:,} more" if len(names) > 5 else shown


def _old_layout(mapped: Mapped, entries: dict[str, Entry]) -> ExportedFile:
    program = read_json(mapped, entries[_OLD_GRAPH])
    found: list[StoredTensor] = []
    for name, group in _OLD_TENSORS.items():
        entry = entries.get(f"{name}.pt")
        if entry is None and f"{name}.json" in entries:
            raise UnsupportedFormat(format="torch 2.0 export")
        if entry is not None:
            found += _nested(mapped, entry, group, first=len(found))
    return ExportedFile(checkpoint=_checkpoint(program, tuple(found), ()), program=program)


def _nested(mapped: Mapped, entry: Entry, group: str, *, first: int) -> list[StoredTensor]:
    """The tensors of a torch file inside the zip, at their places in the whole."""
    if not entry.plain:
        shown = plain_text(entry.name, limit=40)
        raise Malformed(format=KIND, reason=f"the entry {shown!r} is compressed.")
    try:
        inner = read_torch_zip(Window(mapped, entry.offset, entry.size))
    except NoTensors:
        return []
    return [
        replace(
            tensor,
            index=first + tensor.index,
            alias_of=None if tensor.alias_of is None else first + tensor.alias_of,
            group=".".join(filter(None, (group, tensor.group))),
            offset=entry.offset + tensor.offset,
        )
        for tensor in inner.tensors
    ]


def _checkpoint(
    program: JsonObject, tensors: tuple[StoredTensor, ...], notes: tuple[str, ...]
) -> Checkpoint:
    about: dict[str, Any] = program
    version = about.get("torch_version")
    metadata = {"torch_version": plain_text(version, limit=60)} if isinstance(version, str) else {}
    return Checkpoint(
        format=KIND,
        tensors=tensors,
        modules=module_records(program),
        metadata=metadata,
        notes=notes,
    )
