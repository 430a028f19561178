"""Every few seconds: takes over from workers that died, and clears up what no job will."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import partial

from dbos import DBOS, DBOSClient, WorkflowStatus

from app.errors import DiskFull
from app.jobs import engine, slots
from app.jobs.edge import Edge
from app.jobs.queueing import enqueue, enqueue_seed
from app.jobs.settling import ENDED, settle
from app.store.attempts import Attempts
from app.store.blobs import Blobs
from app.store.reserve import Reserve, is_full
from app.store.retention import Retention
from app.store.runs import Runs
from app.store.seeds import Seeds

log = logging.getLogger(__name__)

LOST_SECONDS = 30.0  # far longer than a job takes to begin or to have its end written
# Workflows that run inside of Edge.carrying.
CARRIED = frozenset(
    {engine.ANALYSIS, engine.PART, engine.SEED, engine.PROPAGATION, engine.COMPARISON}
)
KEPT = timedelta(hours=1)  # what DBOS wrote of an ended job, for a look at what went wrong
FILES_KEPT = timedelta(days=1)  # for an analysis to be asked of them
SWEPT_AT_ONCE = 200


class Keeper:
    """Runs beside the jobs in every worker; whatever it does, two may do at once."""

    def __init__(
        self,
        client: DBOSClient,
        attempts: Attempts,
        seeds: Seeds,
        *,
        slot: slots.Slot,
        edge: Edge,
        patience: float,
    ) -> None:
        """A keeper for one worker.

        Args:
            client: Of the queue.
            attempts: The worker's side of the store.
            seeds: Searches.
            slot: The worker's own name.
            edge: That knows which jobs are in hand.
            patience: Seconds of silence after which a worker elsewhere counts as gone.
        """
        self._client = client
        self._attempts = attempts
        self._seeds = seeds
        self._folder = slot.folder
        self._slot = slot
        self._edge = edge
        self._patience = patience
        self._reserve = Reserve(slot.folder.parent)
        self._missed: dict[str, float] = {}  # own jobs that nobody carries, and since when

    async def look(self) -> None:
        """One round; on a full disk the reserve makes room for the next."""
        self._slot.beat()
        await asyncio.to_thread(self._reserve.lay_in)
        starved = self._reserve.starved() and await self._attempts.unfinished()
        if starved and self._reserve.lend():
            log.warning("The disk is full; half of the room kept for that is given up")
        try:
            await self._take_over()
            await settle(self._client, self._attempts, self._restart)
            await settle(self._client, self._seeds, self._restart_seed)
            await self._sweep()
        except Exception as failure:
            if is_full(failure) or isinstance(failure, DiskFull):
                await asyncio.to_thread(self._reserve.spend)
            raise

    async def _take_over(self) -> None:
        """Put the jobs of workers that no longer live back on the queue."""
        pending = await self._client.list_workflows_async(
            status="PENDING", app_version=engine.VERSION, load_input=False, load_output=False
        )
        self._miss([one for one in pending if one.executor_id == self._slot.name])
        names = {one.executor_id or "" for one in pending} - {self._slot.name, ""}
        for name in sorted(names):
            with self._if_gone(name) as gone:
                if gone:
                    log.warning("Worker %s is gone; its jobs go on elsewhere", name)
                    # Public resume_workflows would forget the attempts and the queue.
                    await asyncio.to_thread(DBOS._recover_pending_workflows, [name])

    def _if_gone(self, name: str) -> AbstractContextManager[bool]:
        """A lock tells of this machine's workers, the time since their last beat of all others."""
        if self._slot.is_neighbour(name):
            return slots.held_if_dead(self._folder, name)
        return slots.buried_if_silent(self._folder, name, seconds=self._patience)

    def _miss(self, own: Sequence[WorkflowStatus]) -> None:
        now = time.monotonic()
        jobs = [one.workflow_id for one in own if one.name in CARRIED]
        lost = [job for job in jobs if not self._edge.carries(job)]
        self._missed = {job: self._missed.get(job, now) for job in lost}

    @property
    def lost(self) -> bool:
        """Whether a job of this process got lost: its end could not be written, for example.

        Such a job goes on only when the process starts anew.
        """
        oldest = min(self._missed.values(), default=math.inf)
        return time.monotonic() - oldest > LOST_SECONDS

    async def _restart(self, job: str) -> None:
        await self._attempts.restart(job, partial(enqueue, self._client))

    async def _restart_seed(self, job: str) -> None:
        await self._seeds.restart(job, partial(enqueue_seed, self._client))

    async def _sweep(self) -> None:
        """Delete what the queue wrote of jobs that ended a while ago; reports stay."""
        before = (datetime.now(UTC) - KEPT).isoformat()
        old = await self._client.list_workflows_async(
            name=[engine.ANALYSIS, engine.SEED, engine.PROPAGATION, engine.COMPARISON],
            status=list(ENDED),
            completed_before=before,
            load_input=False,
            load_output=False,
            limit=SWEPT_AT_ONCE,
        )
        ids = [one.workflow_id for one in old]
        if ids:
            await self._client.delete_workflows_async(ids, delete_children=True)


async def tidy_reports(retention: Retention, *, keep_days: int) -> None:
    """Remove the reports whose time is over; 0 keeps them for ever."""
    if not keep_days:
        return
    gone = await retention.sweep(before=datetime.now(UTC) - timedelta(days=keep_days))
    if gone:
        log.info("Removed %d reports that were kept for %d days", gone, keep_days)


async def tidy_blobs(runs: Runs, blobs: Blobs) -> None:
    """Remove what interrupted uploads left in the blob folder, and files that nobody analysed.

    Both only when they are older than a day.
    """
    for sha256 in await runs.forget(before=datetime.now(UTC) - FILES_KEPT):
        await runs.release(sha256, blobs.delete)
    for sha256 in await asyncio.to_thread(blobs.sweep):
        await runs.release(sha256, blobs.delete)
