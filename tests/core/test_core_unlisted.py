import pytest
import torch
from torch import nn

from tests.torch_checkpoints import bare_state_dict, judged, stored


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(7)


def remarks(values: torch.Tensor, name="fc.weight"):
    return " ".join(judged(stored({name: values})).reports[0].remarks)


def test_a_scaled_uniform_is_told_its_factor_and_the_factor_s_range():
    said = remarks(3 * nn.Linear(64, 8).weight.detach())
    assert "the PyTorch default multiplied by 3." in said or "multiplied by 2.99" in said
    assert "The factor lies between 2.9" in said


def test_a_normal_of_no_listed_spread_is_said_to_be_no_proof_at_its_size():
    assert "At this size a trained tensor can look so too." in remarks(0.4 * torch.randn(32, 32))


def test_a_large_normal_of_no_listed_spread_is_said_without_that_caveat():
    assert "At this size" not in remarks(0.4 * torch.randn(256, 256))


def test_a_few_values_say_how_many_laws_they_exclude():
    said = remarks(0.02 * torch.randn(4, 5))
    assert "20 values; at this size these fit alike: " in said
    assert "excluded." in said


def test_a_few_values_that_nothing_allows_are_said_so():
    said = remarks(torch.linspace(900.0, 1000.0, 20).reshape(4, 5))
    assert "20 values, which none of" in said


def test_inseparable_schemes_are_named_as_such_with_the_number_of_values():
    said = remarks(nn.init.kaiming_normal_(torch.empty(256, 512)))
    assert "131,072 values are too few to tell it from" in said


def test_a_class_left_open_is_tested_against_the_default_of_each():
    report = judged(bare_state_dict(nn.Bilinear(20, 30, 40))).reports[0]
    assert report.schemes[0] == "torch_default"
    formulas = [c.formula for c in report.candidates if "torch_default" in c.ids]
    assert [formula.rpartition(" of ")[2] for formula in formulas] == ["Bilinear", "Conv1d"]
