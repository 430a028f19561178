"""Tells from a file's first bytes what it is, and why it is not read if it is not."""

from __future__ import annotations

import struct
from typing import Final, Literal, TypeAlias

from app.errors import NotACheckpoint, Refused, UnsupportedFormat
from app.readers.mapped import Mapped

Format: TypeAlias = Literal["torch zip", "torch legacy", "safetensors"]

_SHOWN_BYTES: Final = 16
_HEADER_BYTES: Final = 100_000_000  # the most that safetensors itself allows
_TAR_MAGIC_AT: Final = 257

_FORMATS: Final = (
    (b"GGUF", "GGUF"),
    (b"lmgg", "GGML"),
    (b"tjgg", "GGJT"),
    (b"\x89HDF\r\n\x1a\n", "HDF5 or Keras (.h5)"),
    (b"\x93NUMPY", "NumPy (.npy)"),
    (b"PK\x05\x06", "zip archive without entries"),
)
_STRANGERS: Final = (
    (
        b"version https://git-lfs.github.com/spec",
        "a Git LFS pointer, not the file it points to. Fetch the file with git lfs pull.",
    ),
    (b"\x1f\x8b", "a gzip archive. Unpack it and send the checkpoint inside."),
    (b"BZh", "a bzip2 archive. Unpack it and send the checkpoint inside."),
    (b"\xfd7zXZ", "an xz archive. Unpack it and send the checkpoint inside."),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive. Unpack it and send the checkpoint inside."),
    (b"\x28\xb5\x2f\xfd", "a zstd archive. Unpack it and send the checkpoint inside."),
    (b"Rar!", "a RAR archive. Unpack it and send the checkpoint inside."),
    (b"\x89PNG", "a PNG picture."),
    (b"\xff\xd8\xff", "a JPEG picture."),
    (b"GIF8", "a GIF picture."),
    (b"%PDF", "a PDF document."),
    (b"\x7fELF", "a program."),
    (b"MZ", "a program."),
    (b"SQLite format 3", "a SQLite database."),
)


def sniff(mapped: Mapped) -> Format:
    """The format of the file.

    Raises:
        UnsupportedFormat: If it holds weights in a format that is not read.
        NotACheckpoint: If it is something else altogether.
    """
    head = mapped.data[:512]
    if _like_safetensors(head):  # first: its length may begin with a pickle's 0x80
        return "safetensors"
    if head.startswith(b"PK\x03\x04"):
        return "torch zip"
    if (len(head) > 1 and head[0] == 0x80 and head[1] <= 5) or head.startswith(b"L1195470371460"):
        return "torch legacy"
    for magic, name in _FORMATS:
        if head.startswith(magic):
            raise UnsupportedFormat(format=name)
    raise _stranger(head)


def _like_safetensors(head: bytes) -> bool:
    if len(head) < 9:
        return False
    length = struct.unpack_from("<Q", head)[0]
    return 2 <= length <= _HEADER_BYTES and head[8:9] == b"{"


def _stranger(head: bytes) -> Refused:
    for magic, what in _STRANGERS:
        if head.startswith(magic):
            return _not(head, f"it is {what}")
    if head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar":
        return UnsupportedFormat(format="tar archive (torch 0.1 saved so)")
    if head[4:8] == b"TFL3":
        return UnsupportedFormat(format="TensorFlow Lite")
    if _like_onnx(head):
        return UnsupportedFormat(format="ONNX")
    return _text(head)


def _like_onnx(head: bytes) -> bool:
    """Field 1 of a ModelProto is a small version, field 2 or 7 follows with a length."""
    return len(head) > 3 and head[0] == 0x08 and 1 <= head[1] <= 20 and head[2] in (0x12, 0x3A)


def _text(head: bytes) -> Refused:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return _not(
            head, "it is a web page, so the download probably saved an error or login page."
        )
    if start.startswith(b"<"):
        return _not(head, "it is XML or HTML text.")
    if start.startswith((b"{", b"[")):
        return _not(head, "it is JSON text; send the file with the weights themselves.")
    if _is_text(head):
        return _not(head, "it is text.")
    if head.count(0) == len(head):
        return _not(head, "it starts with zeros, as a download that never finished does.")
    return _not(head, "no known format starts so.")


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as wrong:
        if wrong.start < len(head) - 4:
            return False
        text = head[: wrong.start].decode("utf-8")
    return bool(text) and all(c.isprintable() or c in "\t\r\n\f" for c in text)


def _not(head: bytes, reason: str) -> NotACheckpoint:
    return NotACheckpoint(first_bytes=_shown(head[:_SHOWN_BYTES]), reason=reason)


def _shown(head: bytes) -> str:
    """Printable ASCII as quoted text, anything else as hexadecimal."""
    if head and all(32 <= byte < 127 for byte in head.rstrip(b"\r\n\t")):
        return repr(head.decode("ascii").strip())
    return head.hex(" ")
