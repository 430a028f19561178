"""Comparisons as jobs: ordered by the web, made by a child, kept by the store, settled."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Final

from dbos import DBOSClient

from app.config import Settings
from app.core.comparison import ComparisonReport
from app.errors import Cancelled, NotFound
from app.jobs.comparing import REPORT, TASK, limits_of
from app.jobs.queueing import enqueue_comparison
from app.jobs.seeding import STEP, Step, checked
from app.jobs.settling import settle
from app.jobs.watching import watched
from app.readers import sandbox
from app.store.blobs import Blobs
from app.store.comparisons import Comparisons
from app.store.documents import dump
from app.store.facts import Compared

MOST: Final = 2**31  # of a count that the child tells


class Comparer:
    """What a worker process compares files with."""

    def __init__(self, settings: Settings, comparisons: Comparisons, blobs: Blobs) -> None:
        self.settings = settings
        self.comparisons = comparisons
        self._blobs = blobs

    async def compare(self, job: str) -> dict[str, Any]:
        """Compare and keep what was found; doing it again does no harm.

        Raises:
            Cancelled: If the comparison was called off.
            InitscopeError: Whatever the files or the limits brought about.
        """
        wanted = await self.comparisons.active(job)
        if wanted is None:
            raise Cancelled
        report = await self._with_files(job, wanted)
        if not await self.comparisons.finish(job, document=dump(report)):
            raise Cancelled
        return {}

    async def look(self, client: DBOSClient) -> None:
        """One round over the comparisons whose job can get no further."""

        async def restart(job: str) -> None:
            await self.comparisons.restart(job, partial(enqueue_comparison, client))

        await settle(client, self.comparisons, restart)

    async def _with_files(self, job: str, wanted: Compared) -> ComparisonReport:
        descriptors: list[int] = []
        try:
            for sha256 in (wanted.before_sha256, wanted.after_sha256):
                descriptors.append(self._blobs.open(sha256))  # noqa: PERF401 - closed if one fails
            return await self._watched(job, descriptors)
        except NotFound as gone:
            raise Cancelled from gone
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    async def _watched(self, job: str, descriptors: list[int]) -> ComparisonReport:
        told = Step(step="comparing", done=0, total=0)

        def hear(value: Any) -> None:  # noqa: ANN401 - hostile JSON
            nonlocal told
            told = checked(STEP, value)

        async def tell() -> bool:
            done, total = (min(max(count, 0), MOST) for count in (told.done, told.total))
            return await self.comparisons.progress(job, done=done, total=total)

        work = sandbox.run_async(
            TASK,
            descriptor=descriptors,
            arguments={},
            limits=limits_of(self.settings),
            on_progress=hear,
        )
        return checked(REPORT, (await watched(work, tell)).value)
