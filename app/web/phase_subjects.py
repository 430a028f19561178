"""What a phase address is about: an activation and a layer, and perhaps a network's layers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

import numpy as np

from app.core.graph import Graph
from app.core.meanfield.nonlinear.nonlinearities import Nonlinearity, nonlinearity
from app.core.meanfield.placement import (
    Placed,
    own_activation,
    placed_by_recipe,
    placed_by_values,
    resets,
)
from app.core.meanfield.plane.edge import critical_weight, fading_gain
from app.core.meanfield.plane.phase import FixedPoint, fixed_point, unit_gain
from app.core.meanfield.plane.plane import Settled, table
from app.core.recipes import DEFAULT, recipe
from app.core.report import Overview
from app.store.facts import File
from app.web.deps import Services
from app.web.phase_choices import ASSUMED, OWN, USUAL, PhaseChoices

DIGITS = 4  # of a place that nobody chose


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A stored file's layers, as they are or as a scheme draws them."""

    id: str  # of the page
    name: str
    analysed: bool  # whether it has a layers page
    drawable: bool  # whether its network is known, so that schemes can draw it
    valued: bool  # whether its own values are known
    scheme: str  # that the layers are drawn by, or OWN; "" where nothing is known
    placed: tuple[Placed, ...]
    activation: str | None  # most of its own
    norms: int
    sums: int


@dataclass(frozen=True)
class PhaseSubject:
    """Everything that the page shows, as numbers."""

    choices: PhaseChoices
    network: Network | None

    @cached_property
    def name(self) -> str:
        """The activation's class."""
        if self.network is None:
            return self.choices.act or USUAL
        return self.choices.act or self.network.activation or ASSUMED

    @cached_property
    def activation(self) -> Nonlinearity:
        """The activation."""
        return known(self.name)

    @cached_property
    def here(self) -> tuple[float, float]:
        """σ_w and σ_b of the chosen layer: the network's usual, or the gain that keeps q."""
        if self.placed:
            weight, bias = _usual(self.placed)
        else:
            weight, bias = _short(unit_gain(self.activation) ** 2), 0.0
        w, b = self.choices.sigma_w, self.choices.sigma_b
        return (weight if w is None else w, bias if b is None else b)

    @property
    def placed(self) -> tuple[Placed, ...]:
        """The layers of the network, none without one."""
        return self.network.placed if self.network else ()

    @property
    def weight(self) -> float:
        """σ_w² of the chosen layer."""
        return self.here[0] ** 2

    @property
    def bias(self) -> float:
        """σ_b² of the chosen layer."""
        return self.here[1] ** 2

    @cached_property
    def found(self) -> FixedPoint:
        """Where such layers settle."""
        return fixed_point(self.activation, weight=self.weight, bias=self.bias)

    @cached_property
    def critical(self) -> float | None:
        """The σ_w at the edge of chaos for this σ_b."""
        weight = critical_weight(self.activation, bias=self.bias)
        return None if weight is None else math.sqrt(weight)

    @property
    def interrupted(self) -> bool:
        """Whether something stands between the network's layers that sets sizes anew."""
        return self.network is not None and bool(self.network.norms or self.network.sums)

    @property
    def edge_fades(self) -> bool:
        """Whether q falls to 0 at the edge of chaos: without biases, and with φ(0) = 0."""
        if self.bias > 0 or self.critical is None or self.activation.homogeneous is not None:
            return False
        return float(self.activation.value(np.zeros(1))[0]) == 0

    @cached_property
    def fading(self) -> float | None:
        """The σ_w that parts fading from exploding where no size between stays, without biases."""
        return fading_gain(self.activation) if self.bias == 0 else None

    @cached_property
    def settled(self) -> Settled:
        """Where each of the network's layers would settle, were all like it."""
        weight = np.array([one.weight for one in self.placed])
        bias = np.array([one.bias for one in self.placed])
        return table(self.activation).settled(weight, bias)


_KNOWN: dict[str, Nonlinearity] = {}


def known(name: str) -> Nonlinearity:
    """The activation of a class, the same each time, so that what is kept of it is found."""
    return _KNOWN.setdefault(name, nonlinearity(name))


def _usual(placed: Sequence[Placed]) -> tuple[float, float]:
    """σ_w and σ_b that most layers share; the middle ones where no two layers share any."""
    places = Counter((_short(one.weight), _short(one.bias)) for one in placed)
    place, count = places.most_common(1)[0]
    if count > 1 or len(places) == 1:
        return place
    middle = median(one.weight for one in placed), median(one.bias for one in placed)
    return _short(middle[0]), _short(middle[1])


def _short(value: float) -> float:
    return float(f"{math.sqrt(value) if value > 0 else 0.0:.{DIGITS}g}")


async def network_of(services: Services, run_id: str, choices: PhaseChoices) -> Network:
    """The layers of a stored file.

    Raises:
        NotFound: If there is neither a file nor a measurement of this id.
    """
    itself = await services.propagations.find(run_id)
    file = await services.runs.file(itself.network if itself else run_id)
    graph = await services.propagations.network(file.id)
    run = await services.runs.find(file.id)
    overview = await services.runs.overview(file.id) if run and run.reported else None
    return _network(run_id, file, choices, graph if isinstance(graph, Graph) else None, overview)


def _network(
    run_id: str, file: File, choices: PhaseChoices, graph: Graph | None, overview: Overview | None
) -> Network:
    valued = placed_by_values(overview.rows) if overview else ()
    scheme = choices.scheme or (OWN if valued else DEFAULT)
    if graph is None:
        scheme = OWN if valued else ""
    placed = valued
    if graph is not None and (scheme != OWN or not valued):
        scheme = DEFAULT if scheme == OWN else scheme
        placed = placed_by_recipe(graph, recipe(graph, scheme))
    norms, sums = resets(graph) if graph else (0, 0)
    return Network(
        id=run_id,
        name=file.name,
        analysed=overview is not None,
        drawable=graph is not None,
        valued=bool(valued),
        scheme=scheme,
        placed=placed,
        activation=own_activation(graph) if graph else None,
        norms=norms,
        sums=sums,
    )
