"""Graphs of texts, and their run operation by operation with torch's own operators."""

from __future__ import annotations

import torch

from app.architecture.understanding import understand
from app.core import graph as forms


def run(graph, inputs, state, *, checked=True):
    """Every value of the graph, by its name."""
    values = {**inputs, **{p.value: state[p.name] for p in graph.parameters}}
    for node in graph.nodes:
        package, name, overload = node.op.split(".")
        operator = getattr(getattr(getattr(torch.ops, package), name), overload)
        arguments = {key: resolved(value, values) for key, value in node.arguments.items()}
        found = operator(**arguments)
        results = found if isinstance(found, tuple | list) else (found,)
        assert len(results) == len(node.results), node
        for value, shape, result in zip(node.results, node.shapes, results, strict=True):
            actual = tuple(result.shape) if isinstance(result, torch.Tensor) else ()
            assert not checked or actual == shape, (node.name, node.op, actual, shape)
            values[value] = result
    return values


def resolved(argument, values):
    """An argument as torch takes it."""
    if isinstance(argument, tuple):
        return [resolved(one, values) for one in argument]
    if isinstance(argument, forms.Value):
        return values[argument.value]
    if isinstance(argument, forms.DType):
        return getattr(torch, argument.dtype)
    if isinstance(argument, forms.NonFinite):
        return float(argument.number)
    return argument


def graph(text: str) -> forms.Graph:
    """The network that a text says."""
    found = understand(text)
    assert isinstance(found, forms.Graph)
    return found
