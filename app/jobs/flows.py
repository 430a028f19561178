"""A measurement as a durable workflow: understand the network, then measure where it belongs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

from dbos import DBOS, SetWorkflowID

from app.jobs import engine
from app.jobs.desk import CHILD_TRIES
from app.jobs.edge import Edge, Outcome
from app.jobs.propagating import Propagator
from app.jobs.turns import Turns
from app.jobs.workflows import PART_RECOVERIES, outcome_at, placed
from app.store.facts import Failure
from app.store.queues import Turn

PART: Final = "propagation_part"
UNDERSTAND: Final = "understand"
QUEUES: Final = {"cpu": engine.PARTS, "gpu": engine.GPU}

PartWorkflow: TypeAlias = Callable[[str, Turn, str], Coroutine[Any, Any, Outcome]]


def register_propagation(propagator: Propagator, turns: Turns, edge: Edge) -> None:
    """Make the workflows known to DBOS; before its launch."""
    # The child's own clock ends it first; this one is for a worker that lost sight of it.
    settings = propagator.settings
    seconds = 2 * CHILD_TRIES * max(settings.propagation_seconds, settings.inspect_seconds)

    @DBOS.step(name="propagate", preemptible=True, timeout_seconds=seconds)
    async def propagate(job: str, name: str) -> Outcome:
        return await edge.told(propagator.work(job, name))

    @DBOS.step(name="fail_propagation")
    async def fail(job: str, error: dict[str, str]) -> bool:
        return await propagator.propagations.fail(job, Failure(**error))

    @DBOS.workflow(name=PART, max_recovery_attempts=PART_RECOVERIES)
    async def part(job: str, turn: Turn, name: str) -> Outcome:
        with edge.carrying(DBOS.workflow_id):
            async with turns.mine(turn, begun=name != UNDERSTAND):
                return await edge.told(propagate(job, name))

    # It only hands out work, so however often the service restarts meanwhile is fine.
    @DBOS.workflow(name=engine.PROPAGATION, max_recovery_attempts=None)
    async def propagation(job: str, turn: Turn) -> Outcome:
        with edge.carrying(DBOS.workflow_id):
            outcome = await edge.told(_both(job, turn, part))
            if "error" in outcome:
                await fail(job, outcome["error"])
            return outcome


async def _both(job: str, turn: Turn, part: PartWorkflow) -> Outcome:
    outcome = await _done(part, job, UNDERSTAND, turn, queue=engine.PARTS)
    if "error" in outcome:
        return outcome
    return await _done(part, job, "measure", turn, queue=QUEUES[outcome["queue"]])


async def _done(part: PartWorkflow, job: str, name: str, turn: Turn, *, queue: str) -> Outcome:
    with SetWorkflowID(f"{job}-{name}"), placed(turn):
        return await outcome_at(await DBOS.enqueue_workflow_async(queue, part, job, turn, name))
