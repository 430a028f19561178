"""Handing work in, following it and calling it off: all of the jobs that the web may import."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import sqlalchemy as sa
from dbos import DBOSClient

from app.config import Settings
from app.errors import DatabaseAway, DiskFull, NoGpuWorker, NotFound
from app.jobs import engine, slots
from app.jobs.queueing import enqueue, enqueue_propagation, enqueue_seed
from app.jobs.slots import Sign
from app.store.blobs import Blobs
from app.store.facts import Priority, Propagation, Run, SeedSearch
from app.store.propagations import Asked, Propagations
from app.store.queues import admit, turn_of
from app.store.reserve import Reserve, is_full
from app.store.runs import Runs
from app.store.seeds import Seeds

LOOK_SECONDS = 0.25  # between looks at a run that is followed
Result = TypeVar("Result")
Seen = TypeVar("Seen", Run, Propagation)


class Submitter:
    """The web's door to the workers; `engine.prepare` must have run once before."""

    def __init__(
        self,
        settings: Settings,
        runs: Runs,
        blobs: Blobs,
        seeds: Seeds,
        propagations: Propagations,
    ) -> None:
        self._settings = settings
        self._runs = runs
        self._seeds = seeds
        self._propagations = propagations
        self._blobs = blobs
        self._reserve = Reserve(settings.data_dir)
        self._client: DBOSClient = engine.client(settings)

    async def submit(self, file: str, *, priority: Priority = "normal") -> Run:
        """The run of a stored file: the one that exists, else a new one on the queue.

        A failed, cancelled or stale run starts again, and one that waits with low priority does
        so as usual once it is ordered so. Row and queue entry commit together.

        Raises:
            NotFound: If there is no such file.
            QueueFull: If no more jobs may wait.
        """
        return await self._runs.accept(file, again=False, enqueue=self._enqueue, priority=priority)

    async def again(self, run: str) -> Run:
        """The run, analysed once more unless it is on its way already.

        The last report stays to be seen until the new one is there.

        Raises:
            NotFound: If there is no such run.
        """
        found = await self._runs.run(run)
        return await self._runs.accept(found.file, again=True, enqueue=self._enqueue)

    async def cancel(self, run: str) -> Run:
        """The run after its cancellation; one that had finished stays as it is.

        Raises:
            NotFound: If there is no such run.
        """
        before = await self._runs.run(run)
        after = await self._with_room(lambda: self._runs.cancel(run))
        if not before.finished:
            await self._with_room(
                lambda: self._client.cancel_workflow_async(before.job, cancel_children=True)
            )
        return after

    async def seek(self, run: str, *, full: bool) -> SeedSearch:
        """The search for the seed behind a run's file, new unless one is on its way.

        Args:
            run: With a report.
            full: Whether all 2**32 seeds are tried where no quicker way finds one.

        Raises:
            NotFound: If there is no such run.
            NotReady: If it has no report yet.
        """
        return await self._seeds.accept(run, full=full, enqueue=self._enqueue_seed)

    async def cancel_seed(self, run: str) -> SeedSearch:
        """The search after its cancellation; one that had finished stays as it is.

        Raises:
            NotFound: If there is none.
        """
        search = await self._seeds.find(run)
        if search is None:
            raise NotFound(what="search for a seed")
        if not search.finished:
            await self._seeds.cancelled(search.job)
            await self._client.cancel_workflow_async(search.job)
        return await self._seeds.find(run) or search

    async def delete(self, run: str) -> None:
        """Remove a run with its reports, calling it off first; the upload goes with the last run.

        Raises:
            NotFound: If there is no such run.
        """
        await self.cancel(run)
        with contextlib.suppress(NotFound):
            await self.cancel_seed(run)
        orphan = await self._runs.delete(run)
        if orphan is not None:
            await self._runs.release(orphan, self._blobs.delete)

    async def propagate(
        self, asked: Asked, *, again: bool = False, priority: Priority = "normal"
    ) -> Propagation:
        """The measurement of an order: the one that exists, else a new one on the queue.

        Args:
            asked: The order and its files.
            again: Whether to measure once more what has a report.
            priority: "low" lets all others of the same owner go first.

        Raises:
            NotFound: If one of the files does not exist.
            QueueFull: If no more jobs may wait.
            NoGpuWorker: If the order asks for a GPU and no worker has one.
        """
        if asked.order.device == "cuda" and not await self.workers_alive(queue="gpu"):
            raise NoGpuWorker(seconds=f"{self.patience_seconds:g}")
        return await self._propagations.accept(
            asked, again=again, enqueue=self._enqueue_propagation, priority=priority
        )

    async def cancel_propagation(self, propagation: str) -> Propagation:
        """The measurement after its cancellation; one that had finished stays as it is.

        Raises:
            NotFound: If there is no such measurement.
        """
        found = await self._propagations.propagation(propagation)
        if not found.finished:
            await self._with_room(lambda: self._propagations.cancelled(found.job))
            await self._with_room(
                lambda: self._client.cancel_workflow_async(found.job, cancel_children=True)
            )
        return await self._propagations.propagation(propagation)

    async def delete_propagation(self, propagation: str) -> None:
        """Remove a measurement, calling it off first; files that nothing else needs go with it.

        Raises:
            NotFound: If there is no such measurement.
        """
        await self.cancel_propagation(propagation)
        for orphan in await self._propagations.delete(propagation):
            await self._runs.release(orphan, self._blobs.delete)

    async def propagation_events(self, propagation: str) -> AsyncIterator[Propagation]:
        """The measurement now, then after each change, until it has finished or is gone.

        Raises:
            NotFound: If there is no such measurement at the start.
        """
        async for now in _changes(lambda: self._propagations.propagation(propagation)):
            yield now

    async def events(self, run: str) -> AsyncIterator[Run]:
        """The run now, then each time that it has changed, until it has finished or is gone.

        Raises:
            NotFound: If there is no such run at the start.
        """
        async for now in _changes(lambda: self._runs.run(run)):
            yield now

    async def workers_alive(self, *, queue: str = "cpu") -> int:
        """How many workers of a queue gave a sign of life lately; 0: nothing will be done."""
        folder = self._settings.data_dir / slots.FOLDER
        return await asyncio.to_thread(
            slots.alive, folder, within_seconds=self.patience_seconds, queue=queue
        )

    async def workers(self) -> tuple[Sign, ...]:
        """The workers that gave a sign of life lately, wherever they are."""
        folder = self._settings.data_dir / slots.FOLDER
        return await asyncio.to_thread(slots.signs, folder, within_seconds=self.patience_seconds)

    @property
    def patience_seconds(self) -> float:
        """How long a worker may be silent before it counts as gone."""
        return slots.patience_seconds(self._settings)

    async def _with_room(self, write: Callable[[], Awaitable[Result]]) -> Result:
        """The result of a write that a full disk may not hinder: it takes from the reserve.

        Raises:
            DiskFull: If the reserve is spent, too.
        """
        with contextlib.suppress(DiskFull):
            return await _kept(write)
        await asyncio.to_thread(self._reserve.spend)
        return await _kept(write)

    async def close(self) -> None:
        """Let go of the queue."""
        await asyncio.to_thread(self._client.destroy)

    def _enqueue(self, connection: sa.Connection, run: Run) -> None:
        self._admit(connection, run.job)
        enqueue(self._client, connection, run)

    def _enqueue_propagation(self, connection: sa.Connection, job: str) -> None:
        self._admit(connection, job)
        enqueue_propagation(self._client, connection, job)

    def _enqueue_seed(self, connection: sa.Connection, job: str) -> None:
        self._admit(connection, job)
        enqueue_seed(self._client, connection, job)

    def _admit(self, connection: sa.Connection, job: str) -> None:
        admit(connection, turn_of(connection, job), most=self._settings.max_queued)


async def _changes(look: Callable[[], Awaitable[Seen]]) -> AsyncIterator[Seen]:
    last = await look()
    yield last
    with contextlib.suppress(NotFound):
        while not last.finished:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                now = await look()
            except DatabaseAway:
                continue
            if now != last:
                yield now
            last = now


async def _kept(write: Callable[[], Awaitable[Result]]) -> Result:
    try:
        return await write()
    except sa.exc.DBAPIError as problem:  # the queue's own; the store's tell it themselves
        if is_full(problem):
            raise DiskFull from problem
        raise
