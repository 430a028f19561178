"""Protocol buffers' wire format, walked and never decoded whole: field numbers, numbers, spans."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from app.errors import Malformed

Data: TypeAlias = bytes | mmap.mmap

_VARINT, _FIXED64, _SPAN, _FIXED32 = 0, 1, 2, 5
_VARINT_BYTES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of the file."""

    start: int
    end: int


@dataclass(slots=True, kw_only=True)
class Wire:
    """A message's file, and how many fields may still be looked at in it."""

    data: Data
    kind: str  # of the file, for a refusal
    left: int

    def fields(self, span: Span) -> Iterator[tuple[int, int | Span]]:
        """Field number and value of every field in a message: a number, or where its bytes are.

        Raises:
            Malformed: If a field does not fit into the message, or there are too many.
        """
        at = span.start
        while at < span.end:
            self.left -= 1
            if self.left < 0:
                raise self.broken("it has too many fields")
            key, at = self._varint(at, span.end)
            form = key & 7
            if form == _VARINT:
                value, at = self._varint(at, span.end)
                yield key >> 3, value
                continue
            if form == _SPAN:
                length, at = self._varint(at, span.end)
            elif form in (_FIXED32, _FIXED64):
                length = 4 if form == _FIXED32 else 8
            else:
                raise self.broken("it has a field of an unknown form")
            if at + length > span.end:
                raise self.broken("a field reaches past its message")
            yield key >> 3, Span(start=at, end=at + length)
            at += length

    def text(self, value: int | Span, *, limit: int) -> str:
        """A span as text, cut to `limit` bytes."""
        if isinstance(value, int):
            raise self.broken("a text is a number")
        raw = self.data[value.start : min(value.end, value.start + limit)]
        return bytes(raw).decode("utf-8", "replace")

    def span(self, value: int | Span) -> Span:
        """A value that must be a message or a text."""
        if isinstance(value, int):
            raise self.broken("a message is a number")
        return value

    def numbers(self, value: int | Span) -> list[int]:
        """A repeated whole number: one of them, or all packed."""
        if isinstance(value, int):
            return [value]
        found, at = [], value.start
        while at < value.end:
            self.left -= 1
            if self.left < 0:
                raise self.broken("it has too many fields")
            number, at = self._varint(at, value.end)
            found.append(number)
        return found

    def broken(self, reason: str) -> Malformed:
        """The refusal of a message that makes no sense."""
        return Malformed(format=self.kind, reason=f"{reason}.")

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        number = 0
        for place in range(_VARINT_BYTES):
            if at >= end:
                raise self.broken("a number is cut off")
            byte = self.data[at]
            at += 1
            number |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return number, at
        raise self.broken("a number does not end")
