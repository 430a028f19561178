"""Handing work in, following it and calling it off: all of the jobs that the web may import."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import sqlalchemy as sa
from dbos import DBOSClient

from app.config import Settings
from app.errors import NotFound
from app.jobs import engine, slots
from app.store.blobs import Blobs
from app.store.facts import Run, SeedSearch
from app.store.runs import Runs
from app.store.seeds import Seeds

LOOK_SECONDS = 0.25  # between looks at a run that is followed
MISSED_BEATS = 4  # signs of life a worker may miss while its machine is busy


class Submitter:
    """The web's door to the workers; `engine.prepare` must have run once before."""

    def __init__(self, settings: Settings, runs: Runs, blobs: Blobs, seeds: Seeds) -> None:
        self._settings = settings
        self._runs = runs
        self._seeds = seeds
        self._blobs = blobs
        self._client: DBOSClient = engine.client(settings)

    async def submit(self, file: str) -> Run:
        """The run of a stored file: the one that exists, else a new one on the queue.

        A failed, cancelled or stale run starts again. Row and queue entry commit together.

        Raises:
            NotFound: If there is no such file.
        """
        return await self._runs.accept(file, again=False, enqueue=self._enqueue)

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
        after = await self._runs.cancel(run)
        if not before.finished:
            await self._client.cancel_workflow_async(before.job, cancel_children=True)
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

    async def events(self, run: str) -> AsyncIterator[Run]:
        """The run now, then each time that it has changed, until it has finished or is gone.

        Raises:
            NotFound: If there is no such run at the start.
        """
        last = await self._runs.run(run)
        yield last
        with contextlib.suppress(NotFound):
            while not last.finished:
                await asyncio.sleep(LOOK_SECONDS)
                now = await self._runs.run(run)
                if now != last:
                    yield now
                last = now

    async def workers_alive(self) -> int:
        """How many workers of this machine gave a sign of life lately; 0: nothing will be done."""
        folder = self._settings.data_dir / slots.FOLDER
        within = MISSED_BEATS * self._settings.heartbeat_seconds
        return await asyncio.to_thread(slots.alive, folder, within_seconds=within)

    async def close(self) -> None:
        """Let go of the queue."""
        await asyncio.to_thread(self._client.destroy)

    def _enqueue(self, connection: sa.Connection, run: Run) -> None:
        enqueue(self._client, connection, run)

    def _enqueue_seed(self, connection: sa.Connection, job: str) -> None:
        self._client.enqueue_in_transaction(
            connection,
            {
                "queue_name": engine.PARTS,  # where each job is one child
                "workflow_name": engine.SEED,
                "workflow_id": job,
                "app_version": engine.VERSION,
            },
            job,
        )


def enqueue(client: DBOSClient, connection: sa.Connection, run: Run) -> None:
    """Put a run's job on the queue inside the caller's transaction."""
    client.enqueue_in_transaction(
        connection,
        {
            "queue_name": engine.ANALYSES,
            "workflow_name": engine.ANALYSIS,
            "workflow_id": run.job,
            "app_version": engine.VERSION,
        },
        run.job,
    )
