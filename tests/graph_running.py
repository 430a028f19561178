"""The plainest way to run a graph, to test its readers by: every value kept, nothing measured."""

from __future__ import annotations

import operator
import tempfile

import torch

from app.architecture.exported import read_exported
from app.core.graph import DType, Graph, NonFinite, Value
from app.readers.checkpoints import Mapped, values
from app.readers.pt2 import ExportedFile, open_pt2


def opened(raw: bytes) -> tuple[ExportedFile, list[torch.Tensor]]:
    """A .pt2 file's contents, and its tensors in order."""
    with tempfile.TemporaryFile() as file:
        file.write(raw)
        file.flush()
        found = open_pt2(file.fileno())
        with Mapped(file.fileno()) as mapped:
            held = [_tensor(mapped, stored) for stored in found.checkpoint.tensors]
    return found, held


def read(raw: bytes) -> tuple[Graph, list[torch.Tensor]]:
    """A .pt2 file's graph, and its tensors in order."""
    found, held = opened(raw)
    return read_exported(found.program, found.checkpoint), held


def _tensor(mapped, stored):
    found = torch.from_numpy(values(mapped, stored).copy())
    return found.view(torch.bfloat16) if stored.dtype == "bfloat16" else found


def results(graph: Graph, held: list[torch.Tensor], inputs: tuple[torch.Tensor, ...]) -> dict:
    """Every value of the graph by its name."""
    found = dict(zip([i.name for i in graph.inputs], inputs, strict=True))
    for item in (*graph.parameters, *graph.constants):
        found[item.value] = _held(item, held)
    for node in graph.nodes:
        given = {name: _resolved(a, found) for name, a in node.arguments.items()}
        package, name, *overload = node.op.split(".")
        if package == "aten":
            made = getattr(getattr(torch.ops.aten, name), overload[0])(**given)
        else:
            made = getattr({"_operator": operator, "torch": torch}[package], name)(*given.values())
        several = made if isinstance(made, list | tuple) else (made,)
        found.update(zip(node.results, several, strict=False))
    return found


def outputs(graph, held, inputs):
    found = results(graph, held, inputs)
    return [found[name] for name in graph.outputs]


def _held(item, held):
    if item.stored is not None:
        return held[item.stored]
    return torch.tensor(item.values, dtype=getattr(torch, item.dtype)).reshape(item.shape)


def _resolved(argument, found):
    match argument:
        case tuple():
            return [_resolved(item, found) for item in argument]
        case Value():
            return found[argument.value]
        case DType():
            return getattr(torch, argument.dtype)
        case NonFinite():
            return float(argument.number)
        case _:
            return argument
