"""Searches for the seed behind a run's file: one a run, the last one asked for."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.errors import NotFound, NotReady
from app.store import tables
from app.store.database import reading
from app.store.facts import Failure, SeedSearch
from app.store.rows import ACTIVE, WAITING, find_run
from app.store.viewers import seen

Enqueue: TypeAlias = Callable[[sa.Connection, str], None]
"""Puts a search's job on the queue inside the transaction that it is given."""

COLUMNS = [column for column in tables.seeds.c if column.name != "document"]
SEARCH = sa.select(*COLUMNS, tables.files.c.sha256, tables.runs.c.name).select_from(
    tables.seeds.join(tables.runs).join(tables.files)
)


class Seeds:
    """Both sides of the store for searches; a worker's writes to one called off are void."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._reads = reading(engine)

    async def find(self, run: str) -> SeedSearch | None:
        """The search of a run, or None where nobody asked for one."""
        async with self._reads.connect() as connection:
            return await _first(connection, _of(run))

    async def active(self, job: str) -> SeedSearch | None:
        """The search that this job carries; None once it was called off or has ended."""
        async with self._reads.connect() as connection:
            return await _first(connection, _carried(job))

    async def document(self, run: str) -> bytes | None:
        """What a search found, as JSON; None where it has not ended well."""
        query = sa.select(tables.seeds.c.document).where(_of(run))
        async with self._reads.connect() as connection:
            found: bytes | None = (await connection.execute(query)).scalar()
        return found

    async def accept(self, run: str, *, full: bool, enqueue: Enqueue) -> SeedSearch:
        """A new search on the queue in the same transaction; one on its way stays as it is.

        Raises:
            NotFound: If there is no such run.
            NotReady: If the run has no report yet.
        """
        async with self._engine.begin() as connection:
            known = await find_run(connection, run)
            if known is None:
                raise NotFound(what="report")
            if not known.reported:
                raise NotReady(state=known.state)
            last = await _first(connection, _of(run))
            if last is not None and not last.finished:
                return last
            await _begin(connection, run, enqueue, full=full)
            made = await _first(connection, _of(run))
        assert made is not None  # noqa: S101 - inserted above
        return made

    async def progress(self, job: str, *, step: str, done: int, total: int) -> bool:
        """Tell how far a search is."""
        return await self._write(job, state="running", step=step, done=done, total=total)

    async def finish(self, job: str, *, headline: str, document: bytes) -> bool:
        """The search is done."""
        return await self._end(job, state="done", headline=headline, document=document)

    async def fail(self, job: str, failure: Failure) -> bool:
        """The search has failed."""
        values = {f"error_{name}": fact for name, fact in asdict(failure).items()}
        return await self._end(job, state="failed", **values)

    async def cancelled(self, job: str) -> bool:
        """The search was called off."""
        return await self._end(job, state="cancelled")

    async def restart(self, job: str, enqueue: Enqueue) -> bool:
        """Give a search whose job can get no further another one."""
        async with self._engine.begin() as connection:
            found = await _first(connection, _carried(job))
            if found is None:
                return False
            await _begin(connection, found.run, enqueue, full=found.full)
            return True

    async def unfinished(self) -> list[str]:
        """The jobs of all searches that are queued or running."""
        query = sa.select(tables.seeds.c.job).where(tables.seeds.c.state.in_(ACTIVE))
        async with self._reads.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def _end(self, job: str, **values: object) -> bool:
        return await self._write(job, step="", finished_at=datetime.now(UTC), **values)

    async def _write(self, job: str, **values: object) -> bool:
        change = sa.update(tables.seeds).where(_carried(job)).values(values)
        async with self._engine.begin() as connection:
            return bool((await connection.execute(change)).rowcount)


def _of(run: str) -> sa.ColumnElement[bool]:
    """The search of a run that the viewer sees; a run has its file's id."""
    return (tables.seeds.c.run == run) & seen(tables.seeds.c.run)


def _carried(job: str) -> sa.ColumnElement[bool]:
    return (tables.seeds.c.job == job) & tables.seeds.c.state.in_(ACTIVE)


async def _first(connection: AsyncConnection, where: sa.ColumnElement[bool]) -> SeedSearch | None:
    row = (await connection.execute(SEARCH.where(where))).mappings().first()
    if row is None:
        return None
    values: dict[str, Any] = dict(row)
    failure = {name: values.pop(f"error_{name}") for name in ("code", "message", "hint")}
    return SeedSearch(**values, error=Failure(**failure) if failure["code"] else None)


async def _begin(connection: AsyncConnection, run: str, enqueue: Enqueue, *, full: bool) -> None:
    """A new row in place of the last one, and its job on the queue."""
    job = f"{run}-seed-{secrets.token_hex(4)}"
    await connection.execute(sa.delete(tables.seeds).where(tables.seeds.c.run == run))
    row = {
        "run": run,
        "job": job,
        "full": full,
        "state": "queued",
        "step": WAITING,
        "done": 0,
        "total": 0,
        "created_at": datetime.now(UTC),
    }
    await connection.execute(sa.insert(tables.seeds), row)
    await connection.run_sync(enqueue, job)
