"""What is told of a seed and of each tensor, once tensors have places in streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from app.core.excuses import EXCUSES
from app.core.replay import Place
from app.core.targets import Sought
from app.core.walk import findable, reach_of

RESEMBLING: Final = 0.1  # stds of change; a training step is below
FEW: Final = 8  # values; fewer that were moved cannot be told from others

Verdict: TypeAlias = Literal["from_stream", "moved", "not_from_stream", "cannot_be_replayed"]
Way: TypeAlias = Literal["state", "search"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where one tensor's values come from."""

    index: int
    verdict: Verdict
    reason: str
    seed: int | None = None  # modulo 2**32
    stream_offset: int | None = None  # outputs drawn before its first
    outputs: int | None = None  # that it took
    law: str | None = None  # "uniform" or "normal"
    low: float | None = None  # ends of the uniform law, weight units
    high: float | None = None
    mean: float | None = None  # of the normal law
    std: float | None = None
    count: int = 0
    equal: int | None = None  # values that are the draw's, bit for bit
    change: float | None = None  # root mean square of the change, in stds of the law
    evidence_bits: float | None = None  # -log2 of the odds of this place by chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Outputs that something else drew, or that were overwritten."""

    offset: int
    outputs: int
    before: int  # index of the tensor that follows


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSeed:
    """A seed and what it drew."""

    seed: int  # modulo 2**32: torch takes no more of it
    found_by: Way
    order: tuple[int, ...]  # indices of its tensors as they were drawn
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """All that the values tell of their seeds."""

    seeds: tuple[FoundSeed, ...]  # the one that drew most values first
    tensors: tuple[Origin, ...]
    seeds_tried: int  # one by one, for tensors drawn first after the seeding
    complete: bool  # whether there was time for everything


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """A seed and the places in its stream."""

    seed: int
    found_by: Way
    places: dict[int, Place]  # by position in the sought

    @property
    def values(self) -> int:
        """How many values it drew."""
        return sum(place.count for place in self.places.values())


def found_seed(found: Places, sought: Sequence[Sought]) -> FoundSeed:
    """The order in which a seed drew its tensors, and what else it drew."""
    order = sorted(found.places, key=lambda at: (found.places[at].offset, at))
    gaps, end = [], 0
    for at in order:
        place = found.places[at]
        if place.offset > end:
            gap = Gap(offset=end, outputs=place.offset - end, before=sought[at].index)
            gaps.append(gap)
        end = max(end, place.offset + place.outputs)
    return FoundSeed(
        seed=found.seed,
        found_by=found.found_by,
        order=tuple(sought[at].index for at in order),
        gaps=tuple(gaps),
    )


def origin_of(
    at: int, sought: Sequence[Sought], founds: Sequence[Places], *, complete: bool = True
) -> Origin:
    """Where one tensor's values come from.

    Args:
        at: Its position in the sought.
        sought: All tensors.
        founds: The seeds found.
        complete: Whether there was time to look for it everywhere.
    """
    tensor = sought[at]
    for found in founds:
        if at in found.places:
            return _located(tensor, found.seed, found.places[at])
    verdict, reason = _missing(tensor, reach=reach_of(sought), any_seed=bool(founds))
    if verdict == "not_from_stream" and not complete:
        verdict, reason = "cannot_be_replayed", "not found before the search's time was over"
    return Origin(index=tensor.index, verdict=verdict, reason=reason, count=tensor.values.size)


def _missing(tensor: Sought, *, reach: int, any_seed: bool) -> tuple[Verdict, str]:
    if tensor.constant:
        return "cannot_be_replayed", f"every value is {float(tensor.values[0]):g}"
    if tensor.excuse:
        return "cannot_be_replayed", tensor.excuse
    if tensor.values.size < FEW or not findable(tensor, reach=reach):
        return "cannot_be_replayed", "too few values to tell a draw from chance"
    if not any_seed:
        return "not_from_stream", "no seed was found"
    return "not_from_stream", "drawn elsewhere, or trained far from its draw"


def _located(tensor: Sought, seed: int, place: Place) -> Origin:
    uniform = place.drawn == "uniform"
    verdict: Verdict = "from_stream" if place.untouched else "moved"
    reason = _sentence(place)
    if tensor.excuse and _resembles(tensor, place):
        verdict, reason = "cannot_be_replayed", tensor.excuse
    return Origin(
        index=tensor.index,
        verdict=verdict,
        reason=reason,
        seed=seed,
        stream_offset=place.offset,
        outputs=place.outputs,
        law="uniform" if uniform else "normal",
        low=place.low,
        high=place.high,
        mean=place.mean,
        std=place.std,
        count=place.count,
        equal=place.equal,
        change=place.change,
        evidence_bits=place.bits,
    )


def _resembles(tensor: Sought, place: Place) -> bool:
    """Whether a tensor is made of its draw: a truncated one keeps most, an orthogonal one none."""
    kept = place.equal > 0 or tensor.excuse == EXCUSES["orthogonal"]
    return place.change > RESEMBLING and kept


def _sentence(place: Place) -> str:
    if not place.untouched:
        return f"{place.equal:,} of {place.count:,} values are still the draw's"
    if place.zeroed:
        return f"every value is the draw's but {place.zeroed:,} in rows of zeros"
    if place.rounded:
        return f"{place.equal:,} values are the draw's, {place.rounded:,} but for its rounding"
    return "every value is the draw's, bit for bit"
