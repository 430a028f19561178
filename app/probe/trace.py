"""A run without values, on torch's meta device: shapes, sizes and lives of everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from app.core.graph import Constant, Graph, Parameter
from app.core.operators import FAMILY
from app.errors import CannotRun
from app.probe.inputs import meta
from app.probe.interpreter import (
    Environment,
    Setting,
    Step,
    apply,
    cannot_run,
    results,
    steps,
    torch_dtype,
)

META = torch.device("meta")
_RECURRENT_FACTOR = 6  # gates, cells and states that a recurrent layer keeps beside its output


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """One tensor of the run."""

    shape: tuple[int, ...]
    floating: bool
    storage: int  # which memory it lies in; views share it
    bytes: int  # of that memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a run of one replica would be."""

    values: dict[str, Traced]
    weights: frozenset[str]  # values that are parameters or constants
    signal: frozenset[str]  # values that depend on an input
    drops: tuple[tuple[str, ...], ...]  # by node: values that nobody uses after it
    extra: tuple[int, ...]  # by node: bytes that autograd keeps beside the values
    read: tuple[tuple[str, ...], ...]  # by node: the values it uses
    made: tuple[tuple[str, ...], ...]  # by node: the values it gives

    def bytes_of(self, names: Sequence[str]) -> int:
        """Of the memories that these values lie in, each counted once."""
        found = {self.values[n].storage: self.values[n].bytes for n in names if n in self.values}
        return sum(found.values())


def trace(graph: Graph, *, dtype: torch.dtype, training: bool, size: int) -> Trace:
    """Run a graph without values.

    Args:
        graph: The network.
        dtype: Of the run's floating values.
        training: Whether dropout is on.
        size: Inputs of one replica.

    Raises:
        UnknownOperators: If an operation is not on the list.
        CannotRun: If an operation does not fit what it is given.
    """
    setting = Setting(device=META, dtype=dtype, training=training)
    try:
        environment: Environment = {**_weights(graph, dtype), **meta(graph, setting, size=size)}
    except (RuntimeError, TypeError, OverflowError) as error:
        raise cannot_run("its parameters and inputs", error) from None
    weights = frozenset(environment) - {each.name for each in graph.inputs}
    signal = {each.name for each in graph.inputs}
    order = steps(graph, setting)
    extra = [_run(step, environment, signal) for step in order]
    for name in graph.outputs:
        if name not in environment:
            raise CannotRun(reason=f"the network's output {name!r} is no value of it")
    return Trace(
        values=_traced(environment),
        weights=weights,
        signal=frozenset(signal),
        drops=_drops(order, graph.outputs, weights),
        extra=tuple(extra),
        read=tuple(step.reads for step in order),
        made=tuple(tuple(filter(None, step.node.results)) for step in order),
    )


def _weights(graph: Graph, dtype: torch.dtype) -> Environment:
    found: Environment = {}
    tensors: tuple[Parameter | Constant, ...] = (*graph.parameters, *graph.constants)
    for each in tensors:
        own = torch_dtype(each.dtype)
        kind = dtype if own.is_floating_point else own
        found[each.value] = torch.empty(each.shape, dtype=kind, device=META)
    return found


def _run(step: Step, environment: Environment, signal: set[str]) -> int:
    for name in step.reads:
        if name not in environment:
            reason = f"{step.node.name} uses {name!r}, which no operation before it gives"
            raise CannotRun(reason=reason)
    given = results(step, apply(step, environment))
    environment.update(given)
    if signal.intersection(step.reads):
        signal.update(given)
    return _extra(step, [value for value in given.values() if isinstance(value, torch.Tensor)])


def _extra(step: Step, tensors: list[torch.Tensor]) -> int:
    family = FAMILY[step.node.op]
    if family == "recurrent" and tensors:
        return _RECURRENT_FACTOR * tensors[0].nbytes
    if family == "dropout" and tensors:
        return tensors[0].nbytes  # the mask
    return 0


def _traced(environment: Environment) -> dict[str, Traced]:
    storages: dict[int, int] = {}
    found = {}
    for name, value in environment.items():
        if not isinstance(value, torch.Tensor):
            continue
        memory = value.untyped_storage()
        found[name] = Traced(
            shape=tuple(value.shape),
            floating=value.dtype.is_floating_point,
            storage=storages.setdefault(memory._cdata, len(storages)),
            bytes=memory.nbytes(),
        )
    return found


def _drops(
    order: Sequence[Step], outputs: Sequence[str], weights: frozenset[str]
) -> tuple[tuple[str, ...], ...]:
    last: dict[str, int] = {}
    for place, step in enumerate(order):
        for name in (*step.reads, *filter(None, step.node.results)):
            last[name] = place
    ends: list[list[str]] = [[] for _ in order]
    for name, place in last.items():
        if name not in weights and name not in outputs:
            ends[place].append(name)
    return tuple(map(tuple, ends))
