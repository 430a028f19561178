"""Every few seconds, beside the keeper: looks after measurements whose job can get no further."""

from __future__ import annotations

import asyncio
from functools import partial

from dbos import DBOSClient

from app.config import Settings
from app.jobs import engine
from app.jobs.devices import gpu_alive
from app.jobs.queueing import enqueue_propagation
from app.jobs.settling import settle
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
        if not await asyncio.to_thread(gpu_alive, self._settings):
            await self._fetch_back()

    async def _fetch_back(self) -> None:
        """Give what waits for a GPU worker to the others once none is alive any more."""
        waiting = await self._client.list_workflows_async(
            queue_name=engine.GPU, status="ENQUEUED", load_input=False, load_output=False
        )
        for one in waiting:
            await self._client.resume_workflow_async(one.workflow_id, queue_name=engine.PARTS)

    async def _restart(self, job: str) -> None:
        await self._propagations.restart(job, partial(enqueue_propagation, self._client))
