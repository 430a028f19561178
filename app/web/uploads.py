"""Bodies on their way to the blob folder: streamed, hashed, counted, never held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request
from starlette.requests import ClientDisconnect

from app.errors import Invalid, UploadInterrupted
from app.web.multipart import FormFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.store.facts import File
    from app.web.deps import Services

HEAD_BYTES = 16  # all that this process ever looks at
HEADER_LIMIT = 2**32  # a safetensors header of 4 GiB: the length's upper half is zero
UNNAMED = "unnamed"


def sniff(head: bytes) -> str:
    """What a file looks like from its first 16 bytes: a guess to show, nothing is parsed."""
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    length = int.from_bytes(head[:8], "little")
    if 2 <= length < HEADER_LIMIT and head[8:9] == b"{":
        return "safetensors"
    if head[:1] == b"\x80" and head[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"}:
        return "pickle"
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    if head[:1] == b"\x08" and head[1:2] < b"\x15" and head[2:3] in {b"\x12", b"\x3a"}:
        return "onnx"  # a ModelProto: its version, then the name of who made it or the graph
    return "text" if _like_text(head) else "unknown"


def _like_text(head: bytes) -> bool:
    """Printable, and neither a web page nor another format that begins so."""
    start = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    start = start.rstrip("\ufffd") if len(head) == HEAD_BYTES else start  # a character cut short
    strange = ("<", "version https://", "L1195470371460", "GGUF", "lmgg", "tjgg")
    if not start or start.startswith(strange):
        return False
    plain = (one.isprintable() or one in "\t\r\n" for one in start)
    return all(plain) and "\ufffd" not in start


class Body:
    """A request's body: its first bytes are kept, a hang-up becomes an error a person can read."""

    def __init__(self, request: Request) -> None:
        self.expected = announced(request)
        self.received = 0
        self._stream = request.stream()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as the network delivers them.

        Raises:
            UploadInterrupted: If the sender hangs up before the end.
        """
        try:
            async for chunk in self._stream:
                self.received += len(chunk)
                yield chunk
        except ClientDisconnect as error:
            expected = "all" if self.expected is None else self.expected
            raise UploadInterrupted(expected=expected, received=self.received) from error


class Head:
    """Passes chunks on and remembers the first bytes of them."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self.bytes = b""
        self._chunks = chunks

    async def chunks(self) -> AsyncIterator[bytes]:
        """The same chunks."""
        async for chunk in self._chunks:
            if len(self.bytes) < HEAD_BYTES:
                self.bytes += chunk[: HEAD_BYTES - len(self.bytes)]
            yield chunk


def announced(request: Request) -> int | None:
    """The body's size in bytes as its sender announces it, None where it does not.

    Raises:
        Invalid: If the announcement is not a number.
    """
    length = request.headers.get("content-length")
    if length is None:
        return None
    if not length.isdecimal():
        raise Invalid(what="Content-Length", expected="a number of bytes", got=repr(length))
    return int(length)


async def receive_body(request: Request, services: Services, *, name: str) -> File:
    """The stored file that the whole body is."""
    body = Body(request)
    head = Head(body.chunks())
    received = await services.blobs.receive(
        head.chunks(), limit=services.settings.max_upload_bytes, expected=body.expected
    )
    return await services.runs.add_file(received, name=name or UNNAMED, format=sniff(head.bytes))


async def receive_form(request: Request, services: Services) -> File:
    """The stored file that a multipart form carries in its one file field."""
    body = Body(request)
    form = FormFile(request.headers["content-type"], body.chunks())
    head = Head(form.chunks())
    received = await services.blobs.receive(
        head.chunks(), limit=services.settings.max_upload_bytes, expected=None
    )
    return await services.runs.add_file(
        received, name=form.name or UNNAMED, format=sniff(head.bytes)
    )


def is_form(request: Request) -> bool:
    """Whether the body is what a browser without scripts sends."""
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")
