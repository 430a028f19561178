"""Which reports have had their time: they go, and with them what nothing else needs."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.store import tables
from app.store.rows import ACTIVE

ONE_TURN = 50  # reports removed in one transaction: others wait to write meanwhile


class Retention:
    """Removes old reports; files are left to Runs.forget once nothing refers to them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def sweep(self, *, before: datetime) -> int:
        """Remove the reports that were ordered, had ended and were looked at before a moment.

        A report stays while its file was sent again since, a search for its seed is on its way,
        or a measurement or a comparison that stays is about its file.

        Returns:
            How many reports are gone.
        """
        gone = 0
        for table in (tables.propagations, tables.comparisons):
            gone += await self._remove(table, _past(table, before))
        gone += await self._remove(tables.runs, _past(tables.runs, before), *_unneeded(before))
        async with self._engine.begin() as connection:
            await _forget_networks(connection)
        return gone

    async def _remove(self, table: sa.Table, *wanted: sa.ColumnElement[bool]) -> int:
        first = sa.select(table.c.id).where(*wanted).limit(ONE_TURN)
        gone = 0
        while True:
            async with self._engine.begin() as connection:
                ids = list((await connection.execute(first)).scalars())
                await connection.execute(sa.delete(table).where(table.c.id.in_(ids)))
            gone += len(ids)
            if len(ids) < ONE_TURN:
                return gone


def _past(table: sa.Table, before: datetime) -> sa.ColumnElement[bool]:
    here = table.c
    last = (
        here.created_at,
        *(sa.func.coalesce(at, here.created_at) for at in (here.finished_at, here.visited_at)),
    )
    return sa.and_(~here.state.in_(ACTIVE), *(moment < before for moment in last))


def _unneeded(before: datetime) -> list[sa.ColumnElement[bool]]:
    """Of a run: nothing that stays is about its file, and nobody sent that again lately."""
    file, seeds = tables.runs.c.file, tables.seeds.c
    about = (
        *(tables.propagations.c[what] for what in ("network", "weights", "inputs")),
        *(tables.comparisons.c[what] for what in ("before", "after")),
    )
    sent_again = sa.exists().where(tables.files.c.id == file, tables.files.c.created_at >= before)
    sought = sa.exists().where(seeds.run == tables.runs.c.id, seeds.state.in_(ACTIVE))
    return [~sent_again, ~sought, *(~sa.exists().where(column == file) for column in about)]


async def _forget_networks(connection: AsyncConnection) -> None:
    """Drop what was understood of networks that nobody measures any more."""
    file = tables.networks.c.file
    measured = sa.exists().where(tables.propagations.c.network == file)
    await connection.execute(sa.delete(tables.networks).where(~measured))
