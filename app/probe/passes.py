"""One network on one pair of replicas: at once where that fits, else block by block."""

from __future__ import annotations

from typing import TypeAlias

import torch

from app.probe.backward import at_once, block, cotangents, outputs
from app.probe.build import Network
from app.probe.course import Course, Gradients, Pair, Pass, needed
from app.probe.forward import run_pair

Borders: TypeAlias = list[Pair]  # the values before each block


def run_network(
    course: Course,
    network: Network,
    pair: Pair,
    *,
    seed: int,
    replicas: tuple[int, int],
    gradients: Gradients | None,
) -> None:
    """Run a pair of replicas through a network, counted in the course's records.

    Args:
        course: Of the series.
        network: Gives the weights.
        pair: The inputs of both replicas by name; used up.
        seed: Of the network.
        replicas: Which ones these are.
        gradients: Of the parameters, added to; None where only the signal is wanted.
    """
    names = needed(course.trace, course.whole)
    one = Pass(
        course=course,
        network=network,
        seed=seed,
        replicas=replicas,
        resident=network.values(names, seed) if course.plan.resident else None,
        gradients=gradients,
    )
    course.ledger.clear()
    for values in (*pair, one.resident or {}):
        course.ledger.hold(values.values())
    if gradients is not None and one.resident is not None and not course.plan.recompute:
        at_once(one, pair, one.resident)
    elif gradients is not None:
        _backward(one, pair, _forward(one, pair))
    else:
        _forward(one, pair)


def _forward(one: Pass, pair: Pair) -> Borders:
    """The signal, block by block; for the gradient the values before each block are kept."""
    borders: Borders = []
    for span in one.course.plan.spans:
        if one.gradients is not None:
            borders.append((dict(pair[0]), dict(pair[1])))
            _hold(one, borders[-1])
        weights = one.weights(span)
        for values in pair:
            values.update(weights)
        with torch.no_grad():
            run_pair(one, span, pair)
        for values in pair:
            for name in weights:
                del values[name]
        one.let_go(weights)
    return borders


def _backward(one: Pass, pair: Pair, borders: Borders) -> None:
    """The gradient, last block first."""
    first, second = (
        cotangents(one, outputs(one, values), side) for side, values in enumerate(pair)
    )
    _drop(one, pair)
    for values in pair:
        values.clear()
    own = _first_uses(one)
    for span in reversed(one.course.plan.spans):
        before = borders.pop()
        weights = one.weights(span)
        block(one, span, before, (first, second), weights)
        one.let_go(weights)
        _drop(one, before)
        if one.gradients is not None and one.course.plan.replicas.count == len(pair):
            one.gradients.finish(own[span.start])


def _hold(one: Pass, pair: Pair) -> None:
    for values in pair:
        one.course.ledger.hold(values.values())


def _drop(one: Pass, pair: Pair) -> None:
    for values in pair:
        one.course.ledger.drop(values.values())


def _first_uses(one: Pass) -> dict[int, dict[str, str]]:
    """By a block's start: the parameters first used there, value → name."""
    found: dict[int, dict[str, str]] = {}
    seen: set[str] = set()
    learned = one.network.learned
    for span in one.course.plan.spans:
        fresh = [n for n in needed(one.course.trace, span) if n in learned and n not in seen]
        seen.update(fresh)
        found[span.start] = {name: learned[name].name for name in fresh}
    return found
