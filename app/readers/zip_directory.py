"""A strict zip directory: one meaning only, or a refusal. It reads no entry and follows no path."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final

from app.errors import Malformed, Truncated
from app.readers.mapped import Mapped
from app.readers.records import plain_text

_END: Final = struct.Struct("<4s4H2IH")
_END64: Final = struct.Struct("<4sQ2H2I4Q")
_LOCATOR: Final = struct.Struct("<4sIQI")
_ENTRY: Final = struct.Struct("<4s6H3I5H2I")
_LOCAL: Final = struct.Struct("<4s5H3I2H")

_ENTRIES: Final = 400_000
_INFLATED_BYTES: Final = 64 * 2**20
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _DESCRIPTOR = 0x1, 0x8
_LINK: Final = 0o120000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry; its data begins where the local header says."""

    name: str  # a key, never a path
    method: int
    offset: int  # bytes from the start of the file to its data
    stored: int  # bytes in the file
    size: int  # bytes when inflated

    @property
    def plain(self) -> bool:
        """Stored as it is, so that it can be mapped."""
        return self.method == _STORED


@dataclass(frozen=True, slots=True)
class _Raw:
    name: bytes
    flags: int
    method: int
    stored: int
    size: int
    header: int


def read_directory(mapped: Mapped) -> dict[str, Entry]:
    """Every entry by name.

    Raises:
        Truncated: If the directory at the end of the file is missing.
        Malformed: If two readers could see different files in it: duplicates, overlaps, a local
            header that differs from the directory, bytes after the end, links, encryption.
    """
    count, start, length = _directory(mapped)
    found: dict[str, Entry] = {}
    taken: list[tuple[int, int]] = []
    for raw in _raw_entries(mapped, count, start, length):
        entry = _entry(mapped, raw, start)
        if entry.name in found:
            raise _broken(f"the name {plain_text(entry.name, limit=80)!r} occurs twice")
        found[entry.name] = entry
        taken.append((raw.header, entry.offset + entry.stored))
    _refuse_overlaps(taken)
    return found


def read_entry(mapped: Mapped, entry: Entry) -> bytes:
    """The bytes of a small entry, inflated if need be.

    Raises:
        Malformed: If it is larger than 64 MiB, or inflates to another size than it says.
    """
    if entry.size > _INFLATED_BYTES:
        raise _broken(f"{plain_text(entry.name, limit=80)!r} would take {entry.size:,} bytes")
    raw = bytes(mapped.data[entry.offset : entry.offset + entry.stored])
    if entry.plain:
        return raw
    engine = zlib.decompressobj(-15)
    try:
        inflated = engine.decompress(raw, entry.size + 1)
    except zlib.error as wrong:
        raise _broken(f"{plain_text(entry.name, limit=80)!r} does not inflate") from wrong
    if len(inflated) != entry.size or not engine.eof:
        raise _broken(f"{plain_text(entry.name, limit=80)!r} inflates to another size than it says")
    return inflated


def _directory(mapped: Mapped) -> tuple[int, int, int]:
    if mapped.size < _END.size:
        raise _no_end(mapped)
    at = mapped.size - _END.size
    magic, disk, first_disk, here, count, length, start, comment = _END.unpack_from(mapped.data, at)
    if magic != b"PK\x05\x06":
        raise _no_end(mapped)
    if disk or first_disk or here != count or comment:
        raise _broken("its end record has a comment or names other volumes")
    if at >= _LOCATOR.size and mapped.data[at - _LOCATOR.size :][:4] == b"PK\x06\x07":
        count, start, length, at = _directory64(mapped, at, (count, start, length))
    if start + length != at:
        raise _broken("its directory does not reach to its end record")
    if count > _ENTRIES:
        raise _broken(f"it lists {count:,} entries")
    return count, start, length


def _directory64(
    mapped: Mapped, end: int, short: tuple[int, int, int]
) -> tuple[int, int, int, int]:
    _, disk, at, disks = _LOCATOR.unpack_from(mapped.data, end - _LOCATOR.size)
    if disk or disks != 1 or at + _END64.size != end - _LOCATOR.size:
        raise _broken("its 64-bit end record is not where it should be")
    record = _END64.unpack_from(mapped.data, at)
    magic, size, _, _, number, first, here, count, length, start = record
    if magic != b"PK\x06\x06" or size != _END64.size - 12 or number or first or here != count:
        raise _broken("its 64-bit end record is not sound")
    for value, narrow, limit in zip(
        (count, start, length), short, (2**16, 2**32, 2**32), strict=True
    ):
        if narrow not in (value, limit - 1):
            raise _broken("its two end records differ")
    return count, start, length, at


def _raw_entries(mapped: Mapped, count: int, start: int, length: int) -> list[_Raw]:
    found: list[_Raw] = []
    at, end = start, start + length
    for _ in range(count):
        if at + _ENTRY.size > end:
            raise _broken("its directory is shorter than it says")
        fields = _ENTRY.unpack_from(mapped.data, at)
        flags, method, stored, size = fields[3], fields[4], fields[8], fields[9]
        name_length, extra_length, comment_length, disk = fields[10:14]
        attributes, header = fields[15], fields[16]
        name_at = at + _ENTRY.size
        extra_at = name_at + name_length
        at = extra_at + extra_length + comment_length
        if fields[0] != b"PK\x01\x02" or at > end:
            raise _broken("its directory is not sound")
        extra = mapped.data[extra_at : extra_at + extra_length]
        wide = _wide(extra, {"size": size, "stored": stored, "header": header})
        if flags & _ENCRYPTED or disk or (attributes >> 16) & 0o170000 == _LINK:
            raise _broken("an entry is encrypted or a link")
        name = bytes(mapped.data[name_at:extra_at])
        found.append(_Raw(name, flags, method, wide["stored"], wide["size"], wide["header"]))
    if at != end:
        raise _broken("its directory is longer than it says")
    return found


def _wide(extra: bytes, narrow: dict[str, int]) -> dict[str, int]:
    """The fields with their 64-bit values where the 32-bit ones are full."""
    missing = [name for name, value in narrow.items() if value == 0xFFFFFFFF]
    if not missing:
        return narrow
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1 and length >= 8 * len(missing) and at + 4 + length <= len(extra):
            values = struct.unpack_from(f"<{len(missing)}Q", extra, at + 4)
            return narrow | dict(zip(missing, values, strict=True))
        at += 4 + length
    raise _broken("an entry lacks its 64-bit sizes")


def _entry(mapped: Mapped, raw: _Raw, directory: int) -> Entry:
    if raw.header + _LOCAL.size > directory:
        raise _broken("an entry lies outside the file")
    fields = _LOCAL.unpack_from(mapped.data, raw.header)
    magic, flags, method, name_length, extra_length = fields[0], *fields[2:4], *fields[9:11]
    name_at = raw.header + _LOCAL.size
    data = name_at + name_length + extra_length
    name = mapped.data[name_at : name_at + name_length]
    if magic != b"PK\x03\x04" or (name, flags, method) != (raw.name, raw.flags, raw.method):
        raise _broken("an entry differs from its directory line")
    if not flags & _DESCRIPTOR:
        extra = mapped.data[name_at + name_length : data]
        sizes = _wide(extra, {"size": fields[8], "stored": fields[7]})
        if (sizes["size"], sizes["stored"]) != (raw.size, raw.stored):
            raise _broken("an entry differs from its directory line")
    if data + raw.stored > directory:
        raise _broken("an entry lies outside the file")
    if method not in (_STORED, _DEFLATED) or (method == _STORED and raw.size != raw.stored):
        raise _broken("an entry is compressed in a way that torch does not use")
    text = raw.name.decode("utf-8", "replace")
    return Entry(name=text, method=method, offset=data, stored=raw.stored, size=raw.size)


def _refuse_overlaps(taken: list[tuple[int, int]]) -> None:
    end = 0
    for start, stop in sorted(taken):
        if start < end or (end == 0 and start != 0):
            raise _broken("entries overlap, or bytes stand before the first")
        end = stop


def _no_end(mapped: Mapped) -> Truncated:
    return Truncated(
        expected="a zip directory at the end of the file", found=f"none in {mapped.size:,} bytes"
    )


def _broken(reason: str) -> Malformed:
    return Malformed(format="zip", reason=f"{reason}.")
