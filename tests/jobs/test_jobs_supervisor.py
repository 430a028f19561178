from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from app.config import Settings
from app.jobs import engine
from app.jobs.supervisor import Supervisor, environment

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60


async def until(wanted):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := wanted()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    return found


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children() if "app.jobs" in child.cmdline()]


def test_settings_reach_a_worker_as_they_are(tmp_path, monkeypatch):
    given = Settings(_env_file=None, data_dir=tmp_path, workers=3, allowed_hosts=["a", "b"])
    for name, value in environment(given).items():
        monkeypatch.setenv(name, value)
    assert Settings(_env_file=None) == given


def test_a_worker_that_died_is_started_again(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    settings = Settings(_env_file=None, data_dir=tmp_path, workers=1)
    engine.prepare(settings)

    async def body() -> None:
        supervisor = Supervisor(settings)
        supervisor.start()
        here = psutil.Process()
        (first,) = await until(lambda: workers_of(here))
        first.send_signal(signal.SIGKILL)
        await until(lambda: [one for one in workers_of(here) if one.pid != first.pid])
        await supervisor.stop()
        assert workers_of(here) == []

    asyncio.run(body())


SUPERVISE = """
import asyncio, sys
from app.config import Settings
from app.jobs import engine
from app.jobs.supervisor import Supervisor

async def main():
    settings = Settings(_env_file=None, data_dir=sys.argv[1], workers=2)
    engine.prepare(settings)
    Supervisor(settings).start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_workers_end_with_a_service_that_is_killed(tmp_path):
    command = [sys.executable, "-c", SUPERVISE, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT) as service:
        process = psutil.Process(service.pid)

        async def started() -> list[psutil.Process]:
            await until(lambda: len(workers_of(process)) == 2)
            # A worker with a child has loaded everything and waits for work.
            await until(lambda: all(worker.children() for worker in workers_of(process)))
            return process.children(recursive=True)

        family = asyncio.run(started())
        os.kill(service.pid, signal.SIGKILL)
        service.wait()
        _, alive = psutil.wait_procs(family, timeout=PATIENCE_SECONDS)
        assert alive == []
