"""Length-prefixed frames between the parent and its sandboxed child: bytes, never objects."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["hello", "request", "progress", "answer", "attachment", "error"]

_CODES: Final[dict[Kind, int]] = {
    "hello": 1,
    "request": 2,
    "progress": 3,
    "answer": 4,
    "attachment": 5,
    "error": 6,
}
_KINDS: Final = {code: kind for kind, code in _CODES.items()}
MOST_DESCRIPTORS: Final = 4  # that a request brings along
_PREFIX: Final = struct.Struct("<BQ")  # kind, payload length in bytes


class BrokenFrameError(ValueError):
    """The other side sent something that is no frame, or more than was agreed."""


def frame(kind: Kind, payload: bytes) -> bytes:
    """One message as it travels."""
    return _PREFIX.pack(_CODES[kind], len(payload)) + payload


def write_frame(descriptor: int, kind: Kind, payload: bytes) -> None:
    """Send one message with plain `write` calls, the only ones the closed child still has."""
    view = memoryview(frame(kind, payload))
    while view:
        view = view[os.write(descriptor, view) :]


class FrameBuffer:
    """Turns a stream of received bytes back into frames and bounds what it will hold."""

    def __init__(self, *, limit: int) -> None:
        """Accepts `limit` bytes in all, over every frame of the conversation."""
        self._limit = limit
        self._received = 0
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """The frames completed by `data`.

        Raises:
            BrokenFrameError: If a frame's kind is unknown or the limit is passed.
        """
        self._received += len(data)
        if self._received > self._limit:
            raise BrokenFrameError(f"more than {self._limit} bytes")
        self._bytes += data
        while len(self._bytes) >= _PREFIX.size:
            code, length = _PREFIX.unpack_from(self._bytes)
            if code not in _KINDS:
                raise BrokenFrameError(f"no message has the kind {code}")
            if length > self._limit:
                raise BrokenFrameError(f"more than {self._limit} bytes")
            end = _PREFIX.size + length
            if len(self._bytes) < end:
                return
            payload = bytes(self._bytes[_PREFIX.size : end])
            del self._bytes[:end]
            yield _KINDS[code], payload


def receive_request(connection: socket.socket, *, limit: int) -> tuple[bytes, list[int]]:
    """The parent's one request and the descriptors that came with it, in the child.

    Raises:
        BrokenFrameError: If the parent went away before the request was complete.
    """
    buffer = FrameBuffer(limit=limit)
    descriptors: list[int] = []
    while True:
        data, came, _, _ = socket.recv_fds(connection, 1 << 20, MOST_DESCRIPTORS)
        descriptors += came
        if not data:
            raise BrokenFrameError("no request")
        for kind, payload in buffer.feed(data):
            if kind == "request":
                return payload, descriptors
