"""A comparison as a durable workflow."""

from __future__ import annotations

import asyncio

from dbos import DBOS

from app.jobs import engine
from app.jobs.comparer import Comparer
from app.jobs.edge import Edge, Outcome
from app.jobs.workflows import PART_RECOVERIES
from app.store.facts import Failure


def register_comparison(comparer: Comparer, turn: asyncio.Lock, edge: Edge) -> None:
    """Make the workflow known to DBOS; before its launch."""
    # The child's own clock ends it first; this one is for a worker that lost sight of it.
    seconds = 2 * comparer.settings.part_seconds

    @DBOS.step(name="compare", preemptible=True, timeout_seconds=seconds)
    async def compare(job: str) -> Outcome:
        return await edge.told(comparer.compare(job))

    @DBOS.step(name="fail_comparison")
    async def fail(job: str, error: dict[str, str]) -> bool:
        return await comparer.comparisons.fail(job, Failure(**error))

    @DBOS.workflow(name=engine.COMPARISON, max_recovery_attempts=PART_RECOVERIES)
    async def comparison(job: str) -> Outcome:
        with edge.carrying(DBOS.workflow_id):
            async with turn:
                outcome = await edge.told(compare(job))
            if "error" in outcome:
                await fail(job, outcome["error"])
            return outcome
