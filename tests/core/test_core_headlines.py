import math
import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from app.core.verdicts import conclude
from tests.judged_networks import codes, concluded, kaiming, mlp, signs, trained
from tests.torch_checkpoints import SOURCE, bare_state_dict, judged, stored

pytestmark = pytest.mark.usefixtures("seeded")

WORDS_WE_NEVER_SAY = re.compile(r"\b(bad|optimal|great|perfect|wrong)\b", re.IGNORECASE)


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


def test_no_sentence_praises_or_blames():
    model = trained(mlp())
    nn.init.zeros_(model[4].weight)
    found = concluded(model)
    said = [found.summary.headline, *(f.message for f in found.findings)]
    said += [text for r in found.reports for text in (r.sentence, *r.remarks)]
    assert not [text for text in said if WORDS_WE_NEVER_SAY.search(text)]


def test_a_lone_tensor_of_no_layer_is_told_in_the_headline():
    found = judged(stored({"x": torch.randn(10, 10)}))
    assert found.summary.headline == (
        "No tensor is named as a layer's weight. Fits Normal 1: normal with std 1."
    )


def test_where_large_tensors_were_computed_is_told_once_with_their_number():
    model = mlp(2, 16)
    plain = concluded(model)
    assert plain.summary.computed == ()
    reports = [replace(one, computed="counted on cuda:0") for one in plain.reports[:2]]
    source = bare_state_dict(model)
    both = conclude(
        source=SOURCE,
        checkpoint=source.checkpoint,
        reports=(*reports, *plain.reports[2:]),
        alpha=plain.summary.alpha,
    )
    assert both.summary.computed == ("2 large tensors: counted on cuda:0.",)
