"""What a series accumulates, operation by operation, and the facts that it becomes."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.core.graph import Graph
from app.core.propagation import Backward, Forward, Layer, ParameterGradient
from app.probe.statistics import Sums
from app.probe.watches import Watch


@dataclass(slots=True)
class Record:
    """One operation of a series."""

    watch: Watch
    pooled: Sums = field(default_factory=Sums)
    network: Sums = field(default_factory=Sums)  # of the seed at hand
    alive: NDArray[np.bool_] | None = None  # units of the seed at hand
    units: int = 0
    dead: int = 0
    rms: list[float] = field(default_factory=list)  # of each seed
    shares: list[float] = field(default_factory=list)
    gradient: Sums = field(default_factory=Sums)  # that arrives there
    arriving: Sums = field(default_factory=Sums)  # of the seed at hand
    gradients: list[float] = field(default_factory=list)

    def end_network(self) -> None:
        """Close the seed at hand."""
        self.pooled.add(self.network.settle())
        _keep(self.rms, self.network.rms)
        _keep(self.shares, self.network.input_share)
        if self.alive is not None:
            self.units += self.alive.size
            self.dead += int(self.alive.size - self.alive.sum())
        self.gradient.add(self.arriving.settle())
        _keep(self.gradients, self.arriving.rms)
        self.network, self.alive, self.arriving = Sums(), None, Sums()


def layers(graph: Graph, records: Sequence[Record]) -> tuple[Layer, ...]:
    """The facts of every operation of a series, in order."""
    return tuple(_layer(graph, record) for record in records)


def parameter_gradients(
    names: Sequence[str], found: Sequence[dict[str, float | None]], own: Sequence[dict[str, float]]
) -> tuple[ParameterGradient, ...]:
    """Medians over the seeds of each parameter's gradient and of its own size.

    Args:
        names: Of the learned parameters, in the graph's order.
        found: Gradient rms by name, one dict a seed.
        own: Rms of the values by name, one dict a seed.
    """
    return tuple(
        ParameterGradient(
            name=name,
            grad_rms=median([v for seed in found if (v := seed.get(name)) is not None]),
            rms=median([v for seed in own if (v := seed.get(name)) is not None]),
        )
        for name in names
    )


def median(values: Sequence[float]) -> float | None:
    """The middle value, or None of nothing."""
    return statistics.median(values) if values else None


def _keep(values: list[float], value: float | None) -> None:
    if value is not None:
        values.append(value)


def _band(values: Sequence[float]) -> tuple[float, float] | None:
    return (min(values), max(values)) if values else None


def _layer(graph: Graph, record: Record) -> Layer:
    node, watch = graph.nodes[record.watch.place], record.watch
    return Layer(
        name=node.name,
        op=node.op,
        kind=node.kind,
        module=node.module,
        shape=node.shapes[0] if node.shapes else watch.shape,
        weighted=watch.weighted,
        forward=_forward(record),
        backward=_backward(record),
    )


def _forward(record: Record) -> Forward:
    pooled = record.pooled
    return Forward(
        mean=pooled.mean,
        std=pooled.std,
        rms=pooled.rms,
        rms_median=median(record.rms),
        rms_band=_band(record.rms),
        input_share=median(record.shares),
        input_share_band=_band(record.shares),
        zero_fraction=pooled.zero_fraction,
        dead_fraction=record.dead / record.units if record.units else None,
        saturated_fraction=None if record.watch.limits is None else pooled.saturated_fraction,
        nonfinite=pooled.nonfinite,
        histogram=tuple(pooled.bins.tolist()),
    )


def _backward(record: Record) -> Backward | None:
    arrived = record.gradient
    if not arrived.count and not arrived.nonfinite:
        return None
    return Backward(
        grad_rms=arrived.rms,
        grad_rms_median=median(record.gradients),
        grad_rms_band=_band(record.gradients),
        nonfinite=arrived.nonfinite,
    )
