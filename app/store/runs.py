"""Files, runs and reports as the pages and the API need them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.report import Overview, TensorReport
from app.errors import Invalid, NotFound, UploadInterrupted
from app.store import documents, tables
from app.store.database import reading
from app.store.facts import File, Priority, Received, Run
from app.store.names import tidy
from app.store.rows import (
    RUN,
    Enqueue,
    begin_attempt,
    end_attempt,
    find_file,
    find_run,
    overtaken,
    references,
    run_fact,
)
from app.store.viewers import owner_here, seen
from app.store.visits import Visits


class Runs:
    """What a visitor may ask of the store, and the accepting of work."""

    def __init__(self, engine: AsyncEngine, visits: Visits | None = None) -> None:
        self._engine = engine
        self._reads = reading(engine)
        self._visits = visits

    async def add_file(self, received: Received, *, name: str, format: str = "") -> File:  # noqa: A002
        """The viewer's file at these bytes' address: the one that exists, else a new one.

        Args:
            received: What Blobs.receive returned.
            name: As the uploader gave it; hostile text.
            format: What the first bytes look like, "" where nobody looked.

        Raises:
            Invalid: If other bytes have the same address (the first half of their sha256).
            UploadInterrupted: If the same bytes were deleted at this very moment.
        """
        owner = owner_here()
        new = File(
            id=received.id(owner),
            sha256=received.sha256,
            owner=owner,
            name=tidy(name),
            bytes=received.bytes,
            format=format,
            created_at=datetime.now(UTC),
        )
        async with self._engine.begin() as connection:
            if not await asyncio.to_thread(received.path.exists):
                raise UploadInterrupted(expected=received.bytes, received=0)
            known = await find_file(connection, new.id)
            if known is None:
                await connection.execute(sa.insert(tables.files).values(asdict(new)))
                return new
            again = sa.update(tables.files).where(tables.files.c.id == known.id)
            await connection.execute(again.values(created_at=new.created_at))
        if known.sha256 != received.sha256:
            raise Invalid(what="The sha256", expected=known.sha256, got=received.sha256)
        return known

    async def file(self, file: str) -> File:
        """One stored file.

        Raises:
            NotFound: If there is none with this id.
        """
        async with self._reads.connect() as connection:
            found = await find_file(connection, file)
        if found is None:
            raise NotFound(what="file")
        return found

    async def run(self, run: str) -> Run:
        """One run with its progress.

        Raises:
            NotFound: If there is none with this id.
        """
        found = await self.find(run)
        if found is None:
            raise NotFound(what="report")
        return found

    async def find(self, run: str) -> Run | None:
        """One run, or None."""
        async with self._reads.connect() as connection:
            return await find_run(connection, run)

    async def recent(self, limit: int = 20) -> list[Run]:
        """The newest runs that the viewer sees, newest first."""
        mine = RUN.where(seen(tables.runs.c.file))
        query = mine.order_by(tables.runs.c.created_at.desc(), tables.runs.c.id).limit(limit)
        async with self._reads.connect() as connection:
            return [run_fact(row) for row in (await connection.execute(query)).mappings()]

    async def counts(self) -> dict[str, int]:
        """How many runs of all viewers are in each state; a state without any is left out."""
        state = tables.runs.c.state
        query = sa.select(state, sa.func.count()).group_by(state)
        async with self._reads.connect() as connection:
            return {row[0]: row[1] for row in await connection.execute(query)}

    async def overview(self, run: str) -> Overview:
        """The report behind the layers page.

        Raises:
            NotFound: If there is no such run.
            NotReady: If it has no report yet.
            NoReport: If it will have none.
        """
        return documents.load(documents.OVERVIEW, await self.overview_json(run))

    async def overview_json(self, run: str) -> bytes:
        """The same report as the JSON that is stored; same errors as `overview`."""
        query = sa.select(tables.jobs.c.overview).join_from(
            tables.runs, tables.jobs, tables.jobs.c.id == tables.runs.c.report
        )
        here = (tables.runs.c.id == run) & seen(tables.runs.c.file)
        async with self._reads.connect() as connection:
            document = (await connection.execute(query.where(here))).scalar()
        if document is None:
            (await self.run(run)).expect_report()
            raise NotFound(what="report")  # it went between the two looks
        self._visited(run)
        return bytes(document)

    async def tensor(self, run: str, index: int) -> TensorReport:
        """Everything said about one tensor.

        Raises:
            NotFound: If there is no such run or no tensor of this index.
            NotReady: If the run has no report yet.
            NoReport: If it will have none.
        """
        query = _tensors(run, tables.tensors.c.report).where(tables.tensors.c.index == index)
        async with self._reads.connect() as connection:
            document = (await connection.execute(query)).scalar()
        if document is None:
            (await self.run(run)).expect_report()
            raise NotFound(what="tensor")
        self._visited(run)
        return documents.load(documents.TENSOR, document)

    async def tensors(self, run: str) -> list[TensorReport]:
        """All tensors of a report in file order; same errors as `tensor`."""
        query = _tensors(run, tables.tensors.c.report).order_by(tables.tensors.c.index)
        async with self._reads.connect() as connection:
            found = (await connection.execute(query)).scalars().all()
        if not found:
            (await self.run(run)).expect_report()
        self._visited(run)
        return [documents.load(documents.TENSOR, document) for document in found]

    async def sketch(self, run: str, index: int) -> bytes | None:
        """The packed Sketch of one tensor, None where its values were not measured."""
        query = _tensors(run, tables.tensors.c.sketch).where(tables.tensors.c.index == index)
        async with self._reads.connect() as connection:
            packed = (await connection.execute(query)).scalar()
        return None if packed is None else bytes(packed)

    def _visited(self, run: str) -> None:
        if self._visits is not None:
            self._visits.note("runs", run)

    async def accept(
        self, file: str, *, again: bool, enqueue: Enqueue, priority: Priority = "normal"
    ) -> Run:
        """The run of a file, queued in the same transaction as its row.

        A run on its way is returned as it is. One with a report of today's schema is, too,
        unless `again`; a failed, cancelled, stale or overtaken one starts its next attempt.

        Raises:
            NotFound: If there is no such file.
        """
        async with self._engine.begin() as connection:
            known = await find_file(connection, file)
            if known is None:
                raise NotFound(what="file")
            last = await find_run(connection, file)
            kept = last is not None and last.state == "done" and not (again or last.stale)
            waits = last is not None and not last.finished and not overtaken(last, priority)
            if last is not None and (waits or kept):
                return last
            return await begin_attempt(connection, known, last, enqueue, priority=priority)

    async def cancel(self, run: str) -> Run:
        """The run, cancelled if it was queued or running; what its worker still writes is void.

        Raises:
            NotFound: If there is no such run.
        """
        async with self._engine.begin() as connection:
            found = await find_run(connection, run)
            if found is not None and not found.finished:
                await end_attempt(connection, found.job, state="cancelled")
        return await self.run(run)

    async def delete(self, run: str) -> str | None:
        """Remove a run with its reports, and its file's row when no other run refers to it.

        Returns:
            The sha256 of the blob that nothing refers to any more, or None.

        Raises:
            NotFound: If there is no such run.
        """
        async with self._engine.begin() as connection:
            found = await find_run(connection, run)
            if found is None:
                raise NotFound(what="report")
            await connection.execute(sa.delete(tables.runs).where(tables.runs.c.id == run))
            others = sa.select(tables.runs.c.id).where(tables.runs.c.file == found.file).limit(1)
            if (await connection.execute(others)).first() is not None:
                return None
            await connection.execute(sa.delete(tables.files).where(tables.files.c.id == found.file))
            return found.sha256

    async def forget(self, *, before: datetime) -> list[str]:
        """Drop the rows of files sent before a moment that nothing refers to.

        Returns:
            The sha256 of their blobs.
        """
        files = tables.files.c
        wanted = [~sa.exists().where(column == files.id) for column in references()]
        unwanted = sa.delete(tables.files).where(files.created_at < before, *wanted)
        async with self._engine.begin() as connection:
            return list((await connection.execute(unwanted.returning(files.sha256))).scalars())

    async def release(self, sha256: str, discard: Callable[[str], None]) -> None:
        """Call `discard` unless a file refers to these bytes; none can be added meanwhile."""
        query = sa.select(tables.files.c.id).where(tables.files.c.sha256 == sha256)
        async with self._engine.begin() as connection:
            if (await connection.execute(query)).first() is None:
                await asyncio.to_thread(discard, sha256)


def _tensors(run: str, column: sa.Column[Any]) -> sa.Select[Any]:
    return (
        sa.select(column)
        .join_from(tables.runs, tables.tensors, tables.tensors.c.job == tables.runs.c.report)
        .where(tables.runs.c.id == run, seen(tables.runs.c.file))
    )
