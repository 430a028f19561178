"""Brings rows in line whose job ended, was lost or belongs to another version."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from dbos import DBOSClient, WorkflowStatus

from app.errors import ChildLost, InitscopeError
from app.jobs import engine
from app.store.facts import Failure

ENDED: Final = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


class Unsettled(Protocol):
    """The rows of one kind of job."""

    async def unfinished(self) -> list[str]:
        """Their jobs."""

    async def cancelled(self, job: str, /) -> object:
        """A job was called off."""

    async def fail(self, job: str, error: Failure, /) -> object:
        """A job came to nothing."""


async def settle(
    client: DBOSClient, rows: Unsettled, restart: Callable[[str], Awaitable[object]]
) -> None:
    """One round over the rows whose job the queue does not carry on."""
    jobs = await rows.unfinished()
    if not jobs:
        return
    found = await client.list_workflows_async(
        workflow_ids=jobs, load_input=False, load_output=False
    )
    known = {one.workflow_id: one for one in found}
    still = set(await rows.unfinished())  # a job may have ended between the looks
    for job in still.intersection(jobs):
        workflow = known.get(job)
        if workflow is None:
            await restart(job)
        elif workflow.app_version != engine.VERSION and workflow.status not in ENDED:
            await client.cancel_workflow_async(job, cancel_children=True)
            await restart(job)
        else:
            await _end(rows, job, workflow)


async def _end(rows: Unsettled, job: str, workflow: WorkflowStatus) -> None:
    if workflow.status == "CANCELLED":
        await rows.cancelled(job)
    elif workflow.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
        await rows.fail(job, failure(ChildLost(reason="its worker kept ending")))
    elif workflow.status in ENDED:
        await rows.fail(job, failure(InitscopeError()))


def failure(error: InitscopeError) -> Failure:
    """An error as it is kept beside a row."""
    return Failure(code=error.code, message=error.message, hint=error.hint)
