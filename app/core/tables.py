"""Counters that are used again and again: page by page, new ones cost more than counting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np

from app.core.tallies import drain

Counted: TypeAlias = tuple[np.ndarray, np.ndarray]

ROOM = 2**31  # values a table may count before its 32-bit counters are emptied

_clean: dict[int, list[np.ndarray]] = {}


class Counters(Protocol):
    """Counters of cells, wherever they are."""

    def close(self) -> Counted:
        """The places counted at and the count at each, a place perhaps more than once."""


class Tally:
    """Tables of 32-bit counters side by side, in which a loop counts by turns."""

    def __init__(self, cells: int, *, lanes: int = 1) -> None:
        self.lanes = lanes
        self.flat = _taken(cells * lanes)
        self.tables = tuple(self.flat[lane * cells :][:cells] for lane in range(lanes))
        self._counted: list[Counted] = []
        self._room = ROOM

    def make_room(self, values: int) -> None:
        """Be ready for so many values more."""
        if values > self._room:
            self._drain()
            self._room = ROOM
        self._room -= values

    def close(self) -> Counted:
        """The places counted at and the count at each, a place perhaps more than once.

        The tables are for others from here on.
        """
        self._drain()
        _clean.setdefault(self.flat.size, []).append(self.flat)
        self.flat, self.tables = self.flat[:0], ()
        places, counts = zip(*self._counted, strict=True)
        return np.concatenate(places), np.concatenate(counts)

    def _drain(self) -> None:
        cells = self.flat.size // self.lanes
        places, counts = np.empty(cells, np.int64), np.empty(cells, np.int64)
        found = drain(self.flat, self.lanes, places, counts)
        self._counted.append((places[:found], counts[:found]))


def _taken(size: int) -> np.ndarray:
    try:
        return _clean[size].pop()
    except (KeyError, IndexError):  # another thread may take the last one
        return np.zeros(size, np.uint32)


def closed(tallies: Sequence[Counters]) -> Counted:
    """What several counters of the same cells have counted."""
    places, counts = zip(*(tally.close() for tally in tallies), strict=True)
    return np.concatenate(places), np.concatenate(counts)
