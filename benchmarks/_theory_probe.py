"""Networks run by the product's own probe, each network's moments kept apart."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch

from app.core.graph import Graph
from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.propagation import Order
from app.core.recipes import Recipe
from app.probe import inputs
from app.probe.build import Fresh, Network
from app.probe.course import Course, Gradients
from app.probe.dryrun import dry_run
from app.probe.interpreter import Environment, Setting, steps
from app.probe.ledger import Ledger
from app.probe.passes import run_network
from app.probe.records import Record
from app.probe.statistics import Counter
from app.probe.watches import watches

MEMORY = 8 * 10**9


@dataclass(slots=True, kw_only=True)
class Measured:
    """One operation: moments of each network."""

    name: str
    means: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    gradients: list[float] = field(default_factory=list)  # second moments

    @property
    def squares(self) -> Array:
        """The mean square of each network that has one."""
        found = np.array(self.seconds)
        return found[found > 0] if (found > 0).any() else np.ones(1)

    @property
    def mean(self) -> float:
        """Over all networks."""
        return float(np.mean(self.means))

    @property
    def std(self) -> float:
        """Population std over everything."""
        return math.sqrt(max(float(np.mean(self.seconds)) - self.mean**2, 0.0))

    @property
    def std_error(self) -> float:
        """Standard error of the pooled std, relative to it."""
        if self.std == 0 or len(self.means) < 2:
            return 0.0
        variances = np.array(self.seconds) - 2 * self.mean * np.array(self.means)
        error = np.std(variances, ddof=1) / math.sqrt(len(variances))
        return float(error / (2 * self.std**2))

    @property
    def grad_rms(self) -> float:
        """Root of the mean square over all networks; 0 where none arrives."""
        return math.sqrt(float(np.mean(self.gradients))) if self.gradients else 0.0

    @property
    def grad_error(self) -> float:
        """Standard error of that, relative to it."""
        if len(self.gradients) < 2 or not self.grad_rms:
            return 0.0
        error = np.std(self.gradients, ddof=1) / math.sqrt(len(self.gradients))
        return float(error / (2 * self.grad_rms**2))


def measured(
    graph: Graph,
    recipe: Recipe,
    *,
    law: Literal["normal", "uniform01"] = "normal",
    batch: int = 64,
    seeds: int,
    training: bool = True,
) -> tuple[Measured, ...]:
    """Every operation's moments, network by network, forward and backward.

    Args:
        graph: The network.
        recipe: What its parameters are drawn from.
        law: Of the inputs.
        batch: Inputs of each network, halved over two replicas.
        seeds: How many networks.
        training: Whether the batch's own statistics and dropout are on.
    """
    order = Order(input=law, batch=batch, mode="train" if training else "eval")
    course = _course(graph, order)
    network = Network(course.plan.graph, Fresh(recipe, None), course.setting, None)
    found = {place: Measured(name=graph.nodes[place].name) for place in course.records}
    for seed in range(seeds):
        for pair in course.plan.replicas.pairs:
            values = [_values(course, order, side, seed) for side in pair]
            both = (values[0], values[1])
            run_network(course, network, both, seed=seed, replicas=pair, gradients=Gradients())
        for place, record in course.records.items():
            _keep(found[place], record)
            record.end_network()
    course.counter.close()
    return tuple(found.values())


def _keep(one: Measured, record: Record) -> None:
    network, arriving = record.network.settle(), record.arriving.settle()
    one.means.append(network.mean or 0.0)
    one.seconds.append(network.square or 0.0)
    if arriving.count:
        one.gradients.append(arriving.square or 0.0)


def _values(course: Course, order: Order, side: int, seed: int) -> Environment:
    plan = course.plan
    return dict(
        inputs.drawn(
            plan.graph,
            order,
            course.setting,
            replica=side,
            size=plan.replicas.size,
            seed=seed,
        )
    )


def _course(graph: Graph, order: Order) -> Course:
    setting = Setting(
        device=torch.device("cpu"), dtype=torch.float32, training=order.mode == "train"
    )
    plan = dry_run(graph, order, memory_bytes=MEMORY)
    watched = watches(plan.graph, plan.trace, training=setting.training)
    return Course(
        plan=plan,
        steps=steps(plan.graph, setting),
        setting=setting,
        records={each.place: Record(watch=each) for each in watched},
        counter=Counter(torch.get_num_threads()),
        ledger=Ledger(),
        tick=lambda: None,
    )
