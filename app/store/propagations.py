"""Measurements of networks: one an order, so that the same order finds the report that exists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.graph import Graph, Inventory
from app.core.meanfield.step import WeightMoments
from app.core.propagation import PropagationReport
from app.errors import NotFound
from app.store import documents, tables
from app.store.database import reading
from app.store.facts import Failure, Priority, Propagation
from app.store.propagation_rows import (
    FILES,
    FOUND,
    HERE,
    Asked,
    asked_of,
    begin,
    carried,
    drop_unwanted,
    expect_files,
    first,
    forget_network,
    hold_file,
    propagation_fact,
    shown,
)
from app.store.rows import ACTIVE, overtaken
from app.store.viewers import seen
from app.store.visits import Visits

__all__ = ["MEASURING", "UNDERSTANDING", "Asked", "OwnMoments", "Propagations", "asked_of"]

Enqueue: TypeAlias = Callable[[sa.Connection, str], None]
"""Puts a measurement's job on the queue inside the transaction that it is given."""

UNDERSTANDING = "understanding"
MEASURING = "measuring"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMoments:
    """Of the values of a file's weights in a network."""

    job: str  # that found them
    by_name: dict[str, WeightMoments]


class Propagations:
    """Both sides of the store for measurements; a worker's writes to one called off are void."""

    def __init__(self, engine: AsyncEngine, visits: Visits | None = None) -> None:
        self._engine = engine
        self._reads = reading(engine)
        self._visits = visits

    async def find(self, propagation: str) -> Propagation | None:
        """One measurement with its progress, or None."""
        async with self._reads.connect() as connection:
            return await first(connection, HERE.id == propagation)

    async def propagation(self, propagation: str) -> Propagation:
        """One measurement with its progress.

        Raises:
            NotFound: If there is none with this id.
        """
        found = await self.find(propagation)
        if found is None:
            raise NotFound(what="report")
        return found

    async def of(self, file: str) -> list[Propagation]:
        """The measurements of a network, or with a file's weights, newest first."""
        about = (HERE.network == file) | (HERE.weights == file)
        return await self._several(FOUND.where(about))

    async def recent(self, limit: int = 20) -> list[Propagation]:
        """The newest measurements that the viewer sees, newest first."""
        return await self._several(FOUND.limit(limit))

    async def counts(self) -> dict[str, int]:
        """How many measurements of all viewers are in each state; one without any is left out."""
        query = sa.select(HERE.state, sa.func.count()).group_by(HERE.state)
        async with self._reads.connect() as connection:
            return {row[0]: row[1] for row in await connection.execute(query)}

    async def document(self, propagation: str) -> bytes | None:
        """The report of a measurement as JSON; None where there is none."""
        query = sa.select(HERE.document).where(HERE.id == propagation, shown())
        async with self._reads.connect() as connection:
            found: bytes | None = (await connection.execute(query)).scalar()
        if found is not None and self._visits is not None:
            self._visits.note("propagations", propagation)
        return found

    async def report(self, propagation: str) -> PropagationReport | None:
        """The report of a measurement; None where there is none."""
        document = await self.document(propagation)
        return None if document is None else documents.load(documents.PROPAGATION, document)

    async def network(self, file: str) -> Graph | Inventory | None:
        """A network as a worker understood it last; None where none has looked at the file."""
        kept = tables.networks.c
        query = sa.select(kept.graph).where(kept.file == file, seen(kept.file))
        async with self._reads.connect() as connection:
            found: bytes | None = (await connection.execute(query)).scalar()
        return None if found is None else documents.network(found)

    async def moments(self, network: str, weights: str) -> OwnMoments | None:
        """Of a file's weights in a network, as the last measurement with them found.

        Args:
            network: Id of the network's file.
            weights: Id of the file that holds the weights; it may be the network's own.

        Returns:
            None where none has been measured.
        """
        here = (HERE.network == network) & (HERE.weights == weights) & HERE.moments.is_not(None)
        query = (
            sa.select(HERE.job, HERE.moments).where(here, shown()).order_by(HERE.finished_at.desc())
        )
        async with self._reads.connect() as connection:
            row = (await connection.execute(query.limit(1))).first()
        if row is None:
            return None
        return OwnMoments(job=row[0], by_name=documents.load(documents.MOMENTS, row[1]))

    async def accept(
        self, asked: Asked, *, again: bool, enqueue: Enqueue, priority: Priority = "normal"
    ) -> Propagation:
        """The measurement of an order, queued in the same transaction as its row.

        One on its way is returned as it is. One with a report of today's schema is, too, unless
        `again`; a failed, cancelled, stale or overtaken one starts its next attempt.

        Raises:
            NotFound: If one of the files does not exist.
        """
        async with self._engine.begin() as connection:
            await hold_file(connection, asked.network)
            await expect_files(connection, asked)
            last = await first(connection, HERE.id == asked.id)
            kept = last is not None and last.state == "done" and not (again or last.stale)
            waits = last is not None and not last.finished and not overtaken(last, priority)
            if last is not None and (waits or kept):
                return last
            job = await begin(connection, asked, last, priority=priority)
            await connection.run_sync(enqueue, job)
            made = await first(connection, HERE.id == asked.id)
        assert made is not None  # noqa: S101 - written above
        return made

    async def active(self, job: str) -> Propagation | None:
        """The measurement that this job carries; None once it was called off or has ended."""
        async with self._reads.connect() as connection:
            return await first(connection, carried(job))

    async def progress(self, job: str, *, step: str, done: int, total: int) -> bool:
        """Tell how far a measurement is; its start is the first time that it was told."""
        now = sa.literal(datetime.now(UTC), HERE.started_at.type)
        started = sa.func.coalesce(HERE.started_at, now)
        told = {"state": "running", "step": step, "done": done, "total": total}
        return await self._write(job, started_at=started, **told)

    async def understood(self, job: str, network: Graph | Inventory, *, parcel: bytes) -> bool:
        """Keep the network of a measurement, over what was understood of it before.

        Args:
            job: Of the measurement.
            network: Of its file.
            parcel: JSON of all that measuring needs; kept until the measurement ends.
        """
        kept = tables.networks
        async with self._engine.begin() as connection:
            found = await first(connection, carried(job))
            if found is None:
                return False
            await hold_file(connection, found.network)
            await connection.execute(sa.delete(kept).where(kept.c.file == found.network))
            row = {
                "file": found.network,
                "graph": documents.dump(network),
                "created_at": datetime.now(UTC),
            }
            await connection.execute(sa.insert(kept), row)
            change = sa.update(tables.propagations).where(carried(job))
            await connection.execute(change.values(parcel=parcel))
            return True

    async def parcel(self, job: str) -> bytes | None:
        """What `understood` kept for a measurement; None once that was called off or has ended."""
        async with self._reads.connect() as connection:
            query = sa.select(HERE.parcel).where(carried(job))
            found: bytes | None = (await connection.execute(query)).scalar()
        return found

    async def finish(
        self,
        job: str,
        report: PropagationReport,
        *,
        headline: str,
        moments: Mapping[str, WeightMoments] | None = None,
    ) -> bool:
        """The measurement is done, all of its steps: its report replaces an earlier one.

        Args:
            job: Of the measurement.
            report: What was measured.
            headline: A sentence of it.
            moments: By parameter, of the values that its weights' file holds; all finite.
        """
        document = documents.dump(report)
        return await self._end(
            job,
            state="done",
            done=HERE.total,
            headline=headline,
            document=document,
            schema=report.schema,
            moments=documents.dump(dict(moments)) if moments else None,
        )

    async def fail(self, job: str, failure: Failure) -> bool:
        """The measurement has failed; an earlier report of it stays."""
        values = {f"error_{name}": fact for name, fact in asdict(failure).items()}
        return await self._end(job, state="failed", **values)

    async def cancelled(self, job: str) -> bool:
        """The measurement was called off; an earlier report of it stays."""
        return await self._end(job, state="cancelled")

    async def restart(self, job: str, enqueue: Enqueue) -> bool:
        """Give the measurement of a job that can get no further its next attempt."""
        async with self._engine.begin() as connection:
            found = await first(connection, carried(job))
            if found is None:
                return False
            job = await begin(connection, asked_of(found), found, priority=found.priority)
            await connection.run_sync(enqueue, job)
            return True

    async def unfinished(self) -> list[str]:
        """The jobs of all measurements that are queued or running."""
        query = sa.select(HERE.job).where(HERE.state.in_(ACTIVE))
        async with self._reads.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def delete(self, propagation: str) -> list[str]:
        """Remove a measurement, and the files that nothing else refers to.

        Returns:
            The sha256 of the blobs that nothing refers to any more.

        Raises:
            NotFound: If there is no such measurement.
        """
        async with self._engine.begin() as connection:
            found = await first(connection, HERE.id == propagation)
            if found is None:
                raise NotFound(what="report")
            await connection.execute(sa.delete(tables.propagations).where(HERE.id == propagation))
            await forget_network(connection, found.network)
            files = [file for what in FILES if (file := getattr(found, what)) is not None]
            return await drop_unwanted(connection, files)

    async def _several(self, query: sa.Select[Any]) -> list[Propagation]:
        ordered = query.where(shown()).order_by(HERE.created_at.desc(), HERE.id)
        async with self._reads.connect() as connection:
            return [propagation_fact(row) for row in (await connection.execute(ordered)).mappings()]

    async def _end(self, job: str, **values: object) -> bool:
        ended = {"step": "", "parcel": None, "finished_at": datetime.now(UTC)}
        return await self._write(job, **ended, **values)

    async def _write(self, job: str, **values: object) -> bool:
        change = sa.update(tables.propagations).where(carried(job)).values(values)
        async with self._engine.begin() as connection:
            return bool((await connection.execute(change)).rowcount)
