"""When reports were looked at last: noted at once, written now and then, once a day for each."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import DatabaseAway, DiskFull
from app.store import tables

Kind: TypeAlias = Literal["runs", "propagations", "comparisons"]

DAY: Final = timedelta(days=1)
WRITTEN_SECONDS: Final = 30.0  # between two looks at what was noted
MOST: Final = 50_000  # noted at once; above it they are noted, and written, anew
ONE_TURN: Final = 500  # reports written in one statement

log = logging.getLogger(__name__)


class Visits:
    """Of one process. A reader waits for none of it: noting is a look into a set.

    What was noted in the last half minute is lost where the process is killed.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._since = datetime.now(UTC)
        self._noted: set[tuple[Kind, str]] = set()
        self._waiting: set[tuple[Kind, str]] = set()

    def note(self, kind: Kind, report: str) -> None:
        """Somebody looks at a report that is there."""
        if (kind, report) not in self._noted:
            self._noted.add((kind, report))
            self._waiting.add((kind, report))

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """While the block runs, and once at its end, write what is noted."""
        task = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            await self._try()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(WRITTEN_SECONDS)
            await self._try()

    async def _try(self) -> None:
        try:
            await self.write()
        except (DatabaseAway, DiskFull) as problem:
            log.warning("Visits are not written yet: %s", problem.message)

    async def write(self) -> int:
        """Write what waits; most of the time that is nothing, and then nobody is kept waiting.

        Returns:
            How many reports have a new day; another process may have told it before.

        Raises:
            DatabaseAway: If the database does not answer; what waits is kept.
            DiskFull: If it takes no more; what waits is kept.
        """
        now, waiting = datetime.now(UTC), tuple(self._waiting)
        self._forget(now)
        if not waiting:
            return 0
        async with self._engine.begin() as connection:
            written = [
                (await connection.execute(change)).rowcount for change in _changes(waiting, now)
            ]
        self._waiting.difference_update(waiting)
        return sum(written)

    def _forget(self, now: datetime) -> None:
        """Have everything noted anew on the next day."""
        if now - self._since >= DAY or len(self._noted) > MOST:
            self._noted, self._since = set(), now


def _changes(visited: tuple[tuple[Kind, str], ...], now: datetime) -> list[sa.Update]:
    ids = defaultdict[Kind, list[str]](list)
    for kind, report in visited:
        ids[kind].append(report)
    return [
        _change(tables.metadata.tables[kind], reports[start : start + ONE_TURN], now)
        for kind, reports in ids.items()
        for start in range(0, len(reports), ONE_TURN)
    ]


def _change(table: sa.Table, reports: list[str], now: datetime) -> sa.Update:
    here = table.c
    # Half a day, since a visit of yesterday may have been written a little late.
    of_earlier = here.visited_at.is_(None) | (here.visited_at < now - DAY / 2)
    return sa.update(table).where(here.id.in_(reports), of_earlier).values(visited_at=now)
