"""What a run works with: what all networks of a series share, and one network on one pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import torch

from app.probe.build import Network
from app.probe.dryrun import Plan
from app.probe.interpreter import Environment, Setting, Step
from app.probe.ledger import Ledger
from app.probe.records import Record
from app.probe.segments import PAIR, Span
from app.probe.statistics import Counter, squares
from app.probe.trace import Trace

Pair: TypeAlias = tuple[Environment, Environment]
Tensors: TypeAlias = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What stays the same for all networks of a series."""

    plan: Plan
    steps: tuple[Step, ...]
    setting: Setting
    records: Mapping[int, Record]  # by place of the operation
    counter: Counter
    ledger: Ledger
    tick: Callable[[], None]  # called after every operation; may stop the run

    @property
    def trace(self) -> Trace:
        """Lives of the values."""
        return self.plan.trace

    @property
    def single(self) -> bool:
        """Whether one pair of replicas is all there is of a network."""
        return self.plan.replicas.count == PAIR

    @property
    def whole(self) -> Span:
        """All operations."""
        return Span(start=0, stop=len(self.steps))


@dataclass(slots=True)
class Gradients:
    """Of the parameters of one network: sums over replicas, then their rms."""

    sums: Tensors = field(default_factory=dict)
    rms: dict[str, float | None] = field(default_factory=dict)

    def add(self, found: Mapping[str, torch.Tensor]) -> None:
        """Take in one replica's."""
        for name, gradient in found.items():
            known = self.sums.get(name)
            self.sums[name] = gradient if known is None else known + gradient

    def finish(self, names: Mapping[str, str]) -> None:
        """Turn the sums of some values into the rms of their parameters."""
        for value, name in names.items():
            found = self.sums.pop(value, None)
            if found is not None:
                self.rms[name] = squares(found).settle().rms


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One network of a series on one pair of replicas."""

    course: Course
    network: Network
    seed: int
    replicas: tuple[int, int]
    resident: Tensors | None  # all weights, where they stay in memory
    gradients: Gradients | None  # None where only the signal is wanted

    def weights(self, span: Span) -> Tensors:
        """Those that a block uses, drawn or loaded where they do not stay."""
        names = needed(self.course.trace, span)
        if self.resident is not None:
            return {name: self.resident[name] for name in names}
        found = self.network.values(names, self.seed)
        self.course.ledger.hold(found.values())
        return found

    def let_go(self, weights: Tensors) -> None:
        """Forget a block's weights where they do not stay."""
        if self.resident is None:
            self.course.ledger.drop(weights.values())
        weights.clear()  # or they would stay until the next block's are drawn


def needed(trace: Trace, span: Span) -> tuple[str, ...]:
    """The parameters and constants that some operations use, each once."""
    found: dict[str, None] = {}
    for place in range(span.start, span.stop):
        found |= dict.fromkeys(name for name in trace.read[place] if name in trace.weights)
    return tuple(found)
