"""Every few seconds, beside the keeper: looks after measurements whose job can get no further."""

from __future__ import annotations

import asyncio
from pathlib import Path

import sqlalchemy as sa
from dbos import DBOSClient, WorkflowStatus

from app.config import Settings
from app.errors import ChildLost, InitscopeError
from app.jobs import engine, slots
from app.jobs.submit import enqueue_propagation
from app.store.facts import Failure
from app.store.propagations import Propagations

ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


class Tender:
    """Runs in every worker; whatever it does, two may do at once."""

    def __init__(self, client: DBOSClient, propagations: Propagations, settings: Settings) -> None:
        self._client = client
        self._propagations = propagations
        self._settings = settings

    async def look(self) -> None:
        """One round."""
        await self._settle()
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

    async def _settle(self) -> None:
        """Bring measurements in line whose job ended, was lost or belongs to another version."""
        jobs = await self._propagations.unfinished()
        if not jobs:
            return
        found = await self._client.list_workflows_async(
            workflow_ids=jobs, load_input=False, load_output=False
        )
        known = {one.workflow_id: one for one in found}
        still = set(await self._propagations.unfinished())  # one may have ended between the looks
        for job in still.intersection(jobs):
            await self._settle_one(job, known.get(job))

    async def _settle_one(self, job: str, workflow: WorkflowStatus | None) -> None:
        if workflow is None or (
            workflow.app_version != engine.VERSION and workflow.status not in ENDED
        ):
            if workflow is not None:
                await self._client.cancel_workflow_async(job, cancel_children=True)
            await self._propagations.restart(job, self._enqueue)
        elif workflow.status == "CANCELLED":
            await self._propagations.cancelled(job)
        elif workflow.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
            lost = ChildLost(reason="its worker kept ending")
            await self._propagations.fail(job, _failure(lost))
        elif workflow.status in ENDED:
            await self._propagations.fail(job, _failure(InitscopeError()))

    def _enqueue(self, connection: sa.Connection, job: str) -> None:
        enqueue_propagation(self._client, connection, job)


def _failure(error: InitscopeError) -> Failure:
    return Failure(code=error.code, message=error.message, hint=error.hint)
