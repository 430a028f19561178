"""Theory beside what was measured."""

from __future__ import annotations

import numpy as np
import pytest

from app.architecture.understanding import understand
from app.core.propagation import Order
from app.probe.measure import measure
from tests.hand_graphs import graph, linear, node, real, v

MEMORY = 2**30


def measured(text, **order):
    graph = understand(text)
    chosen = {"schemes": ("torch_default",), "seeds": 16, "batch": 32} | order
    return graph, measure(graph, Order(**chosen), device="cpu", memory_bytes=MEMORY)


def test_theory_stands_beside_every_operation_that_it_has_a_rule_for():
    _, found = measured("4 x [Linear(256, 256), ReLU()]")
    for layer in found.series[0].layers:
        # 16 networks: the mean square varies by √(5·4/256/16) = 7 % in all, its root by half.
        assert layer.theory.rms == pytest.approx(layer.forward.rms, rel=0.11)
        assert layer.theory.grad_rms == pytest.approx(layer.backward.grad_rms, rel=0.11)


def test_theory_ends_with_a_note_at_an_operation_without_a_rule():
    first, own = linear("first", "x", 8)
    along = node("along", "cumprod.default", 2, 8, self=v("first"), dim=1)
    last, others = linear("last", "along", 8)
    network = graph([first, along, last], [*own, *others], inputs=[real(2, 8)])
    found = measure(network, Order(seeds=1, batch=4), device="cpu", memory_bytes=MEMORY)
    series = found.series[0]
    assert [layer.theory is None for layer in series.layers] == [False, True, True]
    assert any(note.startswith("theory stops at along") for note in series.notes)


def test_given_weights_are_expected_by_their_own_moments():
    graph = understand("Linear(400, 400, bias=False)")
    values = np.random.default_rng(0).normal(0, 0.3, (400, 400)).astype(np.float32)
    order = Order(schemes=(), checkpoint=True, seeds=1, batch=64)
    found = measure(graph, order, load=lambda _: values, device="cpu", memory_bytes=MEMORY)
    # 64 inputs of 400 numbers: √(2/(64·400)) = 0.9 % of the square and half of it of its root.
    (layer,) = found.series[0].layers
    assert layer.theory.rms == pytest.approx(layer.forward.rms, rel=0.02)


def test_nothing_is_expected_of_a_persons_own_inputs():
    graph = understand("Linear(4, 4)")
    order = Order(schemes=("torch_default",), input="file", seeds=1, batch=8)
    rows = np.ones((8, 4), dtype=np.float32)
    found = measure(graph, order, batch_file=rows, device="cpu", memory_bytes=MEMORY)
    assert found.series[0].layers[0].theory is None
