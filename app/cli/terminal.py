"""What every command shows on a terminal: hostile text, and a line that tells how far it is."""

from __future__ import annotations

import sys

LONGEST_NAME = 60  # characters


def plain(text: str) -> str:
    """Hostile text without what would move a terminal's cursor or turn its lines around."""
    return "".join(character if character.isprintable() else "�" for character in text)


def plain_name(name: str) -> str:
    """A hostile name, plain; the middle of a longer one is left out."""
    return within(plain(name), LONGEST_NAME)


def within(text: str, width: int) -> str:
    """A text of at most `width` characters, 3 or more; the middle of a longer one is left out."""
    if len(text) <= width:
        return text
    kept = width - 1
    return f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"


def measured(done: int, total: int) -> str:
    """How far an analysis is."""
    return f"{done:,} of {total:,} tensors measured"


class Line:
    """A line on stderr that is written over; nothing where nobody watches."""

    def __init__(self) -> None:
        self._watched = sys.stderr.isatty()

    def show(self, text: str) -> None:
        """Put a text in the place of the last one."""
        if self._watched:
            sys.stderr.write(f"\r{text}\x1b[K")
            sys.stderr.flush()

    def clear(self) -> None:
        """Leave nothing behind."""
        self.show("")
