"""One stage of a job: open the upload, have a child work on it, keep what it found."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

from app.config import Settings
from app.core.report import Source
from app.errors import Cancelled, ChildLost
from app.jobs.devices import FAILURES, NO_GPU, gpu_alive, instead
from app.jobs.parcels import INVENTORY, PORTION, Portion, split
from app.jobs.routing import holds_large
from app.jobs.stages import Stages
from app.store.attempts import CONCLUDING, MEASURING, READING, Attempts
from app.store.blobs import Blobs
from app.store.documents import dump, load
from app.store.facts import Measured, Part, Run

LOOK_SECONDS = 0.3  # between writes of a child's progress, and looks at its still being wanted
CHILD_TRIES = 2  # a file that ends its child twice is at fault

Result = TypeVar("Result")
OnDevice: TypeAlias = Callable[[str, str | None], Awaitable[list[Measured]]]


class Desk:
    """What a worker process works with."""

    def __init__(
        self, settings: Settings, attempts: Attempts, blobs: Blobs, *, device: str = "cpu"
    ) -> None:
        self.settings = settings
        self._device = device
        self.attempts = attempts
        self._blobs = blobs
        self._stages = Stages(settings)

    async def work(self, job: str, stage: str, number: int) -> dict[str, Any]:
        """Do one stage of a job; doing it again does no harm.

        Args:
            job: Of a run.
            stage: "inspect", "measure" or "conclude".
            number: Of the part to measure.

        Returns:
            What the workflow needs to know: {"parts": count, "gpu": numbers of those that are for
            a GPU worker} after "inspect", else {}.

        Raises:
            Cancelled: If the job is void.
            InitscopeError: Whatever the file or the limits brought about.
        """
        match stage:
            case "inspect":
                return await self._inspect(job)
            case "measure":
                return await self._measure(job, number)
            case _:
                return await self._conclude(job)

    async def _inspect(self, job: str) -> dict[str, Any]:
        run = _wanted(await self.attempts.step(job, READING))
        with self._opened(run) as descriptor:
            inventory = await self._tried(
                lambda: self._watched(job, self._stages.inspect(descriptor))
            )
        todos = list(split(inventory, part_bytes=self.settings.part_bytes))
        parts = [
            Part(number=number, tensors=len(todo.tensors), todo=dump(todo))
            for number, todo in enumerate(todos)
        ]
        _wanted(await self.attempts.plan(job, inventory=dump(inventory), parts=parts))
        large = [number for number, todo in enumerate(todos) if self._is_large(todo)]
        alive = bool(large) and await asyncio.to_thread(gpu_alive, self.settings)
        return {"parts": len(parts), "gpu": large if alive else []}

    def _is_large(self, todo: Portion) -> bool:
        return holds_large(todo, least=self.settings.gpu_tensor_bytes)

    async def _measure(self, job: str, number: int) -> dict[str, Any]:
        run = _wanted(await self.attempts.step(job, MEASURING))
        part = _wanted(await self.attempts.begin_part(job, number))
        todo = load(PORTION, part.todo)
        counted = _Counted(self.attempts, job, number)

        def on(device: str, said: str | None) -> Awaitable[list[Measured]]:
            work = self._stages.measure(descriptor, todo, counted.set, device=device, said=said)
            return self._watched(job, work, counted)

        with self._opened(run) as descriptor:
            measured = await self._measured(on, is_large=self._is_large(todo))
        _wanted(await self.attempts.measured(job, number, measured))
        return {}

    async def _measured(self, on: OnDevice, *, is_large: bool) -> list[Measured]:
        """A part's measurements, of this worker's device; where that fails, of the CPU's."""
        if self._device == "cpu" or not is_large:
            return await self._tried(lambda: on("cpu", NO_GPU))
        try:
            return await self._tried(lambda: on(self._device, None))
        except FAILURES as failure:
            said = instead(failure)
            return await self._tried(lambda: on("cpu", said))

    async def _conclude(self, job: str) -> dict[str, Any]:
        run = _wanted(await self.attempts.step(job, CONCLUDING))
        inventory = load(INVENTORY, await self.attempts.inventory(job))
        measured = await self.attempts.all_measured(job)
        source = Source(
            name=run.name,
            format=inventory.checkpoint.format,
            bytes=run.bytes,
            sha256=run.sha256,
        )
        concluded = await self._tried(
            lambda: self._watched(job, self._stages.conclude(source, inventory, measured))
        )
        _wanted(
            await self.attempts.finish(job, overview=concluded.overview, reports=concluded.reports)
        )
        return {}

    @contextmanager
    def _opened(self, run: Run) -> Iterator[int]:
        descriptor = self._blobs.open(run.sha256)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    async def _tried(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """The result of a child's work, begun again if the child ended without an answer."""
        for _ in range(CHILD_TRIES - 1):
            try:
                return await work()
            except ChildLost:
                continue
        return await work()

    async def _watched(
        self,
        job: str,
        work: Coroutine[Any, Any, Result],
        counted: _Counted | None = None,
    ) -> Result:
        """The result of a child's work; the child ends as soon as nobody wants it any more."""
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait({task}, timeout=LOOK_SECONDS))[0]:
                tell = self.attempts.wanted(job) if counted is None else counted.tell()
                _wanted(await tell)
            return task.result()
        finally:
            task.cancel()
            await asyncio.wait({task})


class _Counted:
    """A part's progress, written when somebody looks and it has moved."""

    def __init__(self, attempts: Attempts, job: str, number: int) -> None:
        self._attempts = attempts
        self._job = job
        self._number = number
        self._done = 0
        self._told = 0

    def set(self, done: int) -> None:
        self._done = done

    async def tell(self) -> bool:
        if self._done == self._told:
            return await self._attempts.wanted(self._job)
        self._told = self._done
        return await self._attempts.progress(self._job, self._number, self._told)


def _wanted(answer: Result | None) -> Result:
    if answer is None or answer is False:
        raise Cancelled
    return answer
