"""Packed tensors block by block: each judged alone, and what that says of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.core.attribution import Attribution, attribute
from app.core.blocks import Block
from app.core.context import Site
from app.core.matrix import MeasuredPart
from app.core.report import Candidate, DefaultLaw, PartReport, Status, Structure
from app.core.schemes import BY_ID, laws_at
from app.core.structure import structure_of
from app.core.wording import number

GATES = {"i": "input gate", "f": "forget gate", "g": "cell gate", "o": "output gate"} | {
    "r": "reset gate",
    "z": "update gate",
    "n": "new gate",
}
OF_WHOLE = frozenset({"identity", "dirac"})


def part_report(
    part: MeasuredPart,
    *,
    whole: Sequence[int],
    default: DefaultLaw | None,
    site: Site,
    alpha: float,
) -> PartReport:
    """One block judged as a tensor of its own, against laws with its own fans.

    Args:
        part: With at least one finite value.
        whole: Shape of the tensor it is a block of.
        default: Of the tensor: torch draws packed weights in one go.
        site: Of the tensor.
        alpha: Level of the block's tests.
    """
    block, sketch, places = part.block, part.sketch, part.places
    shape, fans = block.shape(whole), block.fans(whole)
    laws = laws_at(shape=shape, fans=fans, default=default, site=site)
    verdict = attribute(sketch, laws, alpha=alpha, places=places)
    structure = structure_of(sketch, shape, places)
    eye = structure is not None and structure.kind in OF_WHOLE
    return PartReport(
        name=block.name,
        axis=block.axis,
        start=block.start,
        stop=block.stop,
        shape=shape,
        fan_in=fans.fan_in if fans else None,
        fan_out=fans.fan_out if fans else None,
        count=sketch.count,
        nonfinite=sketch.nonfinite,
        zeros=sketch.zeros,
        min=sketch.minimum,
        max=sketch.maximum,
        mean=sketch.mean,
        std=sketch.std,
        status="structured" if eye else verdict.status,
        sentence=_sentence(block, verdict, structure),
        schemes=verdict.schemes,
        candidates=tuple(c for c in verdict.candidates if c.rejected_by is None),
        structure=structure,
    )


def _sentence(block: Block, verdict: Attribution, structure: Structure | None) -> str:
    name = _called([block.name])
    name = f"T{name[1:]}" if name.startswith("the ") else name
    return f"{name} {_fit(verdict, structure)}."


def _fit(verdict: Attribution, structure: Structure | None) -> str:
    if structure is not None and structure.kind == "constant":
        return f"is all {number(structure.value or 0.0)}"
    if structure is not None and structure.kind in OF_WHOLE:
        return f"is {structure.kind}"
    best = next((c for c in verdict.candidates if c.rejected_by is None), None)
    if best is not None:
        return f"fits {best.names[0]}"
    return structure.detail or "fits no scheme" if structure is not None else "fits no scheme"


def _called(names: Sequence[str]) -> str:
    """The blocks by name: `q`, `q, k and v`, `the forget gate f`."""
    if len(names) == 1:
        return f"the {GATES[names[0]]} {names[0]}" if names[0] in GATES else names[0]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def common(parts: Sequence[PartReport]) -> tuple[str, ...]:
    """Schemes that could have drawn every block, each at its own scale; best first."""
    if not parts:
        return ()
    others = [set(part.schemes) for part in parts[1:]]
    return tuple(i for i in parts[0].schemes if all(i in other for other in others))


def of_blocks(parts: Sequence[PartReport]) -> tuple[Status, Structure | None, str] | None:
    """What a tensor that fits nothing as a whole is, if each of its blocks fits something.

    Returns:
        Its status, structure and sentence, or None where a block fits nothing either.
    """
    if not parts or not all(part.schemes for part in parts):
        return None
    if all(part.status == "too_small" for part in parts):
        return None
    shared = common(parts)
    if shared:
        names = _called([part.name for part in parts])
        return "consistent", None, f"Each block alone fits {BY_ID[shared[0]].name}: {names}."
    groups: dict[str, list[str]] = {}
    for part in parts:
        groups.setdefault(_predicate(part), []).append(part.name)
    said = "; ".join(f"{_called(names)} {_plural(text, names)}" for text, names in groups.items())
    return (
        "structured",
        Structure(kind="blocks", detail=f"its blocks differ: {said}"),
        f"Its blocks differ: {said}.",
    )


def _predicate(part: PartReport) -> str:
    structure = part.structure
    if structure is not None and structure.kind == "constant":
        return f"is all {number(structure.value or 0.0)}"
    return f"fits {part.candidates[0].names[0]}"


def _plural(text: str, names: Sequence[str]) -> str:
    if len(names) == 1:
        return text
    return text.replace("is all", "are all").replace("fits ", "fit ", 1)


def refuted(verdict: Attribution, *, by: str, reason: str) -> Attribution:
    """The verdict where something else speaks against every law that still stood."""

    def line(candidate: Candidate) -> Candidate:
        if candidate.rejected_by is not None or candidate.law == "constant":
            return candidate
        return replace(candidate, rejected_by=by, reason=reason)

    return replace(
        verdict, candidates=tuple(map(line, verdict.candidates)), status="not_at_init", fit=None
    )
