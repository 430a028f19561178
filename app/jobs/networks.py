"""What a worker and its children hand each other about a network: JSON, validated on both sides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from pydantic import TypeAdapter

from app.core.checkpoint import StoredTensor
from app.core.graph import Graph, Inventory
from app.core.meanfield.step import WeightMoments
from app.core.operators import WEIGHT_ARGUMENT
from app.core.plans import CHECKPOINT
from app.core.propagation import SCHEMA, Architecture, Order, PropagationReport, Series
from app.errors import CannotRun

Where: TypeAlias = Literal["network", "weights"]
MOST_CHARACTERS: Final = 1000  # of a headline
NO_WEIGHTS: Final = "no file holds weights that fit the network, so there is no such series"
NOTHING_KEPT: Final = (
    "its plan keeps the file's own weights, but no file holds any that fit it; choose a scheme "
    "as the plan's base, or give a checkpoint."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the values of a parameter or constant lie."""

    file: Where
    tensor: StoredTensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A network as it was understood, and where its values lie."""

    network: Graph | Inventory
    places: dict[str, Place]  # by the names that nodes know them by
    inputs: StoredTensor | None  # the batch of the inputs' file
    join: dict[str, tuple[str, ...]]  # missing, unused, differ
    notes: tuple[str, ...] = ()

    @property
    def has_weights(self) -> bool:
        """Whether a file holds any value of a learned parameter."""
        if isinstance(self.network, Inventory):
            return False
        return any(one.learned and one.value in self.places for one in self.network.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a child measured, and how it ran."""

    series: tuple[Series, ...]
    notes: tuple[str, ...]
    device: str
    peak_bytes: int
    seconds: float
    inputs: int  # of each network
    moments: dict[str, WeightMoments] = field(default_factory=dict)  # of the file's own values


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a child is, as it tells."""

    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The files that a report names."""

    id: str  # of the network
    name: str
    inputs: str | None = None  # name or id of the inputs' file


GRAPH = TypeAdapter(Graph)
PARCEL = TypeAdapter(Parcel)
MEASURED = TypeAdapter(Measured)
STEP = TypeAdapter(Step)


def feasible(order: Order, parcel: Parcel) -> Order:
    """The order, without the series of given weights where no file holds any that fit.

    Raises:
        CannotRun: If nothing is left to measure, or the plan keeps weights that there are none of.
    """
    if parcel.has_weights:
        return order
    if order.plan is not None and order.plan.base == CHECKPOINT:
        raise CannotRun(reason=NOTHING_KEPT)
    if not order.checkpoint:
        return order
    if not order.schemes and order.plan is None:
        raise CannotRun(reason="its weights were ordered, but no file holds any that fit it.")
    return replace(order, checkpoint=False)


def report_of(
    subject: Subject, order: Order, parcel: Parcel, measured: Measured, *, notes: Sequence[str] = ()
) -> PropagationReport:
    """The propagation document of a measurement.

    Raises:
        TypeError: If the parcel holds no graph.
    """
    graph = parcel.network
    if isinstance(graph, Inventory):
        raise TypeError
    lost = () if feasible(order, parcel) == order else (NO_WEIGHTS,)
    said = dict.fromkeys((*lost, *parcel.notes, *measured.notes, *notes))
    return PropagationReport(
        schema=SCHEMA,
        architecture=_architecture(subject, graph),
        input=_input(subject, order, graph),
        seeds=order.seeds,
        batch=measured.inputs,
        device=measured.device,
        series=measured.series,
        mode=order.mode,
        dtype=order.dtype,
        notes=tuple(note for note in said if note not in graph.notes),
        seconds=measured.seconds,
        peak_bytes=measured.peak_bytes,
        join=parcel.join,
        plan=order.plan,
    )


def headline_of(report: PropagationReport) -> str:
    """What was found, in a sentence: of the first series."""
    if not report.series:
        return "Nothing was measured."
    first = report.series[0]
    said = first.verdict.message if first.verdict else "Measured."
    told = said if len(report.series) == 1 else f"{first.name}: {said}"
    return "".join(one for one in told if one.isprintable())[:MOST_CHARACTERS]


def _architecture(subject: Subject, graph: Graph) -> Architecture:
    return Architecture(
        id=subject.id,
        name=subject.name,
        origin=graph.origin,
        parameters=sum(math.prod(one.shape) for one in graph.parameters if one.learned),
        operations=len(graph.nodes),
        layers=sum(node.op in WEIGHT_ARGUMENT for node in graph.nodes),
        inputs=tuple(one.shape[1:] for one in graph.inputs),
        notes=graph.notes,
    )


def _input(subject: Subject, order: Order, graph: Graph) -> dict[str, str | int | float | None]:
    shape = "×".join(str(size) for size in graph.inputs[0].shape[1:]) if graph.inputs else ""
    return {"law": order.input, "shape": shape, "file": subject.inputs}
