"""A file inside a file, read as if it stood alone."""

from __future__ import annotations

from typing_extensions import override

from app.readers.mapped import Mapped


class Window(Mapped):
    """A stretch of a mapped file; offsets in it count from its own start."""

    data: memoryview  # type: ignore[assignment]  # answers every question that a map does

    def __init__(self, mapped: Mapped, offset: int, length: int) -> None:
        """Show `length` bytes from `offset`; nothing is copied."""
        self.size = length
        self.data = memoryview(mapped.data)[offset : offset + length]

    @override
    def close(self) -> None:
        """Let go of the outer map."""
        self.data.release()
