"""Operations as calls of torch: what hostile graphs may not make of them."""

import pytest
import torch

from app.core.graph import DType, Node
from app.core.propagation import Order
from app.errors import CannotRun, DoesNotFit
from app.probe.dryrun import dry_run
from app.probe.interpreter import Setting, apply, steps
from app.probe.trace import trace
from tests.hand_graphs import graph, node, parameter, real, v


def size(name, op, **arguments):
    return Node(name=name, op=f"_operator.{op}", arguments=arguments, results=(name,), shapes=((),))


def dry(*nodes, parameters=(), **ordered):
    network = graph(nodes, parameters, inputs=[real(2, 8)])
    return dry_run(network, Order(**ordered), memory_bytes=10**9)


def test_numbers_that_square_themselves_stop_at_64_bits():
    first = node("n0", "sym_size.int", self=v("x"), dim=1)
    more = [size(f"n{i + 1}", "mul", a=v(f"n{i}"), b=v(f"n{i}")) for i in range(60)]
    with pytest.raises(CannotRun, match="beyond 2"):
        dry(first, *more)


@pytest.mark.parametrize("given", [(1, 2, 3), "a"])
def test_lists_and_words_are_not_multiplied(given):
    with pytest.raises(CannotRun, match="takes numbers"):
        dry(size("n", "mul", a=given, b=10**10))


@pytest.mark.parametrize("sizes", [(10**10, 10**10), (2**62, 4), (-1, 3), (2**70,)])
def test_impossible_sizes_are_told(sizes):
    with pytest.raises((CannotRun, DoesNotFit)):
        dry(node("z", "zeros.default", 1, size=sizes))


def test_a_parameter_of_an_impossible_size_is_told():
    with pytest.raises((CannotRun, DoesNotFit)):
        dry(
            node("r", "relu.default", 2, 8, self=v("p:w")),
            parameters=[parameter("w", 2**40, 2**40)],
        )


def test_an_argument_that_the_operator_has_not_is_told():
    with pytest.raises(CannotRun, match="has no argument 'out'"):
        dry(node("r", "relu.default", 2, 8, self=v("x"), out=v("x")))


def test_a_value_that_nobody_gives_is_told():
    with pytest.raises(CannotRun, match="'ghost'"):
        dry(node("r", "relu.default", 2, 8, self=v("ghost")))


def test_an_output_that_is_no_value_is_told():
    network = graph(
        [node("r", "relu.default", 2, 8, self=v("x"))], inputs=[real(2, 8)], outputs=["nothing"]
    )
    with pytest.raises(CannotRun, match="'nothing'"):
        trace(network, dtype=torch.float32, training=True, size=2)


def test_floating_dtypes_are_those_of_the_run_and_others_stay():
    network = graph(
        [
            node("f", "to.dtype", 2, 8, self=v("x"), dtype=DType(dtype="float32")),
            node("i", "to.dtype", 2, 8, self=v("x"), dtype=DType(dtype="int64")),
        ],
        inputs=[real(2, 8)],
    )
    setting = Setting(device=torch.device("cpu"), dtype=torch.bfloat16, training=False)
    x = {"x": torch.rand(2, 8).bfloat16()}
    assert [apply(step, x).dtype for step in steps(network, setting)] == [
        torch.bfloat16, torch.int64,
    ]  # fmt: skip


def test_the_device_of_a_factory_is_the_runs():
    network = graph([node("z", "arange.default", 5, end=5, device="cuda:7")], inputs=[real(2, 8)])
    setting = Setting(device=torch.device("cpu"), dtype=torch.float32, training=False)
    assert apply(steps(network, setting)[0], {}).device.type == "cpu"
