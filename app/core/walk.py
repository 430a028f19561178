"""Every tensor's place in a seed's stream: first where the model's order puts it, then anywhere."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.core.compiled import prepare
from app.core.generator import TOGETHER, Drawn, Stream, outputs_taken
from app.core.replay import Place, match
from app.core.seed_kernels import find_places
from app.core.targets import NEAR, Sought, Target, packed, targets_of

STRETCH: Final = 2**20  # places searched at a time
MOST_HITS: Final = 4096  # of a stretch
PREDICTED: Final = 8  # places that a tensor's neighbours suggest
NO_HINTS: Final[Mapping[int, Sequence[int]]] = {}
MARGIN: Final = 6.0  # bits by which a target's digits must beat the number of places


def reach_of(sought: Sequence[Sought]) -> int:
    """How many outputs of a stream are searched: all values drawn three times, and a million."""
    return 3 * sum(one.values.size for one in sought) + 2**20


def findable(tensor: Sought, *, reach: int) -> bool:
    """Whether a tensor's values tell enough to find it anywhere in reach."""
    return bool(_targets(0, tensor, reach))


def walk(
    stream: Stream,
    sought: Sequence[Sought],
    *,
    reach: int,
    hints: Mapping[int, Sequence[int]] = NO_HINTS,
    on_progress: Callable[[int, int], None] | None = None,
    is_late: Callable[[], bool] = lambda: False,
) -> dict[int, Place]:
    """The places of the tensors that were drawn from a stream.

    Args:
        stream: Of one seed.
        sought: Tensors in the order of the file.
        reach: How many outputs to search.
        hints: Offsets where tensors may begin, by position in `sought`.
        on_progress: Told outputs searched and to search; may raise to end the walk.
        is_late: Asked now and then; once it is, what was found until then is all.

    Returns:
        Place by position in `sought`; those not drawn there are missing.
    """
    prepare()
    found: dict[int, Place] = {}
    _follow(stream, sought, found, hints)
    if len(found) < len(sought):
        _search(
            _Search(stream=stream, reach=reach, tell=on_progress, is_late=is_late), sought, found
        )
        _follow(stream, sought, found, hints)
    return found


def _follow(
    stream: Stream,
    sought: Sequence[Sought],
    found: dict[int, Place],
    hints: Mapping[int, Sequence[int]],
) -> None:
    """Try each tensor where its located neighbours begin or end."""
    for at, tensor in enumerate(sought):
        if at in found:
            continue
        for offset, drawn, chances in _suggested(sought, found, at, hints.get(at, ())):
            place = match(tensor, stream, offset, drawn, chances=chances)
            if place:
                found[at] = place
                break


def _suggested(
    sought: Sequence[Sought], found: dict[int, Place], at: int, hints: Sequence[int]
) -> Iterator[tuple[int, Drawn, float]]:
    """Places and ways of drawing, the likeliest first, each with how many are tried by then."""
    count = sought[at].values.size
    tried = 0
    supposed = ((offset, True) for offset in hints)
    for offset, after in itertools.chain(_edges(sought, found, at), supposed):
        for drawn in _ways(count):
            start = offset if after else offset - outputs_taken(count, drawn)
            if start >= 0:
                tried += 1
                yield start, drawn, tried


def _ways(count: int) -> tuple[Drawn, ...]:
    return ("uniform", "normal") if count >= TOGETHER else ("uniform", "small_normal")


def _edges(
    sought: Sequence[Sought], found: dict[int, Place], at: int
) -> Iterator[tuple[int, bool]]:
    """Offsets where the tensor may begin (True) or end (False), the likeliest first."""
    known = sorted(found)
    here = bisect_right(known, at)
    before = [found[other] for other in reversed(known[max(0, here - PREDICTED) : here])]
    after = [found[other] for other in known[here : here + PREDICTED // 2]]
    if not before:
        yield 0, True
    edges = dict.fromkeys(place.offset + place.outputs for place in before)
    yield from ((edge, True) for edge in edges)
    if before:
        missing = sought[known[here - 1] + 1 : at]
        yield from ((next(iter(edges)) + taken, True) for taken in _between(missing, before[0]))
    for place in after:
        yield place.offset, False
        yield place.offset + place.outputs, True
    if after:
        missing = sought[at + 1 : known[here]]
        yield from ((after[0].offset - taken, False) for taken in _between(missing, after[0]))


def _between(missing: Sequence[Sought], place: Place) -> set[int]:
    """How many outputs the tensors on the way to a place may have taken, which are drawn over.

    All of them where a constructor drew them, the matrices where a script did.
    """
    built = sum(outputs_taken(one.values.size, one.default) for one in missing if one.default)
    matrices = [one.values.size for one in missing if one.matrix]
    drawn = sum(
        size if place.drawn == "uniform" else outputs_taken(size, _ways(size)[1])
        for size in matrices
    )
    return {built, drawn} - {0}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    stream: Stream
    reach: int
    tell: Callable[[int, int], None] | None
    is_late: Callable[[], bool]


def _targets(at: int, tensor: Sought, reach: int) -> list[Target]:
    least = math.log2(reach) + MARGIN
    return [target for target in targets_of(at, tensor, moved=NEAR) if target.bits >= least]


def _search(search: _Search, sought: Sequence[Sought], found: dict[int, Place]) -> None:
    """Look for the tensors without a place everywhere in reach."""
    missing = [at for at in range(len(sought)) if at not in found]
    targets = [one for at in missing for one in _targets(at, sought[at], search.reach)]
    chances = 2.0 * search.reach
    for start in range(0, search.reach, STRETCH):
        pending = [target for target in targets if target.tensor not in found]
        if not pending or search.is_late():
            return
        if search.tell:
            search.tell(start, search.reach)
        for offset, target in _hits(search.stream, start, pending):
            if target.tensor in found:
                continue
            tensor = sought[target.tensor]
            place = match(tensor, search.stream, offset, target.drawn, chances=chances)
            if place:
                found[target.tensor] = place


def _hits(stream: Stream, start: int, targets: Sequence[Target]) -> Iterator[tuple[int, Target]]:
    span = max(int(target.positions.max()) for target in targets) + 1
    outputs = stream.digits(start, STRETCH + span)
    rows = np.zeros((MOST_HITS, 2), np.int64)
    hits = find_places(np.ascontiguousarray(outputs), STRETCH, packed(targets), rows)
    for place, number in rows[:hits].tolist():
        yield start + place, targets[number]
