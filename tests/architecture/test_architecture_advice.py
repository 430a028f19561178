"""What theory suggests for a network: computed numbers, and only what is better."""

import math
import re

import pytest

from app.architecture.advice import depth, outcome, suggestions
from app.architecture.expecting import Expectations, expected
from app.architecture.remedies import activation_of
from app.architecture.understanding import understand
from app.core.meanfield.nonlinear.gaussian import moments
from app.core.meanfield.step import WeightMoments
from app.core.plans import Choice, Plan
from tests.hand_graphs import graph, linear, node, real, v

RESIDUAL = (
    "input: [64]\nlayers:\n  - repeat: {times: 20, of: "
    '[{residual: ["Linear(64, 64)", ReLU(), "Linear(64, 64)"]}]}\n'
)
NORMED = (
    "input: [64]\nlayers:\n  - repeat: {times: 20, of: "
    '[{residual: ["Linear(64, 64)", BatchNorm1d(64), ReLU(), "Linear(64, 64)", '
    "BatchNorm1d(64)]}]}\n"
)


def looking(text):
    network, kept = understand(text), Expectations()
    return lambda plan: kept.of(network, plan, key=("one",))


def suggested(text, plan=None):
    return {one.code: one for one in suggestions(plan or Plan(), looking(text))}


def mlp(depth, width, activation):
    return f"{depth} x [Linear({width}, {width}), {activation}]"


def test_a_default_relu_network_is_given_hes_gain():
    found = suggested("input: [64]\n20 x [Linear(64, 64), ReLU()]\nLinear(64, 3)")
    (he,) = found.values()
    assert he.plan.choices["linear"] == Choice(scheme="kaiming_normal(fan_in,relu)", bias=0.0)
    # He's first layer has q = 2·1, and every later one the same
    assert (he.after.rms, he.after.signal) == pytest.approx((math.sqrt(2), 1.0))
    assert he.after.gradient == pytest.approx(1.0)
    # 1/√6 a layer over the 19 steps between 20 hidden layers: default weights have E w² = 1/3n
    assert he.before.gradient == pytest.approx(6 ** (-19 / 2), rel=0.01)


@pytest.mark.parametrize("name", ["Tanh", "Hardtanh", "Softsign"])
def test_a_gain_is_the_one_that_keeps_q_at_1_with_its_growth_of_the_gradient(name):
    found = suggested(mlp(30, 64, f"{name}()"))["unit_gain"]
    phi = activation_of(understand(mlp(1, 64, f"{name}()")))
    unit = moments(phi, variance=1.0)
    gain = 1 / math.sqrt(unit.second)
    assert found.plan.choices["linear"].gain == pytest.approx(gain, abs=5e-5)  # 4 digits
    chi = gain**2 * unit.slope_second
    assert f"χ₁ = {chi:.4g}" in found.sentence
    assert found.after.rms == pytest.approx(1.0, rel=0.05)


def test_the_sentence_has_the_numbers_before_and_after():
    found = suggested(mlp(20, 64, "Tanh()"))["unit_gain"]
    told = re.search(r"rms at 38 goes from (\S+) to (\S+);", found.sentence)
    assert told.groups() == (f"{found.before.rms:.4g}", f"{found.after.rms:.4g}")


def test_a_saturating_network_is_brought_to_the_edge_of_chaos():
    found = suggested(mlp(30, 64, "Tanh()"))["critical"]
    choice = found.plan.choices["linear"]
    assert choice.bias is None  # torch's default biases are part of the point
    assert abs(math.log(found.after.gradient)) < abs(math.log(found.before.gradient)) / 5
    assert "χ₁ = 1" in found.sentence


def test_where_q_1_is_unstable_the_gain_is_looked_for_at_this_depth():
    found = suggested(mlp(40, 64, "SiLU()"))
    assert "unstable" in found["unit_gain"].sentence
    assert found["depth_gain"].after.signal == pytest.approx(1.0, rel=0.1)


def test_branches_are_scaled_by_the_root_of_their_number():
    found = suggested(RESIDUAL)["branch_scale"]
    assert found.plan.branch == pytest.approx(1 / math.sqrt(20), abs=5e-5)
    assert found.after.signal < found.before.signal
    assert found.sentence.startswith("20 residual branches add up")


def test_zeros_are_suggested_where_all_branches_end_in_a_norm_and_only_there():
    assert "zero_branch" not in suggested(RESIDUAL)
    zero = suggested(NORMED)["zero_branch"]
    assert zero.plan.branch == 0.0
    assert "no gradient in the first step" in zero.sentence


def test_the_best_comes_first():
    found = suggestions(Plan(), looking(mlp(30, 64, "Tanh()")))
    distances = [one.after.distance for one in found]
    assert distances == sorted(distances)
    assert len(distances) > 1


def test_every_suggestion_is_better_than_the_plan_it_changes():
    for text in (RESIDUAL, NORMED, mlp(20, 64, "GELU()")):
        for one in suggested(text).values():
            assert one.after.distance < one.before.distance


@pytest.mark.parametrize("text", ["Linear(64, 64)", "input: [4, 8, 8]\nMaxPool2d(2)"])
def test_nothing_is_suggested_to_a_network_without_depth(text):
    assert suggested(text) == {}


def test_a_network_at_its_best_is_left_alone():
    he = Plan(choices={"linear": Choice(scheme="kaiming_normal(fan_in,relu)", bias=0.0)})
    assert suggested(mlp(20, 64, "ReLU()"), he) == {}


def test_the_persons_other_choices_stay():
    plan = Plan(choices={"norm": Choice(bias=0.1)}, activation="Tanh")
    for one in suggested(mlp(30, 64, "ReLU()"), plan).values():
        assert one.plan.activation == "Tanh"
        assert one.plan.choices["norm"] == Choice(bias=0.1)


def test_weights_that_a_plan_keeps_are_not_suggested_to_be_drawn_again():
    network = understand(mlp(20, 64, "ReLU()"))
    own = {one.name: WeightMoments(mean=0.0, second=0.001) for one in network.parameters}
    keeping = Plan(base="checkpoint")
    assert suggestions(keeping, lambda plan: expected(network, plan, own=own)) == ()


def test_depth_is_the_stream_where_there_is_one_and_leaves_out_a_head_of_another_width():
    assert depth(understand(mlp(2, 8, "ReLU()"))) == ("0", "2")
    head = understand("input: [8]\n2 x [Linear(8, 8), ReLU()]\nLinear(8, 3)")
    assert depth(head) == ("0", "2")
    assert depth(understand(RESIDUAL))[:2] == ("0 · add", "1 · add")


def test_the_outcome_of_a_depth_that_theory_does_not_reach_is_none():
    first, own = linear("first", "x", 8)
    along = node("along", "cumprod.default", 2, 8, self=v("first"), dim=1)
    last, others = linear("last", "along", 8)
    network = graph([first, along, last], [*own, *others], inputs=[real(2, 8)])
    assert outcome(expected(network, Plan())) is None
    assert suggestions(Plan(), lambda plan: expected(network, plan)) == ()
