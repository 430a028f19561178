"""The three stages of an analysis, each in a fresh sandboxed child; no database, no queue."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import IO, Any, Final, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from app.config import Settings
from app.core.report import Source
from app.errors import ChildLost, NoTensors
from app.jobs.devices import limits_on
from app.jobs.parcels import INVENTORY, Concluded, Findings, Inventory, Portion
from app.readers import sandbox
from app.store.documents import OVERVIEW, TENSOR, deflate, dump, load
from app.store.facts import Measured

TASKS: Final = "app.jobs.analysis"
ON_DEVICE: Final = "app.jobs.accelerated"
CONCLUSION_BYTES: Final = 256 * 2**20  # of the overview
INFLATED: Final = 20  # times as long as it is deflated a report is at most; usually 8 times

sandbox.preload(f"{TASKS}:warm")

Fact = TypeVar("Fact")


def load_for(device: str) -> None:
    """Have the children that use a device find everything loaded; before the first one starts."""
    if device != "cpu":
        sandbox.preload(ON_DEVICE, f"{TASKS}:warm", server="compute")


class Progress(BaseModel):
    """How far a child is, as it tells."""

    done: int


class Stages:
    """What one analysis asks of its children, within the limits of the settings.

    Every stage raises the errors of `app.readers.sandbox.run`; cancelling the awaiting task kills
    the child.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def inspect(self, descriptor: int) -> Inventory:
        """The directory of a file.

        Raises:
            Refused: If it is not a checkpoint that can be read, or holds no tensors.
        """
        answer = await sandbox.run_async(
            f"{TASKS}:inspect_file",
            descriptor=descriptor,
            arguments={},
            limits=self._limits(self._settings.inspect_seconds),
        )
        inventory = _checked(INVENTORY, answer.value)
        places = [tensor.index for tensor in inventory.checkpoint.tensors]
        if places != list(range(len(inventory.facts))):
            raise ChildLost(reason="its directory made no sense")
        if not places:
            raise NoTensors(detail="")
        return inventory

    async def measure(
        self,
        descriptor: int,
        todo: Portion,
        on_progress: Callable[[int], None],
        *,
        device: str = "cpu",
        said: str | None = None,
    ) -> list[Measured]:
        """The report and sketch of each tensor of a part.

        Args:
            descriptor: The file.
            todo: The tensors and what is known of them.
            on_progress: Told how many tensors are measured.
            device: That counts large tensors: "cpu", "cuda" or "cuda:N".
            said: Of large tensors that the CPU counts.

        Raises:
            DeviceFailed: If the device is not there or fails.
        """

        def report(value: Any) -> None:  # noqa: ANN401 - hostile JSON
            on_progress(min(max(_checked(_PROGRESS, value).done, 0), len(todo.tensors)))

        there = {"said": said} if device == "cpu" else {"device": device}
        answer = await sandbox.run_async(
            f"{TASKS if device == 'cpu' else ON_DEVICE}:measure_part",
            descriptor=descriptor,
            arguments={
                "todo": todo,
                "threads": self._settings.threads,
                "large": self._settings.gpu_tensor_bytes,
                **there,
            },
            limits=limits_on(device, self._limits(self._settings.part_seconds)),
            on_progress=report,
        )
        reports = answer.attachments[::2]
        sketches = answer.attachments[1::2]
        wanted = [tensor.index for tensor in todo.tensors]
        if not len(reports) == len(sketches) == len(wanted):
            raise ChildLost(reason="its measurements are not of the tensors asked for")
        # They are read again in a child alone: what `conclude` gives back is checked.
        packed = await asyncio.to_thread(lambda: [deflate(report) for report in reports])
        return [
            Measured(index=index, report=report, sketch=sketch)
            for index, report, sketch in zip(wanted, packed, sketches, strict=True)
        ]

    async def conclude(
        self, source: Source, inventory: Inventory, measured: Sequence[Measured]
    ) -> Concluded:
        """The verdict on a file whose parts are all measured."""
        pairs = [(deflate(one.report), one.sketch or b"") for one in measured]
        sizes = tuple((len(report), len(sketch)) for report, sketch in pairs)
        document = dump(Findings(source=source, inventory=inventory, sizes=sizes))
        reports = _Reports([one.index for one in measured])
        with tempfile.TemporaryFile() as file:
            await asyncio.to_thread(_write, file, chain([document], chain.from_iterable(pairs)))
            answer = await sandbox.run_async(
                f"{TASKS}:conclude_run",
                descriptor=file.fileno(),
                arguments={"document": len(document)},
                limits=replace(
                    self._limits(self._settings.part_seconds),
                    answer_bytes=CONCLUSION_BYTES + INFLATED * sum(len(one) for one, _ in pairs),
                ),
                on_attachment=reports.take,
            )
        overview = _checked(OVERVIEW, answer.value)
        return Concluded(overview=overview, reports=reports.all())

    def _limits(self, seconds: int) -> sandbox.Limits:
        return sandbox.Limits(
            memory_bytes=self._settings.child_memory_bytes,
            seconds=seconds,
            threads=self._settings.threads,
        )


_PROGRESS = TypeAdapter(Progress)


def _checked(adapter: TypeAdapter[Fact], value: object) -> Fact:
    try:
        return adapter.validate_python(value)
    except ValidationError as problem:
        raise ChildLost(reason="its answer made no sense") from problem


class _Reports:
    """A file's reports as they come, each known to be of its tensor and written by this process."""

    def __init__(self, indices: Sequence[int]) -> None:
        self._indices = indices
        self._sound: list[bytes] = []

    def take(self, document: bytes) -> None:
        try:
            report = load(TENSOR, document)
        except ValidationError as problem:
            raise ChildLost(reason="a report made no sense") from problem
        place = len(self._sound)
        if place >= len(self._indices) or report.index != self._indices[place]:
            raise ChildLost(reason="a report is not of its tensor")
        self._sound.append(deflate(dump(report)))

    def all(self) -> tuple[bytes, ...]:
        if len(self._sound) != len(self._indices):
            raise ChildLost(reason="its report is not of the tensors measured")
        return tuple(self._sound)


def _write(file: IO[bytes], chunks: Iterable[bytes]) -> None:
    file.writelines(chunks)
    file.flush()
