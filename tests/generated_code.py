"""Live networks, their graphs, and what generated code draws into them."""

from __future__ import annotations

import torch
from torch import nn

from app.architecture.initcode import code_of
from app.architecture.initcode_tensors import parameters_graph
from app.architecture.planning import Planned, planned
from app.core.attribution import attribute
from app.core.distributions import Constant, Distribution
from app.core.graph import Graph, Parameter
from app.core.measurement import places_of
from app.core.plans import Plan
from app.core.report import Candidate
from app.core.schemes import LawAtShape
from app.core.sketch import sketch
from app.readers.naming import describe
from tests.torch_checkpoints import numbers, whole_module

ALPHA = 1e-6  # some 3000 tensors are tested: a false alarm of any has a chance of 0.003


def graph_of(model: nn.Module) -> Graph:
    """The parameters of a live model as its file would tell them."""
    source = whole_module(model)
    return parameters_graph(source.checkpoint.tensors, describe(source.checkpoint))


def run(code: str, model: nn.Module, *, seed: int = 0) -> None:
    """Do with a model what the code's docstring says."""
    names: dict[str, object] = {}
    exec(compile(code, "init.py", "exec"), names)
    torch.manual_seed(seed)
    if "init_weights" in names:
        model.apply(names["init_weights"])
    for function in ("init_named", "scale_weights", "scale_branches"):
        if function in names:
            names[function](model)


def applied(graph: Graph, plan: Plan, model: nn.Module) -> Planned:
    """The planned network, after its code has drawn the model."""
    drawn = planned(graph, plan)
    run(code_of(drawn, plan, before=graph), model)
    return drawn


def strangers(drawn: Planned, model: nn.Module) -> list[str]:
    """The parameters whose values the product's attribution does not give the plan's law."""
    values = dict(model.named_parameters(remove_duplicate=False))
    learned = [one for one in drawn.graph.parameters if one.learned]
    return [
        f"{one.name} {tuple(one.shape)}: {why}"
        for one in learned
        for why in _differences(drawn, one, values[one.name].detach())
    ]


def _differences(drawn: Planned, parameter: Parameter, value: torch.Tensor) -> list[str]:
    packed = drawn.recipe.packed.get(parameter.name)
    if packed is not None:
        parts = [(law, value[block.index].contiguous()) for block, law in packed]
        return [why for law, part in parts for why in _difference(law, part)]
    if parameter.name not in drawn.recipe.laws:
        return []
    padding = parameter.facts.attributes.get("padding_idx")
    if isinstance(padding, int) and parameter.facts.role == "weight":
        if value[padding].any():
            return [f"row {padding} is not zero"]
        value = torch.cat((value[:padding], value[padding + 1 :]))
    return _difference(drawn.recipe.laws[parameter.name], value)


def _difference(law: Distribution, value: torch.Tensor) -> list[str]:
    if isinstance(law, Constant):
        return [] if bool((value == law.value).all()) else [f"not all {law.value}"]
    told = candidate(law, value)
    return [] if told.rejected_by is None else [f"not {law}: {told.rejected_by}, std {value.std()}"]


def candidate(law: Distribution, value: torch.Tensor) -> Candidate:
    """What attribution says of one law."""
    values = numbers(value)
    seen = sketch(values, dtype="float32", limit=None)
    tested = LawAtShape(
        ids=("torch_default",), names=("the plan",), formula="", distribution=law, rarity=0
    )
    places = places_of(values, seen, blocks=())
    return attribute(seen, [tested], alpha=ALPHA, places=places).candidates[0]
