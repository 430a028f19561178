"""A worker process: takes jobs from the queue until it is told to end, or killed.

It may end at any moment, so it always just ends: what it was doing is taken up by the next one.
Its children end with it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading

from dbos import DBOS

from app.config import Settings
from app.jobs import engine, slots
from app.jobs.desk import Desk
from app.jobs.extra import require_worker_extra
from app.jobs.keeper import Keeper, tidy_blobs
from app.jobs.seeking import Seeker
from app.jobs.workflows import register
from app.readers import sandbox
from app.store import database
from app.store.attempts import Attempts
from app.store.blobs import Blobs
from app.store.runs import Runs
from app.store.seeds import Seeds

log = logging.getLogger(__name__)

ANALYSES_AT_ONCE = 16  # each only waits for its parts
PARTS_AT_ONCE = 1


async def work(settings: Settings) -> None:
    """Carry jobs for ever."""
    require_worker_extra()
    await asyncio.to_thread(engine.prepare, settings)
    folder = settings.data_dir / slots.FOLDER
    slot = slots.claim(folder, slots.place(settings))
    engine_ = database.connect(settings)
    attempts, seeds = Attempts(engine_), Seeds(engine_)
    blobs = Blobs(settings.data_dir / "blobs")
    walls = await asyncio.to_thread(sandbox.strength)  # and the first child, which loads slowly
    missing = [wall for wall, stands in walls.items() if not stands]
    if missing:
        log.warning("This machine's sandbox lacks: %s", ", ".join(missing))
    desk, seeker = Desk(settings, attempts, blobs), Seeker(settings, seeds, blobs)
    await _launch(settings, desk, seeker, executor=slot.name)
    await tidy_blobs(Runs(engine_), blobs)
    keeper = Keeper(engine.client(settings), attempts, seeds, folder=folder, slot=slot)
    while True:
        await _look(keeper)
        await asyncio.sleep(settings.heartbeat_seconds)


async def _look(keeper: Keeper) -> None:
    try:
        await keeper.look()
    except Exception:
        log.exception("Looking after the queue failed; it is tried again")


async def _launch(settings: Settings, desk: Desk, seeker: Seeker, *, executor: str) -> None:
    engine.expect_cancellations()
    DBOS(config=engine.config(settings, executor=executor))
    register(desk, seeker)
    DBOS.listen_queues([engine.ANALYSES, engine.PARTS])
    DBOS.launch()
    for queue, at_once in ((engine.ANALYSES, ANALYSES_AT_ONCE), (engine.PARTS, PARTS_AT_ONCE)):
        await DBOS.register_queue_async(
            queue,
            worker_concurrency=at_once,
            polling_interval_sec=settings.poll_seconds,
            on_conflict="always_update",
        )


def main(settings: Settings, *, with_parent: bool) -> int:
    """Be a worker.

    Args:
        settings: Of the app.
        with_parent: End when standard input does: the process that started this one is gone.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    if with_parent:
        threading.Thread(target=_end_with_input, daemon=True).start()
    asyncio.run(work(settings))
    return 0


def _end_with_input() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os._exit(0)
