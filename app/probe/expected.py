"""What theory expects of a measured series, beside its numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from app.core.graph import Graph
from app.core.meanfield.predict import NORMAL, UNIFORM01, predict
from app.core.meanfield.step import NoRule, WeightMoments
from app.core.meanfield.weights import moments_of_blocks, moments_of_law, moments_of_values
from app.core.propagation import Order, Series
from app.core.recipes import Recipe
from app.probe.build import Load
from app.probe.inputs import Replicas

Moments: TypeAlias = Callable[[], dict[str, WeightMoments]]


def drawn_moments(recipe: Recipe) -> dict[str, WeightMoments]:
    """Of every parameter that a recipe draws, by name.

    Raises:
        NoRule: If theory knows nothing of one of the laws.
    """
    whole = {name: moments_of_law(law) for name, law in recipe.laws.items()}
    return whole | {name: moments_of_blocks(parts) for name, parts in recipe.packed.items()}


def given_moments(graph: Graph, load: Load) -> dict[str, WeightMoments]:
    """Of every parameter's own values, by name."""
    return {each.name: moments_of_values(load(each)) for each in graph.parameters}


def with_theory(
    series: Series,
    graph: Graph,
    weights: Moments,
    *,
    order: Order,
    replicas: Replicas,
) -> Series:
    """The series with what theory expects of each operation that it has a rule for.

    Inputs of a person's file obey no law, so for them nothing is expected.
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
    return replace(series, notes=(*series.notes, f"theory stops at {where}"))
