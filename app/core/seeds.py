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
from functools import partial
from typing import Final, Literal, TypeAlias

from app.core.compiled import _registered, prepare
from app.core.generator import Stream
from app.core.layouts import MOST, supposed_places
from app.core.origins import (
    FoundSeed,
    Gap,
    Origin,
    Places,
    Recovery,
    Verdict,
    Way,
    found_seed,
    origin_of,
)
from app.core.replay import match
from app.core.search import COMMON, SEEDS, Range, all_seeds, common_seeds, seed_at, seed_of
from app.core.states import Solved, moved, solvable, untouched
from app.core.targets import Sought
from app.core.walk import reach_of, walk

__all__ = ["FoundSeed", "Gap", "Origin", "Recovery", "Verdict", "recover", "warm"]

SCHEMA: Final = "initscope.seed/1"
MOST_SEEDS: Final = 16  # of one file
SOLVED_AT_ONCE: Final = 8  # largest tensors whose bits are solved for a state
FEW_PLACES: Final = 6
SOLVED_MOVED: Final = 2  # and of those that may have moved, which takes seconds each

Step: TypeAlias = Literal["state", "seeds", "moved_state", "places", "stream"]
Tell: TypeAlias = Callable[[Step, int, int], None]
Late: TypeAlias = Callable[[], bool]


class _OutOfTimeError(Exception):
    """The search has used up its time."""


def warm() -> None:
    """Have every loop ready, also where `prepare` ran before these were declared."""
    prepare()
    fresh = [(loop, signature) for loop, signature in _registered if not loop.signatures]
    for loop, signature in fresh:
        loop.compile(signature)
        loop.disable_compile()


def recover(
    sought: Sequence[Sought],
    *,
    full: bool = False,
    threads: int = 1,
    on_progress: Tell | None = None,
    is_late: Late = lambda: False,
) -> Recovery:
    """The seeds of a model's tensors and every tensor's place in their streams.

    Args:
        sought: Float32 tensors in the order of the file; constants are told as such.
        full: Whether all 2**32 seeds are tried where solving finds none, and not only those that
            people use.
        threads: How many try seeds at once.
        on_progress: Told the step, what is done of it and in all; may raise to end everything.
        is_late: Asked now and then; once it is, what was found until then is all.
    """
    searcher = _Searcher(sought, threads=threads, tell=on_progress or _silence, is_late=is_late)
    founds: list[Places] = []
    pending = [at for at, tensor in enumerate(sought) if not tensor.constant]
    while pending and len(founds) < MOST_SEEDS:
        found = searcher.next(pending, full=full and not founds, thorough=not founds)
        if found is None:
            break
        founds.append(found)
        pending = [at for at in pending if at not in found.places]
    founds.sort(key=lambda one: -one.values)
    return Recovery(
        seeds=tuple(found_seed(found, sought) for found in founds),
        tensors=tuple(
            origin_of(at, sought, founds, complete=searcher.complete) for at in range(len(sought))
        ),
        seeds_tried=searcher.tried,
        complete=searcher.complete,
    )


class _Searcher:
    """Finds one seed after the other."""

    def __init__(
        self, sought: Sequence[Sought], *, threads: int, tell: Tell, is_late: Late
    ) -> None:
        self._sought = sought
        self._threads = threads
        self._tell = tell
        self._is_late = is_late
        self._limit = reach_of(sought)
        self.tried = 0  # seeds, one by one
        self.complete = True  # as far as time goes

    def next(self, pending: Sequence[int], *, full: bool, thorough: bool) -> Places | None:
        """A seed that drew some of the pending tensors, and their places.

        Args:
            pending: Positions in the sought.
            full: Whether to try all 2**32.
            thorough: Whether to solve for states of tensors that may have moved.
        """
        try:
            found = self._next(pending, full=full, thorough=thorough)
        except _OutOfTimeError:
            found = None
        self.complete = self.complete and not self._is_late()
        return found

    def _next(self, pending: Sequence[int], *, full: bool, thorough: bool) -> Places | None:
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
        self._step(step, 0, 1)
        for one in solved:
            tensor, seeding = self._sought[one.tensor], one.seeding
            stream = Stream(seeding.seed)
            if match(tensor, stream, seeding.offset, one.drawn, chances=2.0**24):
                return seeding.seed
        return None

    def _tried(self, pending: Sequence[int], ranges: Sequence[Range]) -> int | None:
        chosen = [self._sought[at] for at in pending]
        done = self.tried

        def tell(tried: int, total: int) -> None:
            self.tried = max(done, tried)
            self._step("seeds", tried, total)

        seed = seed_of(chosen, ranges, threads=self._threads, on_progress=tell)
        self.tried = max(done, sum(last - first for first, last in ranges))
        return seed

    def _step(self, step: Step, done: int, total: int) -> None:
        self._tell(step, done, total)
        if self._is_late():
            raise _OutOfTimeError

    def _tried_elsewhere(self, pending: Sequence[int], seeds: Range) -> int | None:
        return seed_at(
            self._sought,
            supposed_places(self._sought, pending, most=self._places(pending)),
            seeds,
            threads=self._threads,
            on_progress=partial(self._step, "places"),
        )

    def _hints(self, pending: Sequence[int]) -> dict[int, list[int]]:
        """Offsets where some of the pending tensors stand if the model was built as usual."""
        hints: dict[int, list[int]] = {}
        for one in supposed_places(self._sought, pending):
            hints.setdefault(pending.index(one.target.tensor), []).append(one.offset)
        return hints

    def _places(self, pending: Sequence[int]) -> int:
        """How many places to try: few where a state could be solved for, moved or not."""
        return FEW_PLACES if any(solvable(self._sought[at]) for at in pending) else MOST

    def _found(self, seed: int, found_by: Way, pending: Sequence[int]) -> Places:
        chosen = [self._sought[at] for at in pending]
        places = walk(
            Stream(seed),
            chosen,
            reach=self._limit,
            hints=self._hints(pending),
            on_progress=partial(self._tell, "stream"),
            is_late=self._is_late,
        )
        located = {pending[at]: place for at, place in places.items()}
        return Places(seed=seed, found_by=found_by, places=located)


def _silence(_step: Step, _done: int, _total: int) -> None:
    """Nobody watches."""
