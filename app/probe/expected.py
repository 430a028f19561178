"""What theory expects of a measured series, beside its numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from app.architecture.expecting import STOPS
from app.core.graph import Constant, Graph, Parameter
from app.core.meanfield.fixed import MOST
from app.core.meanfield.predict import NORMAL, UNIFORM01, predict
from app.core.meanfield.step import Fixed, NoRule, WeightMoments
from app.core.meanfield.weights import moments_of_values
from app.core.propagation import Order, Series
from app.errors import CannotRun
from app.probe.build import Load
from app.probe.inputs import Replicas

Moments: TypeAlias = Callable[[], dict[str, WeightMoments]]


def given_moments(graph: Graph, load: Load) -> dict[str, WeightMoments]:
    """Of every parameter's own values, by name; without those that no file holds."""
    found = {}
    for each in graph.parameters:
        with suppress(CannotRun):
            groups = each.facts.attributes.get("groups", 1)
            found[each.name] = moments_of_values(
                load(each), kind=each.facts.kind, groups=groups if isinstance(groups, int) else 1
            )
    return found


def fixed_values(graph: Graph, load: Load | None) -> dict[str, Fixed]:
    """The values of buffers and constants that a file holds, by name; without the large ones."""
    found: dict[str, Fixed] = {}
    if load is None:
        return found
    buffers = [each for each in graph.parameters if not each.learned and each.stored is not None]
    stored = [each for each in graph.constants if each.stored is not None]
    held: list[Parameter | Constant] = [*buffers, *stored]
    for each in held:
        if math.prod(each.shape) <= MOST:
            with suppress(CannotRun):
                name = each.name if isinstance(each, Parameter) else each.value
                found[name] = np.asarray(load(each))
    return found


def with_theory(
    series: Series,
    graph: Graph,
    weights: Moments,
    *,
    order: Order,
    replicas: Replicas,
    load: Load | None = None,
) -> Series:
    """The series with what theory expects of each operation that it has a rule for.

    Inputs of a person's file obey no law, so for them nothing is expected.

    Args:
        series: As it was measured.
        graph: Of the network.
        weights: Gives the moments of its parameters.
        order: What was measured.
        replicas: Of its inputs.
        load: Gives the values of buffers and constants that a file holds: masks, angles.
    """
    if order.input == "file":
        return series
    try:
        found = predict(
            graph,
            weights=weights(),
            inputs=NORMAL if order.input == "normal" else UNIFORM01,
            batch=replicas.size,
            training=order.mode == "train",
            values=fixed_values(graph, load),
        )
    except NoRule as why:
        return _noted(series, str(why))
    layers = tuple(replace(each, theory=found.nodes.get(each.name)) for each in series.layers)
    series = replace(series, layers=layers)
    if not found.stops:
        return series
    first = found.stops[0]
    return _noted(series, f"{first.node}: {first.reason}")


def _noted(series: Series, where: str) -> Series:
    return replace(series, notes=(*series.notes, f"{STOPS}{where}"))
