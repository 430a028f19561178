"""What the network is given: independent halves of one batch, drawn or from a person's file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from app.core.graph import Graph, Input
from app.core.propagation import Order
from app.errors import Invalid, NotAnInput
from app.probe.draws import stream
from app.probe.interpreter import Setting, torch_dtype

LEAST = 2  # replicas that an input share takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicas:
    """How a batch is divided: every replica runs alone, two of them in lockstep."""

    count: int  # even
    size: int  # inputs of one replica

    @property
    def inputs(self) -> int:
        """Of all replicas together."""
        return self.count * self.size

    @property
    def pairs(self) -> Iterator[tuple[int, int]]:
        """The replicas that run together."""
        return zip(range(0, self.count, 2), range(1, self.count, 2), strict=True)


def replicas(graph: Graph, batch: int, *, given: int | None = None) -> Replicas:
    """How a batch is divided over replicas.

    Args:
        graph: Whose own batch stays where it is written into the operations.
        batch: Inputs that were ordered, at least 1.
        given: Inputs of a person's file; None where inputs are drawn.

    Raises:
        Invalid: If the batch is below 1.
        NotAnInput: If the file holds too few inputs for two replicas.
    """
    if batch < 1:
        raise Invalid(what="batch", expected="at least 1 input", got=str(batch))
    wanted = batch if given is None else min(batch, given)
    size = graph.batch if graph.fixed_batch else max(1, math.ceil(wanted / LEAST))
    if given is not None and not graph.fixed_batch:
        size = max(1, wanted // LEAST)
    count = LEAST * max(1, math.ceil(wanted / size / LEAST)) if graph.fixed_batch else LEAST
    if given is not None and count * size > given:
        count = given // size // LEAST * LEAST
    if count < LEAST:
        expected = f"at least {LEAST * size} inputs, two replicas of {size}"
        raise NotAnInput(expected=expected, got=str(given))
    return Replicas(count=count, size=size)


def shape_of(given: Input, graph: Graph, size: int) -> tuple[int, ...]:
    """An input's shape for one replica: the first axis that holds the graph's batch is its own."""
    if graph.fixed_batch or graph.batch not in given.shape:
        return given.shape
    axis = given.shape.index(graph.batch)
    return (*given.shape[:axis], size, *given.shape[axis + 1 :])


def drawn(
    graph: Graph, order: Order, setting: Setting, *, replica: int, size: int, seed: int
) -> dict[str, torch.Tensor]:
    """One replica's inputs by the order's law, by name."""
    found = {}
    for each in graph.inputs:
        shape = shape_of(each, graph, size)
        generator = stream(seed, "input", each.name, replica)
        found[each.name] = _drawn(each, shape, order, generator).to(
            device=setting.device, dtype=_dtype(each, setting)
        )
    return found


def meta(graph: Graph, setting: Setting, *, size: int) -> dict[str, torch.Tensor]:
    """One replica's inputs without values, by name."""
    return {
        each.name: torch.empty(
            shape_of(each, graph, size), dtype=_dtype(each, setting), device=setting.device
        )
        for each in graph.inputs
    }


def checked(batch_file: NDArray[np.generic], graph: Graph) -> NDArray[np.generic]:
    """A person's batch, which fits the network's first input.

    Raises:
        NotAnInput: If it does not.
    """
    first = graph.inputs[0]
    inner = first.shape[1:]
    if batch_file.ndim < 1 or batch_file.shape[1:] != inner:
        expected = f"shape (inputs, {', '.join(map(str, inner))})"
        raise NotAnInput(expected=expected, got=str(batch_file.shape))
    if first.draw == "tokens":
        return _checked_tokens(batch_file, first)
    if batch_file.dtype.kind not in "fiu":
        raise NotAnInput(expected="real numbers", got=str(batch_file.dtype))
    if not np.isfinite(batch_file).all():
        raise NotAnInput(expected="finite values", got="NaN or infinity in it")
    return batch_file


def from_file(
    batch_file: NDArray[np.generic], graph: Graph, setting: Setting, *, replica: int, size: int
) -> torch.Tensor:
    """One replica's rows of a checked batch, for the network's first input."""
    rows = np.ascontiguousarray(batch_file[replica * size : (replica + 1) * size])
    dtype = _dtype(graph.inputs[0], setting)
    return torch.from_numpy(rows.copy()).to(device=setting.device, dtype=dtype)


def _checked_tokens(batch_file: NDArray[np.generic], first: Input) -> NDArray[np.generic]:
    if batch_file.dtype.kind not in "iu":
        raise NotAnInput(expected="whole token ids", got=str(batch_file.dtype))
    low, high = int(batch_file.min(initial=0)), int(batch_file.max(initial=0))
    if low < 0 or (first.high is not None and high >= first.high):
        expected = f"token ids from 0 to {(first.high or 0) - 1}"
        raise NotAnInput(expected=expected, got=f"{low} to {high}")
    return batch_file


def _dtype(given: Input, setting: Setting) -> torch.dtype:
    own = torch_dtype(given.dtype)
    return setting.dtype if own.is_floating_point else own


def _drawn(
    given: Input, shape: tuple[int, ...], order: Order, generator: torch.Generator
) -> torch.Tensor:
    real = torch.float32
    if given.draw == "mask":
        return torch.ones(shape, dtype=real)
    if given.draw == "tokens":
        return torch.randint(max(1, given.high or 1), shape, generator=generator)
    if order.input == "uniform01":
        return torch.rand(shape, generator=generator, dtype=real)
    return torch.randn(shape, generator=generator, dtype=real)
