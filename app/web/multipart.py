"""The one file of a form post, handed on piece by piece as it arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from python_multipart.multipart import MultipartCallbacks

HEADER_LIMIT = 8192  # bytes of one part's headers; a browser sends a few hundred


class FormFile:
    """The first part with a file name in a multipart/form-data body.

    Iterate `chunks` to the end; `name` is known from the first chunk on.
    """

    def __init__(self, content_type: str, body: AsyncIterator[bytes]) -> None:
        options = parse_options_header(content_type)[1]
        boundary = options.get(b"boundary")
        if not boundary:
            raise Invalid(what="Content-Type", expected="a multipart boundary", got=content_type)
        self.name: str | None = None
        self._body = body
        self._ready: list[bytes] = []
        self._inside = False
        self._header: list[bytearray] = [bytearray(), bytearray()]
        self._disposition = b""
        self._parser = MultipartParser(boundary, self._callbacks())

    async def chunks(self) -> AsyncIterator[bytes]:
        """The file's bytes, in pieces of the size in which the network delivers them."""
        async for piece in self._body:
            self._feed(piece)
            while self._ready:
                yield self._ready.pop(0)
        if self.name is None:
            raise Invalid(what="the form", expected="a file in the field 'file'", got="none")

    def _feed(self, piece: bytes) -> None:
        try:
            self._parser.write(piece)
        except FormParserError as error:
            got = str(error)[:120]
            raise Invalid(what="the form", expected="multipart/form-data", got=got) from error

    def _callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._add(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._add(1, data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._data,
            "on_part_end": self._end,
        }

    def _begin(self) -> None:
        self._disposition = b""

    def _add(self, place: int, data: bytes) -> None:
        self._header[place] += data
        if len(self._header[place]) > HEADER_LIMIT:
            raise Invalid(what="the form", expected="short part headers", got="longer ones")

    def _end_header(self) -> None:
        name, value = (bytes(part) for part in self._header)
        self._header = [bytearray(), bytearray()]
        if name.lower() == b"content-disposition":
            self._disposition = value

    def _end_headers(self) -> None:
        name = parse_options_header(self._disposition)[1].get(b"filename")
        if name and self.name is None:
            self.name = name.decode("utf-8", "replace")
            self._inside = True

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self._ready.append(data[start:end])

    def _end(self) -> None:
        self._inside = False
