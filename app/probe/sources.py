"""Where the weights of each series come from: a scheme, a plan, a person's file."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from app.architecture.planning import planned
from app.core.catalogue import BY_ID
from app.core.graph import Graph
from app.core.meanfield.drawn import drawn_moments
from app.core.meanfield.step import WeightMoments
from app.core.plans import PLAN
from app.core.propagation import CHECKPOINT, Order
from app.core.recipes import Recipe, recipe
from app.errors import CannotRun, Invalid
from app.probe.build import Fresh, Given, Load, Origin
from app.probe.expected import Moments, given_moments

CHECKPOINT_NAME: Final = "Your weights"
PLAN_NAME: Final = "Your plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The weights of one series, what is to be said of them, and what theory knows of them."""

    scheme: str  # id of the catalogue, "checkpoint" or "plan"
    name: str
    origin: Origin
    moments: Moments
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Series of an order that run on one form of the network."""

    graph: Graph
    order: Order  # for it
    sources: tuple[Source, ...]


class Own:
    """The moments of the values that a file holds, found when somebody asks."""

    def __init__(self, graph: Graph, load: Load | None) -> None:
        """Of these parameters; of none without a file."""
        self._graph, self._load = graph, load
        self._found: dict[str, WeightMoments] = {}
        self._asked: set[str] = set()

    def moments(self, names: Collection[str]) -> dict[str, WeightMoments]:
        """Of parameters of these names; without those that no file holds."""
        new = [one for one in self._graph.parameters if one.name in names]
        new = [one for one in new if one.name not in self._asked]
        if self._load is not None and new:
            self._found |= given_moments(replace(self._graph, parameters=tuple(new)), self._load)
        self._asked |= {one.name for one in new}
        return {name: one for name, one in self._found.items() if name in names}

    def all(self) -> dict[str, WeightMoments]:
        """Of every parameter."""
        return self.moments({one.name for one in self._graph.parameters})

    @property
    def known(self) -> dict[str, WeightMoments]:
        """Of all, where somebody has asked for all; without those of no finite value."""
        if len(self._asked) < len(self._graph.parameters):
            return {}
        return {name: one for name, one in self._found.items() if math.isfinite(one.second)}


def parts_of(graph: Graph, order: Order, load: Load | None, own: Own) -> tuple[Part, ...]:
    """What an order is to measure: the network as it is built, and as its plan changes it.

    Args:
        graph: The network.
        order: What is to be measured.
        load: Gives the values that a file holds.
        own: Moments of those values.

    Raises:
        CannotRun: If the file's own weights are asked for, and there is none.
        Invalid: If the order names a scheme that there is none of, or nothing at all.
    """
    _expect(order, load)
    found = []
    if order.checkpoint or order.schemes:
        sources = tuple(
            _source(graph, scheme, load, own) for scheme in dict.fromkeys(order.schemes)
        )
        if order.checkpoint and load is not None:
            sources = (_given(load, own), *sources)
        found.append(Part(graph=graph, order=order, sources=sources))
    if order.plan is not None:
        found.append(_planned(graph, order, load, own))
    return tuple(found)


def _expect(order: Order, load: Load | None) -> None:
    keeps = order.plan is not None and order.plan.base == CHECKPOINT
    if (order.checkpoint or keeps) and load is None:
        raise CannotRun(reason="its own weights were ordered, but no file holds them")
    unknown = [scheme for scheme in order.schemes if scheme not in BY_ID]
    if unknown:
        raise Invalid(what="scheme", expected="an id of the catalogue", got=repr(unknown[0]))
    nothing = not (order.checkpoint or order.schemes or order.plan)
    if order.seeds < 1 or nothing:
        got = f"{order.seeds} seeds of {len(order.schemes)} schemes"
        raise Invalid(what="order", expected="at least 1 seed of 1 scheme", got=got)


def _given(load: Load, own: Own) -> Source:
    return Source(
        scheme=CHECKPOINT,
        name=CHECKPOINT_NAME,
        origin=Given(load),
        moments=own.all,
    )


def _source(graph: Graph, scheme: str, load: Load | None, own: Own) -> Source:
    found = _from_recipe(graph, recipe(graph, scheme), load, own)
    return replace(found, scheme=scheme, name=BY_ID[scheme].name)


def _planned(graph: Graph, order: Order, load: Load | None, own: Own) -> Part:
    """The network as the order's plan has it, with the order's activation where it has none."""
    assert order.plan is not None  # noqa: S101 - asked before
    plan = replace(order.plan, activation=order.plan.activation or order.activation)
    found = planned(graph, plan)
    source = _from_recipe(found.graph, found.recipe, load, own)
    told = replace(source, notes=found.notes)
    alone = replace(order, schemes=(), checkpoint=False, activation=None)
    return Part(graph=found.graph, order=alone, sources=(told,))


def _moments(graph: Graph, rules: Recipe, own: Own) -> dict[str, WeightMoments]:
    """Of what is drawn, and of the file's values where some are kept."""
    drawn = rules.laws.keys() | rules.packed.keys()
    kept = {each.name for each in graph.parameters} - drawn
    return drawn_moments(rules, own.moments(kept))


def _from_recipe(graph: Graph, rules: Recipe, load: Load | None, own: Own) -> Source:
    return Source(
        scheme=PLAN,
        name=PLAN_NAME,
        origin=Fresh(rules, load),
        moments=partial(_moments, graph, rules, own),
        notes=rules.notes,
    )
