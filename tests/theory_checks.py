"""Theory of a network told as text, and the same network drawn many times by torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from app.architecture.understanding import understand
from app.core.graph import Graph
from app.core.meanfield.drawn import drawn_moments
from app.core.meanfield.predict import NORMAL, Prediction, predict
from app.core.meanfield.step import WeightMoments
from app.core.meanfield.weights import moments_of_values
from app.core.propagation import Theory
from app.core.recipes import recipe
from tests.exported_models import program, saved
from tests.graph_running import read

torch.set_num_threads(1)


def predicted(text: str, *, scheme: str = "torch_default", **how: object) -> Prediction:
    """What theory says of a network under a scheme."""
    graph = understand(text)
    given = {"inputs": NORMAL, "batch": 64, "training": True} | how
    return predict(graph, weights=drawn_moments(recipe(graph, scheme)), **given)


def last(text: str, **how: object) -> Theory:
    """What theory says of a network's end; it has no gap."""
    found = predicted(text, **how)
    assert not found.stops
    return list(found.nodes.values())[-1]


@dataclass(frozen=True)
class Sampled:
    """Mean squares over the networks that were drawn, one of each network."""

    squares: np.ndarray  # of the output
    means: np.ndarray
    gradients: np.ndarray  # of the input, for an N(0,1) cotangent


def sampled(
    make: Callable[[], nn.Module], shape: tuple[int, ...], *, networks: int = 40, inputs: int = 16
) -> Sampled:
    """A network drawn again and again, each time with inputs of N(0,1) of its own."""
    torch.manual_seed(0)
    squares, means, gradients = [], [], []
    for _ in range(networks):
        given = torch.randn(inputs, *shape, requires_grad=True)
        found = make()(given)
        found = found[0] if isinstance(found, tuple) else found
        found.backward(torch.randn_like(found))
        squares.append(float(found.detach().square().mean()))
        means.append(float(found.detach().mean()))
        gradients.append(float(given.grad.square().mean()))
    return Sampled(np.array(squares), np.array(means), np.array(gradients))


def agrees(value: float, samples: np.ndarray, *, finite: float = 0.02) -> bool:
    """Whether a mean is within 4 standard errors of the samples', and what wide layers differ by.

    Args:
        value: That theory says.
        samples: One of each network.
        finite: A share of the mean, for what falls with the width.
    """
    error = float(samples.std(ddof=1)) / math.sqrt(samples.size)
    mean = float(samples.mean())
    return abs(value - mean) <= 4 * error + finite * abs(mean)


def exported_theory(
    make: Callable[[], nn.Module], *given: torch.Tensor, own: bool = False, **how: object
) -> Prediction:
    """What theory says of a network that torch exports, with the values of its buffers.

    Args:
        make: Gives the network.
        given: Its inputs.
        own: Whether its parameters are known by their own values, not by torch's default.
        how: Arguments of `predict`.
    """
    module = make().eval()
    graph, held = read(saved(program(module, given)))
    buffers = [each for each in graph.parameters if not each.learned]
    stored = [*buffers, *(each for each in graph.constants if each.stored is not None)]
    values = {getattr(each, "name", "") or each.value: held[each.stored].numpy() for each in stored}
    weights = own_moments(graph, held)
    if not own:
        weights = drawn_moments(recipe(graph, "torch_default"), weights)
    chosen = {"inputs": NORMAL, "batch": 64, "training": True, "values": values} | how
    return predict(graph, weights=weights, **chosen)


def own_moments(graph: Graph, held: list[torch.Tensor]) -> dict[str, WeightMoments]:
    """Of parameters that no scheme draws, of their own values."""
    return {each.name: moments_of_values(held[each.stored].numpy()) for each in graph.parameters}
