"""Worker names that are stable over restarts and tell by a lock whether their bearer lives."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from app.config import Settings

FOLDER = "workers"  # of the lock files, in the data folder
MOST = 256
MISSED_BEATS = 4  # signs of life a worker may miss while its machine is busy
GPU = "gpu@"  # begins the names of workers of the gpu queue; no host's name holds an @


class NameLost(Exception):
    """This worker was silent for so long that another one took on its jobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """What a worker's last sign of life tells."""

    name: str
    queue: str  # "cpu" or "gpu"
    seconds: float  # since then
    device: str = ""  # "cpu", "cuda:0"; "" before it told
    missing_walls: tuple[str, ...] | None = None  # of its sandbox; None before it told


class Slot:
    """A name held by this process; the kernel frees it when the process ends, however it ends."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.name = path.name
        self.folder = path.parent
        self._path = path
        self._descriptor = descriptor
        self._untold = b""

    def is_neighbour(self, name: str) -> bool:
        """Whether a name belongs to a worker of this machine."""
        return _machine(name) == _machine(self.name)

    def beat(self) -> None:
        """Leave a sign of life.

        Raises:
            NameLost: If another worker took this one for dead and its jobs on.
        """
        if os.fstat(self._descriptor).st_nlink == 0:
            raise NameLost
        os.utime(self._descriptor)
        self._write()

    def tell(self, *, device: str, missing_walls: Sequence[str]) -> None:
        """Leave word of what this worker is, at a later beat where the disk is full."""
        told = {"device": device, "missing_walls": list(missing_walls)}
        self._untold = json.dumps(told).encode()
        self._write()

    def _write(self) -> None:
        with suppress(OSError):
            if self._untold and os.pwrite(self._descriptor, self._untold, 0) == len(self._untold):
                self._untold = b""

    def release(self) -> None:
        """Give the name back."""
        os.close(self._descriptor)

    def leave(self) -> None:
        """Give the name back for good: others, wherever they are, take the jobs on at once."""
        self._path.unlink(missing_ok=True)
        self.release()


def place(settings: Settings, *, queue: str = "cpu") -> str:
    """What the names of this machine's workers of a queue begin with.

    Locks tell of the workers on this machine only, so where several machines may share a
    database each keeps to names of its own.
    """
    alone = settings.database.startswith("sqlite")
    machine = "local" if alone else settings.machine or socket.gethostname()
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
            os.ftruncate(descriptor, 0)  # what the last bearer told
            os.utime(descriptor)
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


@contextmanager
def buried_if_silent(folder: Path, name: str, *, seconds: float) -> Iterator[bool]:
    """Whether the bearer of a name on another machine gave no sign of life for so long.

    The name is gone after the block: a bearer that was only slow finds it out at its next beat.
    """
    path = folder / Path(name).name
    if path.exists() and time.time() - path.stat().st_mtime < seconds:
        yield False
        return
    with held_if_dead(folder, name) as dead:
        yield dead
        if dead:
            path.unlink(missing_ok=True)


def signs(folder: Path, *, within_seconds: float) -> tuple[Sign, ...]:
    """The workers that gave a sign of life in the last `within_seconds`, by name."""
    found = (_sign(path) for path in sorted(folder.glob("*-*")))
    return tuple(one for one in found if one is not None and one.seconds <= within_seconds)


def alive(folder: Path, *, within_seconds: float, queue: str = "cpu") -> int:
    """How many workers of a queue gave a sign of life in the last `within_seconds`."""
    return sum(one.queue == queue for one in signs(folder, within_seconds=within_seconds))


def _sign(path: Path) -> Sign | None:
    """What a name's file tells; None of one that went in between."""
    queue = "gpu" if path.name.startswith(GPU) else "cpu"
    try:
        seconds, text = max(0.0, time.time() - path.stat().st_mtime), path.read_text()
    except FileNotFoundError:
        return None
    if not text:
        return Sign(name=path.name, queue=queue, seconds=seconds)
    told = json.loads(text)
    return Sign(
        name=path.name,
        queue=queue,
        seconds=seconds,
        device=told["device"],
        missing_walls=tuple(told["missing_walls"]),
    )


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
