"""Containers that are cut, doubled, hidden or not what they seem."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from app.errors import Malformed, NoTensors, Truncated, UnsupportedFormat
from tests.corpus.archives import FOUR, entry, legacy, safetensors, torch_zip
from tests.corpus.hostility import Hostile, in_zip
from tests.corpus.pickling import (
    dict_,
    pickled,
    tensor,
)


def _safe(header: object, data: bytes = b"", **how: int) -> Callable[[], bytes]:
    return lambda: safetensors(header, data, **how)


def _edited(edit: Callable[[bytearray], None]) -> Callable[[], bytes]:
    def make() -> bytes:
        raw = bytearray(torch_zip(pickled(dict_({"w": tensor()}))))
        edit(raw)
        return bytes(raw)

    return make


def _set(at: Callable[[bytearray], int], value: bytes) -> Callable[[bytearray], None]:
    def edit(raw: bytearray) -> None:
        start = at(raw)
        raw[start : start + len(value)] = value

    return edit


def _at(offset: int) -> Callable[[bytearray], int]:
    return lambda _raw: offset


def _central(offset: int, index: int = 0) -> Callable[[bytearray], int]:
    def at(raw: bytearray) -> int:
        found = -1
        for _ in range(index + 1):
            found = raw.index(b"PK\x01\x02", found + 1)
        return found + offset

    return at


def _bomb() -> bytes:
    """A pickle of 256 MiB in 256 KiB: BINUNICODE8 of zeros, made in pieces."""
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = [engine.compress(b"\x80\x04\x8d" + struct.pack("<Q", 2**28))]
    packed += [engine.compress(bytes(2**20)) for _ in range(256)]
    body = b"".join([*packed, engine.compress(b"."), engine.flush()])
    size, crc = 2**28 + 12, 0
    path = b"archive/data.pkl"
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0, crc, len(body), size, 16, 0)
    line = struct.pack(
        "<4s6H3I5H2I",
        *(b"PK\x01\x02", 20, 20, 0, 8, 0, 0, crc, len(body), size, 16, 0, 0, 0, 0, 0, 0),
    )
    start = len(local) + 16 + len(body)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(line) + 16, start, 0)
    return local + path + body + line + path + end


CONTAINERS: dict[str, Hostile] = {
    # Cut off.
    "zip_cut": Hostile(lambda: torch_zip(pickled(dict_({"w": tensor()})))[:-60], Truncated),
    "zip_of_four_bytes": Hostile(lambda: b"PK\x03\x04", Truncated),
    "legacy_cut_in_storage": Hostile(lambda: legacy(dict_({"w": tensor()}))[:-3], Truncated),
    "legacy_cut_in_pickle": Hostile(lambda: legacy(dict_({"w": tensor()}))[:120], Truncated),
    "pickle_without_stop": Hostile(lambda: torch_zip(b"\x80\x02}"), Truncated),
    "safetensors_cut": Hostile(_safe({"w": entry([4], 0, 16)}, FOUR[:9]), Truncated),
    "safetensors_header_cut": Hostile(
        lambda: safetensors({"w": entry([4], 0, 16)})[:20], Truncated
    ),
    "deflate_bomb": Hostile(_bomb, Malformed, "would take 268,435,4"),
    "deflated_storage": Hostile(
        in_zip(dict_({"w": tensor()}), deflated=("archive/data/0",)), Malformed, "compressed"
    ),
    # Zips that two readers see differently.
    "zip_comment": Hostile(_edited(lambda raw: raw.extend(b"hidden")), Truncated),
    "zip_prefix": Hostile(
        lambda: b"PK\x03\x04" + torch_zip(pickled(dict_({"w": tensor()}))), Malformed
    ),
    "zip_local_name": Hostile(_edited(_set(_at(30), b"A")), Malformed, "differs"),
    "zip_local_size": Hostile(_edited(_set(_at(22), b"\x01")), Malformed, "differs"),
    "zip_symlink": Hostile(_edited(_set(_central(38), b"\x00\x00\xff\xa1")), Malformed, "link"),
    "zip_encrypted": Hostile(_edited(_set(_central(8), b"\x01")), Malformed, "encrypted"),
    "zip_overlap": Hostile(_edited(_set(_central(42, 1), bytes(4))), Malformed),
    "zip_entry_outside": Hostile(
        _edited(_set(_central(42), b"\xff\xff\xff\x7f")), Malformed, "outside"
    ),
    "zip_directory_short": Hostile(
        _edited(_set(lambda raw: len(raw) - 14, b"\x01\x00\x01\x00")), Malformed
    ),
    "zip_two_pickles": Hostile(
        in_zip(dict_({"w": tensor()}), extra={"other/data.pkl": b"N."}), UnsupportedFormat
    ),
    # Safetensors.
    "safetensors_duplicate": Hostile(
        _safe(
            b'{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}',
            FOUR,
        ),
        Malformed,
        "twice",
    ),
    "safetensors_gap": Hostile(_safe({"w": entry([4], 4, 20)}, bytes(20)), Malformed, "gap"),
    "safetensors_overlap": Hostile(
        _safe({"a": entry([4], 0, 16), "b": entry([4], 8, 24)}, bytes(24)), Malformed, "overlap"
    ),
    "safetensors_size_differs": Hostile(
        _safe({"w": entry([5], 0, 16)}, FOUR), Malformed, "needs 20"
    ),
    "safetensors_tail": Hostile(
        _safe({"w": entry([4], 0, 16)}, FOUR + b"x"), Malformed, "after the last"
    ),
    "safetensors_header_huge": Hostile(_safe(b"{}", length=90_000_000), Malformed, "limit"),
    "safetensors_deep": Hostile(_safe(b'{"a":' + b"[" * 200_000), Malformed, "JSON"),
    "safetensors_digits": Hostile(_safe(b'{"a":' + b"9" * 100_000 + b"}"), Malformed, "JSON"),
    "safetensors_nan": Hostile(_safe(b'{"a":NaN}'), Malformed, "NaN"),
    "safetensors_negative": Hostile(_safe({"w": entry([-4], 0, 16)}, FOUR), Malformed),
    "safetensors_booleans": Hostile(
        _safe({"w": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}, FOUR[:4]), Malformed
    ),
    "safetensors_dtype": Hostile(_safe({"w": entry([4], 0, 16, "X9")}, FOUR), Malformed, "dtype"),
    "safetensors_four_bits": Hostile(
        _safe({"w": entry([8], 0, 4, "F4")}, FOUR[:4]), UnsupportedFormat, "narrower"
    ),
    "safetensors_empty_but_huge": Hostile(
        _safe({"w": entry([2**50, 0, 2**50], 0, 0)}), Malformed, "beyond"
    ),
    "safetensors_numel_overflow": Hostile(
        _safe({"w": entry([2**33, 2**33], 0, 16)}, FOUR), Malformed
    ),
    "safetensors_surplus_key": Hostile(
        _safe({"w": entry([4], 0, 16) | {"path": "/etc/passwd"}}, FOUR), Malformed
    ),
    "safetensors_no_tensors": Hostile(_safe({"__metadata__": {"a": "b"}}), NoTensors),
}
