"""Real worker processes on a temporary data folder."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, chdir, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import sqlalchemy as sa

from app.config import Settings
from app.jobs import engine, slots
from app.jobs.submit import Submitter
from app.jobs.supervisor import Supervisor, environment
from app.store import database, reserve
from app.store.blobs import Blobs
from app.store.facts import Propagation, Run
from app.store.propagations import Propagations
from app.store.runs import Runs
from app.store.seeds import Seeds

ROOT = Path(__file__).parents[2]
PAGE = os.sysconf("SC_PAGE_SIZE")
PATIENCE_SECONDS = 120  # a deadline for a loaded machine, never a duration that is waited for


class Service:
    """The store, the queue and worker processes that can be killed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.workers: list[subprocess.Popen[bytes]] = []
        engine.prepare(settings)
        self.tables = database.connect(settings)
        self.runs = Runs(self.tables)
        self.blobs = Blobs(settings.data_dir / "blobs")
        self.seeds = Seeds(self.tables)
        self.propagations = Propagations(self.tables)
        self.submitter = Submitter(settings, self.runs, self.blobs, self.seeds, self.propagations)

    def start(self, count: int = 1) -> None:
        """Start workers as the service starts them."""
        for _ in range(count):
            worker = subprocess.Popen(
                [sys.executable, "-m", "app.jobs"],
                cwd=ROOT,
                env=os.environ | environment(self.settings),
                stdin=subprocess.PIPE,
                start_new_session=True,
            )
            self.workers.append(worker)

    @asynccontextmanager
    async def kept(self, count: int) -> AsyncIterator[None]:
        """Workers that are started again when they end, as the service does it."""
        supervisor = Supervisor(self.settings.model_copy(update={"workers": count}))
        with chdir(ROOT):
            supervisor.start()
            try:
                yield
            finally:
                await supervisor.stop()

    def start_gpu_worker(self) -> None:
        """Start a worker of the gpu queue whose device is the CPU: the queue does not know."""
        command = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"
        worker = subprocess.Popen(
            [sys.executable, "-c", command, "worker", "--queue", "gpu", "--device", "cpu"],
            cwd=ROOT,
            env=os.environ | environment(self.settings),
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self.workers.append(worker)

    def kill(self, number: int = 0) -> None:
        """SIGKILL one worker and see that its children end with it."""
        self._kill([self.workers.pop(number)])

    def kill_all(self) -> None:
        """SIGKILL every worker at once."""
        self._kill([self.workers.pop() for _ in list(self.workers)])

    def _kill(self, workers: list[subprocess.Popen[bytes]]) -> None:
        processes = [psutil.Process(worker.pid) for worker in workers]
        family = [child for process in processes for child in process.children(recursive=True)]
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
        for worker in workers:
            worker.wait()
            assert worker.stdin is not None
            worker.stdin.close()
        _, alive = psutil.wait_procs(family, timeout=PATIENCE_SECONDS)
        assert not alive

    def child(self, number: int = 0) -> psutil.Process | None:
        """The sandboxed child that a worker has at work, or None."""
        for server in psutil.Process(self.workers[number].pid).children():
            for child in server.children():
                return child
        return None

    def kill_a_child(self, number: int = 0) -> None:
        """SIGKILL the child of a worker, if it has one at work."""
        child = self.child(number)
        if child is not None:
            with suppress(psutil.NoSuchProcess):
                child.kill()

    async def submit(self, content: bytes, name: str = "model.safetensors") -> Run:
        """Keep a file and order its analysis."""

        async def body() -> AsyncIterator[bytes]:
            yield content

        received = await self.blobs.receive(body(), limit=2**30)
        file = await self.runs.add_file(received, name=name)
        return await self.submitter.submit(file.id)

    async def keep(self, content: bytes, name: str) -> str:
        """The id of a stored file."""

        async def body() -> AsyncIterator[bytes]:
            yield content

        received = await self.blobs.receive(body(), limit=2**30)
        return (await self.runs.add_file(received, name=name)).id

    async def measured(
        self, found: Propagation, wanted: Callable[[Propagation], bool] = lambda now: now.finished
    ) -> Propagation:
        """The measurement once it is as wanted."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for now in self.submitter.propagation_events(found.id):
                if wanted(now):
                    return now
        raise AssertionError(f"never came about: {await self.propagations.find(found.id)}")

    async def until(self, run: Run, wanted: Callable[[Run], bool]) -> Run:
        """The run once it is as wanted."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for now in self.submitter.events(run.id):
                if wanted(now):
                    return now
        raise AssertionError(f"never came about: {await self.runs.find(run.id)}")

    async def finished(self, run: Run) -> Run:
        """The run once nothing more will happen to it."""
        return await self.until(run, lambda now: now.finished)

    async def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """What the database holds."""
        async with database.reading(self.tables).connect() as connection:
            found = await connection.execute(sa.text(query), values)
            return [tuple(row) for row in found]

    async def until_so(self, is_so: Callable[[], bool]) -> None:
        """Return once something is so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

    async def gpu_worker_alive(self) -> None:
        """Return once a worker of the gpu queue has given a sign of life."""
        folder = self.settings.data_dir / slots.FOLDER
        await self.until_so(lambda: slots.alive(folder, within_seconds=60, queue="gpu") > 0)

    async def eventually(self, query: str, wanted: tuple[Any, ...]) -> None:
        """Return once the database's one row is as wanted."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := await self.rows(query)) != [wanted]:
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Let go of everything."""
        self.kill_all()
        await self.submitter.close()
        await self.tables.dispose()


@pytest.fixture
def with_service(tmp_path: Path) -> Callable[..., Any]:
    """Runs an asynchronous test body with a service; settings as keyword arguments."""

    async def run(body: Callable[[Service], Any], settings: Settings) -> Any:
        service = Service(settings)
        try:
            return await body(service)
        finally:
            await service.close()

    def start(body: Callable[[Service], Any], **values: Any) -> Any:
        chosen: dict[str, Any] = {
            "poll_seconds": 0.1,
            "heartbeat_seconds": 0.5,
            "part_bytes": 1,  # one tensor a part
            "min_free_bytes": 0,
        }
        folder = tmp_path / "data"
        settings = Settings(_env_file=None, data_dir=folder, **(chosen | values))
        return asyncio.run(run(body, settings))

    return start


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk under the data folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(disk: Path) -> None:
    """Take all that is free but the reserve, also where a worker gives that up meanwhile."""
    with (disk / "filler").open("wb", buffering=0) as filler:
        while True:
            free = shutil.disk_usage(disk).free
            if free < PAGE or not is_whole(disk / reserve.FILE):
                return
            try:
                os.posix_fallocate(filler.fileno(), 0, free)
            except OSError:
                continue  # a worker took some of it first
            return


def is_whole(kept: Path) -> bool:
    """Whether nothing of the reserve was given up."""
    with suppress(FileNotFoundError):
        return kept.stat().st_size == reserve.BYTES
    return False


async def to_its_middle(service: Service, content: bytes, disk: Path) -> Run:
    """An analysis on a disk that is full from then on."""
    run = await service.submit(content)
    await service.until(run, lambda now: now.step == "measuring" and now.done > 2)
    fill(disk)
    return run


async def ends_well(service: Service, run: Run) -> None:
    """See that a run either says that the disk is full or found all it needed in the reserve."""
    ended = await service.finished(run)
    told = (ended.state, ended.error.code if ended.error else None)
    assert told in {("failed", "disk_full"), ("done", None)}


@pytest.fixture
def checkpoint() -> Callable[..., bytes]:
    """Makes a safetensors file of linear layers with torch's default law."""

    def make(layers: int = 3, width: int = 64, seed: int = 0) -> bytes:
        random = np.random.default_rng(seed)
        bound = width**-0.5
        data, header = [], {}
        for layer in range(layers):
            values = random.uniform(-bound, bound, (width, width)).astype("<f4").tobytes()
            start = sum(map(len, data))
            header[f"{layer}.weight"] = {
                "dtype": "F32",
                "shape": [width, width],
                "data_offsets": [start, start + len(values)],
            }
            data.append(values)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        return len(text).to_bytes(8, "little") + text + b"".join(data)

    return make
