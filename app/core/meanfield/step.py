"""What a rule is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.core.graph import Argument, Node, NonFinite, Value
from app.core.meanfield.alike import Sharing
from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.signals.axes import Unfit
from app.core.meanfield.signals.signal import Signal

Fixed: TypeAlias = NDArray[np.generic]
"""A tensor of fixed numbers: the same for every input and every draw of the weights."""

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

    def rows(self, fan_in: int) -> float:
        """`E (Σ_j w_ij)²/fan_in`: what a part that all inputs share is multiplied by.

        Args:
            fan_in: Weights in one sum.

        Returns:
            `row`, or of independent weights `E w² + (fan_in − 1)(E w)²`.
        """
        return self.second + (fan_in - 1) * self.mean**2 if self.row is None else self.row


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is known of a value beyond its moments, for the rules that follow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An operation's outputs, and the way of its gradients."""

    signals: tuple[Signal, ...]
    pulls: tuple[dict[str, Pull], ...] = ()  # of each output: value → pull
    by_draws: bool = False  # whether the pulls take a gradient by draws
    damped: Mapping[str, float] = field(default_factory=dict)  # value → factor on its maker's pull
    sharing: Sharing | None = None  # what the gradient shares on the way back
    notes: tuple[Note | None, ...] = ()  # of each output


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
    fixed: Mapping[str, Fixed] = field(default_factory=dict)  # values of fixed numbers
    notes: Mapping[str, Note] = field(default_factory=dict)  # of values
    roots: Mapping[str, frozenset[str]] = field(default_factory=dict)  # what a value is random by

    @property
    def operation(self) -> str:
        """The operator's bare name, as a person knows it."""
        return bare(self.node.op)

    def name(self, argument: str) -> str:
        """The value that an argument names.

        Raises:
            NoRule: If it names none.
        """
        found = self.node.arguments.get(argument)
        if not isinstance(found, Value):
            raise NoRule(f"{self.operation} without {argument}")
        return found.value

    def signal(self, argument: str = "input") -> Signal:
        """The signal that an argument is.

        Raises:
            NoRule: If it is none.
        """
        name = self.name(argument)
        if name not in self.signals:
            raise NoRule(f"{self.operation} of something that is no signal")
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
            raise NoRule(f"{self.operation} whose {argument} is no parameter")
        return self.weights[found.value]

    def shape(self, argument: str) -> tuple[int, ...]:
        """The shape of a parameter."""
        return self.shapes[self.name(argument)]

    def number(self, argument: str, default: float) -> float:
        """A plain number among the arguments."""
        found = self._plain(self.node.arguments.get(argument, default))
        if isinstance(found, bool | int | float):
            return found
        raise NoRule(f"{self.operation} with {argument} calculated on the way")

    def fixed_number(self, argument: str) -> float:
        """A number among the arguments, be it written there or in a tensor of one.

        Raises:
            NoRule: If it is calculated from inputs.
        """
        found = self.node.arguments.get(argument)
        if isinstance(found, NonFinite):
            return float(found.number)
        if isinstance(found, Value) and found.value in self.fixed:
            return float(self.fixed[found.value].reshape(-1)[0])
        return self.number(argument, 0)

    def integers(self, argument: str, default: tuple[int, ...], length: int = 0) -> tuple[int, ...]:
        """Plain whole numbers; one number stands for `length` of them."""
        found = self._plain(self.node.arguments.get(argument, default))
        items = found if isinstance(found, tuple) else (found,)
        plain = [self._plain(item) for item in items]
        numbers = tuple(int(item) for item in plain if isinstance(item, bool | int | float))
        if len(numbers) != len(items):
            raise NoRule(f"{self.operation} with {argument} calculated on the way")
        return numbers * length if len(numbers) == 1 and length > 1 else numbers

    def _plain(self, found: Argument) -> Argument:
        if isinstance(found, Value) and found.value in self.numbers:
            return self.numbers[found.value]
        return found


def bare(op: str) -> str:
    """An operator's name without its library and overload: "softmax" of "aten.softmax.int"."""
    return op.removeprefix("aten.").removeprefix("_operator.").split(".")[0]


def single(
    situation: Situation,
    signal: Signal,
    pull: Pull,
    argument: str = "input",
    *,
    by_draws: bool = False,
    note: Note | None = None,
) -> Step:
    """The step of an operation with one signal in and one out."""
    pulls = ({situation.name(argument): pull},)
    return Step(signals=(signal,), pulls=pulls, by_draws=by_draws, notes=(note,))


def multiplied(factor: float | Array) -> Pull:
    """The pull of an operation that multiplies the gradient's second moments: by one, or by [P]."""
    return lambda gradient: gradient * factor


def unchanged(gradient: Array) -> Array:
    """The pull of an operation that moves nothing."""
    return gradient


__all__ = [
    "Fixed",
    "NoRule",
    "Note",
    "Pull",
    "Situation",
    "Step",
    "Unfit",
    "WeightMoments",
    "bare",
    "multiplied",
    "single",
    "unchanged",
]
