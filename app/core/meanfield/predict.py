"""The moments of every operation of a network and of the gradients that reach it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from app.core.graph import Graph, Input, Node
from app.core.meanfield.backward import Backward
from app.core.meanfield.entered import NORMAL, UNIFORM01, InputMoments, entered
from app.core.meanfield.fixed import FixedNumbers
from app.core.meanfield.lineage import roots_of, roots_of_view
from app.core.meanfield.modes import in_mode
from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.notes import Logits
from app.core.meanfield.opening import PLACES, followed, names_of, too_many
from app.core.meanfield.prediction import Prediction, Stop, is_finite, mean_square, theory_of
from app.core.meanfield.rules.table import RULES
from app.core.meanfield.signals.axes import Unfit
from app.core.meanfield.signals.signal import Signal
from app.core.meanfield.step import Fixed, NoRule, Note, Situation, Step, WeightMoments, bare
from app.core.meanfield.straight import straight, viewed
from app.core.operators import FAMILY
from app.core.propagation import Theory
from app.errors import Invalid

WORK: Final = 3e9  # pairs of places, in all: some minutes
_OVERFLOW: Final = "its numbers leave the range of float64"
_UNMET: Final = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError),
    *(MemoryError, StopIteration, TypeError, ValueError),
)
"""What a rule fails with on a form that it was not written for."""


def predict(
    graph: Graph,
    *,
    weights: Mapping[str, WeightMoments],
    inputs: InputMoments = NORMAL,
    batch: int = 64,
    training: bool = True,
    values: Mapping[str, Fixed] | None = None,
) -> Prediction:
    """Follow the moments through a network and those of the gradient back.

    Args:
        graph: The network.
        weights: Of every parameter, by its name; over the draw of a scheme or over real values.
        inputs: Of real inputs; tokens are drawn evenly.
        batch: Inputs that a normalisation over the batch sees at once.
        training: Whether dropout and the batch's own statistics are on.
        values: Of buffers and constants that are known, by name: masks, angles of positions.
    """
    walk = _Walk(graph, weights=weights, inputs=inputs, batch=batch, training=training)
    walk.fixed = FixedNumbers(graph, values or {})
    walk.forward()
    gradients = walk.backward()
    seconds = {name: mean_square(walk.signals[name], each) for name, each in gradients.items()}
    theory = {
        node.name: found
        for node in graph.nodes
        if (found := walk.theory(node, seconds)) is not None
    }
    return Prediction(nodes=theory, stops=tuple(walk.stops), gradients=seconds)


class _Walk:
    """One pass through a graph."""

    def __init__(
        self,
        graph: Graph,
        *,
        weights: Mapping[str, WeightMoments],
        inputs: InputMoments,
        batch: int,
        training: bool,
    ) -> None:
        self._graph = graph
        self._batch = batch
        self._training = training
        self._weights = {
            one.value: weights[one.name] for one in graph.parameters if one.name in weights
        }
        self._shapes = {one.value: one.shape for one in graph.parameters}
        self._shapes |= {one.value: one.shape for one in graph.constants}
        self._numbers: dict[str, int | float] = {}
        self.signals: dict[str, Signal] = {}
        self.fixed = FixedNumbers(graph, {})
        self._notes: dict[str, Note] = {}
        self._roots: dict[str, frozenset[str]] = {
            one.name: frozenset([one.name]) for one in graph.inputs
        }
        self._pulls: list[tuple[Node, Step]] = []
        self.stops: list[Stop] = []
        self._seeds = 0
        self._work = 0.0
        for one in graph.inputs:
            self._enter(one, inputs)
        self._seeds = 0

    def _enter(self, one: Input, moments: InputMoments) -> None:
        if one.draw == "mask":
            self._shapes[one.name] = one.shape
            return
        try:
            self.signals[one.name] = entered(one, self._graph, moments)
        except NoRule as why:
            self.stops.append(Stop(node=one.name, reason=str(why)))

    def forward(self) -> None:
        """Apply each node's rule, as far as there are rules."""
        for node in self._graph.nodes:
            self._follow(node)

    def _follow(self, node: Node) -> None:
        try:
            step = self._found(node)
        except (NoRule, Unfit) as why:
            reason = str(why) or f"no rule for {bare(node.op)}"
            self.stops.append(Stop(node=node.name, reason=reason))
            return
        if step is None:
            return
        self._pulls.append((node, step))
        for name, signal in zip(node.results, step.signals, strict=False):
            if name:
                self._seeds += 1
                self.signals[name] = replace(signal, seed=self._seeds)
        self._roots |= roots_of(node, step.signals, self.signals, self._roots, self._weights)
        self._notes |= {
            name: note for name, note in zip(node.results, step.notes, strict=False) if note
        }

    def _found(self, node: Node) -> Step | None:
        """What a node's rule says; None where it needs none, or theory stopped before it.

        Raises:
            NoRule: If there is none; an uploaded network may have forms that no rule has met.
        """
        try:
            names = names_of(node)
            if self._is_no_signal(node) or self._views_a_parameter(node, names):
                return None
            if any(self._is_lost(name) for name in names):
                return None
            step = self._step(node)
        except Invalid as why:
            raise NoRule(why.message) from why
        except Unfit:
            raise
        except _UNMET as why:
            raise NoRule(f"{bare(node.op)} in a form that has no rule") from why
        for signal, note in itertools.zip_longest(step.signals, step.notes):
            if not isinstance(note, Logits) and not is_finite(signal):
                raise NoRule(_OVERFLOW)
        return step

    def _is_no_signal(self, node: Node) -> bool:
        """Sizes, and tensors of fixed numbers: what rules ask of them they know by their shape."""
        family = FAMILY.get(node.op)
        if self.fixed.follow(node):
            for name, shape in zip(node.results, node.shapes, strict=False):
                self._shapes[name] = shape
                if not shape:
                    self._numbers[name] = self.fixed.values[name].item()
            return True
        if family == "size":
            self._numbers |= dict.fromkeys(node.results, self._graph.batch)
        elif family == "factory":
            self._shapes |= dict(zip(node.results, node.shapes, strict=False))
        return family in ("size", "factory")

    def _is_lost(self, name: str) -> bool:
        """Whether theory stopped before this value."""
        known = self.signals, self._weights, self._shapes, self._numbers
        return not any(name in each for each in known)

    def _views_a_parameter(self, node: Node, names: list[str]) -> bool:
        """Whether a node's results are parameters still: views of one, or one times a number."""
        found = straight(node, self._weights) or viewed(node, names, self._weights, self.signals)
        if found is None:
            return False
        self._roots |= roots_of_view(node, self._roots, self._weights)
        self._weights |= dict.fromkeys(node.results, found)
        self._shapes |= dict(zip(node.results, node.shapes, strict=False))
        return True

    def _step(self, node: Node) -> Step:
        rule = RULES.get(node.op)
        if rule is None:
            raise NoRule(f"no rule for {bare(node.op)}")
        if any(0 in shape for shape in node.shapes):
            raise NoRule("a result without values")
        situation = Situation(
            node=in_mode(node, training=self._training),
            signals=self.signals,
            weights=self._weights,
            shapes=self._shapes,
            batch=self._batch,
            training=self._training,
            numbers=self._numbers,
            fixed=self.fixed.values,
            notes=self._notes,
            roots=self._roots,
            batch_size=self._graph.batch,
        )
        self._spend(node)
        return followed(rule, situation)

    def _spend(self, node: Node) -> None:
        """Refuse what would take too much memory or time, before it does."""
        places = max(
            (self.signals[name].mean.size for name in names_of(node) if name in self.signals),
            default=1,
        )
        self._work += places**2
        if places > PLACES:
            raise NoRule(too_many(places))
        if self._work > WORK:
            raise NoRule("too much to calculate")

    def backward(self) -> dict[str, Array]:
        """Second moments of the gradient at each value's places, for an N(0,1) cotangent."""
        if any(name not in self.signals for name in self._graph.outputs):
            return {}
        way = Backward(self.signals, self._graph.outputs)
        for node, step in reversed(self._pulls):
            try:
                way.through(node, step)
            except _UNMET:
                reason = f"the way back through {bare(node.op)} in a form that has no rule"
                self.stops.append(Stop(node=node.name, reason=reason))
                return {}
        found = way.found()
        if all(np.isfinite(values).all() for values in found.values()):
            return found
        self.stops.append(
            Stop(node=self._graph.nodes[-1].name, reason=f"on the way back, {_OVERFLOW}")
        )
        return {}

    def theory(self, node: Node, gradients: Mapping[str, float]) -> Theory | None:
        """What is predicted of a node's first output."""
        name = node.results[0] if node.results else ""
        signal = self.signals.get(name)
        if signal is None:
            return None
        return theory_of(signal, gradients.get(name), batch=self._batch)


__all__ = ["NORMAL", "UNIFORM01", "InputMoments", "Prediction", "Stop", "predict"]
