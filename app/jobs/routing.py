"""How much work a measurement or a part of an analysis is, and so which queue it goes to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Final, Literal, TypeAlias

from app.core.checkpoint import StoredTensor
from app.core.graph import Argument, Atom, Graph, Node, Value
from app.core.plans import PLAN
from app.core.propagation import CHECKPOINT, Order
from app.jobs.parcels import Portion, stored_bytes

Queue: TypeAlias = Literal["cpu", "gpu"]

PASSES: Final = 3  # forward, and twice as much backward
PRODUCTS: Final = ("matmul", "bmm", "mm")  # of activations with each other
ATTENTION: Final = "scaled_dot_product"


def multiply_adds(graph: Graph, order: Order) -> float:
    """About how many multiply-adds an order takes, of all its series and seeds together.

    Counts products with weights and of activations with each other; all else is little beside.
    """
    batches = 1.0 if graph.fixed_batch else order.batch / max(graph.batch, 1)
    drawn = len(order.schemes) + (order.plan is not None)
    networks = drawn * order.seeds + order.checkpoint
    return PASSES * networks * batches * _pass(graph)


def series_of(order: Order) -> tuple[str, ...]:
    """The ids of an order's series, the given weights first and the plan last."""
    first = (CHECKPOINT,) if order.checkpoint else ()
    return (*first, *order.schemes, *(() if order.plan is None else (PLAN,)))


def queue_of(work: float, order: Order, *, least: float, gpu_alive: bool) -> Queue:
    """Where a measurement runs.

    Args:
        work: Of `multiply_adds`.
        order: Whose device may decide it.
        least: Work from which on a GPU is worth while.
        gpu_alive: Whether a worker of the gpu queue lives.
    """
    if not gpu_alive or order.device == "cpu":
        return "cpu"
    return "gpu" if order.device == "cuda" or work >= least else "cpu"


def misses_gpu(work: float, order: Order, *, least: float) -> bool:
    """Whether a measurement that runs on the CPU was meant for a GPU."""
    return order.device == "cuda" or (order.device == "auto" and work >= least)


def is_large(tensor: StoredTensor, *, least: int) -> bool:
    """Whether a tensor's values are for a GPU to count, where there is one.

    Args:
        tensor: Of a file; what it repeats is read once.
        least: Bytes from which it is worth while.
    """
    axes = zip(tensor.shape, tensor.strides, strict=False)
    once = tuple(size for size, stride in axes if stride)
    return stored_bytes(replace(tensor, shape=once)) >= least


def holds_large(todo: Portion, *, least: int) -> bool:
    """Whether a part of an analysis is for a GPU worker, if one lives."""
    return any(is_large(tensor, least=least) for tensor in todo.tensors)


def _pass(graph: Graph) -> float:
    shapes: dict[str, tuple[int, ...]] = {one.name: one.shape for one in graph.inputs}
    weights = {one.value: one.shape for one in graph.parameters}
    shapes |= weights | {one.value: one.shape for one in graph.constants}
    total = 0.0
    for node in graph.nodes:
        total += _of(node, shapes, weights)
        shapes |= dict(zip(node.results, node.shapes, strict=False))
    return total


def _of(
    node: Node, shapes: dict[str, tuple[int, ...]], weights: dict[str, tuple[int, ...]]
) -> float:
    names = [name for argument in node.arguments.values() for name in _names(argument)]
    out = float(math.prod(node.shapes[0])) if node.shapes else 0.0
    operands = [shapes[name] for name in names if name in shapes]
    if "embedding" in node.op:
        return 0.0
    if ATTENTION in node.op and len(operands) > 1 and len(operands[1]) > 1:
        return 2 * out * operands[1][-2]
    matrices = [weights[name] for name in names if len(weights.get(name, ())) > 1]
    if matrices:
        return out * sum(math.prod(shape[1:]) for shape in matrices)
    if any(f".{product}." in node.op for product in PRODUCTS) and operands and operands[0]:
        return out * operands[0][-1]
    return out


def _names(argument: Argument) -> Iterable[str]:
    atoms: tuple[Atom, ...] = argument if isinstance(argument, tuple) else (argument,)
    return [atom.value for atom in atoms if isinstance(atom, Value)]
