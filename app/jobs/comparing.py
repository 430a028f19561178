"""The comparison of two files: what the sandboxed child does, and who asks it on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from pydantic import TypeAdapter

from app.config import Settings
from app.core.checkpoint import Checkpoint, StoredTensor
from app.core.comparison import SCHEMA, ComparisonReport, Pair, Reshaped, is_weight
from app.core.drift import Drift, drift
from app.core.layers import ParameterFacts
from app.core.pairing import Pairing, paired
from app.core.rounding import coarser
from app.core.storage import is_integer
from app.errors import NotACheckpoint, NoTensors
from app.jobs.extra import require_worker_extra
from app.jobs.seeding import STEP, Step, checked
from app.readers import sandbox
from app.readers.checkpoints import open_checkpoint
from app.readers.dtypes import ELEMENT_TYPES, PACKED
from app.readers.mapped import Mapped, value_dtype, values
from app.readers.naming import describe

__all__ = ["REPORT", "TASK", "compare", "compare_files"]

TASK: Final = "app.jobs.comparing:compare_files"
REPORT: Final = TypeAdapter(ComparisonReport)
STORED_AS_CODES: Final = "its values are codes of a quantised type"

Tell: TypeAlias = Callable[[Any], None]
Known: TypeAlias = dict[tuple[int, int, str, str], Drift]


def compare(
    before: Path, after: Path, settings: Settings, on_progress: Callable[[Step], None]
) -> ComparisonReport:
    """The comparison of two checkpoints on this machine, made in a sandboxed child.

    Args:
        before: A regular file.
        after: Another.
        settings: Limits of the child.
        on_progress: Told tensors compared and tensors in all.

    Raises:
        WorkerExtraMissing: If this installation cannot run analyses.
        InitscopeError: Whatever the files or the limits brought about.
    """
    require_worker_extra()
    with _opened(before) as first, _opened(after) as second:
        answer = sandbox.run(
            TASK,
            descriptor=[first, second],
            arguments={},
            limits=limits_of(settings),
            on_progress=lambda told: on_progress(checked(STEP, told)),
        )
    return checked(REPORT, answer.value)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A descriptor on a regular file; a pipe or a device is not waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as problem:
        reason = f"{path}: {problem.strerror}."
        raise NotACheckpoint(first_bytes="nothing", reason=reason) from problem
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def limits_of(settings: Settings) -> sandbox.Limits:
    """What a child that compares may take."""
    return sandbox.Limits(
        memory_bytes=settings.child_memory_bytes,
        seconds=settings.part_seconds,
        threads=settings.threads,
    )


def compare_files(descriptor: int, arguments: dict[str, Any], progress: Tell) -> ComparisonReport:
    """The child's side: the files behind a descriptor and the first of the others.

    Raises:
        Refused: If one is no checkpoint that can be read, or holds no tensors.
    """
    other = arguments["others"][0]
    first, second = _read(descriptor), _read(other)
    joined = paired(first.tensors, second.tensors)
    with Mapped(descriptor) as before, Mapped(other) as after:
        comparer = _Comparer(first, before, second, after)
        pairs = []
        for done, places in enumerate(joined.pairs):
            progress({"step": "comparing", "done": done, "total": len(joined.pairs)})
            pairs.append(comparer.pair(*places))
    return _report(first, second, joined, tuple(pairs))


def _read(descriptor: int) -> Checkpoint:
    found = open_checkpoint(descriptor)
    if not found.tensors:
        raise NoTensors(detail="")
    return found


class _Comparer:
    """Compares tensors of two files; those that share their elements are read once."""

    def __init__(
        self, first: Checkpoint, before: Mapped, second: Checkpoint, after: Mapped
    ) -> None:
        self._tensors = (first.tensors, second.tensors)
        self._facts = describe(first)
        self._mapped = (before, after)
        self._known: Known = {}

    def pair(self, before: int, after: int) -> Pair:
        old, new = self._tensors[0][before], self._tensors[1][after]
        note = _uncompared(old, new)
        facts: ParameterFacts = self._facts[before]
        return Pair(
            name=old.name,
            before=before,
            after=after,
            shape=old.shape,
            dtypes=(old.dtype, new.dtype),
            compared_as=None if note else _common(old, new),
            kind=facts.kind,
            role=facts.role,
            weight=is_weight(role=facts.role, parameter=old.parameter, axes=len(old.shape)),
            drift=None if note else self._drift(old, new),
            note=note,
        )

    def _drift(self, old: StoredTensor, new: StoredTensor) -> Drift:
        first = old.index if old.alias_of is None else old.alias_of
        second = new.index if new.alias_of is None else new.alias_of
        key = (first, second, old.dtype, new.dtype)
        if key not in self._known:
            before, after = values(self._mapped[0], old), values(self._mapped[1], new)
            dtypes = (value_dtype(old), value_dtype(new))
            self._known[key] = drift(before, after, dtypes=dtypes)
            for mapped, tensor, seen in zip(self._mapped, (old, new), (before, after), strict=True):
                mapped.done_with(tensor.offset, seen.nbytes)
        return self._known[key]


def _uncompared(old: StoredTensor, new: StoredTensor) -> str:
    """Why two tensors have no numbers to compare, "" where they have."""
    kinds = [ELEMENT_TYPES[one.dtype].parts for one in (old, new)]
    if kinds[0] != kinds[1]:
        return "complex in one file, real in the other"
    coded = any(
        one.dtype in PACKED or one.dtype.startswith(("qint", "quint")) for one in (old, new)
    )
    return STORED_AS_CODES if coded else ""


def _common(old: StoredTensor, new: StoredTensor) -> str | None:
    """The dtype that both are rounded to, None where their own values are compared."""
    dtypes = (value_dtype(old), value_dtype(new))
    if dtypes[0] == dtypes[1] or all(is_integer(one) for one in dtypes):
        return None
    return coarser(*dtypes)


def _report(
    first: Checkpoint, second: Checkpoint, joined: Pairing, pairs: tuple[Pair, ...]
) -> ComparisonReport:
    old, new = first.tensors, second.tensors
    return ComparisonReport(
        schema=SCHEMA,
        pairs=pairs,
        reshaped=tuple(
            Reshaped(name=old[a].name, before=old[a].shape, after=new[b].shape)
            for a, b in joined.differing
        ),
        missing=tuple(old[index].name for index in joined.missing),
        added=tuple(new[index].name for index in joined.added),
        prefixes=joined.prefixes,
        by_order=joined.by_order,
        left_out=joined.left_out,
    )
