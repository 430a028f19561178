"""Seeds tried one by one: those people use at once, all 2**32 on request."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

import numpy as np

from app.core.compiled import prepare
from app.core.generator import LOW24, Stream
from app.core.layouts import Supposed
from app.core.offset_kernels import BITS, DIGITS, WORDS, try_seeds_at, write_sums
from app.core.recovery import TEMPER
from app.core.replay import ENOUGH, match
from app.core.seed_kernels import try_seeds
from app.core.targets import WIDE, Sought, Target, leading, packed, table, targets_of

Range: TypeAlias = tuple[int, int]  # first seed and the one after the last
Tell: TypeAlias = Callable[[int, int], None]

SEEDS: Final = 2**32  # torch takes a seed modulo this
COMMON: Final = 10**7  # all below are tried at once: two-digit numbers, 42, 1234, 31337 ...
DATES: Final = 31_130_000  # 19991231, 20240101, 31122024: every date lies below
FAVOURITES: Final = (
    12345678,
    87654321,
    123456789,
    987654321,
    1234567890,
    0xDEADBEEF,
    0xCAFEBABE,
    0xC0FFEE,
    2**31 - 1,
    2**32 - 1,
    67280421310721 % 2**32,  # the default of torch's generators
)
TOGETHER: Final = 2**18  # seeds tried between two words of progress
MISSED: Final = 0.2  # share of values that a step may have carried beyond their tolerance
MOST_TARGETS: Final = 64  # tensors that may be the first, in the order of the file
MOST_HITS: Final = 4096  # of one such batch


def common_seeds() -> list[Range]:
    """Ranges of seeds that people use: every seed below ten million among them."""
    return [
        (0, COMMON),
        (COMMON, DATES),
        *((seed, seed + 1) for seed in FAVOURITES if seed >= DATES),
    ]


def all_seeds() -> list[Range]:
    """Every seed there is, those people use first."""
    return [*common_seeds(), (DATES, SEEDS)]


def seed_of(
    sought: Sequence[Sought],
    ranges: Sequence[Range],
    *,
    threads: int = 1,
    on_progress: Tell | None = None,
) -> int | None:
    """The seed after which one of the tensors is the first that was drawn.

    Args:
        sought: Tensors, any of which may be the first.
        ranges: Seeds to try.
        threads: How many at work; the loops hold no lock.
        on_progress: Told seeds tried and to try; may raise to end the search.

    Returns:
        The first seed whose stream begins with a whole tensor, or None. With ENOUGH bits of
        evidence beyond those of seeds and tensors tried, a false one has odds of 2**-20.
    """
    prepare()
    total = sum(last - first for first, last in ranges)
    targets = _leading_targets(sought, total)
    if not targets:
        return None
    chances = float(total) * len(targets)
    for seed, target in _hits(targets, ranges, threads=threads, on_progress=on_progress):
        tensor = sought[target.tensor]
        if match(tensor, Stream(seed), 0, target.drawn, chances=chances):
            return seed
    return None


def seed_at(
    sought: Sequence[Sought],
    places: Sequence[Supposed],
    seeds: Range,
    *,
    threads: int = 1,
    on_progress: Tell | None = None,
) -> int | None:
    """The seed in whose stream one of the tensors stands at its supposed place.

    Args:
        sought: All tensors.
        places: Where some of them should stand; each costs a pass over the seeds.
        seeds: First seed and the one after the last.
        threads: As for `seed_of`.
        on_progress: Told seeds tried and to try, over all places; may raise to end the search.
    """
    prepare()
    total = (seeds[1] - seeds[0]) * len(places)
    batches = list(_batches([seeds]))
    tried = 0
    with ThreadPoolExecutor(threads) as pool:
        for place in places:
            attempt = _attempt_at(place)
            for at in range(0, len(batches), threads):
                group = batches[at : at + threads]
                for found in pool.map(attempt, *zip(*group, strict=True)):
                    for seed in found:
                        if _stands(sought, place, seed % SEEDS, chances=float(total)):
                            return seed % SEEDS
                tried += sum(count for _, count in group)
                if on_progress:
                    on_progress(tried, total)
    return None


def _attempt_at(place: Supposed) -> Callable[[int, int], list[int]]:
    """A function that gives the seeds of a range that may be the one."""
    target = place.target
    few = slice(0, DIGITS)
    sums = np.zeros((DIGITS, BITS, WORDS), np.uint32)
    for digit, position in enumerate(target.positions[few].tolist()):
        write_sums(digit, place.offset + position, TEMPER, sums)
    digits, tolerances = target.digits[few].copy(), target.tolerances[few].copy()

    def attempt(first: int, count: int) -> list[int]:
        seeds = np.zeros(MOST_HITS, np.int64)
        hits = try_seeds_at(first, count, sums, digits, tolerances, seeds)
        found: list[int] = seeds[:hits].tolist()
        return found

    return attempt


def _stands(sought: Sequence[Sought], place: Supposed, seed: int, *, chances: float) -> bool:
    tensor = sought[place.target.tensor]
    stream = Stream(seed)
    outputs = stream.digits(place.offset, int(place.target.positions.max()) + 1)
    apart = (outputs[place.target.positions] - place.target.digits) & LOW24
    nearest = np.minimum(apart, (~apart + np.uint32(1)) & LOW24)
    if (nearest > place.target.tolerances).mean() > MISSED:
        return False
    return match(tensor, stream, place.offset, place.target.drawn, chances=chances) is not None


def _leading_targets(sought: Sequence[Sought], total: int) -> list[Target]:
    least = math.log2(max(total, 1)) + ENOUGH
    return [
        target
        for at, tensor in enumerate(sought)
        for target in targets_of(at, tensor, moved=WIDE)
        if leading(target) and target.bits >= least
    ][:MOST_TARGETS]


def _hits(
    targets: Sequence[Target],
    ranges: Sequence[Range],
    *,
    threads: int,
    on_progress: Tell | None,
) -> Iterator[tuple[int, Target]]:
    """Seeds whose first outputs agree with a target's digits, in the order of the ranges."""
    uniform = table([target for target in targets if target.drawn == "uniform"])
    normal = table([target for target in targets if target.drawn == "normal"])
    digits = packed(targets)

    def attempt(first: int, count: int) -> list[list[int]]:
        rows = np.zeros((MOST_HITS, 2), np.int64)
        hits = try_seeds(first, count, (uniform, normal), digits, rows)
        found: list[list[int]] = rows[:hits].tolist()
        return found

    batches = list(_batches(ranges))
    total, tried = sum(count for _, count in batches), 0
    with ThreadPoolExecutor(threads) as pool:
        for at in range(0, len(batches), threads):
            group = batches[at : at + threads]
            for found in pool.map(attempt, *zip(*group, strict=True)):
                yield from ((seed % SEEDS, targets[number]) for seed, number in found)
            tried += sum(count for _, count in group)
            if on_progress:
                on_progress(tried, total)


def _batches(ranges: Sequence[Range]) -> Iterator[tuple[int, int]]:
    for first, last in ranges:
        for start in range(first, last, TOGETHER):
            yield start, min(TOGETHER, last - start)
