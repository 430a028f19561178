"""The engine's kernels through whole graphs against closed forms, coded here on their own.

The deep forms agree with neural-tangents 0.6.5 on jax 0.4.26, in float64, to 7e-15 relative.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from app.architecture.understanding import understand
from app.core.meanfield.predict import UNIFORM01, predict
from app.core.meanfield.step import WeightMoments

# Of uniform inputs: E x² of one, E x y of two.
Q, C = 1 / 3, 1 / 4
BIAS = 0.05
EXACT = 1e-9  # the engine integrates in float64; 1e-5 is what is asked of it


def drawn(graph, weight):
    """Weights of second moment weight/fan_in, biases of second moment BIAS."""
    return {
        one.name: WeightMoments(
            mean=0.0,
            second=BIAS if one.name.endswith("bias") else weight / one.facts.fan_in,
        )
        for one in graph.parameters
    }


def kernels(text, weight, op=None):
    """(E x², E x y) after each operation; `op` takes the place of every activation."""
    graph = understand(text)
    if op is not None:
        nodes = tuple(
            replace(node, op=op) if node.op == "aten.tanh.default" else node for node in graph.nodes
        )
        graph = replace(graph, nodes=nodes)
    found = predict(graph, weights=drawn(graph, weight), inputs=UNIFORM01)
    assert not found.stops
    return [(one.rms**2, one.rms**2 * (1 - one.input_share**2)) for one in found.nodes.values()]


def two_slopes(a, q, c):
    """Cho and Saul 2009, for slopes a below 0 and 1 above."""
    rho = np.clip(c / q, -1, 1)
    angle = np.sqrt(1 - rho**2) - rho * np.arccos(rho)
    return q * ((1 - a) ** 2 / (2 * math.pi) * angle + (1 + a**2) * rho / 2)


def arc_sine(q, c):
    """Williams 1997."""
    return 2 / math.pi * np.arcsin(2 * c / (1 + 2 * q))


def gelu(q, c):
    """Tsuchida et al. 2021."""
    delta = np.sqrt((1 + q) ** 2 - c**2)
    inner = (c**2 + q**2 * delta**2) / ((1 + q) ** 2 * delta)
    return (inner + c * np.arctan(c / delta)) / (2 * math.pi) + c / 4


def sine(q, c):
    """From the characteristic function of a Gaussian."""
    return np.exp(-q) * np.sinh(c)


FORMS = {
    "relu": ("ReLU()", None, lambda q, c: two_slopes(0.0, q, c), 2.0),
    "leaky": ("LeakyReLU(0.2)", None, lambda q, c: two_slopes(0.2, q, c), 1.9),
    "erf": ("Tanh()", "aten.erf.default", arc_sine, 2.0),
    "gelu": ("GELU()", None, gelu, 1.7),
    "sin": ("Tanh()", "aten.sin.default", sine, 1.5),
}


@pytest.mark.parametrize("depth", [1, 5, 20, 50])
@pytest.mark.parametrize("name", FORMS)
def test_a_deep_networks_kernels_are_the_closed_forms(name, depth):
    layer, op, form, weight = FORMS[name]
    own, shared = Q, C
    for _ in range(depth):
        own, shared = (weight * k + BIAS for k in (own, shared))
        own, shared = form(own, own), form(own, shared)
    found = kernels(f"{depth} x [Linear(8, 8), {layer}]", weight, op)[-1]
    assert found[0] == pytest.approx(float(own), rel=EXACT)
    assert found[1] == pytest.approx(float(shared), rel=1e-6)  # of a small difference from 1


def convolved(kernel, weight):
    """One convolution of 3 × 3 with a border of zeros: [H, W, H, W] → the same."""
    size = len(kernel)
    wide = np.zeros((size + 2,) * 4)
    wide[1:-1, 1:-1, 1:-1, 1:-1] = kernel
    taps = [
        wide[i : i + size, j : j + size, i : i + size, j : j + size]
        for i in range(3)
        for j in range(3)
    ]
    return weight / 9 * sum(taps) + BIAS


def rectified(kernel, own):
    """ReLU's kernel where each place has its own variance: Cho and Saul 2009."""
    size = np.sqrt(own[:, :, None, None] * own[None, None])
    return size * two_slopes(0.0, 1.0, kernel / size)


def pictures(weight):
    """Both kernels after three convolutions with ReLU, for independent uniform pixels."""
    size = 6
    eye = np.eye(size * size).reshape((size,) * 4)
    own, shared = C + (Q - C) * eye, np.full((size,) * 4, C)
    for _ in range(3):
        own, shared = convolved(own, weight), convolved(shared, weight)
        power = np.einsum("ijij->ij", own)
        own, shared = rectified(own, power), rectified(shared, power)
    return own, shared


CONVOLUTIONS = """input: [3, 6, 6]
Conv2d(3, 8, 3, padding=1)
ReLU()
2 x [Conv2d(8, 8, 3, padding=1), ReLU()]
"""


def test_three_convolutions_and_a_flat_readout_are_the_closed_form():
    own, shared = pictures(2.0)
    found = kernels(f"{CONVOLUTIONS}Flatten()\nLinear(288, 4)", 2.0)[-1]
    flat = [2.0 * np.mean(np.einsum("ijij->ij", one)) + BIAS for one in (own, shared)]
    assert found == pytest.approx(flat, rel=1e-6)


def test_three_convolutions_and_a_global_average_are_the_closed_form():
    own, shared = pictures(2.0)
    found = kernels(f"{CONVOLUTIONS}AdaptiveAvgPool2d(1)\nFlatten()\nLinear(8, 4)", 2.0)[-1]
    assert found == pytest.approx([2.0 * one.mean() + BIAS for one in (own, shared)], rel=1e-6)
