"""Rules of single recurrent cells: one step at all places at once.

The gates' Gaussians are drawn apart from the state that they meet: where cells follow each other
with the same weights, what a gate shares with the steps before it is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from app.core.graph import Value
from app.core.meanfield.gradients import settled
from app.core.meanfield.nonlinear.gated import CELLS, Back, Cell, Sum
from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.rules.dense import NOTHING, covariance
from app.core.meanfield.rules.recurrent import is_zero
from app.core.meanfield.signals.axes import Axes, Factor
from app.core.meanfield.signals.signal import Signal, draws_of, from_draws, gaussian_draw
from app.core.meanfield.step import NoRule, Pull, Situation, Step, WeightMoments

_SEEDS = 1000  # from one gate to the next, far from those that the walk counts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A cell at its draws."""

    kind: Cell
    gates: Array  # [gates, draws, 2, P]
    before: Array  # [draws, 2, P]
    after: Array

    def back(self, gradient: Array, *, of_state: bool) -> Back:
        """For a gradient of these second moments at the output or at the state."""
        size, nothing = np.sqrt(settled(gradient)), np.zeros(1)
        arrived, state = (nothing, size) if of_state else (size, nothing)
        return self.kind.back(
            self.gates, self.before, self.after, arrived + nothing, state + 0 * self.before
        )


def cell(situation: Situation) -> Step:
    """LSTM, GRU and plain recurrent cells."""
    kind = CELLS[situation.operation.removesuffix("_cell")]
    signal = situation.signal()
    if any(factor.role != "channel" for factor in signal.axes[-1]):
        raise NoRule("a recurrent cell over places as channels")
    hidden, state = _states(situation)
    sums = {one: _sum(situation, signal, hidden, one) for one in dict.fromkeys(kind.sums)}
    gates = np.stack(
        [
            gaussian_draw(replace(sums[one], seed=signal.seed + _SEEDS * (at + 1)))
            for at, one in enumerate(kind.sums)
        ]
    )
    before: Array = np.zeros((draws_of(signal.mean.size), 2, signal.mean.size))
    if state is not None:
        before = gaussian_draw(state)
    output, after = kind.forward(gates, before)
    run = _Run(kind=kind, gates=gates, before=before, after=after)
    base = replace(sums[kind.sums[0]], inherited=signal.log_variance(situation.batch))
    count = len(situation.node.shapes)
    return Step(
        signals=tuple(from_draws(base, draws) for draws in (output, after)[:count]),
        pulls=tuple(_pulls(situation, run, of_state=at == 1) for at in range(count)),
    )


def _states(situation: Situation) -> tuple[Signal | None, Signal | None]:
    """What the gates see of the step before, and what they multiply; None for zeros."""
    given = situation.node.arguments.get("hx")
    items = given if isinstance(given, tuple) else (given, given)
    found: list[Signal | None] = []
    for item in items:
        if not isinstance(item, Value):
            raise NoRule("a recurrent cell without a state")
        known = item.value in situation.signals
        if not known and not is_zero(situation, item):
            raise NoRule("a recurrent cell that begins at something that is no signal")
        found.append(situation.signals[item.value] if known else None)
    return found[0], found[1]


def _law(situation: Situation, argument: str) -> WeightMoments:
    return situation.weight(argument) or NOTHING


def _sum(situation: Situation, signal: Signal, hidden: Signal | None, name: Sum) -> Signal:
    """The Gaussian input of a gate."""
    axes: Axes = (*signal.axes[:-1], (Factor("channel", situation.shape("w_hh")[1]),))
    none = np.zeros_like(signal.within)
    found = Signal(
        axes=axes, grid=signal.grid, mean=np.zeros_like(signal.mean), within=none, across=none
    )
    if name != "kept":
        found = _plus(found, signal, _law(situation, "w_ih"), situation.shape("w_ih")[1])
        found = _shifted(found, _law(situation, "b_ih"))
    if name != "given":
        if hidden is not None:
            if hidden.grid != signal.grid:
                raise NoRule("a recurrent cell whose state has other places than its input")
            found = _plus(found, hidden, _law(situation, "w_hh"), situation.shape("w_hh")[1])
        found = _shifted(found, _law(situation, "b_hh"))
    return found


def _plus(found: Signal, signal: Signal, law: WeightMoments, fan_in: int) -> Signal:
    """With a sum over the channels of another signal added, whose weights are its own."""
    outer, whole = np.outer(signal.mean, signal.mean), fan_in * law.mean * signal.mean
    mean = found.mean + whole
    cross = np.outer(mean, mean) - np.outer(found.mean, found.mean)
    return replace(
        found,
        mean=mean,
        within=found.within + covariance(law, fan_in, signal.within, outer) + cross,
        across=found.across + covariance(law, fan_in, signal.across, outer) + cross,
    )


def _shifted(found: Signal, law: WeightMoments) -> Signal:
    moved = law.mean * (found.mean[:, None] + found.mean[None, :]) + law.second
    return replace(
        found,
        mean=found.mean + law.mean,
        within=found.within + moved,
        across=found.across + moved,
    )


def _pulls(situation: Situation, run: _Run, *, of_state: bool) -> dict[str, Pull]:
    hidden = situation.shape("w_hh")[1]
    given, kept = _law(situation, "w_ih").second, _law(situation, "w_hh").second

    def sent(gradient: Array, name: Sum) -> Array:
        back = run.back(gradient, of_state=of_state)
        gates = back.given if name == "given" else back.kept
        total: Array = np.sum(np.mean(gates**2, axis=(1, 2)), axis=0)
        return hidden * (given if name == "given" else kept) * total

    def own(gradient: Array) -> Array:
        found: Array = np.mean(run.back(gradient, of_state=of_state).state ** 2, axis=(0, 1))
        return found

    pulls: dict[str, Pull] = {situation.name("input"): lambda g: sent(g, "given")}
    hx = situation.node.arguments.get("hx")
    items = hx if isinstance(hx, tuple) else (hx,)
    names = [item.value for item in items if isinstance(item, Value)]
    if len(names) == 2:
        pulls |= {names[0]: lambda g: sent(g, "kept"), names[1]: own}
    elif names:
        pulls[names[0]] = lambda g: sent(g, "kept") + own(g)
    return pulls
