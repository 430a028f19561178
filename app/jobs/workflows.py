"""An analysis as a durable workflow: after a crash it is replayed, never done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeAlias

from dbos import DBOS, SetEnqueueOptions, SetWorkflowID, WorkflowHandleAsync
from dbos import error as dbos_error

from app.errors import Cancelled, ChildLost
from app.jobs import engine
from app.jobs.desk import CHILD_TRIES, Desk
from app.jobs.edge import Edge, Outcome, outcome_of
from app.jobs.seeking import Seeker
from app.store.facts import Failure

PART_RECOVERIES = 3  # a part is given up when it has ended its worker once more than that
RESULT_SECONDS = 0.1  # between looks at a part that another worker measures

PartWorkflow: TypeAlias = Callable[[str, str, int], Coroutine[Any, Any, Outcome]]


def register(desk: Desk, seeker: Seeker, edge: Edge, turn: asyncio.Lock) -> None:
    """Make the workflows known to DBOS; before its launch."""
    _register_analysis(desk, turn, edge)
    _register_seed(seeker, turn, edge)


def _register_seed(seeker: Seeker, turn: asyncio.Lock, edge: Edge) -> None:
    seconds = 2 * seeker.settings.part_seconds

    @DBOS.step(name="seek", preemptible=True, timeout_seconds=seconds)
    async def seek(job: str) -> Outcome:
        return await edge.told(seeker.seek(job))

    @DBOS.step(name="fail_seed")
    async def fail(job: str, error: dict[str, str]) -> bool:
        return await seeker.seeds.fail(job, Failure(**error))

    @DBOS.workflow(name=engine.SEED, max_recovery_attempts=PART_RECOVERIES)
    async def seed(job: str) -> Outcome:
        with edge.carrying(DBOS.workflow_id):
            async with turn:
                outcome = await edge.told(seek(job))
            if "error" in outcome:
                await fail(job, outcome["error"])
            return outcome


def _register_analysis(desk: Desk, turn: asyncio.Lock, edge: Edge) -> None:
    # The child's own clock ends it first; this one is for a worker that lost sight of it.
    seconds = 2 * CHILD_TRIES * max(desk.settings.part_seconds, desk.settings.inspect_seconds)

    @DBOS.step(name="stage", preemptible=True, timeout_seconds=seconds)
    async def stage(job: str, name: str, number: int) -> Outcome:
        return await edge.told(desk.work(job, name, number))

    @DBOS.step(name="fail")
    async def fail(job: str, error: dict[str, str]) -> bool:
        return await desk.attempts.fail(job, Failure(**error))

    @DBOS.workflow(name=engine.PART, max_recovery_attempts=PART_RECOVERIES)
    async def part(job: str, name: str, number: int) -> Outcome:
        with edge.carrying(DBOS.workflow_id):
            async with turn:
                return await edge.told(stage(job, name, number))

    # It only hands out work, so however often the service restarts in a long analysis is fine.
    @DBOS.workflow(name=engine.ANALYSIS, max_recovery_attempts=None)
    async def analysis(job: str, turn: str) -> Outcome:
        with edge.carrying(DBOS.workflow_id):
            outcome = await edge.told(_all_stages(job, turn, part))
            if "error" in outcome:
                await fail(job, outcome["error"])
            return outcome


async def _all_stages(job: str, turn: str, part: PartWorkflow) -> Outcome:
    outcome = await outcome_at(await _start(part, job, "inspect", 0))
    if "error" in outcome:
        return outcome
    # A single part is measured here and now; several are shared out among the workers.
    begin = _start if outcome["parts"] == 1 else partial(_enqueue, turn)
    handles = [await begin(part, job, "measure", number) for number in range(outcome["parts"])]
    for place, handle in enumerate(handles):
        outcome = await outcome_at(handle)
        if "error" in outcome:
            await DBOS.cancel_workflows_async([late.workflow_id for late in handles[place + 1 :]])
            return outcome
    return await outcome_at(await _start(part, job, "conclude", 0))


async def _start(
    part: PartWorkflow, job: str, name: str, number: int
) -> WorkflowHandleAsync[Outcome]:
    with SetWorkflowID(f"{job}-{name}-{number}"):
        return await DBOS.start_workflow_async(part, job, name, number)


async def _enqueue(
    turn: str, part: PartWorkflow, job: str, name: str, number: int
) -> WorkflowHandleAsync[Outcome]:
    id_ = f"{job}-{name}-{number}"
    with SetWorkflowID(id_), SetEnqueueOptions(queue_partition_key=turn):
        return await DBOS.enqueue_workflow_async(engine.PARTS, part, job, name, number)


async def outcome_at(handle: WorkflowHandleAsync[Outcome]) -> Outcome:
    """What a part came to, also where its workflow could not tell."""
    try:
        return await handle.get_result(polling_interval_sec=RESULT_SECONDS)
    except dbos_error.DBOSAwaitedWorkflowMaxRecoveryAttemptsExceeded:
        return outcome_of(ChildLost(reason=f"its worker ended {PART_RECOVERIES + 1} times"))
    except dbos_error.DBOSAwaitedWorkflowCancelledError:
        return outcome_of(Cancelled())
