"""A network measured on this machine: no server, no database, the same stages."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from app.config import Settings
from app.core.orders import checked
from app.core.propagation import Order, PropagationReport
from app.errors import Refused
from app.jobs.extra import require_worker_extra
from app.jobs.measuring import Files, Measuring
from app.jobs.networks import Step, Subject, report_of
from app.readers import sandbox
from app.store.facts import ID_LENGTH
from app.store.names import tidy

OWN: Final = (b"PK\x03\x04", b"\x80", b"\x08")  # begin .pt2 files, pickled models, ONNX
CHUNK: Final = 4 * 2**20  # bytes hashed at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The files of an order."""

    network: Path
    checkpoint: Path | None = None
    inputs: Path | None = None


async def propagate(
    paths: Paths,
    order: Order,
    settings: Settings,
    *,
    device: str,
    on_progress: Callable[[Step], None],
) -> PropagationReport:
    """The propagation document of a network.

    Args:
        paths: Regular files; a network's own weights are a series where its form can hold some.
        order: What is to be measured.
        settings: Limits of the children; they use as many threads as there would be workers.
        device: "cpu", "cuda" or "cuda:N".
        on_progress: Told operations done and their total.

    Raises:
        WorkerExtraMissing: If this installation cannot measure.
        InitscopeError: Whatever the files or the limits brought about.
    """
    require_worker_extra()
    threads = max(settings.threads, settings.workers)
    measuring = Measuring(settings.model_copy(update={"threads": threads}), device=device)
    with ExitStack() as stack:
        files = _opened(stack, paths)
        own = os.pread(files.network, 4, 0).startswith(OWN)
        whole = checked(replace(order, checkpoint=own or paths.checkpoint is not None))
        sandbox.start("compute")  # which loads torch meanwhile
        parcel = await measuring.understand(files)
        measured = await measuring.measure(files, parcel, whole, on_progress)
        subject = Subject(
            id=_sha256(files.network)[:ID_LENGTH],
            name=tidy(paths.network.name),
            inputs=None if paths.inputs is None else tidy(paths.inputs.name),
        )
        return report_of(subject, whole, parcel, measured)


def _opened(stack: ExitStack, paths: Paths) -> Files:
    def opened(path: Path | None) -> int | None:
        if path is None:
            return None
        descriptor = _open(path)
        stack.callback(os.close, descriptor)
        return descriptor

    network = opened(paths.network)
    assert network is not None  # noqa: S101 - its path is never None
    return Files(network=network, weights=opened(paths.checkpoint), inputs=opened(paths.inputs))


def _open(path: Path) -> int:
    """A descriptor on a regular file; a pipe or a device is not waited for."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as problem:
        raise Refused(reason=f"{path}: {problem.strerror}") from problem


def _sha256(descriptor: int) -> str:
    digest = hashlib.sha256()
    offset = 0
    while chunk := os.pread(descriptor, CHUNK, offset):
        digest.update(chunk)
        offset += len(chunk)
    return digest.hexdigest()
