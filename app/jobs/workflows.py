"""Jobs as durable workflows: after a crash they are replayed, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol, TypeAlias

from dbos import DBOS, SetEnqueueOptions, SetWorkflowID, WorkflowHandleAsync
from dbos import error as dbos_error

from app.errors import Cancelled, ChildLost
from app.jobs import engine
from app.jobs.desk import CHILD_TRIES, Desk
from app.jobs.edge import Edge, Outcome, outcome_of
from app.jobs.turns import Turns
from app.store.facts import Failure
from app.store.queues import Turn

PART_RECOVERIES: Final = 3  # a part is given up when it has ended its worker once more than that
RESULT_SECONDS: Final = 0.1  # between looks at a part that another worker measures
# The child's own clock ends it first; a step's is for a worker that lost sight of its child.
LOST_SIGHT: Final = 2  # times the seconds that the child may take
INSPECT: Final = "inspect"

PartWorkflow: TypeAlias = Callable[[str, Turn, str, int], Coroutine[Any, Any, Outcome]]


class Failing(Protocol):
    """The rows of one kind of job."""

    async def fail(self, job: str, failure: Failure, /) -> object:
        """A job came to nothing."""


def register_single(
    workflow: str,
    work: Callable[[str], Awaitable[Outcome]],
    rows: Failing,
    *,
    seconds: float,
    turns: Turns,
    edge: Edge,
) -> None:
    """Make a kind of job known to DBOS that is one child's work; before its launch.

    Args:
        workflow: Its name.
        work: What is done for a job, by its id.
        rows: That tell how it ended.
        seconds: That the child may take.
        turns: Of this worker's children.
        edge: That tells what failed.
    """

    @DBOS.step(name=f"do_{workflow}", preemptible=True, timeout_seconds=LOST_SIGHT * seconds)
    async def do(job: str) -> Outcome:
        return await edge.told(work(job))

    @DBOS.step(name=f"fail_{workflow}")
    async def fail(job: str, error: dict[str, str]) -> object:
        return await rows.fail(job, Failure(**error))

    @DBOS.workflow(name=workflow, max_recovery_attempts=PART_RECOVERIES)
    async def single(job: str, turn: Turn) -> Outcome:
        with edge.carrying(DBOS.workflow_id):
            async with turns.mine(turn):
                outcome = await edge.told(do(job))
            if "error" in outcome:
                await fail(job, outcome["error"])
            return outcome


def register_analysis(desk: Desk, turns: Turns, edge: Edge) -> None:
    """Make the analysis of a file known to DBOS; before its launch."""
    seconds = CHILD_TRIES * max(desk.settings.part_seconds, desk.settings.inspect_seconds)

    @DBOS.step(name="stage", preemptible=True, timeout_seconds=LOST_SIGHT * seconds)
    async def stage(job: str, name: str, number: int) -> Outcome:
        return await edge.told(desk.work(job, name, number))

    @DBOS.step(name="fail")
    async def fail(job: str, error: dict[str, str]) -> bool:
        return await desk.attempts.fail(job, Failure(**error))

    @DBOS.workflow(name=engine.PART, max_recovery_attempts=PART_RECOVERIES)
    async def part(job: str, turn: Turn, name: str, number: int) -> Outcome:
        with edge.carrying(DBOS.workflow_id):
            async with turns.mine(turn, begun=name != INSPECT):
                return await edge.told(stage(job, name, number))

    # It only hands out work, so however often the service restarts in a long analysis is fine.
    @DBOS.workflow(name=engine.ANALYSIS, max_recovery_attempts=None)
    async def analysis(job: str, turn: Turn) -> Outcome:
        with edge.carrying(DBOS.workflow_id):
            outcome = await edge.told(_all_stages(_Parts(job, turn, part)))
            if "error" in outcome:
                await fail(job, outcome["error"])
            return outcome


class _Parts:
    """The parts of one job."""

    def __init__(self, job: str, turn: Turn, part: PartWorkflow) -> None:
        self._job = job
        self._turn = turn
        self._part = part

    async def start(self, name: str, number: int = 0) -> WorkflowHandleAsync[Outcome]:
        """Begin a part in this worker."""
        with SetWorkflowID(f"{self._job}-{name}-{number}"):
            return await DBOS.start_workflow_async(self._part, self._job, self._turn, name, number)

    async def share(self, name: str, number: int, *, queue: str) -> WorkflowHandleAsync[Outcome]:
        """Put a part on a queue for all workers."""
        id_ = SetWorkflowID(f"{self._job}-{name}-{number}")
        with id_, placed(self._turn):
            return await DBOS.enqueue_workflow_async(
                queue, self._part, self._job, self._turn, name, number
            )


async def _all_stages(parts: _Parts) -> Outcome:
    outcome = await outcome_at(await parts.start(INSPECT))
    if "error" in outcome:
        return outcome
    handles = [
        await _begun(parts, number, outcome["parts"], is_large=number in outcome["gpu"])
        for number in range(outcome["parts"])
    ]
    for place, handle in enumerate(handles):
        outcome = await outcome_at(handle)
        if "error" in outcome:
            await DBOS.cancel_workflows_async([late.workflow_id for late in handles[place + 1 :]])
            return outcome
    return await outcome_at(await parts.start("conclude"))


async def _begun(
    parts: _Parts, number: int, count: int, *, is_large: bool
) -> WorkflowHandleAsync[Outcome]:
    """A part under way: a single one here and now, several shared out among the workers."""
    if is_large:
        return await parts.share("measure", number, queue=engine.GPU)
    if count == 1:
        return await parts.start("measure", number)
    return await parts.share("measure", number, queue=engine.PARTS)


def placed(turn: Turn) -> SetEnqueueOptions:
    """What is put on the queue in the block takes this place."""
    return SetEnqueueOptions(queue_partition_key=turn["owner"], priority=turn["rank"])


async def outcome_at(handle: WorkflowHandleAsync[Outcome]) -> Outcome:
    """What a part came to, also where its workflow could not tell."""
    try:
        return await handle.get_result(polling_interval_sec=RESULT_SECONDS)
    except dbos_error.DBOSAwaitedWorkflowMaxRecoveryAttemptsExceeded:
        return outcome_of(ChildLost(reason=f"its worker ended {PART_RECOVERIES + 1} times"))
    except dbos_error.DBOSAwaitedWorkflowCancelledError:
        return outcome_of(Cancelled())
