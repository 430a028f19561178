"""Rules of recurrent layers: stacks of directions, unrolled over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from app.core.graph import Value
from app.core.meanfield.nonlinear.gated import CELLS
from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.rules.dense import NOTHING
from app.core.meanfield.rules.unrolled import Course, Unrolled, Weights
from app.core.meanfield.signals.axes import Axes, Factor, place
from app.core.meanfield.signals.signal import DRAWS, Draw, Signal
from app.core.meanfield.step import NoRule, Pull, Situation, Step

LONGEST: Final = 256  # steps: draws of all of them are kept for the gradient


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stack:
    """All layers of one operation, each with its directions, first to last."""

    layers: tuple[tuple[Unrolled, ...], ...]
    dropped: float  # 1/(1−p) between layers
    hidden: int

    def back(self, arrived: Array, last: Array, state: Array) -> Array:
        """The gradient of the input, from that of the outputs, of last outputs and last states.

        What comes back of two steps has the same gates and later gradients in it.

        Args:
            arrived: Second moments, [T], or of pairs of steps, [T, T].
            last: Of each layer and direction.
            state: Of each layer and direction.

        Returns:
            Second moments of pairs of steps, [T, T].
        """
        ways, moments = len(self.layers[0]), np.diag(arrived) if arrived.ndim == 1 else arrived
        for depth in reversed(range(len(self.layers))):
            below = np.zeros_like(moments)
            for way, one in enumerate(self.layers[depth]):
                turned = (moments[::-1, ::-1] if way else moments).copy()
                turned[-1, -1] += last[depth * ways + way]
                sent = one.back(turned, float(state[depth * ways + way]))
                below += sent[::-1, ::-1] if way else sent
            moments = below
            if depth:
                np.fill_diagonal(moments, np.diag(moments) * self.dropped)
        return moments


def recurrent(situation: Situation) -> Step:
    """LSTM, GRU and plain recurrent layers, over all steps, layers and directions."""
    signal = situation.signal()
    time = _time(situation, signal)
    _expect_zero_state(situation)
    stack = _unrolled(situation, signal)
    output = _joined(stack.layers[-1])
    name, steps = situation.name("input"), signal.mean.size
    count = sum(len(layer) for layer in stack.layers)
    none = np.zeros(count)
    after = [_output(situation, signal, stack, output, time)]
    pulls: list[dict[str, Pull]] = [{name: lambda g: stack.back(g, none, none)}]
    ends: tuple[Pull, Pull] = (
        lambda g: stack.back(np.zeros(steps), _own(g, count), none),
        lambda g: stack.back(np.zeros(steps), none, _own(g, count)),
    )
    for at, end in zip(range(1, len(situation.node.shapes)), ends, strict=False):
        after.append(_ends(stack, situation.node.shapes[at], states=at == 2))
        pulls.append({name: end})
    return Step(signals=tuple(after), pulls=tuple(pulls))


def _own(gradient: Array, count: int) -> Array:
    found: Array = np.diag(gradient) if gradient.ndim == 2 else gradient
    return np.broadcast_to(found, (count,))


def _time(situation: Situation, signal: Signal) -> tuple[Factor, ...]:
    """The axis of the steps.

    Raises:
        NoRule: If places or inputs stand where time or channels should.
    """
    first = bool(situation.node.arguments.get("batch_first", False))
    batch, steps, channels = signal.axes[1 - first], signal.axes[int(first)], signal.axes[2]
    if any(factor.role != "batch" for factor in batch):
        raise NoRule("a recurrent layer whose inputs are not counted where batch_first says")
    if any(factor.role != "channel" for factor in channels):
        raise NoRule("a recurrent layer over places as channels")
    if tuple(steps) != signal.grid or len(steps) > 1:
        raise NoRule("a recurrent layer with places beside its steps")
    if signal.mean.size > LONGEST or any(factor.whole > factor.size for factor in steps):
        raise NoRule(f"a recurrent layer over more than {LONGEST} steps")
    return tuple(steps)


def _expect_zero_state(situation: Situation) -> None:
    given = situation.node.arguments.get("hx")
    items = given if isinstance(given, tuple) else (given,)
    for item in items:
        if not isinstance(item, Value) or not is_zero(situation, item):
            raise NoRule("a recurrent layer that does not begin at zero")


def is_zero(situation: Situation, value: Value) -> bool:
    """Whether a value is known to be all zeros."""
    found = situation.fixed.get(value.value)
    return found is not None and not np.any(found)


def _unrolled(situation: Situation, signal: Signal) -> _Stack:
    number = int(situation.number("num_layers", 1))
    ways = 2 if situation.node.arguments.get("bidirectional", False) else 1
    p = situation.number("dropout", 0.0) if situation.training else 0.0
    given = Course(mean=signal.mean, within=signal.within, across=signal.across)
    laws = _weights(situation, number * ways)
    cell = CELLS[situation.operation.removesuffix("_cell")]
    layers = []
    for depth in range(number):
        pair = laws[depth * ways : depth * ways + ways]
        layers.append(
            tuple(
                Unrolled(cell, one, _turned(given) if way else given, seed=2 * depth + way + 1)
                for way, one in enumerate(pair)
            )
        )
        given = _dropped(_joined(layers[-1]), p)
    return _Stack(layers=tuple(layers), dropped=1 / (1 - p), hidden=laws[0].hidden)


def _weights(situation: Situation, count: int) -> list[Weights]:
    """Of each layer and direction, in the order of torch's flat list."""
    given = situation.node.arguments.get("params")
    items = given if isinstance(given, tuple) else ()
    names = [item.value for item in items if isinstance(item, Value)]
    if any(name not in situation.weights for name in names):
        raise NoRule(f"{situation.operation} whose params are no parameters")
    each = len(names) // count
    biases = bool(situation.node.arguments.get("has_biases", True))
    found = []
    for start in range(0, len(names), each):
        own = names[start : start + each]
        laws = [situation.weights[name] for name in own]
        projected = each > 2 + 2 * biases
        found.append(
            Weights(
                given=laws[0],
                kept=laws[1],
                given_bias=laws[2] if biases else NOTHING,
                kept_bias=laws[3] if biases else NOTHING,
                projection=laws[-1] if projected else None,
                inputs=situation.shapes[own[0]][1],
                hidden=situation.shapes[own[0]][0] // GATES[situation.operation],
                state=situation.shapes[own[1]][1],
            )
        )
    return found


GATES: Final = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
"""Blocks of rows in a weight."""


def _turned(course: Course) -> Course:
    return Course(
        mean=course.mean[::-1],
        within=course.within[::-1, ::-1],
        across=course.across[::-1, ::-1],
    )


def _joined(ways: Sequence[Unrolled]) -> Course:
    """Both directions side by side along the channels, in the order of time."""
    each = [one.output for one in ways]
    each[1:] = [_turned(one) for one in each[1:]]
    share = 1 / len(each)
    return Course(
        mean=sum((one.mean for one in each), np.zeros(())) * share,
        within=sum((one.within for one in each), np.zeros(())) * share,
        across=sum((one.across for one in each), np.zeros(())) * share,
    )


def _dropped(course: Course, p: float) -> Course:
    within = course.within.copy()
    np.fill_diagonal(within, np.diag(within) / (1 - p))
    return replace(course, within=within)


def _output(
    situation: Situation,
    signal: Signal,
    stack: _Stack,
    course: Course,
    time: tuple[Factor, ...],
) -> Signal:
    axes: Axes = (*signal.axes[:2], (Factor("channel", situation.node.shapes[0][2]),))
    last = stack.layers[-1]
    projected = situation.node.shapes[0][2] < stack.hidden * len(last)
    after = Signal(
        axes=axes,
        grid=time,
        mean=course.mean,
        within=course.within,
        across=course.across,
        draw=None if projected else _draw(last),
        inherited=signal.log_variance(situation.batch),
    )
    return after if projected else _shaped(after, np.concatenate([one.draws for one in last], 1))


def _shaped(signal: Signal, draws: Array) -> Signal:
    """The signal with the fourth moments of draws [T, …, 2]."""
    squares = float(np.mean(np.mean(draws**2, axis=(1, 2)) ** 2))
    if squares <= 0:
        return signal
    return replace(
        signal,
        kurtosis=float(np.mean(draws**4)) / squares,
        joint=float(np.mean(draws[..., 0] ** 2 * draws[..., 1] ** 2)) / squares,
    )


def _draw(ways: Sequence[Unrolled]) -> Draw:
    """Draws of the output; of two directions each has every other of them, as of the channels."""

    def draw() -> Array:
        both = np.stack([one.draws[::-1] if way else one.draws for way, one in enumerate(ways)], 2)
        steps = len(both)
        laid = both.reshape(steps, -1, 2)[:, : DRAWS * len(ways)]
        return np.moveaxis(laid[:, :DRAWS], 0, -1)

    return draw


def _ends(stack: _Stack, shape: Sequence[int], *, states: bool) -> Signal:
    """The last outputs, or the last states, of each layer and direction, which are independent."""
    every = [one for layer in stack.layers for one in layer]
    if states:
        means = np.array([one.last_state.mean() for one in every])
        own = np.array([np.mean(one.last_state**2) for one in every])
        shared = np.array([np.mean(np.prod(one.last_state, axis=1)) for one in every])
    else:
        means = np.array([one.output.mean[-1] for one in every])
        own = np.array([one.output.within[-1, -1] for one in every])
        shared = np.array([one.output.across[-1, -1] for one in every])
    grid = (place(len(every)),) if len(every) > 1 else ()
    within, across = np.outer(means, means), np.outer(means, means)
    np.fill_diagonal(within, own)
    np.fill_diagonal(across, shared)
    return Signal(
        axes=(grid, (Factor("batch", shape[1]),), (Factor("channel", shape[2]),)),
        grid=grid,
        mean=means,
        within=within,
        across=across,
    )


__all__ = ["GATES", "LONGEST", "is_zero", "recurrent"]
