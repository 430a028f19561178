"""The analysis of a file on this machine: no server, no database, the same stages."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from app.config import Settings
from app.core.report import Source
from app.errors import NotACheckpoint
from app.jobs.extra import require_worker_extra
from app.jobs.parcels import Concluded, Inventory, Portion, split
from app.jobs.stages import Stages
from app.store.facts import Measured
from app.store.names import tidy

CHUNK = 4 * 2**20  # bytes hashed at a time


async def analyze(
    path: Path, settings: Settings, on_progress: Callable[[int, int], None]
) -> Concluded:
    """The report of the checkpoint at `path`.

    Args:
        path: A regular file.
        settings: Limits of the children, and how many work at once (`workers`).
        on_progress: Told tensors measured and tensors in all.

    Raises:
        WorkerExtraMissing: If this installation cannot run analyses.
        InitscopeError: Whatever the file or the limits brought about.
    """
    require_worker_extra()
    descriptor = _open(path)
    # Reading for the digest warms the page cache that the children then read from.
    digest = asyncio.create_task(_sha256(descriptor))
    try:
        return await _Analysis(Stages(settings), settings, on_progress).run(
            descriptor, name=tidy(path.name), digest=digest
        )
    finally:
        digest.cancel()
        await asyncio.gather(digest, return_exceptions=True)
        os.close(descriptor)


class _Analysis:
    def __init__(
        self, stages: Stages, settings: Settings, on_progress: Callable[[int, int], None]
    ) -> None:
        self._stages = stages
        self._settings = settings
        self._turns = asyncio.Semaphore(settings.workers)
        self._on_progress = on_progress
        self._done: dict[int, int] = {}
        self._total = 0

    async def run(self, descriptor: int, *, name: str, digest: asyncio.Task[str]) -> Concluded:
        inventory = await self._stages.inspect(descriptor)
        self._total = len(inventory.facts)
        measured = await self._measure_all(descriptor, inventory)
        source = Source(
            name=name,
            format=inventory.checkpoint.format,
            bytes=os.fstat(descriptor).st_size,
            sha256=await digest,
        )
        return await self._stages.conclude(source, inventory, measured)

    async def _measure_all(self, descriptor: int, inventory: Inventory) -> list[Measured]:
        todos = split(inventory, part_bytes=self._settings.part_bytes)
        try:
            async with asyncio.TaskGroup() as group:
                parts = [
                    group.create_task(self._measure(descriptor, number, todo))
                    for number, todo in enumerate(todos)
                ]
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [one for part in parts for one in part.result()]

    async def _measure(self, descriptor: int, number: int, todo: Portion) -> list[Measured]:
        def report(done: int) -> None:
            self._done[number] = done
            self._on_progress(sum(self._done.values()), self._total)

        async with self._turns:
            return await self._stages.measure(descriptor, todo, report)


def _open(path: Path) -> int:
    """A descriptor on a regular file; a pipe or a device is not waited for."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as problem:
        reason = f"{path}: {problem.strerror}."
        raise NotACheckpoint(first_bytes="nothing", reason=reason) from problem


async def _sha256(descriptor: int) -> str:
    digest = hashlib.sha256()
    offset = 0
    while chunk := await asyncio.to_thread(os.pread, descriptor, CHUNK, offset):
        await asyncio.to_thread(digest.update, chunk)
        offset += len(chunk)
    return digest.hexdigest()
