"""What the sandboxed children of an analysis do: pure functions from a file to facts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from app.core import judgement, proofs, verdicts
from app.core.checkpoint import StoredTensor
from app.core.histograms import profile
from app.core.layers import ParameterFacts
from app.core.matrix import Places
from app.core.measurement import places_of, warm
from app.core.report import SCHEMA, Candidate, Overview, Profile, TensorReport, TensorRow
from app.core.settled import settled
from app.core.sketch import COMPILED, Lanes, Sketch, sketch
from app.jobs.parcels import FINDINGS, PORTION, Findings, Inventory
from app.jobs.routing import is_large
from app.readers.checkpoints import open_checkpoint
from app.readers.child import Answer, Stream
from app.readers.mapped import Mapped, value_dtype, values
from app.readers.naming import describe
from app.store.documents import TENSOR, dump, inflate, load

__all__ = ["Place", "conclude_run", "inspect_file", "measure_at", "measure_part", "warm"]

ALPHA = 0.001  # chance of one false "no match" in a whole file of fresh tensors

Tell: TypeAlias = Callable[[Any], None]


def inspect_file(descriptor: int, _arguments: object, _progress: Tell) -> Inventory:
    """The directory of the file behind `descriptor`, understood.

    Raises:
        Refused: If it is no checkpoint that can be read, or holds no tensors.
    """
    checkpoint = open_checkpoint(descriptor)
    facts = describe(checkpoint)
    pairs = zip(facts, checkpoint.tensors, strict=True)
    judged = sum(judgement.is_judged(known, tensor) for known, tensor in pairs)
    return Inventory(checkpoint=checkpoint, facts=facts, alpha=ALPHA / max(judged, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the values of large tensors are counted, and what their reports say of it."""

    lanes: Lanes
    said: str | None


def measure_part(descriptor: int, arguments: dict[str, Any], progress: Tell) -> Answer:
    """The report of each of a part's tensors and its packed sketch, in turn, as attachments.

    Args:
        descriptor: The file.
        arguments: {"todo", "threads", "large": bytes from which a tensor is, "said": of large ones
            or None}.
        progress: Told how many tensors are measured.
    """
    place = Place(lanes=COMPILED, said=arguments["said"])
    return measure_at(place, descriptor, arguments, progress)


def measure_at(place: Place, descriptor: int, arguments: dict[str, Any], progress: Tell) -> Answer:
    """What `measure_part` gives, with large tensors counted elsewhere."""
    todo = PORTION.validate_python(arguments["todo"])
    found: list[bytes] = []
    with Mapped(descriptor) as mapped:
        measurer = _Measurer(mapped, threads=arguments["threads"])
        for tensor, facts in zip(todo.tensors, todo.facts, strict=True):
            large = is_large(tensor, least=arguments["large"])
            lanes = place.lanes if large else COMPILED
            measured = measurer.measure(tensor, lanes, limit=judgement.limit_of(facts, tensor))
            places = measurer.places(tensor, facts, measured)
            report = judgement.judge(tensor, facts, measured, alpha=todo.alpha, places=places)
            report = measurer.certified(tensor, report, measured)
            report = replace(report, computed=place.said if large else None)
            found += (dump(report), measured.to_bytes())
            progress({"done": len(found) // 2})
    return Answer(value=len(todo.tensors), attachments=found)


def conclude_run(descriptor: int, arguments: dict[str, int], _progress: Tell) -> Stream:
    """The verdict on the findings behind `descriptor`: the overview, final reports attached."""
    size = arguments["document"]
    findings = FINDINGS.validate_json(os.pread(descriptor, size, 0))
    concluded = verdicts.conclude(
        source=findings.source,
        checkpoint=findings.inventory.checkpoint,
        reports=tuple(_light(report) for report, _ in _measured(descriptor, findings, offset=size)),
        alpha=findings.inventory.alpha,
    )
    rows: list[TensorRow] = []

    def reports() -> Iterator[bytes]:
        measured = _measured(descriptor, findings, offset=size)
        for light, (full, packed) in zip(concluded.reports, measured, strict=True):
            whole = _whole(light, full)
            report = _with_scheme_profile(whole, packed, concluded.summary.main_scheme)
            rows.append(judgement.row(report))
            yield dump(report)

    def overview() -> Overview:
        return Overview(
            schema=SCHEMA,
            source=findings.source,
            summary=concluded.summary,
            findings=tuple(concluded.findings),
            rows=tuple(rows),
        )

    return Stream(attachments=reports(), value=overview)


class _Measurer:
    """Sketches tensors of one file; one over the same elements as an earlier one is not read."""

    def __init__(self, mapped: Mapped, *, threads: int) -> None:
        self._mapped = mapped
        self._threads = threads
        self._known: dict[tuple[int, str, float | None], Sketch] = {}

    def measure(self, tensor: StoredTensor, lanes: Lanes, *, limit: float | None) -> Sketch:
        first = tensor.index if tensor.alias_of is None else tensor.alias_of
        key = (first, tensor.dtype, limit)
        if key not in self._known:
            self._known[key] = sketch(
                values(self._mapped, tensor),
                dtype=value_dtype(tensor),
                limit=limit,
                threads=self._threads,
                lanes=lanes,
            )
        return self._known[key]

    def places(self, tensor: StoredTensor, facts: ParameterFacts, seen: Sketch) -> Places | None:
        """Where a judged tensor's values stand; they were just read, so most are in a cache."""
        if not judgement.is_judged(facts, tensor):
            return None
        blocks = judgement.blocks_of(facts, tensor)
        found = values(self._mapped, tensor)
        return places_of(found, seen, blocks=blocks, threads=self._threads)

    def certified(self, tensor: StoredTensor, report: TensorReport, seen: Sketch) -> TensorReport:
        """The report of a tensor with what its bits prove."""
        if not proofs.may_prove(report, low_bits=seen.low_bits):
            return report
        return settled(report, proofs.certificate_of(values(self._mapped, tensor), report))


def _measured(
    descriptor: int, findings: Findings, *, offset: int
) -> Iterator[tuple[TensorReport, bytes]]:
    """Each tensor's report and its packed sketch, one at a time: there may be 20,000."""
    for report, packed in findings.sizes:
        document = inflate(os.pread(descriptor, report, offset))
        yield load(TENSOR, document), os.pread(descriptor, packed, offset + report)
        offset += report + packed


def _light(report: TensorReport) -> TensorReport:
    """The report with what a verdict on the model looks at: thousands are held at once."""
    return replace(report, histogram=None, profiles=(), candidates=_surviving(report))


def _surviving(report: TensorReport) -> tuple[Candidate, ...]:
    return tuple(one for one in report.candidates if one.rejected_by is None)


def _whole(light: TensorReport, full: TensorReport) -> TensorReport:
    """The report that became of a light one, with all that was left out of it."""
    candidates = full.candidates
    if light.candidates != _surviving(full):  # the model's own scheme now stands first
        refused = (one for one in full.candidates if one.rejected_by is not None)
        candidates = (*light.candidates, *refused)
    return replace(
        light,
        histogram=full.histogram,
        profiles=full.profiles,
        candidates=candidates,
        sentence=proofs.sentence_of(light),
    )


def _with_scheme_profile(
    report: TensorReport, packed: bytes, main_scheme: str | None
) -> TensorReport:
    """The report with its histogram in units of the std that the file's main scheme has here."""
    scale = next(
        (one.std for one in report.candidates if main_scheme in one.ids and one.std > 0), None
    )
    if not packed or scale is None or report.count == report.nonfinite:
        return report
    shared: Profile = profile(Sketch.from_bytes(packed), scale=scale, unit="scheme")
    return replace(report, profiles=(*report.profiles, shared))
