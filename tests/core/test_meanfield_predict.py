"""Predicted moments against closed forms, operation by operation."""

from __future__ import annotations

import math

import pytest

from app.architecture.understanding import understand
from app.core.defaults import default_law
from app.core.meanfield.predict import NORMAL, UNIFORM01, predict
from app.core.meanfield.step import WeightMoments


def default_moments(graph, **changed):
    """Each parameter's moments under torch's default; `weight_second=` for every weight."""
    found = {}
    for parameter in graph.parameters:
        law = default_law(parameter.facts, parameter.shape)
        if law is None:
            value = 1.0 if parameter.name.endswith("running_var") else 0.0
            found[parameter.name] = WeightMoments(mean=value, second=value**2)
        elif law.value is not None:
            found[parameter.name] = WeightMoments(mean=law.value, second=law.value**2)
        else:
            second = law.std**2
            if parameter.name.endswith(".weight") and "weight_fan" in changed:
                second = changed["weight_fan"] / parameter.facts.fan_in
            found[parameter.name] = WeightMoments(mean=0.0, second=second)
    return found


def predicted(text, *, inputs=NORMAL, batch=64, training=True, **changed):
    graph = understand(text)
    moments = default_moments(graph, **changed)
    return predict(graph, weights=moments, inputs=inputs, batch=batch, training=training)


def last(prediction):
    assert not prediction.stops
    return list(prediction.nodes.values())[-1]


# 1/9 + 1/1536 and 2/3 + 1/1536: the question that the product answers.
@pytest.mark.parametrize(
    ("changed", "std"),
    [({}, math.sqrt(1 / 9 + 1 / 1536)), ({"weight_fan": 2}, math.sqrt(2 / 3 + 1 / 1536))],
)
def test_the_forums_linear_layer(changed, std):
    found = last(predicted("Linear(512, 512)", inputs=UNIFORM01, **changed))
    assert found.std == pytest.approx(std, rel=1e-12)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_padded_convolution_loses_its_borders_taps(stride):
    """1/3·(11/12)² + 1/864 on 8 × 8 at stride 1, and the same share of taps at stride 2."""
    text = f"input: [32, 8, 8]\nConv2d(32, 32, 3, stride={stride}, padding=1)"
    found = last(predicted(text))
    live = 11 / 12
    assert found.std == pytest.approx(math.sqrt(live**2 / 3 + 1 / (3 * 288)), rel=1e-12)


def test_ten_default_relu_layers_leave_the_biases():
    text = "10 x [Linear(512, 512), ReLU()]\nLinear(512, 512)"
    assert last(predicted(text)).std == pytest.approx(0.027950948294655196, rel=1e-9)


def test_the_gradient_falls_by_a_root_of_six_a_layer():
    prediction = predicted("6 x [Linear(512, 512), ReLU()]")
    relu = [one.grad_rms for name, one in prediction.nodes.items() if name.endswith("1")]
    assert relu[0] / relu[-1] == pytest.approx(6 ** (-5 / 2), rel=1e-12)


def test_average_pooling_of_independent_numbers_halves_their_std():
    found = last(predicted("input: [4, 8, 8]\nAvgPool2d(2)"))
    assert found.std == pytest.approx(0.5, rel=1e-12)


def test_maximum_pooling_of_independent_numbers():
    found = last(predicted("input: [4, 8, 8]\nMaxPool2d(2)"))
    # 16 windows, 4096 draws of two inputs: √(.7012²/(16·8192)) = 0.002 for the mean.
    assert found.mean == pytest.approx(1.029375, abs=0.008)
    assert found.std == pytest.approx(0.701224, abs=0.008)


def test_a_fresh_batch_norm_in_evaluation_changes_nothing_but_epsilon():
    found = last(predicted("input: [4]\nBatchNorm1d(4)", training=False))
    assert found.rms == pytest.approx(1 / math.sqrt(1 + 1e-5), rel=1e-12)


def test_batch_norm_in_training_gives_unit_variance():
    found = last(predicted("Linear(64, 64)\nBatchNorm1d(64)"))
    assert (found.mean, found.std) == (0.0, pytest.approx(1.0, rel=1e-4))


def test_layer_norm_gives_unit_variance():
    found = last(predicted("Linear(64, 64)\nReLU()\nLayerNorm(64)"))
    assert (found.mean, found.std) == (0.0, pytest.approx(1.0, rel=2e-3))


def test_a_residual_branch_adds_its_energy():
    """x + W₂ relu(W₁ x) with He's and LeCun's gains would add 1; here σ_w² = 2 twice adds 2."""
    linear = '"Linear(64, 64, bias=False)"'
    text = f'layers:\n  - residual: [{linear}, "ReLU()", {linear}]'
    found = last(predicted(text, weight_fan=2))
    assert found.rms**2 == pytest.approx(1 + 2, rel=1e-12)


def test_dropout_in_training_keeps_the_mean_and_grows_the_square():
    found = last(predicted("Linear(64, 64)\nReLU()\nDropout(0.5)", weight_fan=2))
    before = predicted("Linear(64, 64)\nReLU()", weight_fan=2)
    relu = list(before.nodes.values())[-1]
    assert (found.mean, found.rms**2) == (relu.mean, pytest.approx(2 * relu.rms**2, rel=1e-12))


def test_the_input_share_of_a_uniform_input_is_its_spread():
    """E x² = 1/3, of which 1/12 differs from input to input."""
    found = last(predicted("Linear(64, 64, bias=False)", inputs=UNIFORM01))
    assert found.input_share == pytest.approx(math.sqrt((1 / 12) / (1 / 3)), rel=1e-12)


def test_relus_uncertainty_is_five_over_the_width_a_layer():
    """Var log q ≈ Σ (κ−1)/n with κ = 6: at one input, with no bias, exact in the expansion."""
    text = "4 x [Linear(512, 512, bias=False), ReLU()]"
    found = last(predicted(text, weight_fan=2, batch=1))
    # The input's own numbers add (3 − 1)/512.
    assert found.sd_log**2 == pytest.approx((4 * 5 + 2) / 512, rel=1e-9)


def test_a_causal_decoder_has_a_prediction_to_its_end():
    text = (
        "input: {tokens: 16, vocabulary: 100}\nlayers:\n  - Embedding(100, 64)\n"
        '  - repeat: {times: 2, of: ["TransformerEncoderLayer(64, 4, 128, dropout=0.0, '
        'norm_first=True, batch_first=True)"]}\n  - LayerNorm(64)\n'
    )
    found = last(predicted(text))
    assert found.std == pytest.approx(1.0, rel=1e-2)


def test_an_operation_without_a_rule_stops_the_theory_and_says_which():
    prediction = predicted("input: [4, 8, 8]\nUnfold(2)")
    assert not prediction.nodes
    assert [stop.reason for stop in prediction.stops] == ["no rule for im2col"]
