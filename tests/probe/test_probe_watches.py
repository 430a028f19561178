"""What is counted at each operation: units, limits, weights, and what repeats other values."""

import math

import pytest
import torch

from app.core.operators import OPERATORS
from app.probe import watches as room
from app.probe.trace import trace
from app.probe.watches import watches
from tests.hand_graphs import graph, linear, node, parameter, real, v


def watched(network, *, training=True):
    traced = trace(network, dtype=torch.float32, training=training, size=4)
    return {network.nodes[w.place].name: w for w in watches(network, traced, training=training)}


def relu(name, source, *shape, op="relu.default", **arguments):
    return node(name, op, *shape, self=v(source), **arguments)


def convolution():
    own = parameter("c.weight", 8, 3, 3, 3, kind="Conv2d")
    step = node(
        "c", "conv2d.default", 2, 8, 6, 6, input=v("x"), weight=v(own.value), padding=(1, 1)
    )
    return step, [own]


def test_units_lie_along_the_channels_after_a_convolution():
    step, own = convolution()
    found = watched(graph([step, relu("r", "c", 2, 8, 6, 6)], own, inputs=[real(2, 3, 6, 6)]))
    assert (found["r"].units, found["c"].units) == (1, None)


def test_units_lie_along_the_last_axis_after_a_linear_layer():
    step, own = linear("l", "x", 8)
    found = watched(graph([step, relu("r", "l", 2, 8)], own, inputs=[real(2, 8)]))
    assert found["r"].units == -1


def test_units_are_not_known_where_the_axes_were_moved():
    step, own = convolution()
    flat = node("f", "flatten.using_ints", 2, 288, self=v("c"), start_dim=1)
    found = watched(graph([step, flat, relu("r", "f", 2, 288)], own, inputs=[real(2, 3, 6, 6)]))
    assert found["r"].units is None


def test_an_addition_keeps_its_units_where_they_are():
    step, own = convolution()
    both = node("a", "add.Tensor", 2, 8, 6, 6, self=v("c"), other=v("c"))
    found = watched(graph([step, both, relu("r", "a", 2, 8, 6, 6)], own, inputs=[real(2, 3, 6, 6)]))
    assert found["r"].units == 1


@pytest.mark.parametrize(
    ("op", "arguments", "limits"),
    [
        ("tanh.default", {}, (-0.97, 0.97)),
        ("sigmoid.default", {}, (0.015, 0.985)),
        ("hardtanh.default", {}, (-1, 1)),
        ("hardtanh.default", {"min_val": 0.0, "max_val": 6.0}, (-math.inf, 6)),
        ("relu6.default", {}, (-math.inf, 6)),
        ("hardsigmoid.default", {}, (0, 1)),
    ],
)
def test_saturation_begins_near_the_ends_of_a_smooth_function_and_at_those_of_a_hard_one(
    op, arguments, limits
):
    found = watched(graph([relu("s", "x", 2, 8, op=op, **arguments)], inputs=[real(2, 8)]))
    assert found["s"].limits == pytest.approx(limits, abs=1e-5)


def test_relu_does_not_saturate_and_tanh_has_no_dead_units():
    step, own = linear("l", "x", 8)
    tanh = relu("t", "l", 2, 8, op="tanh.default")
    found = watched(graph([step, tanh, relu("r", "t", 2, 8)], own, inputs=[real(2, 8)]))
    assert (found["t"].units, found["r"].limits) == (None, None)


def test_a_product_with_a_transposed_weight_is_weighted():
    own = parameter("w", 8, 8)
    steps = [
        node("t", "t.default", 8, 8, self=v(own.value)),
        node("y", "mm.default", 2, 8, self=v("x"), mat2=v("t")),
        node("g", "mm.default", 2, 2, self=v("y"), mat2=v("z")),
        node("z2", "t.default", 8, 2, self=v("x")),
    ]
    steps = [steps[0], steps[1], node("z", "t.default", 8, 2, self=v("y")), steps[2]]
    found = watched(graph(steps, [own], inputs=[real(2, 8)]))
    assert (found["y"].weighted, found["g"].weighted) == (True, False)


def test_what_no_input_reaches_is_not_shown():
    own = parameter("w", 8, 8)
    step = node("t", "t.default", 8, 8, self=v(own.value))
    product = node("y", "mm.default", 2, 8, self=v("x"), mat2=v("t"))
    assert set(watched(graph([step, product], [own], inputs=[real(2, 8)]))) == {"y"}


def test_sizes_and_comparisons_are_not_counted():
    steps = [
        node("n", "sym_size.int", self=v("x"), dim=0),
        node("m", "gt.Scalar", 2, 8, self=v("x"), other=0.0),
        relu("r", "x", 2, 8),
    ]
    assert set(watched(graph(steps, inputs=[real(2, 8)]))) == {"r"}


def test_another_layout_repeats_the_values():
    steps = [
        node("p", "permute.default", 8, 2, self=v("x"), dims=(1, 0)),
        node("s", "slice.Tensor", 4, 2, self=v("p"), dim=0, start=0, end=4),
        node("q", "reshape.default", 8, self=v("s"), shape=(-1,)),
    ]
    found = watched(graph(steps, inputs=[real(2, 8)]))
    assert [found[name].copied for name in "psq"] == ["x", None, "s"]


@pytest.mark.parametrize(("training", "copied"), [(True, None), (False, "x")])
def test_dropout_repeats_its_values_where_it_is_off(training, copied):
    step = node("d", "dropout.default", 2, 8, input=v("x"), p=0.5, train=True)
    found = watched(graph([step], inputs=[real(2, 8)]), training=training)
    assert found["d"].copied == copied


def test_every_operator_that_repeats_values_is_on_the_list():
    assert room._COPYING <= OPERATORS
