import math
import re

import pytest
import torch
from torch import nn

from tests.torch_checkpoints import bare_state_dict, judged, stored, whole_module

WORDS_WE_NEVER_SAY = re.compile(r"\b(bad|optimal|great|perfect|wrong)\b", re.IGNORECASE)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(12)


def mlp(layers=6, width=128):
    pairs = [(nn.Linear(width, width), nn.ReLU()) for _ in range(layers)]
    return nn.Sequential(*[part for pair in pairs for part in pair])


def kaiming(model):
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    return model


def trained(model, steps=60):
    inputs = torch.randn(256, model[0].in_features)
    for _ in range(steps):
        model.zero_grad()
        (model(inputs) - inputs.roll(1, 1)).pow(2).mean().backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 3e-3 * parameter.grad.sign()  # Adam's step without its memory
    return model


def concluded(model, *, whole=False):
    return judged(whole_module(model) if whole else bare_state_dict(model))


def codes(conclusion):
    return [finding.code for finding in conclusion.findings]


def signs(conclusion):
    return {report.name: report.sign for report in conclusion.reports}


def test_a_fresh_model_is_consistent_with_the_default():
    found = concluded(mlp())
    assert found.summary.headline == (
        "All 6 weight tensors are consistent with a fresh PyTorch default."
    )
    assert found.summary.status == "as_expected"
    assert found.summary.main_scheme == "torch_default"
    assert found.findings == ()


def test_one_weight_is_told_in_the_singular():
    assert concluded(nn.Linear(64, 64)).summary.headline == (
        "The one weight tensor is consistent with a fresh PyTorch default."
    )


def test_zero_biases_belong_to_any_recipe():
    found = concluded(kaiming(mlp()))
    assert found.summary.main_scheme == "kaiming_normal(fan_in,relu)"
    assert set(signs(found).values()) == {"as_expected"}


def test_a_layer_of_another_scheme_differs_and_is_named():
    model = kaiming(mlp())
    model[2].reset_parameters()
    found = concluded(model)
    assert found.summary.headline == (
        "Mostly Kaiming normal (fan_in, relu): 5 of 6 weight tensors. 1 differs."
    )
    assert signs(found)["2.weight"] == "differs"
    finding = found.findings[0]
    assert (finding.code, finding.tensors) == ("differs_from_main", ("2.weight",))
    assert "PyTorch default" in finding.message


def test_a_zero_layer_blocks_the_network():
    model = mlp()
    nn.init.zeros_(model[4].weight)
    found = concluded(model)
    assert found.summary.headline == (
        "Weights consistent with a fresh PyTorch default, but 1 layer blocks the network."
    )
    assert (found.findings[0].level, found.findings[0].code) == ("problem", "all_zero_weight")
    assert signs(found)["4.weight"] == "problem"
    assert found.summary.status == "problem"


def test_lora_s_zeros_are_meant():
    tensors = {"q.lora_A.weight": torch.randn(8, 64), "q.lora_B.weight": torch.zeros(64, 8)}
    assert [(f.level, f.code) for f in judged(stored(tensors)).findings if "zero" in f.code] == [
        ("info", "zero_by_design")
    ]


def test_a_constant_weight_is_a_problem_with_its_value():
    model = mlp()
    nn.init.constant_(model[0].weight, 0.01)
    finding = concluded(model).findings[0]
    assert finding.code == "constant_weight"
    assert "0.01" in finding.message


def test_nan_comes_before_everything_else():
    model = mlp()
    nn.init.zeros_(model[4].weight)
    with torch.no_grad():
        model[0].weight[0, 0] = math.nan
    found = concluded(model)
    assert found.summary.headline == "1 value is NaN or infinite, in 1 tensor."
    assert codes(found)[0] == "nonfinite"


def test_a_trained_model_says_so_with_its_count():
    found = concluded(trained(mlp()))
    assert found.summary.headline == (
        "These weights look trained: 6 of 6 weight tensors no longer fit any init scheme."
    )
    assert "trained" in codes(found)


def test_a_fresh_head_on_a_trained_model_is_pointed_out():
    model = nn.Sequential(*trained(mlp()), nn.Linear(128, 1000))
    finding = next(f for f in concluded(model).findings if f.code == "still_at_init")
    assert finding.tensors == ("12.weight",)


def test_scaled_layers_are_told_with_their_factor():
    model = mlp()
    with torch.no_grad():
        model[2].weight.mul_(3)
    finding = concluded(model).findings[0]
    assert finding.code == "unlisted_scale"
    # The spread of 16,384 uniform values has a relative std of √(0.2/n) = 0.35 %; five of them.
    assert finding.measured == pytest.approx(3.0, rel=0.018)


def test_a_pruned_layer_in_a_fresh_model_is_pointed_out():
    model = mlp()
    with torch.no_grad():
        model[0].weight[model[0].weight.abs() < 0.01] = 0
    assert codes(concluded(model)) == ["sparse_weight"]


def test_zero_norm_weights_are_worth_a_word_and_no_alarm():
    model = nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(64))
    nn.init.zeros_(model[1].weight)
    found = concluded(model, whole=True)
    assert [(f.level, f.code) for f in found.findings] == [("info", "zero_norm_weight")]


def test_counted_batches_are_evidence_of_data():
    model = nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(64))
    model(torch.randn(2, 3, 8, 8))
    found = concluded(model, whole=True)
    assert "batches_seen" in codes(found)


def test_parameters_and_buffers_are_counted_apart():
    summary = concluded(nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(64))).summary
    assert (summary.parameters, summary.buffers) == (3 * 64 * 9 + 64 + 128, 129)
    assert (summary.parameter_tensors, summary.buffer_tensors) == (4, 3)


def test_a_model_too_small_to_judge_says_so():
    found = concluded(nn.Linear(3, 2))
    assert found.summary.status == "not_judged"
    assert found.summary.headline.startswith("Too few values to tell")


def test_a_model_without_weights_says_so():
    assert concluded(nn.BatchNorm2d(64)).summary.headline.startswith("No weight tensors here")


def test_a_whole_fresh_transformer_is_as_expected():
    model = nn.Transformer(64, 4, 2, 2, 128, batch_first=True)
    assert concluded(model, whole=True).summary.status == "as_expected"


@pytest.mark.parametrize("seed", range(20))
def test_a_fresh_model_raises_no_alarm(seed):
    # Each of 12 tensors is tested at 0.001/12: 20 models raise one with probability below 2 %.
    torch.manual_seed(seed)
    assert concluded(mlp(6, 64)).findings == ()


def test_findings_stand_worst_first():
    model = kaiming(mlp())
    model[2].reset_parameters()
    nn.init.zeros_(model[4].weight)
    levels = [finding.level for finding in concluded(model).findings]
    assert levels == sorted(levels, key=("problem", "warning", "info").index)


def test_no_sentence_praises_or_blames():
    model = trained(mlp())
    nn.init.zeros_(model[4].weight)
    found = concluded(model)
    said = [found.summary.headline, *(f.message for f in found.findings)]
    said += [text for r in found.reports for text in (r.sentence, *r.remarks)]
    assert not [text for text in said if WORDS_WE_NEVER_SAY.search(text)]
