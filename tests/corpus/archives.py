"""Torch zips, legacy streams, safetensors files made from their parts."""

from __future__ import annotations

import io
import json
import struct
import zipfile

from tests.corpus.pickling import dict_, integer, list_, pickled, text

MAGIC = 0x1950A86A20F9469CFC6C
FOUR = struct.pack("<4f", 1, 2, 3, 4)


def torch_zip(
    data: bytes,
    storages: dict[str, bytes] | None = None,
    *,
    byteorder: bytes | None = b"little",
    extra: dict[str, bytes] | None = None,
    deflated: tuple[str, ...] = (),
) -> bytes:
    entries = {"archive/data.pkl": data}
    if byteorder is not None:
        entries["archive/byteorder"] = byteorder
    entries |= {f"archive/data/{key}": raw for key, raw in ({"0": FOUR} | (storages or {})).items()}
    entries |= {"archive/version": b"3\n"} | (extra or {})
    return zipped(entries, deflated=deflated)


def zipped(entries: dict[str, bytes], *, deflated: tuple[str, ...] = ()) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, raw in entries.items():
            method = zipfile.ZIP_DEFLATED if name in deflated else zipfile.ZIP_STORED
            archive.writestr(zipfile.ZipInfo(name), raw, method)
    return file.getvalue()


def legacy(
    body: bytes, storages: dict[str, bytes] | None = None, *, little: bytes = b"\x88"
) -> bytes:
    held = {"0": FOUR} if storages is None else storages
    system = dict_({"protocol_version": integer(1001), "little_endian": little})
    head = [integer(MAGIC), integer(1001), system, body, list_(*map(text, held))]
    tail = (struct.pack("<q", len(raw) // 4) + raw for raw in held.values())
    return b"".join(map(pickled, head)) + b"".join(tail)


def safetensors(header: object, data: bytes = b"", *, length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def entry(shape: list[int], start: int, end: int, dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
