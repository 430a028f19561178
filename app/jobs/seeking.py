"""The search for a file's seed as a stage of its own: a child seeks, the store keeps."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

from app.config import Settings
from app.errors import Cancelled
from app.jobs.seeding import (
    REPORT,
    STEP,
    TASK,
    SeedReport,
    Step,
    as_document,
    asked_of,
    checked,
    headline,
)
from app.jobs.watching import watched
from app.readers import sandbox
from app.store.blobs import Blobs
from app.store.documents import dump
from app.store.facts import SeedSearch
from app.store.seeds import Seeds

MOST: Final = 2**53  # of a count that the child tells


class Seeker:
    """What a worker process seeks seeds with."""

    def __init__(self, settings: Settings, seeds: Seeds, blobs: Blobs) -> None:
        self.settings = settings
        self.seeds = seeds
        self._blobs = blobs

    async def seek(self, job: str) -> dict[str, Any]:
        """Search and keep what was found; doing it again does no harm.

        Raises:
            Cancelled: If the search was called off.
            InitscopeError: Whatever the file or the limits brought about.
        """
        search = await self.seeds.active(job)
        if search is None:
            raise Cancelled
        descriptor = self._blobs.open(search.sha256)
        try:
            report = await self._watched(job, search, descriptor)
        finally:
            os.close(descriptor)
        document = dump(as_document(report))
        if not await self.seeds.finish(job, headline=headline(report), document=document):
            raise Cancelled
        return {}

    async def _watched(self, job: str, search: SeedSearch, descriptor: int) -> SeedReport:
        told = Step(step="reading", done=0, total=0)

        def hear(value: Any) -> None:  # noqa: ANN401 - hostile JSON
            nonlocal told
            told = checked(STEP, value)

        async def tell() -> bool:
            done, total = (min(max(count, 0), MOST) for count in (told.done, told.total))
            return await self.seeds.progress(job, step=told.step[:60], done=done, total=total)

        return await watched(self._asked(search, descriptor, hear), tell)

    async def _asked(
        self, search: SeedSearch, descriptor: int, tell: Callable[[Any], None]
    ) -> SeedReport:
        answer = await sandbox.run_async(
            TASK,
            descriptor=descriptor,
            arguments=asked_of(
                search.name, self.settings, full=search.full, threads=self.settings.threads
            ),
            limits=sandbox.Limits(
                memory_bytes=self.settings.child_memory_bytes,
                seconds=self.settings.part_seconds,
                threads=self.settings.threads,
            ),
            on_progress=tell,
        )
        return checked(REPORT, answer.value)
