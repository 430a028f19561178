"""The real app behind a real port, on a temporary store with reports put in as a worker would."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import zip_longest

import uvicorn
from sample_models import overview, packed

from app.config import Settings
from app.core.report import Overview, RunReport
from app.main import create_app
from app.store import database, documents
from app.store.attempts import Attempts
from app.store.blobs import Blobs
from app.store.facts import Measured, Part
from app.store.runs import Runs

Reports = Sequence[bytes]  # JSON of a TensorReport each, in file order
Sketches = Sequence[bytes]  # packed, in file order; empty where no tensor has one


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _store(
    settings: Settings, name: str, shown: Overview, reports: Reports, sketches: Sketches
) -> str:
    engine = database.connect(settings)
    runs, attempts = Runs(engine), Attempts(engine)
    blobs = Blobs(settings.data_dir / "blobs", min_free_bytes=0)
    received = await blobs.receive(_once(name.encode()), expected=None, limit=2**20)
    file = await runs.add_file(received, name=name)
    run = await runs.accept(file.id, again=False, enqueue=lambda _connection, _run: None)
    await attempts.step(run.job, "measuring")
    part = Part(number=0, tensors=len(reports), todo=b"[]")
    await attempts.plan(run.job, inventory=b"{}", parts=[part])
    measured = [
        Measured(index=index, report=document, sketch=packed)
        for index, (document, packed) in enumerate(zip_longest(reports, sketches))
    ]
    await attempts.measured(run.job, 0, measured)
    await attempts.finish(run.job, overview=shown, reports=reports)
    await engine.dispose()
    return run.id


class LiveSite:
    """An address that a browser can open."""

    def __init__(self, settings: Settings, port: int) -> None:
        self.settings = settings
        self.origin = f"http://127.0.0.1:{port}"

    def add(self, report: RunReport, name: str) -> str:
        """The id of a finished run with this report."""
        reports = [documents.dump(tensor) for tensor in report.tensors]
        sketches = [packed(index) for index in range(len(reports))]
        return self.put(name, overview(report), reports, sketches)

    def put(self, name: str, shown: Overview, reports: Reports, sketches: Sketches = ()) -> str:
        """The same from an overview and the reports behind it."""
        # In a thread of its own: Playwright's loop runs in the one of the test.
        with ThreadPoolExecutor(1) as aside:
            return aside.submit(
                lambda: asyncio.run(_store(self.settings, name, shown, reports, sketches))
            ).result()


@contextmanager
def live_site(settings: Settings) -> Iterator[LiveSite]:
    """The app while the block runs."""
    config = uvicorn.Config(create_app(settings), port=0, log_level="warning", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    started = threading.Event()
    while not server.started and thread.is_alive():
        started.wait(0.02)  # uvicorn tells of its start by an attribute alone
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield LiveSite(settings, port)
    finally:
        server.should_exit = True
        thread.join()
