"""What a measurement would take, found without a single value: memory, work, blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from app.architecture.replacing import with_activation
from app.core.graph import Graph
from app.core.operators import WEIGHT_ARGUMENT
from app.core.propagation import Order
from app.errors import DoesNotFit
from app.probe.inputs import Replicas, replicas
from app.probe.interpreter import torch_dtype
from app.probe.segments import Costs, Need, Span, cheapest
from app.probe.trace import Trace, trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a measurement runs, and what it takes."""

    graph: Graph  # with the ordered activation in place
    trace: Trace
    replicas: Replicas
    spans: tuple[Span, ...]  # blocks, in order
    resident: bool  # whether all weights are in memory at once
    recompute: bool  # whether blocks run again for the gradient
    weight_bytes: int
    peak_bytes: int  # expected largest memory of the pass
    multiply_adds: float  # of one forward pass of all inputs, in weighted operations
    notes: tuple[str, ...]


def dry_run(graph: Graph, order: Order, *, memory_bytes: int, given: int | None = None) -> Plan:
    """How an order runs within a memory.

    Args:
        graph: The network.
        order: What is to be measured.
        memory_bytes: That the worker may use.
        given: Inputs of the person's batch file; None where inputs are drawn.

    Raises:
        DoesNotFit: If no way of running it fits, with the numbers.
        UnknownOperators: If an operation is not on the list.
        CannotRun: If an operation does not fit what it is given.
        Invalid: If the batch or the activation is none.
    """
    if order.activation is not None:
        active = with_activation(graph, order.activation)
        graph = replace(active.graph, notes=(*graph.notes, *active.notes))
    share = replicas(graph, order.batch, given=given)
    traced = _traced(graph, order, share)
    costs = Costs(traced, operations=len(graph.nodes))
    need = cheapest(costs, limit=memory_bytes, backward=order.backward)
    if need.bytes > memory_bytes:
        raise _refusal(graph, order, need, memory_bytes, share)
    return Plan(
        graph=graph,
        trace=traced,
        replicas=share,
        spans=need.spans,
        resident=need.resident,
        recompute=need.recompute,
        weight_bytes=costs.weights,
        peak_bytes=need.bytes,
        multiply_adds=_work(graph, traced) * share.count,
        notes=(*graph.notes, *_notes(graph, order, need, share)),
    )


def _traced(graph: Graph, order: Order, share: Replicas) -> Trace:
    training = order.mode == "train"
    return trace(graph, dtype=torch_dtype(order.dtype), training=training, size=share.size)


def _refusal(graph: Graph, order: Order, need: Need, limit: int, share: Replicas) -> DoesNotFit:
    batch = _batch_that_fits(graph, order, limit, share)
    cure = f"use batch {batch}" if batch else "use a worker with more memory, or a smaller network"
    return DoesNotFit(
        needed=size_text(need.bytes),
        where=graph.nodes[need.worst].name if graph.nodes else "the weights",
        limit=size_text(limit),
        cure=cure,
    )


def _batch_that_fits(graph: Graph, order: Order, limit: int, share: Replicas) -> int | None:
    """The largest power of 2 below the order's batch with which it would fit."""
    if graph.fixed_batch:
        return None
    batch: int = 1 << (max(2, share.inputs - 1).bit_length() - 1)
    while batch >= 2:
        smaller = replicas(graph, batch)
        costs = Costs(_traced(graph, order, smaller), operations=len(graph.nodes))
        if cheapest(costs, limit=limit, backward=order.backward).bytes <= limit:
            return batch
        batch //= 2
    return None


def _work(graph: Graph, traced: Trace) -> float:
    """Multiply-adds of one replica's forward pass, in operations with a weight."""
    total = 0.0
    shapes = {p.value: p.shape for p in graph.parameters}
    for node, read in zip(graph.nodes, traced.read, strict=True):
        found = traced.values.get(node.results[0]) if node.results else None
        if node.op not in WEIGHT_ARGUMENT or found is None:
            continue
        inner = max((math.prod(shapes[name][1:]) for name in read if name in shapes), default=0)
        total += math.prod(found.shape) * inner
    return total


def _notes(graph: Graph, order: Order, need: Need, share: Replicas) -> list[str]:
    found = []
    if share.inputs != order.batch:
        found.append(f"ran {share.inputs} inputs, {share.count} replicas of {share.size}")
    if order.mode == "train" and any("batch_norm" in node.op for node in graph.nodes):
        found.append(f"batch norms take their statistics over {share.size} inputs at a time")
    if len(need.spans) > 1:
        widest = max(span.stop - span.start for span in need.spans)
        what = "blocks" if need.resident else "blocks, the weights of one block in memory at a time"
        found.append(f"ran in {len(need.spans)} {what}: at most {widest} operations each")
    return found


def size_text(count: int) -> str:
    """A number of bytes as a person reads it: "31.2 GB"."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
