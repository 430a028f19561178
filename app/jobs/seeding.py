"""Seed recovery of a file: what the sandboxed child does, and who asks it on this machine."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from app.config import Settings
from app.core import judgement
from app.core.checkpoint import Checkpoint, StoredTensor
from app.core.excuses import excuse
from app.core.generator import TOGETHER, Drawn
from app.core.layers import ParameterFacts
from app.core.report import Candidate, DefaultLaw, TensorReport
from app.core.search import SEEDS
from app.core.seeds import SCHEMA, FoundSeed, Origin, recover, warm
from app.core.sketch import sketch
from app.core.targets import Sought
from app.core.wording import counted
from app.errors import ChildLost, NotACheckpoint
from app.jobs.extra import require_worker_extra
from app.readers import sandbox
from app.readers.checkpoints import open_checkpoint
from app.readers.mapped import Mapped, value_dtype, values
from app.readers.naming import describe
from app.store.names import tidy

__all__ = ["SeedReport", "SeedRow", "find_seeds", "recover_seeds", "warm"]

TASK: Final = "app.jobs.seeding:recover_seeds"
PATIENCE: Final = 0.9  # of the time that a child has, for the search
ALPHA: Final = 0.001  # of the tests that say which laws come into question
# A TransformerEncoder, which has such a weight, copies its first layer; MultiheadAttention's output
# layer draws its bias before it is set to 0.
COPIED: Final = re.compile(r"(^|\.)layers\.[1-9]\d*\.")
OF_ENCODER: Final = "self_attn.in_proj_weight"
ZEROED: Final = "out_proj.bias"

sandbox.preload("app.jobs.seeding:warm")

Fact = TypeVar("Fact")
Tell: TypeAlias = Callable[[Any], None]
Values: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedRow:
    """One tensor and where its values come from."""

    name: str  # hostile text
    group: str
    shape: tuple[int, ...]
    dtype: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedReport:
    """The seed document: `initscope.seed/1`."""

    schema: str
    name: str  # of the file
    format: str
    seeds: tuple[FoundSeed, ...]  # the one that drew most values first
    tensors: tuple[SeedRow, ...]  # parameters, in the order of the file
    left_out: int  # buffers, optimizer state, and tensors that share their elements
    seeds_tried: int  # one by one
    seeds_in_all: int
    complete: bool  # whether there was time for the whole search


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a child is, as it tells."""

    step: str
    done: int
    total: int


REPORT: Final = TypeAdapter(SeedReport)
STEP: Final = TypeAdapter(Step)


def find_seeds(
    path: Path, settings: Settings, *, full: bool, on_progress: Callable[[Step], None]
) -> SeedReport:
    """The seeds of the checkpoint at `path`, found in a sandboxed child.

    Args:
        path: A regular file.
        settings: Limits of the child; it uses as many threads as there would be workers.
        full: Whether to try all 2**32 seeds where no quicker way finds one.
        on_progress: Told each step.

    Raises:
        WorkerExtraMissing: If this installation cannot run analyses.
        InitscopeError: Whatever the file or the limits brought about.
    """
    require_worker_extra()
    threads = max(settings.threads, settings.workers)
    descriptor = _open(path)
    try:
        answer = sandbox.run(
            TASK,
            descriptor=descriptor,
            arguments=asked_of(path.name, settings, full=full, threads=threads),
            limits=sandbox.Limits(
                memory_bytes=settings.child_memory_bytes,
                seconds=settings.part_seconds,
                threads=threads,
            ),
            on_progress=lambda told: on_progress(checked(STEP, told)),
        )
    finally:
        os.close(descriptor)
    return checked(REPORT, answer.value)


def asked_of(name: str, settings: Settings, *, full: bool, threads: int) -> dict[str, Any]:
    """What the child is asked: it ends its search itself, a little before it would be ended."""
    seconds = PATIENCE * settings.part_seconds
    return {"name": tidy(name), "full": full, "threads": threads, "seconds": seconds}


def recover_seeds(descriptor: int, arguments: dict[str, Any], progress: Tell) -> SeedReport:
    """The child's side: the seeds behind the file of a descriptor.

    Raises:
        Refused: If it is no checkpoint that can be read, or holds no tensors.
    """
    end = time.monotonic() + arguments["seconds"]
    checkpoint = open_checkpoint(descriptor)
    with Mapped(descriptor) as mapped:
        candidates = list(_candidates(checkpoint, mapped, progress))
        sought = [one for one in candidates if isinstance(one, Sought)]
        found = recover(
            sought,
            full=arguments["full"],
            threads=arguments["threads"],
            on_progress=lambda step, done, total: progress(
                {"step": step, "done": done, "total": total}
            ),
            is_late=lambda: time.monotonic() > end,
        )
    origins = {origin.index: origin for origin in found.tensors}
    origins |= {one.index: one for one in candidates if isinstance(one, Origin)}
    rows = tuple(_row(checkpoint.tensors[index], origins[index]) for index in sorted(origins))
    return SeedReport(
        schema=SCHEMA,
        name=arguments["name"],
        format=checkpoint.format,
        seeds=found.seeds,
        tensors=rows,
        left_out=len(checkpoint.tensors) - len(rows),
        seeds_tried=found.seeds_tried,
        seeds_in_all=SEEDS,
        complete=found.complete,
    )


def _candidates(
    checkpoint: Checkpoint, mapped: Mapped, progress: Tell
) -> Iterator[Sought | Origin]:
    """Each parameter to be sought, or why it cannot be."""
    facts = describe(checkpoint)
    total = len(checkpoint.tensors)
    cloned = any(tensor.name.endswith(OF_ENCODER) for tensor in checkpoint.tensors)
    for tensor, known in zip(checkpoint.tensors, facts, strict=True):
        progress({"step": "reading", "done": tensor.index, "total": total})
        if not judgement.is_judged(known, tensor):
            continue
        if tensor.dtype != "float32":
            yield _excused(tensor, f"{tensor.dtype} draws have rules of their own")
            continue
        yield _sought(tensor, known, mapped, copied=cloned and bool(COPIED.search(tensor.name)))


def _sought(
    tensor: StoredTensor, known: ParameterFacts, mapped: Mapped, *, copied: bool
) -> Sought | Origin:
    stored = values(mapped, tensor)
    limit = judgement.limit_of(known, tensor)
    seen = sketch(stored, dtype=value_dtype(tensor), limit=limit)
    if seen.nonfinite:
        return _excused(tensor, "not all of its values are finite")
    if seen.constant is None and seen.low_bits & 0x1FFF == 0:
        return _excused(tensor, "its values are those of a 16-bit type, which keeps too few bits")
    report = judgement.judge(tensor, known, seen, alpha=ALPHA)
    return Sought(
        index=tensor.index,
        values=_flat(stored),
        row=tensor.shape[-1] if len(tensor.shape) > 1 else 1,
        bounds=_scales(report, "uniform"),
        stds=_scales(report, "normal"),
        excuse=excuse(stored, report),
        default=_default_draw(tensor, report),
        filled=report.default is not None and report.default.law == "constant",
        as_default="torch_default" in report.schemes,
        matrix=len(tensor.shape) > 1,
        copied=copied,
    )


def _flat(stored: NDArray[Any]) -> Values:
    """The values in logical order; a view of the file where that is how they lie in it."""
    return np.require(stored, np.float32, ["C", "A"]).reshape(-1)


def _scales(report: TensorReport, law: str) -> tuple[float, ...]:
    """Bounds or stds of the laws that come into question, the default's first."""
    laws: list[DefaultLaw | Candidate] = list(report.candidates)
    if report.default:
        laws.insert(0, report.default)
    scales = [one.bound if law == "uniform" else one.std for one in laws if one.law == law]
    return tuple(dict.fromkeys(scale for scale in scales if scale))


def _default_draw(tensor: StoredTensor, report: TensorReport) -> Drawn | None:
    """How the constructor draws a tensor, if it does."""
    law = report.default.law if report.default else None
    if law == "uniform" or tensor.name.endswith(ZEROED):
        return "uniform"
    if law != "normal":
        return None
    return "normal" if math.prod(tensor.shape) >= TOGETHER else "small_normal"


def _excused(tensor: StoredTensor, reason: str) -> Origin:
    return Origin(index=tensor.index, verdict="cannot_be_replayed", reason=reason)


def _row(tensor: StoredTensor, origin: Origin) -> SeedRow:
    return SeedRow(
        name=tensor.name,
        group=tensor.group,
        shape=tensor.shape,
        dtype=tensor.dtype,
        origin=origin,
    )


def _open(path: Path) -> int:
    """A descriptor on a regular file; a pipe or a device is not waited for."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as problem:
        reason = f"{path}: {problem.strerror}."
        raise NotACheckpoint(first_bytes="nothing", reason=reason) from problem


def headline(report: SeedReport) -> str:
    """What was found, in a sentence."""
    drawn = counted(len(report.tensors), "tensor")
    if not report.seeds:
        late = "" if report.complete else " before the search's time was over"
        return f"No seed was found that drew any of {drawn}{late}."
    found = report.seeds[0]
    rows = {row.origin.index: row for row in report.tensors}
    in_order = list(found.order) == sorted(found.order)
    order = "in the order of the file" if in_order else "not in the order of the file"
    moved = sum(rows[index].origin.verdict == "moved" for index in found.order)
    since = f"; {moved} of them moved since" if moved else ""
    return f"torch.manual_seed({found.seed}) drew {len(found.order)} of {drawn}, {order}{since}."


def as_document(report: SeedReport) -> dict[str, Any]:
    """The seed document as plain data: each tensor's name and place in one object."""
    whole = asdict(report)
    whole["tensors"] = [{**row, **row.pop("origin")} for row in whole["tensors"]]
    return whole


def checked(adapter: TypeAdapter[Fact], value: object) -> Fact:
    """The fact in a child's answer.

    Raises:
        ChildLost: If the answer is not of that form.
    """
    try:
        return adapter.validate_python(value)
    except ValidationError as problem:
        raise ChildLost(reason="its answer made no sense") from problem
