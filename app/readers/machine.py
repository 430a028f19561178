"""The state of the inert pickle machine, and the most that one file may ask of it."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from app.errors import Malformed, Truncated
from app.readers.records import Pers, Ref

Buffer: TypeAlias = bytes | mmap.mmap

_MARKS: Final = 10_000
_NAMES: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The most that one file may ask of the machine."""

    operations: int
    memo: int

    @classmethod
    def of(cls, file_bytes: int) -> Caps:
        """Caps for a file of this size: about 25 operations a tensor are honest."""
        return cls(
            operations=min(8_000_000, 1_000_000 + file_bytes // 8),
            memo=min(2_000_000, 250_000 + file_bytes // 32),
        )


@dataclass(slots=True, kw_only=True)
class Result:
    """What one pickle describes."""

    value: Any
    end: int  # offset just past its STOP
    names: list[Ref] = field(default_factory=list)  # everything it would import
    storages: list[Pers] = field(default_factory=list)  # every persistent id


class Machine:
    """The state of one run; `app.readers.inert_pickle` has the instructions."""

    __slots__ = (
        "caps",
        "data",
        "end",
        "kind",
        "marks",
        "memo",
        "names",
        "position",
        "stack",
        "storages",
    )

    def __init__(self, data: Buffer, *, start: int, end: int, caps: Caps, kind: str) -> None:
        self.data = data
        self.position = start
        self.end = end
        self.caps = caps
        self.kind = kind
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.names: dict[tuple[str, str], Ref] = {}
        self.storages: list[Pers] = []

    def result(self) -> Result:
        """What was described, when the pickle stops here."""
        value = self.pop()
        return Result(
            value=value, end=self.position, names=list(self.names.values()), storages=self.storages
        )

    def take(self, length: int) -> bytes:
        """The next `length` bytes."""
        start = self.advance(length)
        return self.data[start : start + length]

    def advance(self, length: int) -> int:
        """Step over `length` bytes and return where they begin."""
        start = self.position
        if length > self.end - start:
            raise Truncated(
                expected=f"{length:,} more bytes of pickle", found=f"{self.end - start:,}"
            )
        self.position = start + length
        return start

    def number(self, form: struct.Struct) -> int:
        """The next integer of the given form."""
        return int(form.unpack_from(self.data, self.advance(form.size))[0])

    def line(self, *, limit: int = 4096) -> bytes:
        """The text up to the next line feed, without it."""
        stop = self.data.find(b"\n", self.position, min(self.end, self.position + limit))
        if stop < 0:
            raise self.broken("a line of text without an end")
        text = self.data[self.position : stop]
        self.position = stop + 1
        return text

    def push(self, value: Any) -> None:  # noqa: ANN401
        """Put a record on the stack."""
        self.stack.append(value)

    def pop(self) -> Any:  # noqa: ANN401
        """Take the newest record since the last mark."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise self.broken("an instruction without its operand")
        return self.stack.pop()

    def top(self) -> Any:  # noqa: ANN401
        """Look at the newest record."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise self.broken("an instruction without its operand")
        return self.stack[-1]

    def mark(self) -> None:
        """Remember this height of the stack."""
        if len(self.marks) >= _MARKS:
            raise self.broken(f"more than {_MARKS:,} open marks")
        self.marks.append(len(self.stack))

    def since_mark(self) -> list[Any]:
        """Take everything since the last mark."""
        if not self.marks:
            raise self.broken("an instruction without its mark")
        height = self.marks.pop()
        found = self.stack[height:]
        del self.stack[height:]
        return found

    def remember(self, index: int) -> None:
        """Keep the newest record under a number."""
        if len(self.memo) >= self.caps.memo or index > 0xFFFFFFFF:
            raise self.broken(f"more than {self.caps.memo:,} remembered objects")
        self.memo[index] = self.top()

    def recall(self, index: int) -> None:
        """Put the record kept under a number on the stack again."""
        if index not in self.memo:
            raise self.broken("a reference to nothing")
        self.stack.append(self.memo[index])

    def name(self, module: str, name: str) -> Ref:
        """Note an import that is not made; the same name gives the same record."""
        key = (module[:500], name[:500])
        found = self.names.get(key)
        if found is None:
            if len(self.names) >= _NAMES:
                raise self.broken(f"more than {_NAMES:,} imported names")
            found = self.names[key] = Ref(*key)
        return found

    def broken(self, reason: str) -> Malformed:
        """The refusal of this pickle."""
        return Malformed(format=self.kind, reason=f"its pickle has {reason}.")
