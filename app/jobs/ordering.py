"""Ordering comparisons and calling them off: what the web may do about them."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
from dbos import DBOSClient

from app.config import Settings
from app.errors import NotFound
from app.jobs import engine
from app.jobs.queueing import enqueue_comparison
from app.store.comparisons import Comparisons
from app.store.facts import Compared, Priority
from app.store.queues import admit, turn_of


class ComparisonOrders:
    """The web's door to the workers, for comparisons."""

    def __init__(self, settings: Settings, comparisons: Comparisons) -> None:
        self._comparisons = comparisons
        self._most = settings.max_queued
        self._client: DBOSClient = engine.client(settings)

    async def compare(self, before: str, after: str, *, priority: Priority = "normal") -> Compared:
        """The comparison of two stored files: the one that exists, else a new one on the queue.

        Raises:
            NotFound: If one of the files does not exist.
            QueueFull: If no more jobs may wait.
        """
        return await self._comparisons.accept(
            before, after, enqueue=self._enqueue, priority=priority
        )

    async def cancel(self, comparison: str) -> Compared:
        """The comparison after its cancellation; one that had finished stays as it is.

        Raises:
            NotFound: If there is none.
        """
        found = await self._comparisons.find(comparison)
        if found is None:
            raise NotFound(what="comparison")
        if not found.finished:
            await self._comparisons.cancelled(found.job)
            await self._client.cancel_workflow_async(found.job)
        return await self._comparisons.find(comparison) or found

    async def delete(self, comparison: str) -> None:
        """Remove a comparison, calling it off first; the files stay.

        Raises:
            NotFound: If there is none.
        """
        await self.cancel(comparison)
        await self._comparisons.delete(comparison)

    async def close(self) -> None:
        """Let go of the queue."""
        await asyncio.to_thread(self._client.destroy)

    def _enqueue(self, connection: sa.Connection, job: str) -> None:
        admit(connection, turn_of(connection, job), most=self._most)
        enqueue_comparison(self._client, connection, job)
