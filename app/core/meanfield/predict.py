"""The moments of every operation of a network and of the gradients that reach it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from app.core.graph import Graph, Input, Node, Value
from app.core.meanfield.axes import Axes, Factor, Unfit, place, places_of
from app.core.meanfield.nonlinearities import Array
from app.core.meanfield.rules import RULES
from app.core.meanfield.signal import Signal
from app.core.meanfield.step import NoRule, Pull, Situation, Step, WeightMoments
from app.core.operators import FAMILY
from app.core.propagation import Theory
from app.errors import Invalid

PLACES: Final = 1100  # of one signal; matrices of their pairs are what theory costs
WORK: Final = 3e9  # pairs of places, in all: some minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class InputMoments:
    """Of one number of the input, independent of all others."""

    mean: float
    second: float


NORMAL: Final = InputMoments(mean=0.0, second=1.0)
UNIFORM01: Final = InputMoments(mean=0.5, second=1 / 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Where theory ends, and why."""

    node: str  # its name
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Theory of one set of weights."""

    nodes: dict[str, Theory]  # by node name
    stops: tuple[Stop, ...] = ()
    gradients: dict[str, float] = field(default_factory=dict)  # of values, second moments


def predict(
    graph: Graph,
    *,
    weights: Mapping[str, WeightMoments],
    inputs: InputMoments = NORMAL,
    batch: int = 64,
    training: bool = True,
) -> Prediction:
    """Follow the moments through a network and those of the gradient back.

    Args:
        graph: The network.
        weights: Of every parameter, by its name; over the draw of a scheme or over real values.
        inputs: Of real inputs; tokens are drawn evenly.
        batch: Inputs that a normalisation over the batch sees at once.
        training: Whether dropout and the batch's own statistics are on.
    """
    walk = _Walk(graph, weights=weights, inputs=inputs, batch=batch, training=training)
    walk.forward()
    gradients = walk.backward()
    theory = {
        node.name: found
        for node in graph.nodes
        if (found := walk.theory(node, gradients)) is not None
    }
    seconds = {name: float(np.mean(values)) for name, values in gradients.items()}
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
        self._pulls: list[tuple[Node, Step]] = []
        self.stops: list[Stop] = []
        self._seeds = 0
        self._work = 0.0
        for one in graph.inputs:
            self._enter(one, inputs)
        self._seeds = 0

    def _enter(self, one: Input, moments: InputMoments) -> None:
        axes = _input_axes(one, self._graph)
        places = math.prod(factor.size for factor in places_of(axes))
        if one.draw == "mask":
            self._shapes[one.name] = one.shape
        elif places > PLACES:
            self.stops.append(Stop(node=one.name, reason=_too_many(places)))
        else:
            self.signals[one.name] = _input(axes, moments)

    def forward(self) -> None:
        """Apply each node's rule, as far as there are rules."""
        for node in self._graph.nodes:
            self._follow(node)

    def _follow(self, node: Node) -> None:
        names = _names(node)
        if self._is_no_signal(node) or self._views_a_parameter(node, names):
            return
        if any(self._is_lost(name) for name in names):
            return
        try:
            step = self._step(node)
        except (NoRule, Unfit) as why:
            self.stops.append(Stop(node=node.name, reason=str(why) or f"no rule for {node.op}"))
            return
        self._pulls.append((node, step))
        for name, signal in zip(node.results, step.signals, strict=False):
            if name:
                self._seeds += 1
                self.signals[name] = replace(signal, seed=self._seeds)

    def _is_no_signal(self, node: Node) -> bool:
        """Sizes, and tensors of fixed numbers: what rules ask of them they know by their shape."""
        family = FAMILY.get(node.op)
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
        """A transpose, a reshape or a piece of a parameter has the parameter's moments."""
        if FAMILY.get(node.op) not in ("shape", "selection", "cast") or not names:
            return False
        if any(name not in self._weights for name in names) or len(set(names)) > 1:
            return False
        for result, shape in zip(node.results, node.shapes, strict=False):
            self._weights[result] = self._weights[names[0]]
            self._shapes[result] = shape
        return True

    def _step(self, node: Node) -> Step:
        rule = RULES.get(node.op)
        if rule is None:
            raise NoRule(f"no rule for {node.op.removeprefix('aten.').split('.')[0]}")
        situation = Situation(
            node=node,
            signals=self.signals,
            weights=self._weights,
            shapes=self._shapes,
            batch=self._batch,
            training=self._training,
            numbers=self._numbers,
            batch_size=self._graph.batch,
        )
        self._spend(node)
        try:
            return rule(situation)
        except Invalid as why:
            raise NoRule(why.message) from why

    def _spend(self, node: Node) -> None:
        """Refuse what would take too much memory or time, before it does."""
        places = max(
            (self.signals[name].mean.size for name in _names(node) if name in self.signals),
            default=1,
        )
        if FAMILY[node.op] == "convolution":
            places = max(places, math.prod(node.shapes[0][2:]))
            taps = [
                math.prod(self._shapes[name][2:]) for name in _names(node) if name in self._shapes
            ]
            self._work += places**2 * max(taps, default=1)
        self._work += places**2
        if places > PLACES:
            raise NoRule(_too_many(places))
        if self._work > WORK:
            raise NoRule("too much to calculate")

    def backward(self) -> dict[str, Array]:
        """Second moments of the gradient at each value's places, for an N(0,1) cotangent."""
        gradients: dict[str, Array] = defaultdict(lambda: np.zeros(1))
        for name in self._graph.outputs:
            if name in self.signals:
                gradients[name] = np.ones(self.signals[name].mean.size)
        if any(name not in self.signals for name in self._graph.outputs):
            return {}
        for node, step in reversed(self._pulls):
            for name, pulls in zip(node.results, step.pulls, strict=False):
                self._send(gradients, name, pulls, by_draws=step.by_draws)
        return {
            name: _settled(values) for name, values in gradients.items() if name in self.signals
        }

    def _send(
        self,
        gradients: dict[str, Array],
        name: str,
        pulls: Mapping[str, Pull],
        *,
        by_draws: bool,
    ) -> None:
        if name not in gradients:
            return
        arrived = gradients[name] if by_draws else _settled(gradients[name])
        places = self.signals[name].mean.size
        full = np.broadcast_to(arrived, (places,)) if arrived.size == 1 else arrived
        for source, pull in pulls.items():
            if source in self.signals:
                gradients[source] = gradients[source] + pull(full)
        gradients[name] = _settled(gradients[name])

    def theory(self, node: Node, gradients: Mapping[str, Array]) -> Theory | None:
        """What is predicted of a node's first output."""
        name = node.results[0] if node.results else ""
        signal = self.signals.get(name)
        if signal is None or not math.isfinite(signal.second):
            return None
        arrived = gradients.get(name)
        return Theory(
            mean=signal.first,
            std=signal.std,
            rms=math.sqrt(max(signal.second, 0.0)),
            grad_rms=None if arrived is None else math.sqrt(float(np.mean(arrived))),
            input_share=signal.input_share,
            sd_log=math.sqrt(signal.log_variance(self._batch)),
        )


def _settled(gradient: Array) -> Array:
    """A gradient by draws, averaged over them."""
    settled: Array = gradient.mean(axis=(0, 1)) if gradient.ndim == 3 else gradient
    return settled


def _names(node: Node) -> list[str]:
    """Values that a node uses."""
    found = []
    for argument in node.arguments.values():
        items = argument if isinstance(argument, tuple) else (argument,)
        found += [item.value for item in items if isinstance(item, Value)]
    return found


def _too_many(places: int) -> str:
    return f"{places:,} places, more than the {PLACES:,} that theory follows"


def _input(axes: Axes, moments: InputMoments) -> Signal:
    grid = places_of(axes)
    places = math.prod(factor.size for factor in grid)
    across = np.full((places, places), moments.mean**2)
    within = across.copy()
    np.fill_diagonal(within, moments.second)
    return Signal(
        axes=axes, grid=grid, mean=np.full(places, moments.mean), within=within, across=across
    )


def _input_axes(one: Input, graph: Graph) -> Axes:
    """The first axis counts inputs; channels are second in images and last elsewhere."""
    rest = one.shape[1:]
    first = (Factor("batch", one.shape[0]),)
    if one.draw == "tokens":
        return (first, *((place(size),) for size in rest))
    image = len(rest) > 2 or _goes_into(one.name, graph, "convolution")
    channel = 0 if image else len(rest) - 1
    return (
        first,
        *(
            (Factor("channel", size),) if at == channel else (place(size),)
            for at, size in enumerate(rest)
        ),
    )


def _goes_into(name: str, graph: Graph, family: str) -> bool:
    user = next((node for node in graph.nodes if name in _names(node)), None)
    return user is not None and FAMILY.get(user.op) == family
