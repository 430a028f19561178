"""The outermost edge of a worker: whatever happens there becomes an outcome that is told."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeAlias

from app import logs
from app.errors import DatabaseAway, DiskFull, InitscopeError
from app.store.database import is_away
from app.store.reserve import Reserve, is_full

log = logging.getLogger(__name__)

Outcome: TypeAlias = dict[str, Any]  # {"parts": 3}, {} or {"error": {"code", "message", "hint"}}


class Edge:
    """Turns failures into outcomes, and knows which jobs this process has in hand."""

    def __init__(self, reserve: Reserve) -> None:
        self._reserve = reserve
        self._carried: set[str] = set()

    async def told(self, work: Awaitable[Outcome]) -> Outcome:
        """What `work` came to; on a full disk the reserve makes room to keep it.

        Where the database went away nothing can be told: the process ends, and whoever starts
        next takes the job up.
        """
        try:
            return await work
        except DatabaseAway:
            _end()
        except InitscopeError as refusal:
            if isinstance(refusal, DiskFull):
                await self._make_room()
            return outcome_of(refusal)
        except Exception as failure:
            if is_away(failure):  # from the queue, which asks the database itself
                _end()
            if is_full(failure):
                await self._make_room()
                return outcome_of(DiskFull())
            log.exception("A stage of an analysis failed")
            return outcome_of(InitscopeError())

    @contextmanager
    def carrying(self, job: str | None) -> Iterator[None]:
        """While the block runs this process has the job in hand."""
        self._carried.add(job or "")
        try:
            with logs.carrying(job or ""):
                yield
        finally:
            self._carried.discard(job or "")

    def carries(self, job: str) -> bool:
        """Whether a job is in hand."""
        return job in self._carried

    async def _make_room(self) -> None:
        if await asyncio.to_thread(self._reserve.spend):
            log.warning("The disk is full; the room kept for that is given up")


def _end() -> NoReturn:
    log.error("The database went away in the middle of a job, so this worker ends")
    os._exit(1)


def outcome_of(error: InitscopeError) -> Outcome:
    """A failure as it is kept."""
    return {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
