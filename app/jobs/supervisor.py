"""Keeps the worker processes of one service alive."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from typing import Final

from app.config import Settings

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 20.0  # a worker that lived so long did not die of its start
STOP_SECONDS: Final = 5.0


class Supervisor:
    """Starts `settings.workers` processes and starts each again when it ends.

    They end with this process, however it ends: each reads its standard input, whose other end
    only this process holds.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._running: dict[int, Process] = {}
        self._keepers: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; inside a running event loop."""
        numbers = range(self._settings.workers)
        self._keepers = [asyncio.create_task(self._keep(number)) for number in numbers]

    async def stop(self) -> None:
        """End all workers and wait until they are gone."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(_end(process) for process in self._running.values()))
        self._running.clear()

    async def _keep(self, number: int) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            started = time.monotonic()
            process = await self._spawn()
            self._running[number] = process
            code = await process.wait()
            lived = time.monotonic() - started
            pause = FIRST_PAUSE_SECONDS if lived > STEADY_SECONDS else pause
            log.warning("A worker ended (%s) and is started again in %.1f s", code, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _spawn(self) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.jobs"),
            stdin=PIPE,
            stdout=DEVNULL,
            env=os.environ | environment(self._settings),
            start_new_session=True,  # the terminal's Ctrl-C is for the service alone
        )


def environment(settings: Settings) -> dict[str, str]:
    """The settings as the environment variables that another process reads them from."""
    values = settings.model_dump(mode="json")
    return {
        f"INITSCOPE_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
        if value is not None
    }


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
