"""Two series in one report: what theory, and where there is one a measurement, says of each."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.charts.propagation import points
from app.core.graph import Graph, Node, Value
from app.core.layers import WEIGHT_ROLES
from app.core.meanfield.bands import Band, network_band
from app.core.meanfield.predict import Prediction, Stop
from app.core.meanfield.step import WeightMoments
from app.core.operators import FAMILY, WEIGHT_ARGUMENT
from app.core.passage import verdict_of
from app.core.propagation import (
    SCHEMA,
    Architecture,
    Backward,
    Forward,
    Layer,
    ParameterGradient,
    PropagationReport,
    Series,
    Theory,
)

SHARE_ROUNDING: Final = 2.0**-26  # of theory's input share: the root of float64's rounding
LEAST: Final = 1e-9  # told of a share that theory's rounding has made 0
UNSEEN: Final = frozenset({"size", "factory"})  # families of operations that carry no signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two: the network as it is, or as the plan has it."""

    predicted: Series  # theory's numbers in the place of measured ones
    measured: Series | None
    stops: tuple[Stop, ...]  # where theory ends

    @property
    def told(self) -> Series:
        """What is told of it: measured where it is, else predicted."""
        return self.measured or self.predicted


def _drawn(side: Side) -> Series:
    """What the charts draw: measured where it is, else predicted."""
    if side.measured is not None:
        return replace(side.measured, name=side.predicted.name)
    layers = tuple(map(_drawn_layer, points(side.predicted)))
    return replace(side.predicted, layers=layers)


def _drawn_layer(layer: Layer) -> Layer:
    """A predicted layer for a chart: its numbers once, and no share that is rounding alone."""
    share = layer.forward.input_share
    lost = share is not None and share < SHARE_ROUNDING
    forward = replace(layer.forward, input_share=None) if lost else layer.forward
    return replace(layer, forward=forward, theory=None)


def predicted_series(
    graph: Graph,
    found: Prediction,
    *,
    scheme: str,
    name: str,
    weights: Mapping[str, WeightMoments],
    kept: Collection[str] | None = None,
) -> Series:
    """What theory says of each operation, as a series whose measured numbers are theory's.

    Args:
        graph: The network.
        found: What is predicted of it.
        scheme: Of the series.
        name: As a person reads it.
        weights: That the prediction was made from.
        kept: Names of the operations without a weight that are wanted; None: all.

    Returns:
        Without a verdict where theory does not reach every operation with a weight.
    """
    layers = tuple(_layers(graph, found, kept))
    sizes = tuple(
        ParameterGradient(name=name, grad_rms=None, rms=math.sqrt(max(each.second, 0.0)))
        for name, each in weights.items()
    )
    made = Series(scheme=scheme, name=name, layers=layers, verdict=None, gradients=sizes)
    depth = points(made)
    if any(layer.theory is None for layer in depth):
        return made  # what holds of some layers may not hold of the rest
    return replace(made, verdict=verdict_of(replace(made, layers=depth)))


def _layers(graph: Graph, found: Prediction, kept: Collection[str] | None) -> Iterable[Layer]:
    """Operations that theory speaks of, and those with a weight that it does not reach."""
    weights = {one.value for one in graph.parameters if _is_weight(one.facts.role, one.shape)}
    made = set(weights)
    for node in graph.nodes:
        read = _names(node)
        if read and all(name in made for name in read):
            made.update(name for name in node.results if name)  # a view of a weight
            continue
        weighted = _is_weighted(node, made)
        if kept is not None and not weighted and node.name not in kept:
            continue
        theory = found.nodes.get(node.name)
        if (theory is None and not weighted) or FAMILY.get(node.op) in UNSEEN:
            continue
        yield _layer(node, theory, weighted=weighted)


def _layer(node: Node, theory: Theory | None, *, weighted: bool) -> Layer:
    return Layer(
        name=node.name,
        op=node.op,
        kind=node.kind,
        module=node.module,
        shape=node.shapes[0] if node.shapes else (),
        weighted=weighted,
        forward=_forward(theory),
        backward=_backward(theory),
        theory=theory,
    )


def _forward(theory: Theory | None) -> Forward:
    band = _band(theory)
    return Forward(
        mean=theory.mean if theory else None,
        std=theory.std if theory else None,
        rms=theory.rms if theory else None,
        rms_median=band.median if band else None,
        rms_band=(band.low, band.high) if band and band.high > band.low else None,
        input_share=_share(theory),
        input_share_band=None,
        zero_fraction=0.0,
        dead_fraction=None,
        saturated_fraction=None,
        nonfinite=0,
        histogram=(),
    )


def _share(theory: Theory | None) -> float | None:
    """The input share; one that rounding has made 0 is told as very small."""
    if theory is None or theory.input_share is None:
        return None
    return max(theory.input_share, LEAST) if theory.rms else theory.input_share


def _band(theory: Theory | None) -> Band | None:
    """Where single networks lie."""
    if theory is None or theory.rms is None:
        return None
    return network_band(theory.rms, theory.sd_log or 0.0)


def _backward(theory: Theory | None) -> Backward | None:
    if theory is None or theory.grad_rms is None:
        return None
    gradient = theory.grad_rms
    return Backward(grad_rms=gradient, grad_rms_median=gradient, grad_rms_band=None, nonfinite=0)


def _is_weight(role: str, shape: Sequence[int]) -> bool:
    return role in WEIGHT_ROLES and len(shape) >= 2


def _is_weighted(node: Node, weights: set[str]) -> bool:
    carrier = WEIGHT_ARGUMENT.get(node.op)
    if carrier is not None:
        return carrier in node.arguments
    return FAMILY.get(node.op) == "product" and any(name in weights for name in _names(node))


def _names(node: Node) -> list[str]:
    found = []
    for argument in node.arguments.values():
        items = argument if isinstance(argument, tuple) else (argument,)
        found += [item.value for item in items if isinstance(item, Value)]
    return found


def laid_over(before: Side, after: Side, *, batch: int, law: str) -> PropagationReport:
    """Both in one report, for the charts: the same layers in both, those left out without numbers.

    Args:
        before: The network as it is.
        after: As the plan has it.
        batch: Inputs that a normalisation over the batch sees.
        law: Of the inputs.
    """
    one, other = _aligned(_drawn(before), _drawn(after))
    depth = len(points(one))
    return PropagationReport(
        schema=SCHEMA,
        architecture=Architecture(
            id="",
            name="",
            origin="",
            parameters=0,
            operations=len(one.layers),
            layers=depth,
            inputs=(),
        ),
        input={"law": law, "shape": "", "file": None},
        seeds=1,
        batch=batch,
        device="",
        series=(one, other),
    )


def _aligned(one: Series, other: Series) -> tuple[Series, Series]:
    """Both with the operations of either, in order; one that is missing has no numbers."""
    names = [layer.name for layer in one.layers]
    if names == [layer.name for layer in other.layers]:
        return one, other
    mine = {layer.name: layer for layer in one.layers}
    theirs = {layer.name: layer for layer in other.layers}
    every = _merged(names, list(theirs))
    return (
        replace(one, layers=tuple(mine.get(name) or _empty(theirs[name]) for name in every)),
        replace(other, layers=tuple(theirs.get(name) or _empty(mine[name]) for name in every)),
    )


def _merged(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """The names of both, each order kept: what only the second has stands before its successor."""
    known, found = set(one), []
    waiting: list[str] = []
    before: dict[str, list[str]] = {}
    for name in other:
        if name in known:
            before[name] = waiting
            waiting = []
        else:
            waiting.append(name)
    for name in one:
        found += [*before.get(name, ()), name]
    return found + waiting


def _empty(layer: Layer) -> Layer:
    return replace(layer, forward=_forward(None), backward=None, theory=None)
