"""Torch's zip file: torch.save since 1.6, and TorchScript archives, whose code is left alone."""

from __future__ import annotations

from typing import Final

from app.core.checkpoint import Checkpoint
from app.errors import Malformed, UnsupportedFormat
from app.readers.assembly import assemble
from app.readers.inert_pickle import read_pickle
from app.readers.machine import Caps
from app.readers.mapped import Mapped
from app.readers.records import plain_text
from app.readers.tensors import Builder, Extent, StorageRequest, storage_bytes
from app.readers.walk import walk
from app.readers.zip_directory import Entry, read_directory, read_entry

KIND: Final = "torch zip"

# What else is a zip: a name that only it has, and what people call it.
_OTHERS: Final = (
    ("model.weights.h5", "Keras (.keras)"),
    ("[Content_Types].xml", "Office document"),
    ("META-INF/MANIFEST.MF", "Java archive"),
)


def read_torch_zip(mapped: Mapped, entries: dict[str, Entry] | None = None) -> Checkpoint:
    """The table of contents of a torch zip file.

    Args:
        mapped: The file.
        entries: Its directory, where it has been read already.

    Raises:
        UnsupportedFormat: If the zip holds something else, or numbers in big-endian order.
        Malformed: If its directory, its pickle or a tensor is not sound.
        NoTensors: If it holds none.
    """
    entries = read_directory(mapped) if entries is None else entries
    prefix = _prefix(entries)
    refuse_big_endian(mapped, entries, prefix)
    data = read_entry(mapped, entries[f"{prefix}data.pkl"])
    caps = Caps.of(mapped.size)
    result = read_pickle(data, start=0, end=len(data), caps=caps, kind=KIND)
    builder = Builder(lambda request: _locate(entries, prefix, request), kind=KIND)
    found = walk(result.value, builder, kind=KIND)
    if any(name.startswith(f"{prefix}code/") for name in entries):
        found.notes.append("This is a TorchScript archive; its code was not read.")
    return assemble(found, kind=KIND, names=result.names, file_bytes=mapped.size)


def _prefix(entries: dict[str, Entry]) -> str:
    """The folder of the archive, with its slash."""
    pickles = [name for name in entries if name == "data.pkl" or name.endswith("/data.pkl")]
    shallow = [name for name in pickles if name.count("/") <= 1]
    if len(shallow) != 1:
        raise UnsupportedFormat(format=_other(entries))
    return shallow[0].removesuffix("data.pkl")


def _other(entries: dict[str, Entry]) -> str:
    for marker, format_name in _OTHERS:
        if any(name == marker or name.endswith(f"/{marker}") for name in entries):
            return format_name
    if entries and all(name.endswith(".npy") for name in entries):
        return "NumPy archive (.npz)"
    return "zip archive without a torch checkpoint inside"


def refuse_big_endian(mapped: Mapped, entries: dict[str, Entry], prefix: str) -> None:
    """Nothing, if the archive's numbers are little-endian.

    Args:
        mapped: The file.
        entries: Its directory.
        prefix: The archive's folder, with its slash.

    Raises:
        UnsupportedFormat: If they are big-endian.
        Malformed: If the archive says neither.
    """
    record = entries.get(f"{prefix}byteorder")
    if record is None:
        return  # written before torch 2.1, which meant little
    order = read_entry(mapped, record) if record.size <= 16 else b"?"
    if order == b"big":
        raise UnsupportedFormat(format="big-endian torch")
    if order != b"little":
        shown = plain_text(order.decode("latin-1"))
        raise Malformed(format=KIND, reason=f"its byte order is {shown!r}.")


def _locate(entries: dict[str, Entry], prefix: str, request: StorageRequest) -> Extent:
    entry = entries.get(f"{prefix}data/{request.key}")
    shown = plain_text(request.key, limit=40)
    if entry is None:
        raise Malformed(format=KIND, reason=f"the storage {shown!r} is missing.")
    if not entry.plain:
        raise Malformed(
            format=KIND,
            reason=f"the storage {shown!r} is compressed; torch stores numbers as they are.",
        )
    expected = storage_bytes(request)
    if entry.size != expected:
        raise Malformed(
            format=KIND,
            reason=f"the storage {shown!r} has {entry.size:,} bytes instead of {expected:,}.",
        )
    return Extent(offset=entry.offset, length=entry.size)
