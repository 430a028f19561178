import json
import math
from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch import nn

from app.core import judgement
from app.core.checkpoint import StoredTensor
from app.core.layers import ParameterFacts
from app.core.sketch import sketch
from app.core.wording import factor, listed, number, probability, share
from tests.torch_checkpoints import bare_state_dict, judged, stored, whole_module


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(11)


def report_of(model, name="weight", *, whole=True):
    source = whole_module(model) if whole else bare_state_dict(model)
    return next(r for r in judged(source).reports if r.name == name)


def tensor(**changes):
    facts = {
        "index": 0,
        "name": "weight",
        "group": "",
        "dtype": "float32",
        "shape": (4, 4),
        "strides": (4, 1),
        "offset": 0,
    }
    return StoredTensor(**(facts | changes))


def facts(**changes):
    known = {
        "module": "",
        "kind": "Linear",
        "kind_certainty": "confirmed",
        "role": "weight",
        "fan_in": 4,
        "fan_out": 4,
        "fan_certainty": "confirmed",
        "evidence": "",
    }
    return ParameterFacts(**(known | changes))


def test_a_fresh_layer_s_headline_names_its_law_and_bound():
    assert report_of(nn.Linear(512, 64)).sentence == ("Fits PyTorch default: uniform on ±0.04419.")


def test_the_reach_of_the_bound_is_never_rounded_up_to_all_of_it():
    remark = report_of(nn.Linear(512, 512)).remarks[0]
    assert remark.startswith("Nothing is outside the default's bound ±0.04419, and the largest")
    assert "100" not in remark


def test_equal_rules_are_told_with_their_reason():
    remarks = " ".join(report_of(nn.Linear(512, 512)).remarks)
    assert "Same rule here as Kaiming uniform (fan_out, a=√5), because fan_in = fan_out." in remarks


def test_values_outside_the_bound_are_counted_exactly():
    model = nn.Linear(64, 64)
    with torch.no_grad():
        model.weight.view(-1)[:7] = 1.0
    report = report_of(model)
    assert report.outside_default_count == 7
    assert report.outside_default_bound == 7 / 4096


def test_a_scaled_layer_is_told_its_factor():
    model = nn.Linear(512, 512)
    with torch.no_grad():
        model.weight.mul_(3)
    report = report_of(model)
    assert (report.status, report.sign) == ("unlisted_scale", "no_match")
    assert report.sentence == "No scheme fits. Spread is ×3.00 the PyTorch default."
    assert any("multiplied by 3.00" in remark for remark in report.remarks)


def test_a_near_miss_names_the_scheme_and_the_distance():
    model = nn.Linear(512, 512)
    nn.init.normal_(model.weight, std=0.0209)
    remarks = " ".join(report_of(model).remarks)
    assert "Close to Normal 0.02: same shape, spread 4." in remarks


def test_a_small_bias_is_not_judged_but_its_bound_is_checked():
    report = report_of(nn.Linear(512, 10), "bias")
    assert (report.status, report.sentence) == ("too_small", "Too few values to tell.")
    assert report.outside_default_count == 0
    assert "Nothing is outside the default's bound" in report.remarks[0]


def test_a_pruned_layer_is_not_at_init_and_sparse():
    model = nn.Linear(200, 200)
    with torch.no_grad():
        model.weight[model.weight.abs() < 0.005] = 0
    report = report_of(model)
    assert (report.status, report.structure.kind) == ("not_at_init", "sparse")


def test_nonfinite_values_are_counted_and_the_rest_is_judged():
    model = nn.Linear(512, 64)
    with torch.no_grad():
        model.weight[0, 0], model.weight[0, 1] = math.nan, math.inf
    report = report_of(model)
    assert (report.nonfinite, report.nan, report.status) == (2, 1, "consistent")


def test_a_tensor_without_a_finite_value_is_not_judged():
    model = nn.Linear(8, 8)
    nn.init.constant_(model.weight, math.nan)
    report = report_of(model)
    assert (report.status, report.mean, report.histogram) == ("not_judged", None, None)


def test_an_embedding_with_a_padding_row_is_its_default():
    report = report_of(nn.Embedding(1000, 64, padding_idx=0))
    assert report.schemes[0] == "torch_default"
    assert any("padding_idx" in remark for remark in report.remarks)


def test_the_shared_axis_ends_its_bins_on_the_bound():
    report = report_of(nn.Linear(512, 64))
    assert report.profiles[0].scale == report.default.bound
    edges = np.array(report.histogram.edges)
    assert np.abs(edges - report.default.bound).min() == 0


def test_a_constant_has_no_histogram_and_no_profile():
    report = report_of(nn.LayerNorm(64))
    assert (report.histogram, report.profiles) == (None, ())
    assert report.sentence == "All 64 values are 1, the PyTorch default."


def test_bfloat16_values_in_a_float32_file_keep_their_bound():
    # RN(1/√10) is above 1/√10 in bfloat16: the upcast value must not count as outside.
    weight = nn.Linear(10, 500).weight.detach().to(torch.bfloat16).to(torch.float32)
    report = judged(stored({"fc.weight": weight})).reports[0]
    assert report.max > report.default.bound
    assert report.outside_default_count == 0


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"dtype": "int64"}, {}),
        ({"dtype": "float8_e8m0fnu"}, {}),
        ({"note": "packed weights"}, {}),
        ({"alias_of": 3}, {}),
        ({"parameter": False}, {}),
        ({"shape": (0, 4)}, {}),
        ({}, {"role": "running_mean"}),
        ({}, {"role": "optimizer_state"}),
    ],
)
def test_what_is_no_drawn_parameter_is_not_judged(changes, about):
    assert not judgement.is_judged(facts(**about), tensor(**changes))
    assert judgement.limit_of(facts(**about), tensor(**changes)) is None


def test_integers_are_described_without_a_verdict():
    seen = sketch(np.arange(16).reshape(4, 4), dtype="int64")
    report = judgement.judge(tensor(dtype="int64"), facts(role="buffer"), seen, alpha=0.001)
    assert (report.status, report.candidates, report.default) == ("not_judged", (), None)


def test_an_empty_tensor_says_so():
    seen = sketch(np.zeros((0, 4), np.float32), dtype="float32")
    report = judgement.judge(tensor(shape=(0, 4)), facts(), seen, alpha=0.001)
    assert report.sentence == "Holds no values."


@pytest.mark.parametrize("build", [lambda: nn.Linear(64, 64), lambda: nn.LayerNorm(8)])
def test_a_report_holds_no_nan_and_serialises(build):
    report = report_of(build())
    json.dumps(asdict(report), allow_nan=False)


def test_a_row_is_the_report_without_its_heavy_parts():
    report = report_of(nn.Linear(512, 64))
    row = judgement.row(report)
    assert (row.scheme, row.scheme_name) == ("torch_default", "PyTorch default")
    assert row.std_ratio == report.std / report.default.std


def test_a_constant_s_row_reads_all_one():
    assert judgement.row(report_of(nn.LayerNorm(64))).scheme_name == "all 1"


@pytest.mark.parametrize(
    ("value", "text"), [(0.9999966, "99.99966 %"), (1.0, "100 %"), (0.5, "50.00 %"), (0, "0.00 %")]
)
def test_shares_are_rounded_down(value, text):
    assert share(value) == text


def test_numbers_are_short():
    assert (number(0.04419417), factor(3.0), factor(0.57735)) == ("0.04419", "×3.00", "×0.577")
    assert (probability(1e-300), probability(0.031)) == ("p < 1e-99", "p = 0.031")
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
