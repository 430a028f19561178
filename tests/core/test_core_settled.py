"""What a certificate settles among the laws that a tensor's values leave open."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from app.core.preferred import preferred
from app.core.proofs import certificate_of
from app.core.report import TensorReport
from app.core.settled import settled
from tests.torch_checkpoints import judged, numbers, whole_module

torch.set_num_threads(1)


def told(model: nn.Module, name: str) -> tuple[TensorReport, TensorReport]:
    """A tensor's report before and after its bits were looked at."""
    source = whole_module(model)
    report = next(r for r in judged(source).reports if r.name == name)
    found = certificate_of(numbers(source.values[report.index]), report)
    return report, settled(report, found)


@pytest.fixture
def small() -> nn.Linear:
    torch.manual_seed(12)
    return nn.Linear(27, 64)


def test_the_bits_leave_a_short_bias_its_one_law(small):
    before, after = told(small, "bias")
    assert len(before.schemes) > 1
    assert after.schemes == ("torch_default",)
    refused = [c for c in after.candidates if c.rejected_by == "bits"]
    assert len(refused) == len([c for c in before.candidates if c.rejected_by is None]) - 1
    assert "uniform draw on ±0.1925" in refused[0].reason
    assert not any("too few to tell" in remark for remark in after.remarks)


def test_a_law_that_chance_excluded_comes_back():
    torch.manual_seed(17)
    before = next(r for r in judged(whole_module(nn.Linear(256, 256))).reports if r.name == "bias")
    own = before.candidates[0]
    unlucky = replace(own, rejected_by="scale", reason="the largest |x| is short", p_value=8.7e-5)
    report = replace(before, status="unlisted_scale", schemes=(), candidates=(unlucky,))
    proof = {"verdict": "bit_exact_draw", "law": "uniform", "bound": own.bound, "std": None}
    after = settled(report, proof)
    assert (after.status, after.schemes) == ("consistent", own.ids)
    assert after.sentence.startswith("Fits PyTorch default")
    assert "the largest |x| is short" in after.remarks[0]


def test_values_that_were_put_together_do_not_come_back(small):
    before, _ = told(small, "weight")
    own = replace(before.candidates[0], rejected_by="shape", reason="no draw", p_value=1e-40)
    report = replace(before, status="not_at_init", schemes=(), candidates=(own,))
    proof = {"verdict": "bit_exact_draw", "law": "uniform", "bound": own.bound, "std": None}
    assert settled(report, proof).schemes == ()


def test_a_bound_near_a_listed_one_is_not_taken_for_it(small):
    # √(6/1.04/256) of slope 0.2 lies 0.05 % below Xavier's √(6/266): 2,560 values cannot tell.
    layer = nn.Linear(256, 10)
    torch.manual_seed(3)
    nn.init.kaiming_uniform_(layer.weight, a=0.2)
    before, after = told(layer, "weight")
    assert "xavier_uniform(gain=1)" in before.schemes
    assert (after.status, after.schemes) == ("unlisted_scale", ())
    assert after.sentence == "No listed scheme fits."


def test_relu_is_told_from_a_leaky_slope_by_the_bits():
    layer = nn.Linear(200, 300)
    torch.manual_seed(5)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    before, after = told(layer, "weight")
    leaky = "kaiming_normal(fan_in,leaky_relu=0.01)"
    assert leaky in before.schemes
    assert "kaiming_normal(fan_in,relu)" in after.schemes
    assert leaky not in after.schemes


def test_a_settled_report_keeps_the_words_of_the_recipe(small):
    _, after = told(small, "bias")
    assert preferred(after, None) == after


def test_a_refuted_draw_changes_no_law(small):
    with torch.no_grad():
        small.bias -= 1e-6 * torch.randn(64)
    before, after = told(small, "bias")
    assert after == replace(before, certificate=after.certificate)
