"""Which `torch.manual_seed` drew a model, and what has become of each tensor since.

A seed is found in one of four ways, the quickest first: the generator's state is solved for from
one large untouched tensor, wherever in the stream it stands; seeds are tried one by one for a
tensor drawn right after the seeding; the state is solved for from a large tensor that moved a
little; seeds are tried for tensors where the usual way of building a model puts them. Whatever is
found then has to replay: every tensor is located in the seed's stream and compared value by value.
What stands in no stream found is tried again for a seed of its own.

No seed is reported by chance: solving needs 621 words of 32 bits to follow from each other, and a
seed that was tried needs 20 bits of evidence beyond those of all seeds and tensors tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeAlias

from app.core.compiled import _registered, prepare
from app.core.excuses import EXCUSES
from app.core.generator import Stream
from app.core.layouts import supposed_places
from app.core.replay import Place, match
from app.core.search import COMMON, SEEDS, Range, all_seeds, common_seeds, seed_at, seed_of
from app.core.states import Solved, moved, untouched
from app.core.targets import Sought
from app.core.walk import findable, reach_of, walk

SCHEMA: Final = "initscope.seed/1"
MOST_SEEDS: Final = 16  # of one file
SOLVED_AT_ONCE: Final = 8  # largest tensors whose bits are solved for a state
RESEMBLING: Final = 0.1  # stds of change; a training step is below
FEW: Final = 8  # values; fewer that were moved cannot be told from others
SOLVED_MOVED: Final = 2  # and of those that may have moved, which takes seconds each

Verdict: TypeAlias = Literal["from_stream", "moved", "not_from_stream", "cannot_be_replayed"]
Step: TypeAlias = Literal["state", "seeds", "moved_state", "places", "stream"]
Tell: TypeAlias = Callable[[Step, int, int], None]


def warm() -> None:
    """Have every loop ready, also where `prepare` ran before these were declared."""
    prepare()
    fresh = [(loop, signature) for loop, signature in _registered if not loop.signatures]
    for loop, signature in fresh:
        loop.compile(signature)
        loop.disable_compile()


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
    found_by: Literal["state", "search"]
    order: tuple[int, ...]  # indices of its tensors as they were drawn
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """All that the values tell of their seeds."""

    seeds: tuple[FoundSeed, ...]  # the one that drew most values first
    tensors: tuple[Origin, ...]
    seeds_tried: int  # one by one, for tensors drawn first after the seeding


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    seed: int
    found_by: Literal["state", "search"]
    places: dict[int, Place]  # by position in the sought


def recover(
    sought: Sequence[Sought],
    *,
    full: bool = False,
    threads: int = 1,
    on_progress: Tell | None = None,
) -> Recovery:
    """The seeds of a model's tensors and every tensor's place in their streams.

    Args:
        sought: Float32 tensors in the order of the file; constants are told as such.
        full: Whether all 2**32 seeds are tried where solving finds none, and not only those that
            people use.
        threads: How many try seeds at once.
        on_progress: Told the step, what is done of it and in all; may raise to end everything.
    """
    searcher = _Searcher(sought, threads=threads, tell=on_progress or _silence)
    founds: list[_Found] = []
    pending = [at for at, tensor in enumerate(sought) if not tensor.constant]
    while pending and len(founds) < MOST_SEEDS:
        found = searcher.next(pending, full=full and not founds, thorough=not founds)
        if found is None:
            break
        founds.append(found)
        pending = [at for at in pending if at not in found.places]
    founds.sort(key=lambda one: -sum(place.count for place in one.places.values()))
    return Recovery(
        seeds=tuple(_facts(found, sought) for found in founds),
        tensors=tuple(_origin(at, sought, founds) for at in range(len(sought))),
        seeds_tried=searcher.tried,
    )


class _Searcher:
    """Finds one seed after the other."""

    def __init__(self, sought: Sequence[Sought], *, threads: int, tell: Tell) -> None:
        self._sought = sought
        self._threads = threads
        self._tell = tell
        self._limit = reach_of(sought)
        self.tried = 0  # seeds, one by one

    def next(self, pending: Sequence[int], *, full: bool, thorough: bool) -> _Found | None:
        """A seed that drew some of the pending tensors, and their places.

        Args:
            pending: Positions in the sought.
            full: Whether to try all 2**32.
            thorough: Whether to solve for states of tensors that may have moved.
        """
        largest = sorted(pending, key=lambda at: -self._sought[at].values.size)
        few = largest[:SOLVED_AT_ONCE]
        seed = self._solved("state", untouched(self._sought, few, limit=self._limit))
        if seed is not None:
            return self._found(seed, "state", pending)
        seed = self._tried(pending, common_seeds())
        if seed is not None:
            return self._found(seed, "search", pending)
        if thorough:
            few = largest[:SOLVED_MOVED]
            seed = self._solved("moved_state", moved(self._sought, few, limit=self._limit))
        if seed is not None:
            return self._found(seed, "state", pending)
        if thorough:
            seed = self._tried_elsewhere(pending, (0, COMMON))
        if seed is None and full:
            seed = self._tried(pending, all_seeds())
        if seed is None and full:
            seed = self._tried_elsewhere(pending, (COMMON, SEEDS))
        return None if seed is None else self._found(seed, "search", pending)

    def _solved(self, step: Step, solved: Iterable[Solved]) -> int | None:
        """The first seed of a solved state that replays the tensor it was solved from."""
        self._tell(step, 0, 1)
        for one in solved:
            tensor, seeding = self._sought[one.tensor], one.seeding
            stream = Stream(seeding.seed)
            if match(tensor, stream, seeding.offset, one.drawn, chances=2.0**24):
                return seeding.seed
        return None

    def _tried(self, pending: Sequence[int], ranges: Sequence[Range]) -> int | None:
        chosen = [self._sought[at] for at in pending]
        seed = seed_of(
            chosen, ranges, threads=self._threads, on_progress=partial(self._tell, "seeds")
        )
        self.tried = max(self.tried, sum(last - first for first, last in ranges))
        return seed

    def _tried_elsewhere(self, pending: Sequence[int], seeds: Range) -> int | None:
        return seed_at(
            self._sought,
            supposed_places(self._sought, pending),
            seeds,
            threads=self._threads,
            on_progress=partial(self._tell, "places"),
        )

    def _found(
        self, seed: int, found_by: Literal["state", "search"], pending: Sequence[int]
    ) -> _Found:
        chosen = [self._sought[at] for at in pending]
        places = walk(
            Stream(seed), chosen, reach=self._limit, on_progress=partial(self._tell, "stream")
        )
        located = {pending[at]: place for at, place in places.items()}
        return _Found(seed=seed, found_by=found_by, places=located)


def _silence(_step: Step, _done: int, _total: int) -> None:
    """Nobody watches."""


def _facts(found: _Found, sought: Sequence[Sought]) -> FoundSeed:
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


def _origin(at: int, sought: Sequence[Sought], founds: Sequence[_Found]) -> Origin:
    tensor = sought[at]
    for found in founds:
        if at in found.places:
            return _located(tensor, found.seed, found.places[at])
    verdict, reason = _missing(tensor, reach=reach_of(sought), any_seed=bool(founds))
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
