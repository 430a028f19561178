"""Theory of a network under a plan, from its graph alone."""

import math

import pytest

from app.architecture.expecting import (
    AT_ONCE,
    Expectations,
    Setting,
    effort,
    expected,
    is_quick,
    kept_in,
)
from app.architecture.understanding import understand
from app.core.meanfield.step import WeightMoments
from app.core.plans import Choice, Plan
from app.core.propagation import Forward, Layer, Series

FORUM = understand("Linear(512, 512)")
MLP = understand("input: [64]\n6 x [Linear(64, 64), ReLU()]")


def last(found):
    return found.prediction.nodes[found.planned.graph.nodes[-1].name]


def test_the_forums_layer_is_expected_where_its_law_puts_it():
    plan = Plan(choices={"linear": Choice(scheme="kaiming_uniform(fan_in,relu)")})
    forum = Setting(input="uniform01")
    # 512·E[w²]·E[x²] + E[b²]: 1/9 + 1/1536, and 2/3 + 1/1536 with He's weights
    assert last(expected(FORUM, Plan(), setting=forum)).std == pytest.approx(
        math.sqrt(1 / 9 + 1 / 1536), abs=1e-9
    )
    assert last(expected(FORUM, plan, setting=forum)).std == pytest.approx(
        math.sqrt(2 / 3 + 1 / 1536), abs=1e-9
    )


def test_nodes_before_and_after_can_be_laid_over_each_other():
    before = expected(MLP, Plan()).prediction.nodes
    after = expected(MLP, Plan(activation="Softsign")).prediction.nodes
    assert before.keys() <= after.keys()


def test_a_files_inputs_obey_no_law():
    found = expected(MLP, Plan(), setting=Setting(input="file"))
    assert found.prediction.nodes == {}
    assert "no law" in found.prediction.stops[0].reason


def test_a_law_by_places_stops_theory_with_its_reason():
    found = expected(MLP, Plan(choices={"linear": Choice(scheme="eye")}))
    assert found.prediction.nodes == {}
    assert "by their places" in found.prediction.stops[0].reason


def test_kept_weights_are_expected_by_their_own_moments_times_their_factor():
    network = understand("Linear(100, 100, bias=False)")
    own = {"0.weight": WeightMoments(mean=0.0, second=0.04)}
    plan = Plan(base="checkpoint", choices={"linear": Choice(gain=3.0)})
    assert last(expected(network, plan, own=own)).rms == pytest.approx(3 * 2)


def test_what_no_moments_are_known_of_stops_theory():
    found = expected(MLP, Plan(base="checkpoint"))
    assert found.prediction.nodes == {}
    assert found.prediction.stops


def test_a_batch_is_divided_as_a_measurement_divides_it():
    network = understand("input: [32]\nLinear(32, 32)\nBatchNorm1d(32)\nLinear(32, 32)\nReLU()")
    few, many = (
        last(expected(network, Plan(), setting=Setting(batch=batch))) for batch in (8, 512)
    )
    assert few != many


def test_a_prediction_is_calculated_once_for_each_question():
    kept = Expectations()
    first = kept.of(MLP, Plan(), key=("net",))
    assert kept.of(MLP, Plan(choices={"linear": Choice()}), key=("net",)) is first
    assert kept.of(MLP, Plan(), key=("net",), setting=Setting(batch=8)) is not first
    assert kept.of(MLP, Plan(branch=0.0), key=("net",)) is not first
    assert kept.of(MLP, Plan(), key=("other",)) is not first


def test_no_more_predictions_are_kept_than_there_is_room_for():
    kept = Expectations(most=2)
    first = kept.of(MLP, Plan(), key=(0,))
    kept.of(MLP, Plan(), key=(1,))
    assert kept.of(MLP, Plan(), key=(0,)) is first  # asked for again: 1 is now the oldest
    kept.of(MLP, Plan(), key=(2,))
    assert kept.of(MLP, Plan(), key=(0,)) is first


def test_a_perceptron_of_200_layers_is_quick():
    deep = understand("input: [512]\n200 x [Linear(512, 512), ReLU()]\nLinear(512, 10)\n")
    assert is_quick(deep)


def test_a_transformer_of_24_blocks_is_quick_however_long_its_text():
    block = """
        - residual: [LayerNorm(64), "MultiheadAttention(64, 4, batch_first=True, causal=True)"]
        - residual: [LayerNorm(64), "Linear(64, 256)", GELU(), "Linear(256, 64)"]"""
    text = "input: [{}, 64]\nlayers:\n  - repeat:\n      times: 24\n      of:" + block + "\n"
    assert is_quick(understand(text.format(256)))
    assert is_quick(understand(text.format(2048)))


def test_a_recurrent_layers_effort_grows_with_its_steps_layers_and_directions():
    def effort_of(steps, layers, *, both):
        text = f"LSTM(8, 8, {layers}, batch_first=True, bidirectional={both})"
        return effort(understand(f"input: [{steps}, 8]\n{text}\n"))

    single = effort_of(16, 1, both=False)
    for more in (effort_of(64, 1, both=False), effort_of(16, 4, both=False)):
        assert more > 3 * single  # of four times the steps, beside what any operation takes
    assert effort_of(16, 1, both=True) > 1.5 * single


def test_the_effort_of_a_network_grows_with_its_layers_and_its_image():
    def convolved(size, layers):
        body = "\n".join(["Conv2d(3, 3, 3, padding=1)"] * layers)
        return effort(understand(f"input: [3, {size}, {size}]\n{body}\n"))

    assert convolved(8, 1) < convolved(8, 4) < convolved(16, 4)
    assert convolved(16, 1) < AT_ONCE


def test_what_a_measurement_has_kept_is_a_prediction_again():
    theory = last(expected(FORUM, Plan()))
    forward = Forward(
        **dict.fromkeys(("mean", "std", "rms", "rms_median", "rms_band"), None),
        **dict.fromkeys(("input_share", "input_share_band", "dead_fraction"), None),
        saturated_fraction=None,
        zero_fraction=0.0,
        nonfinite=0,
        histogram=(),
    )
    told = {"op": "", "kind": "", "module": "", "shape": (), "weighted": True, "forward": forward}
    layers = (Layer(name="0", theory=theory, **told), Layer(name="1", **told))
    notes = ("something else", "theory stops at 1: no rule for lstm")
    series = Series(scheme="plan", name="Your plan", layers=layers, verdict=None, notes=notes)
    found = kept_in(series)
    assert found.nodes == {"0": theory}
    assert [(one.node, one.reason) for one in found.stops] == [("1", "no rule for lstm")]
