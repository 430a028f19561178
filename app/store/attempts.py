"""What a worker writes while it carries a run's job; writes of a job called off are void."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.core.report import Overview
from app.store import documents, tables
from app.store.database import reading
from app.store.facts import Failure, Measured, Part, Run
from app.store.rows import ACTIVE, Enqueue, active_run, begin_attempt, end_attempt, find_file

READING = "reading the directory"
MEASURING = "measuring"
CONCLUDING = "concluding"


class Attempts:
    """The worker's side of the store.

    Every write first looks, in its own transaction, whether the job is still the run's current
    one and not called off; False or None says that it is not and that nothing was written. Each
    may be repeated: a job that starts over after a crash writes the same rows again.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._reads = reading(engine)

    async def step(self, job: str, step: str) -> Run | None:
        """The run, now running at this step."""
        async with self._engine.begin() as connection:
            run = await active_run(connection, job)
            if run is None:
                return None
            started = run.started_at or datetime.now(UTC)
            await _set(connection, job, state="running", step=step, started_at=started)
            return replace(run, state="running", step=step, started_at=started)

    async def plan(self, job: str, *, inventory: bytes, parts: Sequence[Part]) -> bool:
        """Keep the file's directory and the parts that its tensors are measured in."""
        rows = [{"job": job, "done": 0, "starts": 0, **asdict(part)} for part in parts]
        async with self._engine.begin() as connection:
            if await active_run(connection, job) is None:
                return False
            await _set(connection, job, total=sum(part.tensors for part in parts), done=0)
            kept = sa.update(tables.jobs).where(tables.jobs.c.id == job)
            await connection.execute(kept.values(inventory=inventory))
            await connection.execute(sa.delete(tables.parts).where(tables.parts.c.job == job))
            await connection.execute(sa.insert(tables.parts), rows)
            return True

    async def begin_part(self, job: str, number: int) -> Part | None:
        """One part to measure; its start is counted."""
        here = (tables.parts.c.job == job) & (tables.parts.c.number == number)
        columns = (tables.parts.c.number, tables.parts.c.tensors, tables.parts.c.todo)
        count = sa.update(tables.parts).where(here).values(starts=tables.parts.c.starts + 1)
        async with self._engine.begin() as connection:
            if await active_run(connection, job) is None:
                return None
            await connection.execute(count)
            row = (await connection.execute(sa.select(*columns).where(here))).mappings().one()
            return Part(**row)

    async def progress(self, job: str, number: int, done: int) -> bool:
        """Count `done` tensors of a part as measured."""
        async with self._engine.begin() as connection:
            if await active_run(connection, job) is None:
                return False
            await _count(connection, job, number, done)
            return True

    async def wanted(self, job: str) -> bool:
        """Whether the job is still the run's current one and not called off."""
        async with self._reads.connect() as connection:
            return await active_run(connection, job) is not None

    async def measured(self, job: str, number: int, measured: Sequence[Measured]) -> bool:
        """Keep what a part found out, over whatever an earlier execution of it kept."""
        rows = [{"job": job, **asdict(one)} for one in measured]
        earlier = sa.delete(tables.tensors).where(
            tables.tensors.c.job == job, tables.tensors.c.index == sa.bindparam("place")
        )
        async with self._engine.begin() as connection:
            if await active_run(connection, job) is None:
                return False
            await connection.execute(earlier, [{"place": one.index} for one in measured])
            await connection.execute(sa.insert(tables.tensors), rows)
            await _count(connection, job, number, len(rows))
            return True

    async def inventory(self, job: str) -> bytes:
        """The directory that `plan` kept."""
        query = sa.select(tables.jobs.c.inventory).where(tables.jobs.c.id == job)
        async with self._reads.connect() as connection:
            return bytes((await connection.execute(query)).scalar_one())

    async def all_measured(self, job: str) -> list[Measured]:
        """Everything that the parts found out, in file order; the reports are Deflated."""
        report = sa.type_coerce(tables.tensors.c.report, sa.LargeBinary).label("report")
        columns = (tables.tensors.c.index, report, tables.tensors.c.sketch)
        query = sa.select(*columns).where(tables.tensors.c.job == job)
        async with self._reads.connect() as connection:
            found = await connection.execute(query.order_by(tables.tensors.c.index))
            return [
                Measured(index=index, report=documents.Deflated(report), sketch=sketch)
                for index, report, sketch in found
            ]

    async def finish(self, job: str, *, overview: Overview, reports: Sequence[bytes]) -> bool:
        """The run is done: its report replaces an earlier one, all in one transaction.

        Args:
            job: Of the run.
            overview: Of the whole file.
            reports: JSON of each TensorReport in file order, over the provisional ones.
        """
        final = sa.update(tables.tensors).where(
            tables.tensors.c.job == job, tables.tensors.c.index == sa.bindparam("place")
        )
        rows = [{"place": index, "report": report} for index, report in enumerate(reports)]
        document = documents.dump(overview)
        async with self._engine.begin() as connection:
            run = await active_run(connection, job)
            if run is None:
                return False
            await connection.execute(final, rows)
            await connection.execute(sa.delete(tables.parts).where(tables.parts.c.job == job))
            kept = sa.update(tables.jobs).where(tables.jobs.c.id == job)
            await connection.execute(kept.values(overview=document, inventory=None))
            others = (tables.jobs.c.run == run.id) & (tables.jobs.c.id != job)
            await connection.execute(sa.delete(tables.jobs).where(others))
            await _set(connection, job, **_done(job, overview))
            return True

    async def fail(self, job: str, failure: Failure) -> bool:
        """The run has failed; an earlier report of it stays."""
        values = {f"error_{name}": fact for name, fact in asdict(failure).items()}
        return await self._end(job, state="failed", **values)

    async def cancelled(self, job: str) -> bool:
        """The run was cancelled by way of its job."""
        return await self._end(job, state="cancelled")

    async def restart(self, job: str, enqueue: Enqueue) -> bool:
        """Give the run of a job that can get no further its next attempt."""
        async with self._engine.begin() as connection:
            run = await active_run(connection, job)
            if run is None:
                return False
            await end_attempt(connection, job)
            file = await find_file(connection, run.file)
            assert file is not None  # noqa: S101 - a foreign key
            await begin_attempt(connection, file, run, enqueue, priority=run.priority)
            return True

    async def unfinished(self) -> list[str]:
        """The jobs of all runs that are queued or running."""
        query = sa.select(tables.runs.c.job).where(tables.runs.c.state.in_(ACTIVE))
        async with self._reads.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def _end(self, job: str, **values: object) -> bool:
        async with self._engine.begin() as connection:
            if await active_run(connection, job) is None:
                return False
            await end_attempt(connection, job, **values)
            return True


async def _set(connection: AsyncConnection, job: str, **values: object) -> None:
    here = tables.runs.c.job == job
    await connection.execute(sa.update(tables.runs).where(here).values(values))


async def _count(connection: AsyncConnection, job: str, number: int, done: int) -> None:
    """A part's count is set and only rises, and the run's is their sum: repeats do not show."""
    here = (tables.parts.c.job == job) & (tables.parts.c.number == number)
    rises = sa.update(tables.parts).where(here & (tables.parts.c.done < done))
    await connection.execute(rises.values(done=done))
    total = sa.select(sa.func.sum(tables.parts.c.done)).where(tables.parts.c.job == job)
    await _set(connection, job, done=total.scalar_subquery())


def _done(job: str, overview: Overview) -> dict[str, object]:
    return {
        "state": "done",
        "step": "",
        "report": job,
        "schema": overview.schema,
        "headline": overview.summary.headline,
        "status": overview.summary.status,
        "tensors": overview.summary.tensors,
        "finished_at": datetime.now(UTC),
    }
