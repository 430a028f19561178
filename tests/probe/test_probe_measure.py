"""Networks written by hand, measured: known numbers, seeds, dropout, memory."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from ordered_runs import MEMORY, first, run

from app.core.graph import Constant
from app.core.propagation import Order
from app.probe.dryrun import dry_run
from app.probe.measure import measure
from tests.hand_graphs import graph, linear, mlp, node, parameter, real, v

KAIMING = "kaiming_uniform(fan_in,relu)"


@pytest.mark.parametrize(
    ("scheme", "expected"), [("torch_default", 1 / 9 + 1 / 1536), (KAIMING, 2 / 3 + 1 / 1536)]
)
def test_the_forums_layer_has_the_std_that_its_law_gives(scheme, expected):
    # One network and one input: relative sd ½√(2/512 + 0.8/512) = 3.7 %. Over 16 networks of 16
    # inputs the inputs' part falls to a 16th: ½√((2 + 0.8/16)/512/16) = 0.8 %. Four of these.
    found = run(mlp(1, 512), schemes=(scheme,), input="uniform01", seeds=16, batch=16)
    forward = first(found)[0].forward
    assert forward.std == pytest.approx(math.sqrt(expected), rel=0.032)
    assert forward.rms_band[0] < math.sqrt(expected) < forward.rms_band[1]


def test_a_deep_default_network_looks_steady_while_its_input_dies():
    found = run(mlp(40, 256), seeds=2, batch=16)
    weighted = [layer for layer in first(found) if layer.weighted]
    # q* = 0.4/n: 0.0395 at width 256; the last layer is one draw of 256 biases and weights.
    assert weighted[-1].forward.rms == pytest.approx(math.sqrt(0.4 / 256), rel=0.15)
    assert weighted[-1].forward.input_share < 1e-5
    steps = (weighted[-1].backward.grad_rms / weighted[0].backward.grad_rms) ** (1 / 39)
    assert 1 / steps == pytest.approx(1 / math.sqrt(6), rel=0.03)  # 0.408 a layer
    assert found.series[0].verdict.code == "input_lost"


def test_a_network_is_the_same_whatever_was_drawn_before_it():
    alone = run(mlp(3, 32), schemes=(KAIMING,), seeds=2)
    after = run(mlp(3, 32), schemes=("xavier_normal(gain=1)", KAIMING), seeds=2)
    assert after.series[1] == alone.series[0]


def test_seeds_give_different_networks():
    layer = first(run(mlp(2, 32), seeds=3))[0].forward
    assert layer.rms_band[0] < layer.rms_median < layer.rms_band[1]


def test_the_callers_random_numbers_are_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    dropout = node("d", "dropout.default", 2, 32, input=v("x"), p=0.5, train=True)
    run(graph([dropout], inputs=[real(2, 32)]))
    assert torch.equal(torch.rand(3), expected)


def with_dropout():
    steps, own = [], []
    for layer in range(6):
        source = steps[-1].name if steps else "x"
        step, parameters = linear(f"l{layer}", source, 64)
        own += parameters
        drop = node(f"d{layer}", "dropout.default", 2, 64, input=v(step.name), p=0.5, train=True)
        steps += [step, drop]
    return graph(steps, own, inputs=[real(2, 64)])


def test_dropout_is_off_in_eval_mode():
    layers = first(run(with_dropout(), mode="eval"))
    assert layers[1].forward.zero_fraction == 0.0


def test_dropout_drops_its_share_in_training():
    # 64·64 values: sd √(0.25/4096) = 0.8 %.
    assert first(run(with_dropout()))[1].forward.zero_fraction == pytest.approx(0.5, abs=0.04)


def test_what_dropout_changes_is_not_put_down_to_the_input():
    steps = [
        node("c", "full_like.default", 2, 64, self=v("x"), fill_value=1.0),
        node("d", "dropout.default", 2, 64, input=v("c"), p=0.5, train=True),
    ]
    layer = first(run(graph(steps, inputs=[real(2, 64)])))[1]
    assert (layer.forward.zero_fraction > 0.4, layer.forward.input_share) == (True, 0.0)


def test_a_block_that_runs_again_drops_the_same_values():
    whole = run(with_dropout(), seeds=2)
    parts = run(with_dropout(), seeds=2, memory=whole_need(with_dropout()) // 2)
    assert any("blocks" in note for note in parts.notes)
    for a, b in zip(first(whole), first(parts), strict=True):
        assert a.forward == b.forward
        assert b.backward.grad_rms == pytest.approx(a.backward.grad_rms, rel=1e-5)


def whole_need(network, **ordered):
    return dry_run(network, Order(**ordered), memory_bytes=MEMORY).peak_bytes


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_other_dtypes_run_with_statistics_close_to_float32(dtype):
    plain = first(run(mlp(3, 64)))[-1]
    other = first(run(mlp(3, 64), dtype=dtype))[-1]
    # The same draws, rounded. 3 roundings of 2⁻⁸ in bfloat16, averaged over thousands of values.
    assert other.forward.rms == pytest.approx(plain.forward.rms, rel=0.01)
    assert other.backward.grad_rms == pytest.approx(plain.backward.grad_rms, rel=0.02)


def test_overflow_in_float16_is_counted_and_told():
    found = run(mlp(6, 64), schemes=("normal(1)",), dtype="float16")
    assert first(found)[-1].forward.nonfinite > 0
    assert found.series[0].verdict.code == "nonfinite"


def test_an_activation_takes_the_place_of_all_others():
    layers = first(run(mlp(3, 32), activation="Tanh"))
    assert [x.op for x in layers[1::2]] == ["aten.tanh.default"] * 2
    assert layers[1].forward.saturated_fraction is not None
    assert layers[1].forward.dead_fraction is None


def test_relu_units_that_never_fire_are_dead():
    network = mlp(2, 8)
    given = {
        "0.weight": np.zeros((8, 8), np.float32),
        "0.bias": np.array([1, -1] * 4, np.float32),
        "2.weight": np.eye(8, dtype=np.float32),
        "2.bias": np.zeros(8, np.float32),
    }
    found = run(network, schemes=(), checkpoint=True, load=lambda p: given[p.name])
    assert first(found)[1].forward.dead_fraction == 0.5


def test_a_layer_of_zeros_stops_the_gradient_and_is_named():
    network = mlp(5, 16)
    draw = np.random.default_rng(0)

    def load(wanted):
        if wanted.name == "6.weight":
            return np.zeros(wanted.shape, np.float32)
        return draw.normal(0, 0.3, wanted.shape).astype(np.float32)

    found = run(network, schemes=(), checkpoint=True, load=load)
    verdict = found.series[0].verdict
    assert verdict.message == "No gradient reaches layers 1 to 3: layer 4 (6) is all zeros."


def test_batch_norm_in_training_leaves_the_running_statistics_alone():
    own = [
        parameter("n.weight", 4, role="norm_weight", kind="BatchNorm1d"),
        parameter("n.bias", 4, role="bias", kind="BatchNorm1d"),
        parameter("n.running_mean", 4, role="running_mean", kind="BatchNorm1d", learned=False),
        parameter("n.running_var", 4, role="running_var", kind="BatchNorm1d", learned=False),
    ]
    values = dict(zip(("weight", "bias", "running_mean", "running_var"), own, strict=True))
    step = node(
        "n", "batch_norm.default", 2, 4, input=v("x"), training=False, momentum=0.1, eps=1e-5,
        cudnn_enabled=False, **{k: v(p.value) for k, p in values.items()},
    )  # fmt: skip
    network = graph([step], own, inputs=[real(2, 4)])
    shifted = np.full(4, 5.0, np.float32)
    load = {
        "n.weight": np.ones(4, np.float32), "n.bias": np.zeros(4, np.float32),
        "n.running_mean": shifted, "n.running_var": np.ones(4, np.float32),
    }  # fmt: skip
    how = {"schemes": (), "checkpoint": True, "load": lambda p: load[p.name], "batch": 64}
    assert first(run(network, **how))[0].forward.mean == pytest.approx(0.0, abs=1e-6)
    assert first(run(network, mode="eval", **how))[0].forward.mean == pytest.approx(-5, abs=0.5)
    assert shifted.tolist() == [5.0] * 4


def test_a_fixed_batch_runs_as_often_as_the_order_needs():
    found = run(replace(mlp(2, 8), fixed_batch=True), batch=7)
    assert found.inputs == 8
    assert sum(first(found)[0].forward.histogram) == 8 * 8


def test_parameters_gradients_are_those_of_all_replicas_together():
    # A linear layer alone: the bias gradient is the sum of 8 N(0,1) cotangents, rms √8.
    network = replace(mlp(1, 4096), fixed_batch=True)
    found = run(network, batch=8)
    bias = next(g for g in found.series[0].gradients if g.name == "0.bias")
    # 4096 values of a normal: the rms is known to 1/√8192 = 1.1 %.
    assert bias.grad_rms == pytest.approx(math.sqrt(8), rel=0.05)


def test_a_persons_batch_is_what_the_network_sees():
    rows = np.arange(64, dtype=np.float32).reshape(8, 8)
    found = run(
        graph([node("y", "mul.Scalar", 2, 8, self=v("x"), other=2.0)], inputs=[real(2, 8)]),
        input="file",
        batch_file=rows,
    )
    assert found.inputs == 8
    assert first(found)[0].forward.mean == pytest.approx(2 * rows.mean())


def test_a_small_constant_is_in_the_graph_itself():
    two = Constant(value="c", shape=(2, 1), dtype="float32", values=(2.0, -2.0))
    network = graph(
        [node("y", "mul.Tensor", 2, 8, self=v("x"), other=v("c"))],
        inputs=[real(2, 8)],
        constants=(two,),
        fixed_batch=True,
    )
    layer = first(run(network, batch=512))[0]
    # 4096 values of N(0, 2): the rms is known to 1/√8192 = 1.1 %.
    assert layer.forward.rms == pytest.approx(2, rel=0.05)


def test_the_forward_pass_of_a_deep_network_holds_no_more_than_a_shallow_one():
    peaks = [
        run(mlp(depth, 64), backward=False, memory=least(mlp(depth, 64))).peak_bytes
        for depth in (20, 200)
    ]
    assert peaks[1] < 1.2 * peaks[0]


def least(network):
    from app.probe.inputs import replicas
    from app.probe.segments import Costs, cheapest
    from app.probe.trace import trace

    size = replicas(network, Order().batch).size
    traced = trace(network, dtype=torch.float32, training=True, size=size)
    costs = Costs(traced, operations=len(network.nodes))
    return cheapest(costs, limit=0, backward=False).bytes


def test_the_dry_run_expects_no_less_than_the_pass_holds():
    for memory in (MEMORY, least(mlp(30, 64)) * 2):
        plan = dry_run(mlp(30, 64), Order(backward=False), memory_bytes=memory)
        assert run(mlp(30, 64), backward=False, memory=memory).peak_bytes <= plan.peak_bytes


def test_progress_ends_at_its_total():
    told = []
    measure(
        mlp(3, 8),
        Order(seeds=2),
        memory_bytes=MEMORY,
        device="cpu",
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert told[-1] == (10, 10)


def test_a_run_stops_where_its_progress_says_so():
    def stop(_done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(mlp(3, 8), Order(), memory_bytes=MEMORY, device="cpu", on_progress=stop)
