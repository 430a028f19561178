"""What a rule is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from app.core.graph import Argument, Node, Value
from app.core.meanfield.axes import Unfit
from app.core.meanfield.nonlinearities import Array
from app.core.meanfield.signal import Signal

Pull: TypeAlias = Callable[[Array], Array]
"""From the gradient's second moment at an output's places to that at an input's: [P] → [P].

Where a rule says so, [DRAWS, 2, P]: for each joint draw of the signal there, as a maximum and the
slopes before it go together.
"""


class NoRule(Exception):
    """Theory has no rule for this; the message says for what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightMoments:
    """Of one parameter's values, over its draw or over the values themselves."""

    mean: float
    second: float  # E w²
    row: float | None = None  # E (Σ_j w_ij)²/fan_in over the outputs i; None: as independent w give


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An operation's outputs, and the way of its gradients."""

    signals: tuple[Signal, ...]
    pulls: tuple[dict[str, Pull], ...] = ()  # of each output: value → pull
    by_draws: bool = False  # whether the pulls take a gradient by draws


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A node with what its arguments are known to be."""

    node: Node
    signals: Mapping[str, Signal]  # of values
    weights: Mapping[str, WeightMoments]  # of values that are parameters, or views of them
    shapes: Mapping[str, tuple[int, ...]]  # of parameters and constants
    batch: int  # inputs that a normalisation over the batch sees at once
    training: bool
    batch_size: int  # inputs that the graph's shapes hold
    numbers: Mapping[str, int | float] = field(default_factory=dict)  # values that are numbers

    def name(self, argument: str) -> str:
        """The value that an argument names.

        Raises:
            NoRule: If it names none.
        """
        found = self.node.arguments.get(argument)
        if not isinstance(found, Value):
            raise NoRule(f"{self.node.op} without {argument}")
        return found.value

    def signal(self, argument: str = "input") -> Signal:
        """The signal that an argument is.

        Raises:
            NoRule: If it is none.
        """
        name = self.name(argument)
        if name not in self.signals:
            raise NoRule(f"{self.node.op} of something that is no signal")
        return self.signals[name]

    def weight(self, argument: str) -> WeightMoments | None:
        """Moments of the parameter that an argument is; None where it is left out.

        Raises:
            NoRule: If it is something else.
        """
        found = self.node.arguments.get(argument)
        if found is None:
            return None
        if not isinstance(found, Value) or found.value not in self.weights:
            raise NoRule(f"{self.node.op} whose {argument} is no parameter")
        return self.weights[found.value]

    def shape(self, argument: str) -> tuple[int, ...]:
        """The shape of a parameter."""
        return self.shapes[self.name(argument)]

    def number(self, argument: str, default: float) -> float:
        """A plain number among the arguments."""
        found = self._plain(self.node.arguments.get(argument, default))
        if isinstance(found, bool | int | float):
            return found
        raise NoRule(f"{self.node.op} with {argument} calculated on the way")

    def integers(self, argument: str, default: tuple[int, ...], length: int = 0) -> tuple[int, ...]:
        """Plain whole numbers; one number stands for `length` of them."""
        found = self._plain(self.node.arguments.get(argument, default))
        items = found if isinstance(found, tuple) else (found,)
        plain = [self._plain(item) for item in items]
        numbers = tuple(int(item) for item in plain if isinstance(item, bool | int | float))
        if len(numbers) != len(items):
            raise NoRule(f"{self.node.op} with {argument} calculated on the way")
        return numbers * length if len(numbers) == 1 and length > 1 else numbers

    def _plain(self, found: Argument) -> Argument:
        if isinstance(found, Value) and found.value in self.numbers:
            return self.numbers[found.value]
        return found


def single(
    situation: Situation,
    signal: Signal,
    pull: Pull,
    argument: str = "input",
    *,
    by_draws: bool = False,
) -> Step:
    """The step of an operation with one signal in and one out."""
    pulls = ({situation.name(argument): pull},)
    return Step(signals=(signal,), pulls=pulls, by_draws=by_draws)


def unchanged(gradient: Array) -> Array:
    """The pull of an operation that moves nothing."""
    return gradient


__all__ = [
    "NoRule",
    "Pull",
    "Situation",
    "Step",
    "Unfit",
    "WeightMoments",
    "single",
    "unchanged",
]
