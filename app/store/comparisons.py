"""Comparisons of two files: one for each pair, the last one asked for."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.core.comparison import SCHEMA, ComparisonReport
from app.errors import NotFound
from app.store import documents, tables
from app.store.database import reading
from app.store.facts import ID_LENGTH, Compared, Failure, Priority
from app.store.rows import ACTIVE, WAITING, find_file, overtaken
from app.store.viewers import seen
from app.store.visits import Visits

Enqueue: TypeAlias = Callable[[sa.Connection, str], None]
"""Puts a comparison's job on the queue inside the transaction that it is given."""

HERE = tables.comparisons.c
FILES = (HERE.before, HERE.after)
BEFORE, AFTER = (tables.files.alias(side) for side in ("first", "second"))
FOUND = sa.select(
    *(column for column in HERE if column.name not in ("document", "visited_at")),
    HERE.document.is_not(None).label("reported"),
    *(
        side.c[fact].label(f"{name}_{fact}")
        for name, side in (("before", BEFORE), ("after", AFTER))
        for fact in ("name", "sha256", "bytes")
    ),
).select_from(
    tables.comparisons.join(BEFORE, HERE.before == BEFORE.c.id).join(
        AFTER, HERE.after == AFTER.c.id
    )
)


def comparison_id(before: str, after: str) -> str:
    """The address of what is found between two files."""
    return hashlib.sha256(f"{SCHEMA} {before} {after}".encode()).hexdigest()[:ID_LENGTH]


class Comparisons:
    """Both sides of the store for comparisons; a worker's writes to one called off are void."""

    def __init__(self, engine: AsyncEngine, visits: Visits | None = None) -> None:
        self._engine = engine
        self._reads = reading(engine)
        self._visits = visits

    async def find(self, comparison: str) -> Compared | None:
        """One comparison, or None."""
        async with self._reads.connect() as connection:
            return await _first(connection, _at(comparison))

    async def between(self, before: str, after: str) -> Compared | None:
        """The comparison of two files in this order, or None."""
        return await self.find(comparison_id(before, after))

    async def of(self, file: str) -> list[Compared]:
        """The comparisons that a file is in, newest first."""
        about = (HERE.before == file) | (HERE.after == file)
        query = FOUND.where(about, seen(*FILES)).order_by(HERE.created_at.desc(), HERE.id)
        async with self._reads.connect() as connection:
            return [_fact(row) for row in (await connection.execute(query)).mappings()]

    async def active(self, job: str) -> Compared | None:
        """The comparison that this job carries; None once it was called off or has ended."""
        async with self._reads.connect() as connection:
            return await _first(connection, _carried(job))

    async def report(self, comparison: str) -> ComparisonReport | None:
        """What was found; None where it has not ended well."""
        query = sa.select(HERE.document).where(_at(comparison))
        async with self._reads.connect() as connection:
            found = (await connection.execute(query)).scalar()
        if found is None:
            return None
        if self._visits is not None:
            self._visits.note("comparisons", comparison)
        return documents.load(documents.COMPARISON, found)

    async def accept(
        self, before: str, after: str, *, enqueue: Enqueue, priority: Priority = "normal"
    ) -> Compared:
        """The comparison of two files, queued in the same transaction as its row.

        One on its way, or with a report, stays as it is; a failed, cancelled or overtaken one
        starts again.

        Raises:
            NotFound: If one of the files does not exist.
        """
        address = comparison_id(before, after)
        async with self._engine.begin() as connection:
            for what, file in (("before", before), ("after", after)):
                if await find_file(connection, file) is None:
                    raise NotFound(what=f"file {file} ({what})")
            last = await _first(connection, _at(address))
            waits = last is not None and not last.finished and not overtaken(last, priority)
            if last is not None and (waits or last.state == "done"):
                return last
            made = await _begin(connection, before, after, priority=priority)
            await connection.run_sync(enqueue, made.job)
            return made

    async def progress(self, job: str, *, done: int, total: int) -> bool:
        """Tell how far a comparison is."""
        return await self._write(job, state="running", step="comparing", done=done, total=total)

    async def finish(self, job: str, *, document: bytes) -> bool:
        """The comparison is done."""
        return await self._end(job, state="done", document=document)

    async def fail(self, job: str, failure: Failure, /) -> bool:
        """The comparison has failed."""
        values = {f"error_{name}": fact for name, fact in asdict(failure).items()}
        return await self._end(job, state="failed", **values)

    async def cancelled(self, job: str, /) -> bool:
        """The comparison was called off."""
        return await self._end(job, state="cancelled")

    async def restart(self, job: str, enqueue: Enqueue) -> bool:
        """Give a comparison whose job can get no further another one."""
        async with self._engine.begin() as connection:
            found = await _first(connection, _carried(job))
            if found is None:
                return False
            made = await _begin(connection, found.before, found.after, priority=found.priority)
            await connection.run_sync(enqueue, made.job)
            return True

    async def delete(self, comparison: str) -> None:
        """Remove a comparison; the files stay.

        Raises:
            NotFound: If there is none.
        """
        async with self._engine.begin() as connection:
            gone = await connection.execute(sa.delete(tables.comparisons).where(_at(comparison)))
        if not gone.rowcount:
            raise NotFound(what="comparison")

    async def unfinished(self) -> list[str]:
        """The jobs of all comparisons that are queued or running."""
        query = sa.select(HERE.job).where(HERE.state.in_(ACTIVE))
        async with self._reads.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def _end(self, job: str, **values: object) -> bool:
        return await self._write(job, step="", finished_at=datetime.now(UTC), **values)

    async def _write(self, job: str, **values: object) -> bool:
        change = sa.update(tables.comparisons).where(_carried(job)).values(values)
        async with self._engine.begin() as connection:
            return bool((await connection.execute(change)).rowcount)


def _at(comparison: str) -> sa.ColumnElement[bool]:
    """A comparison of two files that the viewer sees."""
    return (HERE.id == comparison) & seen(*FILES)


def _carried(job: str) -> sa.ColumnElement[bool]:
    return (HERE.job == job) & HERE.state.in_(ACTIVE)


async def _first(connection: AsyncConnection, where: sa.ColumnElement[bool]) -> Compared | None:
    row = (await connection.execute(FOUND.where(where))).mappings().first()
    return None if row is None else _fact(row)


def _fact(row: sa.RowMapping) -> Compared:
    values: dict[str, Any] = dict(row)
    failure = {name: values.pop(f"error_{name}") for name in ("code", "message", "hint")}
    return Compared(**values, error=Failure(**failure) if failure["code"] else None)


async def _begin(
    connection: AsyncConnection, before: str, after: str, *, priority: Priority
) -> Compared:
    """A new row in place of the last one."""
    address = comparison_id(before, after)
    row = {
        "id": address,
        "before": before,
        "after": after,
        # The random part keeps a pair that was deleted and sent again apart from its first life.
        "job": f"{address}-{secrets.token_hex(4)}",
        "state": "queued",
        "step": WAITING,
        "done": 0,
        "total": 0,
        "priority": priority,
        "created_at": datetime.now(UTC),
    }
    await connection.execute(sa.delete(tables.comparisons).where(HERE.id == address))
    await connection.execute(sa.insert(tables.comparisons), row)
    made = await _first(connection, HERE.id == address)
    assert made is not None  # noqa: S101 - inserted above
    return made
