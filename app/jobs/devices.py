"""Workers with a GPU: whether one lives, what children use there, and what is said without one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from app.config import GIB, Settings
from app.errors import ChildLost, DeviceFailed, DoesNotFit, InitscopeError, OutOfMemory
from app.jobs import slots
from app.readers.sandbox import Limits

DRIVER_BYTES: Final = 4 * GIB  # that a GPU's driver and libraries keep in a process
# After these the CPU is tried: it has memory of its own, and a driver may end its process.
FAILURES: Final[tuple[type[InitscopeError], ...]] = (
    *(DeviceFailed, DoesNotFit),
    *(OutOfMemory, ChildLost),
)
NO_GPU: Final = "no GPU worker was alive: computed on the CPU, slower"


def gpu_alive(settings: Settings) -> bool:
    """Whether a worker of the gpu queue gave a sign of life lately."""
    folder, patience = settings.data_dir / slots.FOLDER, slots.patience_seconds(settings)
    return slots.alive(folder, within_seconds=patience, queue="gpu") > 0


def limits_on(device: str, limits: Limits) -> Limits:
    """The limits of a child that uses a device: those of the CPU, with room for its driver.

    Args:
        device: "cpu", "cuda" or "cuda:N".
        limits: On the CPU.
    """
    if device == "cpu":
        return limits
    return replace(limits, walls="device", memory_bytes=limits.memory_bytes + DRIVER_BYTES)


def instead(failure: InitscopeError) -> str:
    """What is said of work that the CPU did after a GPU failed at it."""
    return f"a GPU worker failed at it, so it was computed on the CPU: {failure.message}"
