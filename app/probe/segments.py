"""The memory a run takes, and how it is cut into blocks so that it fits.

Within a block the weights are drawn or loaded when it begins and dropped when it ends. For the
gradient only values alive between blocks are kept; each block is run again before its backward
pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.probe.trace import Trace

PAIR = 2  # replicas that run in lockstep
SLACK = 1.1  # of the activations: what an operation needs beside its results
MOST_BLOCKS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Consecutive operations."""

    start: int
    stop: int  # one past the last


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Bytes of a run that is cut in one way."""

    spans: tuple[Span, ...]
    resident: bool  # whether all weights are there at once
    recompute: bool  # whether blocks are run again for the gradient
    bytes: int
    worst: int  # the operation before which most is needed


class Costs:
    """The bytes of a traced run, operation by operation."""

    def __init__(self, trace: Trace, *, operations: int) -> None:
        self.trace = trace
        self.operations = operations
        self.owned = {trace.values[name].storage for name in trace.weights}
        self.sizes = {value.storage: value.bytes for value in trace.values.values()}
        self.lifetimes = _lifetimes(trace, operations)
        self.made, self.live = self._lives()
        self.borders = self._borders()
        self.weights = trace.bytes_of(sorted(trace.weights))

    def weights_of(self, span: Span) -> int:
        """Of the parameters and constants that a block uses."""
        used = {
            name
            for place in range(span.start, span.stop)
            for name in self.trace.read[place]
            if name in self.trace.weights
        }
        return self.trace.bytes_of(sorted(used))

    def _lives(self) -> tuple[list[int], list[int]]:
        """By operation: bytes it makes, and bytes alive while it runs; of one replica."""
        made, change = [0] * self.operations, [0] * (self.operations + 1)
        for storage, (first, last) in self.lifetimes.items():
            if storage in self.owned:
                continue
            size = self.sizes[storage]
            if first >= 0:
                made[first] += size
            change[max(first, 0)] += size
            change[last + 1] -= size
        live, now = [], 0
        for place in range(self.operations):
            now += change[place]
            live.append(now + self.trace.extra[place])
        return made, live

    def _borders(self) -> list[int]:
        """By operation: bytes that are alive before it and were made before it; of one replica."""
        change = [0] * (self.operations + 2)
        for storage, (first, last) in self.lifetimes.items():
            if storage not in self.owned and last > first:
                change[first + 1] += self.sizes[storage]
                change[last + 1] -= self.sizes[storage]
        borders, now = [], 0
        for place in range(self.operations + 1):
            now += change[place]
            borders.append(now)
        return borders


def _lifetimes(trace: Trace, operations: int) -> dict[int, tuple[int, int]]:
    """By storage: the operation that makes it, -1 for inputs, and the last that it outlives."""
    ends = {name: place for place, names in enumerate(trace.drops) for name in names}
    made: dict[int, int] = {}
    for place, names in enumerate(trace.made):
        for name in names:
            if name in trace.values:
                made.setdefault(trace.values[name].storage, place)
    until: dict[int, int] = {}
    for name, value in trace.values.items():
        end = ends.get(name, operations - 1)
        until[value.storage] = max(until.get(value.storage, -1), end)
    return {storage: (made.get(storage, -1), last) for storage, last in until.items()}


def cheapest(costs: Costs, *, limit: int, backward: bool) -> Need:
    """The way to run with the least work that fits the limit.

    Returns:
        All at once where that fits; else the fewest blocks that do; else the way that needs least.
    """
    found = [_at_once(costs, backward=backward)]
    for blocks in _counts(costs.operations):
        if found[-1].bytes <= limit:
            return found[-1]
        spans = _cut(costs, blocks)
        found += [_cost(costs, spans, resident=yes, backward=backward) for yes in (True, False)]
        fitting = next((need for need in found[-2:] if need.bytes <= limit), None)
        if fitting is not None:
            return fitting
    return min(found, key=lambda need: need.bytes)


def _counts(operations: int) -> list[int]:
    counts, blocks = [], 1.0
    while blocks < min(operations, MOST_BLOCKS):
        counts.append(round(blocks))
        blocks = max(blocks + 1, blocks * 1.4)
    return [*counts, min(operations, MOST_BLOCKS)] if operations else []


def _at_once(costs: Costs, *, backward: bool) -> Need:
    """One block; for the gradient every activation of both replicas stays."""
    spans = (Span(start=0, stop=costs.operations),)
    worst = max(range(costs.operations), key=costs.live.__getitem__, default=0)
    forward = PAIR * costs.live[worst] if costs.live else 0
    kept = PAIR * (sum(costs.made) + sum(costs.trace.extra)) if backward else 0
    weights = costs.weights * (1 + PAIR) if backward else costs.weights
    return Need(
        spans=spans,
        resident=True,
        recompute=False,
        bytes=int(weights + SLACK * max(forward, kept + forward * backward)),
        worst=worst,
    )


def _cut(costs: Costs, blocks: int) -> tuple[Span, ...]:
    """Blocks of about the same activations and weights."""
    sizes = _sizes(costs)
    target, start, total = sum(sizes) / blocks, 0, 0.0
    spans: list[Span] = []
    for place, size in enumerate(sizes):
        if place > start and total + size / 2 > target * (len(spans) + 1):
            spans.append(Span(start=start, stop=place))
            start = place
        total += size
    spans.append(Span(start=start, stop=costs.operations))
    return tuple(spans)


def _sizes(costs: Costs) -> list[float]:
    seen: set[str] = set()
    found = []
    for place in range(costs.operations):
        fresh = [n for n in costs.trace.read[place] if n in costs.trace.weights and n not in seen]
        seen.update(fresh)
        made = costs.made[place] + costs.trace.extra[place]
        found.append(1.0 + PAIR * made + costs.trace.bytes_of(fresh))
    return found


def _cost(costs: Costs, spans: Sequence[Span], *, resident: bool, backward: bool) -> Need:
    worst, most = 0, 0
    kept = PAIR * sum(costs.borders[span.start] for span in spans) if backward else 0
    for span in spans:
        own = costs.weights_of(span)
        place = max(range(span.start, span.stop), key=costs.live.__getitem__)
        weights = costs.weights if resident else own
        activations = PAIR * costs.live[place]
        need = weights + kept + SLACK * activations
        if backward:
            saved = sum(costs.made[span.start : span.stop])
            saved += sum(costs.trace.extra[span.start : span.stop])
            again = PAIR * own + SLACK * (saved + activations)
            need = max(need, weights + kept + again)
        if need > most:
            worst, most = place, int(need)
    return Need(spans=tuple(spans), resident=resident, recompute=backward, bytes=most, worst=worst)
