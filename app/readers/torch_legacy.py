"""Torch's legacy stream: five pickles, then every storage as a count and its bytes.

torch.save before 1.6, and since with `_use_new_zipfile_serialization=False`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from app.core.checkpoint import Checkpoint
from app.errors import Malformed, Refused, Truncated, UnsupportedFormat
from app.readers.assembly import assemble
from app.readers.dtypes import ELEMENT_TYPES
from app.readers.inert_pickle import read_pickle
from app.readers.machine import Caps, Result
from app.readers.mapped import Mapped
from app.readers.records import by_name, items_of, plain_text
from app.readers.tensors import Builder, Extent, StorageRequest, storage_bytes, storage_request
from app.readers.walk import walk

KIND: Final = "torch legacy"
MAGIC: Final = 0x1950A86A20F9469CFC6C
_VERSION: Final = 1001
_COUNT: Final = struct.Struct("<q")
_MAGIC_BYTES: Final = 64


def read_torch_legacy(mapped: Mapped) -> Checkpoint:
    """The table of contents of a legacy torch file.

    Raises:
        UnsupportedFormat: If it is another pickle, or its numbers are big-endian.
        Truncated: If a storage is cut off.
        Malformed: If a pickle or a tensor is not sound.
        NoTensors: If it holds none.
    """
    stream = _Stream(mapped)
    stream.skip_magic()
    if stream.next().value != _VERSION:
        raise Malformed(format=KIND, reason=f"its version is not {_VERSION}.")
    if by_name(stream.next().value).get("little_endian") is False:
        raise UnsupportedFormat(format="big-endian torch")
    main, keys = stream.next(), stream.next()
    storages = _Storages(mapped, start=keys.end, keys=items_of(keys.value), main=main)
    builder = Builder(storages.locate, kind=KIND)
    found = walk(main.value, builder, kind=KIND)
    found.notes.extend(storages.notes)
    return assemble(found, kind=KIND, names=main.names, file_bytes=mapped.size)


class _Stream:
    """Reads one pickle after the other."""

    def __init__(self, mapped: Mapped) -> None:
        self._mapped = mapped
        self._at = 0
        self._caps = Caps.of(mapped.size)

    def skip_magic(self) -> None:
        """Step over the number that tells torch's stream from any other pickle."""
        end = min(self._mapped.size, _MAGIC_BYTES)
        try:
            result = read_pickle(self._mapped.data, start=0, end=end, caps=self._caps, kind=KIND)
        except Refused:
            result = None
        if result is None or result.value != MAGIC:
            raise UnsupportedFormat(format="bare pickle")
        self._at = result.end

    def next(self) -> Result:
        """What the next pickle describes."""
        data, end = self._mapped.data, self._mapped.size
        result = read_pickle(data, start=self._at, end=end, caps=self._caps, kind=KIND)
        self._at = result.end
        return result


class _Storages:
    """Where each storage lies: the stream tells counts, the pickle how wide an element is."""

    def __init__(self, mapped: Mapped, *, start: int, keys: Sequence[object], main: Result) -> None:
        self.notes: list[str] = []
        self._extents: dict[str, Extent] = {}
        elements = _element_types(main)
        at = start
        for key in keys:
            name = str(key) if type(key) in (str, int) else ""
            if name not in elements or name in self._extents:
                raise Malformed(format=KIND, reason="its list of storages does not fit its pickle.")
            at = self._place(mapped, at, name, elements[name])
        if at < mapped.size:
            self.notes.append(f"{mapped.size - at:,} bytes after the last storage were not read.")

    def locate(self, request: StorageRequest) -> Extent:
        """The bytes of a storage, or of the part that a view shows.

        Raises:
            Malformed: If there is no such storage, or it is not of the size asked for.
        """
        extent = self._extents.get(request.key)
        if extent is None or extent.length != storage_bytes(request):
            shown = plain_text(request.key, limit=40)
            raise Malformed(
                format=KIND, reason=f"the storage {shown!r} is missing or of another size."
            )
        if request.view is None:
            return extent
        _, first, count = request.view
        itemsize = _itemsize(request)
        if (first + count) * itemsize > extent.length:
            raise Malformed(format=KIND, reason="a view reaches past its storage.")
        return Extent(offset=extent.offset + first * itemsize, length=count * itemsize)

    def _place(self, mapped: Mapped, at: int, name: str, request: StorageRequest) -> int:
        if at + _COUNT.size > mapped.size:
            raise Truncated(expected=f"{at + _COUNT.size:,} bytes", found=f"{mapped.size:,}")
        count = _COUNT.unpack_from(mapped.data, at)[0]
        first = at + _COUNT.size
        if count < 0 or count != request.count:
            raise Malformed(format=KIND, reason="a storage is not of the size its pickle says.")
        end = first + storage_bytes(request)
        if end > mapped.size:
            raise Truncated(expected=f"at least {end:,} bytes", found=f"{mapped.size:,}")
        self._extents[name] = Extent(offset=first, length=end - first)
        return end


def _element_types(main: Result) -> dict[str, StorageRequest]:
    found: dict[str, StorageRequest] = {}
    for record in main.storages:
        request = storage_request(record, kind=KIND)
        found.setdefault(request.key, request)
    return found


def _itemsize(request: StorageRequest) -> int:
    return ELEMENT_TYPES[request.element].itemsize if request.element else 1
