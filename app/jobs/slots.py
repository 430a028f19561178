"""Worker names that are stable over restarts and tell by a lock whether their bearer lives."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.config import Settings

FOLDER = "workers"  # of the lock files, in the data folder
MOST = 256
MISSED_BEATS = 4  # signs of life a worker may miss while its machine is busy
GPU = "gpu@"  # begins the names of workers of the gpu queue; no host's name holds an @


class Slot:
    """A name held by this process; the kernel frees it when the process ends, however it ends."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.name = path.name
        self._path = path
        self._descriptor = descriptor

    def is_neighbour(self, name: str) -> bool:
        """Whether a name belongs to a worker of this machine."""
        return _machine(name) == _machine(self.name)

    def beat(self) -> None:
        """Leave a sign of life."""
        os.utime(self._path)

    def release(self) -> None:
        """Give the name back."""
        os.close(self._descriptor)


def place(settings: Settings, *, queue: str = "cpu") -> str:
    """What the names of this machine's workers of a queue begin with.

    Locks tell of the workers on this machine only, so where several machines may share a
    database each keeps to names of its own.
    """
    machine = "local" if settings.database.startswith("sqlite") else socket.gethostname()
    return f"{GPU}{machine}" if queue == "gpu" else machine


def claim(folder: Path, prefix: str) -> Slot:
    """The lowest free name: local-0, then local-1 and so on.

    Args:
        folder: Of the lock files, shared by this machine's workers on one database.
        prefix: From `place`.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(MOST):
        path = folder / f"{prefix}-{number}"
        descriptor = _lock(path)
        if descriptor is not None:
            os.utime(path)
            return Slot(path, descriptor)
    raise RuntimeError(f"expected fewer than {MOST} workers in {folder}")


@contextmanager
def held_if_dead(folder: Path, name: str) -> Iterator[bool]:
    """Whether no process bears this name; while the block runs none can take it."""
    descriptor = _lock(folder / Path(name).name)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def alive(folder: Path, *, within_seconds: float, queue: str = "cpu") -> int:
    """How many workers of a queue gave a sign of life in the last `within_seconds`."""
    oldest = time.time() - within_seconds
    beats = [
        path.stat().st_mtime
        for path in folder.glob("*-*")
        if path.name.startswith(GPU) == (queue == "gpu")
    ]
    return sum(beat >= oldest for beat in beats)


def patience_seconds(settings: Settings) -> float:
    """How long a worker may be silent before it counts as gone."""
    return MISSED_BEATS * settings.heartbeat_seconds


def _machine(name: str) -> str:
    return name.removeprefix(GPU).rpartition("-")[0]


def _lock(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
