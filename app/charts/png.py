"""Arrays of pixels as PNG bytes, with the standard library alone."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PALETTE_COLOUR, TRUE_COLOUR = 3, 2  # IHDR colour types


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _document(size: tuple[int, int], colour: int, extra: bytes, rows: NDArray[np.uint8]) -> bytes:
    width, height = size
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    unfiltered = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)
    pixels = zlib.compress(unfiltered.tobytes(), 9)
    return SIGNATURE + b"".join(
        (_chunk(b"IHDR", header), extra, _chunk(b"IDAT", pixels), _chunk(b"IEND", b""))
    )


def mask(levels: NDArray[np.uint8], *, steps: int = 64) -> bytes:
    """A black picture whose opacity is `levels`: one file that any theme can colour.

    Args:
        levels: Opacity 0 to 255, height × width.
        steps: Distinct opacities kept, 2 to 256; a level above 0 never becomes 0.
    """
    top = steps - 1
    index = np.ceil(levels.astype(np.float64) * top / 255).astype(np.uint8)
    opacity = bytes(round(255 * step / top) for step in range(steps))
    extra = _chunk(b"PLTE", bytes(3 * steps)) + _chunk(b"tRNS", opacity)
    height, width = levels.shape
    return _document((width, height), PALETTE_COLOUR, extra, index)


def picture(pixels: NDArray[np.uint8]) -> bytes:
    """An opaque picture from height × width × 3 colour values."""
    height, width, _ = pixels.shape
    return _document((width, height), TRUE_COLOUR, b"", pixels.reshape(height, width * 3))


def data_uri(document: bytes) -> str:
    """PNG bytes as an address that needs no request."""
    return "data:image/png;base64," + base64.b64encode(document).decode("ascii")
