"""One stage of a measurement's job: open its files, have a child work, keep what it found."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final, TypeVar

from app.config import Settings
from app.core.graph import Inventory
from app.errors import Cancelled, CannotRun, ChildLost
from app.jobs.desk import CHILD_TRIES
from app.jobs.devices import FAILURES, NO_GPU, gpu_alive, instead
from app.jobs.measuring import Files, Measuring, runnable
from app.jobs.networks import (
    PARCEL,
    Measured,
    Parcel,
    Step,
    Subject,
    headline_of,
    report_of,
)
from app.jobs.routing import misses_gpu, multiply_adds, queue_of
from app.store.blobs import Blobs
from app.store.documents import dump, load
from app.store.facts import Propagation
from app.store.propagations import MEASURING, UNDERSTANDING, Propagations

LOOK_SECONDS: Final = 0.3  # between writes of progress, and looks at its still being wanted

Result = TypeVar("Result")


class Propagator:
    """What a worker process measures networks with."""

    def __init__(
        self,
        settings: Settings,
        propagations: Propagations,
        blobs: Blobs,
        *,
        device: str = "cpu",
        queue: str = "cpu",
    ) -> None:
        self.settings = settings
        self.propagations = propagations
        self._blobs = blobs
        self._queue = queue
        self._measuring = Measuring(settings, device=device)

    async def work(self, job: str, name: str) -> dict[str, str]:
        """Do one stage of a job; doing it again does no harm.

        Args:
            job: Of a measurement.
            name: "understand" or "measure".

        Returns:
            What the workflow needs to know: {"queue": "cpu" or "gpu"} after "understand", else {}.

        Raises:
            Cancelled: If the measurement was called off.
            InitscopeError: Whatever the files or the limits brought about.
        """
        found = await self.propagations.active(job)
        if found is None:
            raise Cancelled
        if name == "understand":
            return await self._understand(found)
        await self._measure(found)
        return {}

    async def _understand(self, found: Propagation) -> dict[str, str]:
        told = _Told(UNDERSTANDING)
        with self._opened(found) as files:
            parcel = await self._tried(
                lambda: self._watched(found.job, self._measuring.understand(files), told)
            )
        network, packed = parcel.network, await asyncio.to_thread(dump, parcel)
        if not await self.propagations.understood(found.job, network, parcel=packed):
            raise Cancelled
        if isinstance(network, Inventory):
            raise CannotRun(reason=network.reason)
        work, least = multiply_adds(network, found.order), self.settings.gpu_multiply_adds
        alive = await asyncio.to_thread(gpu_alive, self.settings)
        return {"queue": queue_of(work, found.order, least=least, gpu_alive=alive)}

    async def _measure(self, found: Propagation) -> None:
        packed = await self.propagations.parcel(found.job)
        if packed is None:
            raise Cancelled
        parcel = await asyncio.to_thread(load, PARCEL, packed)
        with self._opened(found) as files:
            measured, notes = await self._measured(found, parcel, files)
        subject = Subject(id=found.network, name=found.name, inputs=found.inputs)
        report = report_of(subject, found.order, parcel, measured, notes=notes)
        if not await self.propagations.finish(
            found.job, report, headline=headline_of(report), moments=measured.moments
        ):
            raise Cancelled

    async def _measured(
        self, found: Propagation, parcel: Parcel, files: Files
    ) -> tuple[Measured, list[str]]:
        """What came out and what is to be said of where; where a GPU fails the CPU goes on."""
        there = self._measuring
        try:
            return await self._on(there, found, parcel, files), self._notes(found, parcel)
        except FAILURES as failure:
            if there.device == "cpu":
                raise
            here = Measuring(self.settings)
            return await self._on(here, found, parcel, files), [instead(failure)]

    async def _on(
        self, place: Measuring, found: Propagation, parcel: Parcel, files: Files
    ) -> Measured:
        told = _Told(MEASURING)
        return await self._tried(
            lambda: self._watched(
                found.job, place.measure(files, parcel, found.order, told.set), told
            )
        )

    def _notes(self, found: Propagation, parcel: Parcel) -> list[str]:
        if self._queue == "gpu" or self._measuring.device != "cpu":
            return []
        work = multiply_adds(runnable(parcel), found.order)
        missed = misses_gpu(work, found.order, least=self.settings.gpu_multiply_adds)
        return [NO_GPU] if missed else []

    @contextmanager
    def _opened(self, found: Propagation) -> Iterator[Files]:
        with ExitStack() as stack:

            def opened(sha256: str | None) -> int | None:
                if sha256 is None:
                    return None
                descriptor = self._blobs.open(sha256)
                stack.callback(os.close, descriptor)
                return descriptor

            network = opened(found.sha256)
            assert network is not None  # noqa: S101 - its column is never null
            own = found.weights == found.network
            weights = None if own else opened(found.weights_sha256)
            yield Files(network=network, weights=weights, inputs=opened(found.inputs_sha256))

    async def _tried(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """The result of a child's work, begun again if the child ended without an answer."""
        for _ in range(CHILD_TRIES - 1):
            with suppress(ChildLost):
                return await work()
        return await work()

    async def _watched(self, job: str, work: Coroutine[Any, Any, Result], told: _Told) -> Result:
        """The result of a child's work; the child ends as soon as nobody wants it any more."""
        task = asyncio.create_task(work)
        try:
            await self._tell(job, told)
            while not (await asyncio.wait({task}, timeout=LOOK_SECONDS))[0]:
                await self._tell(job, told)
            return task.result()
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _tell(self, job: str, told: _Told) -> None:
        step = told.step
        if not await self.propagations.progress(
            job, step=told.name, done=step.done, total=step.total
        ):
            raise Cancelled


class _Told:
    """The last that a child told of itself."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.step = Step(done=0, total=0)

    def set(self, step: Step) -> None:
        self.step = step
