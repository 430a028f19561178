"""A worker process: takes jobs from the queue until it is told to end, or killed.

It may end at any moment, so it always just ends: what it was doing is taken up by the next one.
Its children end with it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NoReturn

from dbos import DBOS
from sqlalchemy.ext.asyncio import AsyncEngine

from app import heap, logs
from app.config import Settings
from app.errors import DatabaseAway, DiskFull, InitscopeError
from app.jobs import engine, slots
from app.jobs.comparer import Comparer
from app.jobs.desk import Desk
from app.jobs.edge import Edge
from app.jobs.extra import require_worker_extra
from app.jobs.flows import register_propagation
from app.jobs.keeper import Keeper, tidy_blobs, tidy_reports
from app.jobs.propagating import Propagator
from app.jobs.seeking import Seeker
from app.jobs.tending import Tender
from app.jobs.turns import Turns
from app.jobs.workflows import register_analysis, register_single
from app.readers import sandbox
from app.store import database
from app.store.attempts import Attempts
from app.store.blobs import Blobs
from app.store.comparisons import Comparisons
from app.store.database import is_away
from app.store.propagations import Propagations
from app.store.reserve import Reserve, is_full
from app.store.retention import Retention
from app.store.runs import Runs
from app.store.seeds import Seeds

log = logging.getLogger(__name__)

AT_ONCE = {engine.ANALYSES: 16, engine.PARTS: 1, engine.GPU: 1}  # analyses only wait for parts
LISTENED = {"cpu": [engine.ANALYSES, engine.PARTS], "gpu": [engine.GPU]}
TIDY_SECONDS = 3600.0


async def work(settings: Settings, *, queue: str = "cpu", device: str = "cpu") -> None:
    """Carry jobs for ever.

    Args:
        settings: Of the app.
        queue: "cpu" for all that needs no GPU, "gpu" for large measurements alone.
        device: That measurements run on: "cpu", "cuda" or "cuda:N".
    """
    require_worker_extra()
    await asyncio.to_thread(engine.prepare, settings)
    folder = settings.data_dir / slots.FOLDER
    slot = slots.claim(folder, slots.place(settings, queue=queue))
    logs.configure(settings.log, secrets=settings.secrets, worker=slot.name)
    signal.signal(signal.SIGTERM, lambda *_: _leave(slot))
    tables, edge = database.connect(settings), Edge(Reserve(settings.data_dir))
    attempts, seeds, propagations = Attempts(tables), Seeds(tables), Propagations(tables)
    blobs = Blobs(settings.data_dir / "blobs")
    slot.tell(device=device, missing_walls=await asyncio.to_thread(_missing_walls))
    desk = Desk(settings, attempts, blobs, device=device)
    seeker = Seeker(settings, seeds, blobs)
    propagator = Propagator(settings, propagations, blobs, device=device, queue=queue)
    comparer = Comparer(settings, Comparisons(tables), blobs)
    register = partial(_register, desk, seeker, propagator, comparer, edge)
    await _launch(settings, register, executor=slot.name, queue=queue)
    client = engine.client(settings)
    tender = Tender(client, propagations, settings)
    patience = slots.patience_seconds(settings)
    keeper = Keeper(client, attempts, seeds, slot=slot, edge=edge, patience=patience)

    async def look() -> None:
        await _look(tender.look())
        await _look(comparer.look(client))

    await _tend(
        keeper, look, partial(_tidy, settings, tables, blobs), seconds=settings.heartbeat_seconds
    )
    await asyncio.to_thread(Reserve(settings.data_dir).spend_if_short)
    log.error("A job got lost, so this worker ends; the next one takes the job up")
    os._exit(1)


def _register(
    desk: Desk, seeker: Seeker, propagator: Propagator, comparer: Comparer, edge: Edge
) -> None:
    """Make every kind of job known to DBOS."""
    turns = Turns()
    single = partial(register_single, seconds=desk.settings.part_seconds, turns=turns, edge=edge)
    register_analysis(desk, turns, edge)
    register_propagation(propagator, turns, edge)
    single(engine.SEED, seeker.seek, seeker.seeds)
    single(engine.COMPARISON, comparer.compare, comparer.comparisons)


def _leave(slot: slots.Slot) -> None:
    """End in order: what is in hand goes back to the queue."""
    slot.leave()
    os._exit(0)


def _missing_walls() -> list[str]:
    """Start the first child, which loads slowly, and say which walls do not stand around it."""
    missing = [wall for wall, stands in sandbox.strength().items() if not stands]
    if missing:
        log.warning("This machine's sandbox lacks: %s", ", ".join(missing))
    return missing


async def _tend(
    keeper: Keeper,
    look: Callable[[], Awaitable[None]],
    tidy: Callable[[], Awaitable[None]],
    *,
    seconds: float,
) -> None:
    """Look after the queue until a job got lost."""
    tidied = -math.inf
    while not keeper.lost:
        await _look(keeper.look())
        await look()
        if time.monotonic() - tidied > TIDY_SECONDS:
            await tidy()
            tidied = time.monotonic()
        await asyncio.sleep(seconds)


async def _tidy(settings: Settings, tables: AsyncEngine, blobs: Blobs) -> None:
    await _look(tidy_reports(Retention(tables), keep_days=settings.keep_days))
    await _look(tidy_blobs(Runs(tables), blobs))


async def _look(work: Awaitable[None]) -> None:
    try:
        await work
    except slots.NameLost:
        log.error("This worker was taken for dead, so it ends; others have its jobs")  # noqa: TRY400
        os._exit(1)
    except Exception as failure:
        if is_away(failure) or isinstance(failure, DatabaseAway):
            log.warning("The database does not answer, so the queue is not looked after")
            return
        if is_full(failure) or isinstance(failure, DiskFull):
            log.warning("The disk is full, so the queue is not looked after")
            return
        log.exception("Looking after the queue failed; it is tried again")


async def _launch(
    settings: Settings, register_workflows: Callable[[], None], *, executor: str, queue: str
) -> None:
    engine.tell_the_unexpected()
    DBOS(config=engine.config(settings, executor=executor))
    register_workflows()
    DBOS.listen_queues(LISTENED[queue])
    DBOS.launch()
    for name, at_once in AT_ONCE.items():
        await DBOS.register_queue_async(
            name,
            worker_concurrency=at_once,
            partition_worker_concurrency=at_once,  # divides the queue by owner, who take turns
            polling_interval_sec=settings.poll_seconds,
            on_conflict="always_update",
        )


def main(
    settings: Settings, *, with_parent: bool, queue: str = "cpu", device: str = "cpu"
) -> NoReturn:
    """Be a worker.

    Args:
        settings: Of the app.
        with_parent: End when standard input does: the process that started this one is gone.
        queue: As of `work`.
        device: As of `work`.
    """
    heap.share()
    heap.return_large()
    logs.configure(settings.log, secrets=settings.secrets)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    if with_parent:
        threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        asyncio.run(work(settings, queue=queue, device=device))
    except Exception as failure:
        if not _is_told(failure, Reserve(settings.data_dir)):
            log.exception("A worker could not start")
    os._exit(1)  # the queue's threads, once they run, would go on


def _is_told(failure: Exception, reserve: Reserve) -> bool:
    """Whether a sentence says why a worker could not start; whoever keeps it starts it again."""
    if is_away(failure) or isinstance(failure, DatabaseAway):
        log.error("The database does not answer, so this worker ends")
    elif is_full(failure) or isinstance(failure, DiskFull):
        reserve.spend()
        log.error("The disk is full, so this worker ends")
    elif isinstance(failure, InitscopeError):
        log.error("%s %s", failure.message, failure.hint)
    else:
        return False
    return True


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 1):  # sys.stdin's own lock would outlive the main thread
        pass
    os._exit(0)
