"""The two stages of a measurement, each in a fresh child; no database, no queue."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from app.architecture.huggingface import ModelConfig, allowed, is_config
from app.architecture.limits import MOST_BYTES
from app.config import Settings
from app.core.graph import Graph, Inventory
from app.core.propagation import Order
from app.errors import (
    CannotRun,
    ChildLost,
    OutOfMemory,
    OutOfTime,
    PropagationTooLarge,
    PropagationTooSlow,
)
from app.jobs.devices import limits_on
from app.jobs.networks import GRAPH, MEASURED, PARCEL, STEP, Measured, Parcel, Step, feasible
from app.jobs.routing import series_of
from app.jobs.seeding import checked
from app.readers import sandbox

EXPORT: Final = "app.architecture.huggingface_child:export"
UNDERSTAND: Final = "app.jobs.understanding:understand_network"
FIND_DEVICE: Final = "app.jobs.propagation:find_device"
MEASURE: Final = "app.jobs.propagation:measure_network"

TENSOR_SHARE: Final = 0.75  # of a child's memory: the rest is libraries' scratch and copies
DEVICE_BYTES: Final = 2**50  # no limit of ours: a GPU's own memory is the limit
ANSWER_BYTES: Final = 512 * 2**20
USED: Final = "architectures"  # of which the first class name is read
MOST_NAMED: Final = 20  # settings of a config that were left out
MOST: Final = 2**53  # of a count that the child tells

sandbox.preload("app.jobs.understanding")
sandbox.preload("app.jobs.propagation", "app.jobs.warming:warm", server="compute")


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Descriptors of what an order is about."""

    network: int
    weights: int | None = None  # a checkpoint beside it
    inputs: int | None = None

    @property
    def listed(self) -> list[int]:
        """All, in the order in which children expect them."""
        every = (self.network, self.weights, self.inputs)
        return [one for one in every if one is not None]

    @property
    def told(self) -> dict[str, bool]:
        """Which of them there are."""
        return {"weights": self.weights is not None, "inputs": self.inputs is not None}


class Measuring:
    """What one measurement asks of its children, within the limits of the settings.

    Both stages raise the errors of `app.readers.sandbox.run`; cancelling the awaiting task kills
    the child.
    """

    def __init__(self, settings: Settings, *, device: str = "cpu") -> None:
        """Measure on `device`: "cpu", "cuda" or "cuda:N"."""
        self.device = device
        self._settings = settings

    def find_device(self) -> str:
        """The device's name.

        Raises:
            Invalid: If this machine has no such device.
        """
        if self.device == "cpu":
            return self.device
        answer = sandbox.run(FIND_DEVICE, arguments={"device": self.device}, limits=self._limits)
        return str(answer.value)

    async def understand(self, files: Files) -> Parcel:
        """The network and where its values lie.

        Raises:
            Refused: If one of the files is not what it is taken for.
        """
        config = await asyncio.to_thread(_config, files.network)
        graph = None if config is None else await self._built(config)
        answer = await sandbox.run_async(
            UNDERSTAND,
            descriptor=files.listed,
            arguments={**files.told, "graph": graph},
            limits=self._reading,
        )
        return await asyncio.to_thread(_sound, answer.value)

    async def _built(self, config: ModelConfig) -> Graph:
        """The network of a config.json, built and exported in a child that has torch."""
        answer = await sandbox.run_async(
            f"{EXPORT}_{config.model_type.replace('-', '__')}",
            arguments={"architecture": config.architecture, "settings": config.settings},
            limits=replace(self._reading, walls="compute"),
        )
        graph = await asyncio.to_thread(checked, GRAPH, answer.value)
        left = ", ".join(name for name in config.left_out[:MOST_NAMED] if name != USED)
        note = f"not let through to transformers: {left}" if left else ""
        return replace(graph, notes=(*graph.notes, *([note] if note else [])))

    async def measure(
        self, files: Files, parcel: Parcel, order: Order, on_progress: Callable[[Step], None]
    ) -> Measured:
        """What happens in the network.

        Args:
            files: Of the order.
            parcel: Of `understand`.
            order: What is to be measured; where is this object's own.
            on_progress: Told operations done and their total.

        Raises:
            PropagationTooLarge: If it needs more memory than a measurement may use.
            PropagationTooSlow: If it does not end in time.
            DeviceFailed: If the device is not there or fails.
            CannotRun: If the network cannot be run.
        """
        runnable(parcel)
        order = feasible(order, parcel)
        try:
            answer = await sandbox.run_async(
                MEASURE,
                descriptor=files.listed,
                arguments={
                    **files.told,
                    "parcel": parcel,
                    "order": order,
                    "device": self.device,
                    "threads": self._settings.threads,
                    "memory_bytes": self._tensor_bytes,
                },
                limits=self._limits,
                on_progress=lambda value: on_progress(_bounded(checked(STEP, value))),
            )
        except OutOfMemory as failure:
            raise PropagationTooLarge(**failure.facts) from failure
        except OutOfTime as failure:
            raise PropagationTooSlow(**failure.facts) from failure
        return await asyncio.to_thread(_measured, answer.value, order)

    @property
    def _reading(self) -> sandbox.Limits:
        return sandbox.Limits(
            memory_bytes=self._settings.child_memory_bytes,
            seconds=self._settings.inspect_seconds,
        )

    @property
    def _limits(self) -> sandbox.Limits:
        limits = sandbox.Limits(
            memory_bytes=self._settings.propagation_memory_bytes,
            seconds=self._settings.propagation_seconds,
            threads=self._settings.threads,
            answer_bytes=ANSWER_BYTES,
            walls="compute",
        )
        return limits_on(self.device, limits)

    @property
    def _tensor_bytes(self) -> int:
        if self.device != "cpu":
            return DEVICE_BYTES
        return int(TENSOR_SHARE * self._settings.propagation_memory_bytes)


def runnable(parcel: Parcel) -> Graph:
    """The network, where it can be run.

    Raises:
        CannotRun: If only its parts are known.
    """
    if isinstance(parcel.network, Inventory):
        raise CannotRun(reason=parcel.network.reason)
    return parcel.network


def _config(descriptor: int) -> ModelConfig | None:
    """What a Hugging Face config.json says; None of any other file."""
    if os.fstat(descriptor).st_size > MOST_BYTES:
        return None
    text = os.pread(descriptor, MOST_BYTES, 0).decode("utf-8", "replace")
    return allowed(text) if is_config(text) else None


def _sound(value: object) -> Parcel:
    """The parcel in a child's answer, whose places are those of its network."""
    parcel = checked(PARCEL, value)
    if isinstance(parcel.network, Inventory):
        return parcel
    network = parcel.network
    names = [one.value for one in network.parameters]
    names += [one.value for one in network.constants]
    if len(set(names)) != len(names) or not parcel.places.keys() <= set(names):
        raise ChildLost(reason="its network made no sense")
    return parcel


def _measured(value: object, order: Order) -> Measured:
    measured = checked(MEASURED, value)
    if tuple(series.scheme for series in measured.series) != series_of(order):
        raise ChildLost(reason="its measurements are not those that were ordered")
    return measured


def _bounded(step: Step) -> Step:
    return Step(done=min(max(step.done, 0), MOST), total=min(max(step.total, 0), MOST))
