"""What was found of the last few things, so that it is not found again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Thing = TypeVar("Thing")
Fact = TypeVar("Fact")


class Kept(Generic[Thing, Fact]):
    """Facts of immutable things that are costly to compare: each is known by its identity.

    A thing is held as long as its facts are, so that no other takes its identity.
    """

    def __init__(self, most: int) -> None:
        """Keep at most `most` facts, those asked for last."""
        self._most = most
        self._facts: OrderedDict[tuple[int, Hashable], tuple[Thing, Fact]] = OrderedDict()
        self._lock = Lock()

    def of(self, thing: Thing, find: Callable[[], Fact], *, which: Hashable = None) -> Fact:
        """What `find` gives for the thing, found once.

        Args:
            thing: That never changes.
            find: Finds it, where it is not known yet.
            which: Of the thing's facts.
        """
        key = (id(thing), which)
        with self._lock:
            known = self._facts.get(key)
            if known is not None:
                self._facts.move_to_end(key)
                return known[1]
        found = find()
        with self._lock:
            self._facts[key] = (thing, found)
            while len(self._facts) > self._most:
                self._facts.popitem(last=False)
        return found
