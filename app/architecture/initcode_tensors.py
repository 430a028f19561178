"""A file that holds tensors alone, as a network of parameters without operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from app.core.checkpoint import StoredTensor
from app.core.graph import Graph, Parameter
from app.core.layers import STATE_ROLES, ParameterFacts

SHARED: Final = "shared"  # attribute of a tensor that other modules own as well


def parameters_graph(
    tensors: Sequence[StoredTensor], facts: Sequence[ParameterFacts], *, name: str = ""
) -> Graph:
    """What a recipe can be made for where nobody knows how the network runs.

    Args:
        tensors: Of one group of a file; a tied one stands for the first of its values.
        facts: What is known of the layer of each.
        name: Of the network.
    """
    shared = {tensor.alias_of for tensor in tensors}
    parameters = tuple(
        Parameter(
            name=tensor.name,
            value=tensor.name,
            shape=tensor.shape,
            dtype=tensor.dtype,
            learned=tensor.parameter is not False and about.role not in STATE_ROLES,
            facts=_shared(about) if tensor.index in shared else about,
            stored=tensor.index,
        )
        for tensor, about in zip(tensors, facts, strict=True)
        if tensor.alias_of is None
    )
    return Graph(
        origin="state dict",
        inputs=(),
        parameters=parameters,
        nodes=(),
        outputs=(),
        batch=1,
        fixed_batch=True,
        name=name,
    )


def _shared(facts: ParameterFacts) -> ParameterFacts:
    return replace(facts, attributes={**facts.attributes, SHARED: True})
