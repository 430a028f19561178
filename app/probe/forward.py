"""The signal through a network: two replicas in lockstep, counted as the pass goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from app.probe.course import Course, Pair, Pass
from app.probe.device import seed as set_seed
from app.probe.draws import stream_seed
from app.probe.interpreter import Environment, apply, results
from app.probe.records import Record
from app.probe.segments import Span
from app.probe.statistics import NO_LIMITS, Sums, mark_alive


def run_pair(
    one: Pass,
    span: Span,
    pair: Pair,
    *,
    after: Callable[[int, torch.Tensor], None] | None = None,
) -> None:
    """Run some operations on both replicas and count what they give.

    Args:
        one: The pass that it belongs to.
        span: The operations.
        pair: The replicas' values, with the weights that the span uses; changed in place.
        after: Called with the place and the first result of every counted operation.
    """
    course = one.course
    copies: dict[str, Sums] = {}
    for place in range(span.start, span.stop):
        for values in pair:
            run_step(one, place, values)
        record = course.records.get(place)
        if record is not None:
            a, b = (values[record.watch.value] for values in pair)
            copies[record.watch.value] = count(course, record, a, b, copies)
            if after is not None:
                after(place, a)
                after(place, b)
        for values in pair:
            release(course, place, values)
        for name in course.trace.drops[place]:
            copies.pop(name, None)
        course.tick()


def run_step(one: Pass, place: int, values: Environment) -> None:
    """Run one operation on one replica.

    What it draws depends on seed, place and pair alone: a block that runs again drops the same
    values, and so do both sides, whose difference is then the input's doing and not dropout's.
    """
    course = one.course
    step = course.steps[place]
    if step.random and course.setting.training:
        own = stream_seed(one.seed, "operation", place, one.replicas[0])
        set_seed(course.setting.device, own)
    given = results(step, apply(step, values))
    course.ledger.hold(given.values())
    values.update(given)


def release(course: Course, place: int, values: Environment) -> None:
    """Drop what nobody uses after an operation."""
    drops = course.trace.drops[place]
    if drops:
        course.ledger.drop([values.pop(name, None) for name in drops])


def count(
    course: Course, record: Record, a: torch.Tensor, b: torch.Tensor, copies: Mapping[str, Sums]
) -> Sums:
    """Add one operation's output on both replicas to its record.

    Returns:
        The sums of this pair alone, for operations that give the same values again.
    """
    watch = record.watch
    found = copies.get(watch.copied) if watch.copied is not None else None
    if found is not None:
        record.network.add(found)
    elif course.single:
        found = course.counter.pair(a, b, watch.limits or NO_LIMITS, into=record.network)
    else:
        found = course.counter.pair(a, b, watch.limits or NO_LIMITS)
        record.network.add(found)
    if watch.units is not None:
        if record.alive is None:
            record.alive = np.zeros(a.shape[watch.units], np.bool_)
        mark_alive(a, watch.units, record.alive)
        mark_alive(b, watch.units, record.alive)
    return found
