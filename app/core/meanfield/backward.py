"""Gradients on their way from a network's outputs to each of its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from app.core.graph import Node
from app.core.meanfield.alike import FEW, Alike, merged, mixed, unmixed
from app.core.meanfield.gradients import added, passed, settled
from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.prediction import mean_square
from app.core.meanfield.rules.maxima import filled
from app.core.meanfield.signals.signal import Signal
from app.core.meanfield.step import Step
from app.core.operators import FAMILY

_UNMIXED: Final = frozenset({"shape", "cast", "arithmetic"})  # families


class Backward:
    """Second moments of the gradient at each value, for an N(0, 1) cotangent."""

    def __init__(self, signals: Mapping[str, Signal], outputs: Sequence[str]) -> None:
        self._signals = signals
        self._damped: dict[str, float] = {}
        self._gradients: dict[str, Array] = {}
        self._alike: dict[str, tuple[float, Alike]] = {}  # with Σ E g²
        for name in outputs:
            self._gradients[name] = np.ones(signals[name].mean.size)

    def through(self, node: Node, step: Step) -> None:
        """Send what has arrived at a node's results to its arguments.

        Args:
            node: Of which all uses have been gone through.
            step: Its own.
        """
        self._damped |= step.damped
        sharing = step.sharing or (unmixed if FAMILY.get(node.op) in _UNMIXED else mixed)
        for name, pulls in zip(node.results, step.pulls, strict=False):
            if name not in self._gradients:
                continue
            full = self._arrived(name, by_draws=step.by_draws)
            alike = sharing(self._alike.get(name, (0.0, Alike()))[1], full)
            factor = alike.left * self._damped.get(name, 1.0)
            for source, pull in pulls.items():
                if source in self._signals:
                    back = passed(pull, full, op=node.op, by_draws=step.by_draws)
                    self._add(source, back if factor == 1 else back * factor, alike)
            self._gradients[name] = self._by_place(name, self._gradients[name])

    def found(self) -> dict[str, Array]:
        """The second moments at the places of each value that a gradient reaches."""
        return {name: self._by_place(name, each) for name, each in self._gradients.items()}

    def _arrived(self, name: str, *, by_draws: bool) -> Array:
        gradient = self._gradients[name]
        if gradient.ndim == 3 and not by_draws:
            gradient = self._by_place(name, gradient)
        if gradient.size == 1:
            return np.broadcast_to(gradient.reshape(-1), self._signals[name].mean.shape)
        return gradient

    def _add(self, source: str, back: Array, alike: Alike) -> None:
        signal = self._signals[source]
        some = back[::FEW] if back.ndim == 3 else back
        size = signal.places * mean_square(signal, self._by_place(source, some))
        before, known = self._alike.get(source, (0.0, alike))
        self._alike[source] = before + size, merged(known, alike, (before, size))
        held = self._gradients.get(source)
        self._gradients[source] = back if held is None else added(held, back)

    def _by_place(self, name: str, gradient: Array) -> Array:
        if gradient.size == 1:
            return gradient.reshape(-1)
        return filled(settled(gradient), self._signals[name].grid)
