"""The gradient through a network, for an N(0,1) cotangent at its floating outputs.

Where every activation fits, one recorded pass does. Where it does not, only the values between
blocks are kept; each block is then run once more, last block first, with the same weights and the
same dropout, and its gradient taken before the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from app.probe.build import Network
from app.probe.course import Course, Pair, Pass, Tensors
from app.probe.draws import stream
from app.probe.forward import release, run_pair, run_step
from app.probe.interpreter import Environment, cannot_run
from app.probe.records import Record
from app.probe.segments import Span
from app.probe.statistics import squares


def at_once(one: Pass, pair: Pair, weights: Tensors) -> None:
    """Forward and backward in one recorded pass, both replicas together.

    Args:
        one: The pass, with gradients.
        pair: The inputs of both replicas; used up.
        weights: All of them.
    """
    course = one.course
    leaves = as_leaves(weights, one.network)
    entries = tuple(_entries(values, course) for values in pair)
    for values, mine in zip(pair, entries, strict=True):
        values |= {**weights, **leaves, **mine}
    with torch.enable_grad(), course.ledger.recording():
        run_pair(one, course.whole, pair, after=lambda place, x: watch(course, place, x))
        for side, (values, mine) in enumerate(zip(pair, entries, strict=True)):
            ends = outputs(one, values)
            found = _pulled(ends, cotangents(one, ends, side), {**mine, **leaves})
            _add(one, found, leaves)
    for values in pair:
        values.clear()


def block(
    one: Pass, span: Span, pair: Pair, pulls: tuple[Tensors, Tensors], weights: Tensors
) -> None:
    """Run one block again, one replica at a time, and take its gradient.

    Args:
        one: The pass, with gradients.
        span: The block.
        pair: The replicas' values before it.
        pulls: Gradients of values behind the block, by name; of those before it afterwards.
        weights: Of the block.
    """
    leaves = as_leaves(weights, one.network)
    for side, values in enumerate(pair):
        entries = _entries(values, one.course)
        inside: Environment = {**values, **weights, **leaves, **entries}
        with torch.enable_grad(), one.course.ledger.recording():
            kept = _again(one, span, inside, frozenset(pulls[side]))
            found = _pulled(kept, {n: pulls[side].pop(n) for n in kept}, {**entries, **leaves})
        _add(one, found, leaves)
        for name in entries.keys() & found.keys():
            known = pulls[side].get(name)
            pulls[side][name] = found[name] if known is None else known + found[name]


def outputs(one: Pass, values: Environment) -> Tensors:
    """The floating outputs that carry the signal, by name."""
    signal = one.course.trace.signal
    names = [name for name in one.course.plan.graph.outputs if name in signal]
    return {name: values[name] for name in names if _is_floating(values[name])}


def cotangents(one: Pass, ends: Mapping[str, torch.Tensor], side: int) -> Tensors:
    """N(0,1) for every output, from a stream of its own."""
    setting, replica = one.course.setting, one.replicas[side]
    return {
        name: torch.randn(
            value.shape,
            generator=stream(one.seed, "cotangent", name, replica),
            dtype=torch.float32,
        ).to(device=setting.device, dtype=setting.dtype)
        for name, value in ends.items()
    }


def watch(course: Course, place: int, value: torch.Tensor) -> None:
    """Count the gradient that will arrive at an operation's result."""
    record = course.records.get(place)
    if record is not None and value.requires_grad:
        value.register_hook(_counting(record))  # type: ignore[no-untyped-call]


def as_leaves(weights: Mapping[str, torch.Tensor], network: Network) -> Tensors:
    """The learned ones, as values that gradients are taken of."""
    learned = network.learned
    return {
        name: value.detach().requires_grad_()
        for name, value in weights.items()
        if name in learned and value.dtype.is_floating_point
    }


def _pulled(
    ends: Mapping[str, torch.Tensor],
    pulls: Mapping[str, torch.Tensor],
    leaves: Mapping[str, torch.Tensor],
) -> Tensors:
    """Gradients of the leaves that the ends depend on."""
    roots = {name: value for name, value in ends.items() if value.requires_grad}
    if not roots or not leaves:
        return {}
    try:
        found: tuple[torch.Tensor | None, ...] = torch.autograd.grad(
            list(roots.values()),
            list(leaves.values()),
            [pulls[name] for name in roots],
            allow_unused=True,
        )
    except (RuntimeError, NotImplementedError) as error:
        raise cannot_run("the gradient", error) from None
    return {n: g.detach() for n, g in zip(leaves, found, strict=True) if g is not None}


def _add(one: Pass, found: Tensors, leaves: Tensors) -> None:
    if one.gradients is not None:
        one.gradients.add({name: g for name, g in found.items() if name in leaves})


def _counting(record: Record) -> Callable[[torch.Tensor], None]:
    def arrive(gradient: torch.Tensor) -> None:
        record.arriving.add(squares(gradient))

    return arrive


def _entries(values: Environment, course: Course) -> Tensors:
    """The floating values of the signal among these, as leaves."""
    return {
        name: value.detach().requires_grad_()
        for name, value in values.items()
        if name in course.trace.signal and _is_floating(value)
    }


def _again(one: Pass, span: Span, values: Environment, wanted: frozenset[str]) -> Tensors:
    """Run a block under autograd.

    Returns:
        Those of its results that are wanted.
    """
    course, kept = one.course, Tensors()
    for place in range(span.start, span.stop):
        run_step(one, place, values)
        record = course.records.get(place)
        if record is not None:
            watch(course, place, values[record.watch.value])
        kept |= {n: values[n] for n in course.steps[place].node.results if n in wanted}
        release(course, place, values)
        course.tick()
    return kept


def _is_floating(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype.is_floating_point
