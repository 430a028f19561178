"""Every few seconds, beside the keeper: looks after measurements whose job can get no further."""

from __future__ import annotations

import asyncio
from pathlib import Path

import sqlalchemy as sa
from dbos import DBOSClient

from app.config import Settings
from app.jobs import engine, slots
from app.jobs.settling import settle
from app.jobs.submit import enqueue_propagation
from app.store.propagations import Propagations


class Tender:
    """Runs in every worker; whatever it does, two may do at once."""

    def __init__(self, client: DBOSClient, propagations: Propagations, settings: Settings) -> None:
        self._client = client
        self._propagations = propagations
        self._settings = settings

    async def look(self) -> None:
        """One round."""
        await settle(self._client, self._propagations, self._restart)
        if not await asyncio.to_thread(self._gpu_alive):
            await self._fetch_back()

    def _gpu_alive(self) -> int:
        folder: Path = self._settings.data_dir / slots.FOLDER
        patience = slots.patience_seconds(self._settings)
        return slots.alive(folder, within_seconds=patience, queue="gpu")

    async def _fetch_back(self) -> None:
        """Give what waits for a GPU worker to the others once none is alive any more."""
        waiting = await self._client.list_workflows_async(
            queue_name=engine.GPU, status="ENQUEUED", load_input=False, load_output=False
        )
        for one in waiting:
            await self._client.resume_workflow_async(one.workflow_id, queue_name=engine.PARTS)

    async def _restart(self, job: str) -> None:
        await self._propagations.restart(job, self._enqueue)

    def _enqueue(self, connection: sa.Connection, job: str) -> None:
        enqueue_propagation(self._client, connection, job)
