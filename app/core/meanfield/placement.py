"""Where the layers of a network lie in the phase plane: σ_w² and σ_b² of each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.fans import fans
from app.core.graph import Graph, Parameter, Value
from app.core.layers import CONV, CONV_TRANSPOSE, LINEAR
from app.core.meanfield.nonlinear.nonlinearities import names
from app.core.meanfield.step import NoRule, WeightMoments
from app.core.meanfield.weights import moments_of_blocks, moments_of_law
from app.core.operators import ACTIVATIONS, FAMILY
from app.core.recipes import Recipe
from app.core.report import TensorHead

_MULTIPLYING: Final = frozenset({*LINEAR, *CONV, *CONV_TRANSPOSE, "Conv1D", "unknown"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One layer with a weight."""

    name: str  # of its weight
    weight: float  # σ_w² = fan_in·E w²
    bias: float  # σ_b² = E b²


def placed_by_recipe(graph: Graph, recipe: Recipe) -> tuple[Placed, ...]:
    """Every linear and convolutional layer of a network, by the laws that draw it."""
    moments = _moments(recipe)
    biases = {
        one.facts.module: moments[one.name].second
        for one in graph.parameters
        if one.facts.role == "bias" and one.name in moments
    }
    strides, found = _strides(graph), []
    for one in graph.parameters:
        if not _multiplies(one) or one.name not in moments:
            continue
        weight = _inputs(one, strides) * moments[one.name].second
        found.append(Placed(name=one.name, weight=weight, bias=biases.get(one.facts.module, 0.0)))
    return tuple(found)


def placed_by_values(rows: Sequence[TensorHead]) -> tuple[Placed, ...]:
    """Every linear and convolutional layer of a file, by the values that it holds."""
    biases = {
        one.name.rpartition(".")[0]: _second(one)
        for one in rows
        if one.role == "bias" and one.name.rpartition(".")[2] == "bias"
    }
    return tuple(
        Placed(
            name=one.name,
            weight=one.fan_in * _second(one),
            bias=biases.get(one.name.rpartition(".")[0], 0.0),
        )
        for one in rows
        if one.role == "weight"
        and one.kind in _MULTIPLYING
        and len(one.shape) >= 2
        and one.fan_in
        and one.std is not None
    )


def own_activation(graph: Graph) -> str | None:
    """The torch.nn class that most of a network's activations are; None where it has none."""
    known = set(names())
    seen = Counter(
        name
        for node in graph.nodes
        if (name := ACTIVATIONS.get(node.op, node.kind)) in known
        and (node.op in ACTIVATIONS or node.kind in {"Softsign", "Tanhshrink"})
    )
    return seen.most_common(1)[0][0] if seen else None


def resets(graph: Graph) -> tuple[int, int]:
    """How many normalisations and how many sums of two signals a network has."""
    families = Counter(FAMILY.get(node.op) for node in graph.nodes)
    sums = sum(node.op.startswith("aten.add.") for node in graph.nodes)
    return families["norm"], sums


def _moments(recipe: Recipe) -> dict[str, WeightMoments]:
    """Of every parameter whose law theory knows."""
    found = {}
    for name, law in recipe.laws.items():
        try:
            found[name] = moments_of_law(law)
        except NoRule:
            continue
    for name, parts in recipe.packed.items():
        try:
            found[name] = moments_of_blocks(parts)
        except NoRule:
            continue
    return found


def _multiplies(one: Parameter) -> bool:
    facts = one.facts
    return (
        one.learned
        and facts.role == "weight"
        and facts.kind in _MULTIPLYING
        and len(one.shape) >= 2
    )


def _inputs(one: Parameter, strides: Mapping[str, int]) -> float:
    """Inputs that one output of the layer sums up, away from the borders."""
    facts = one.facts
    if facts.kind in CONV_TRANSPOSE:
        groups = facts.attributes.get("groups", 1)
        split = groups if isinstance(groups, int) and groups > 0 else 1
        return one.shape[0] / split * math.prod(one.shape[2:]) / strides.get(one.value, 1)
    return float(facts.fan_in if facts.fan_in is not None else fans(one.shape).fan_in)


def _strides(graph: Graph) -> dict[str, int]:
    """Of each convolution's weight: outputs for one input of a transposed one, of all axes."""
    found = {}
    for node in graph.nodes:
        weight, stride = node.arguments.get("weight"), node.arguments.get("stride")
        if FAMILY.get(node.op) == "convolution" and isinstance(weight, Value):
            each = stride if isinstance(stride, tuple) else (stride,) * (len(node.shapes[0]) - 2)
            found[weight.value] = math.prod(step for step in each if isinstance(step, int))
    return found


def _second(one: TensorHead) -> float:
    return (one.std or 0.0) ** 2 + (one.mean or 0.0) ** 2
