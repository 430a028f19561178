import copy

import pytest
import torch
from torch import nn

from app.core.duplicates import tied
from app.core.matrix_reading import read
from tests.torch_checkpoints import bare_state_dict, judged, stored


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(31)


def found(values, *, bits=8.0):
    facts = read(values.numpy(), dtype="float32", count_zeros=False).matrix
    return tied(values.numpy(), facts, stored="float32", bits=bits)


def reports(source):
    return {r.name: r for r in judged(source).reports}


@pytest.mark.parametrize("shape", [(40, 30), (7, 100), (64, 3, 3, 3)])
def test_rows_of_a_draw_are_all_different(shape):
    assert found(torch.randn(shape)) is None


@pytest.mark.parametrize(("first", "second"), [(0, 1), (3, 38), (5, 36)])
def test_one_repeated_row_is_found(first, second):
    w = torch.randn(40, 30)
    w[first] = w[second]
    assert (found(w).side, found(w).lines, found(w).of) == ("rows", 2, 40)


def test_one_repeated_column_is_found_in_a_kernel():
    w = torch.randn(40, 8, 3, 3)
    w[:, 2] = w[:, 5]
    assert (found(w).side, found(w).lines) == ("columns", 18)


def test_rows_of_equal_sums_and_different_values_are_not_tied():
    w = torch.randn(40, 30)
    w[1] = w[0].flip(0)
    assert found(w) is None


def test_rows_of_zeros_are_not_tied():
    w = torch.randn(40, 30)
    w[:5] = 0
    assert found(w) is None


def test_short_rows_of_few_values_may_be_alike_by_chance():
    w = torch.randint(0, 2, (40, 6)).float()
    assert found(w, bits=1.0) is None


def test_repeated_rows_refute_every_draw():
    w = nn.Linear(100, 60).weight.detach().clone()
    w[30:] = w[:30]
    report = reports(stored({"fc.weight": w}))["fc.weight"]
    assert (report.status, report.structure.kind, report.schemes) == ("not_at_init", "tied", ())
    assert report.sentence.startswith("60 of 60 rows repeat another one bit for bit")


def test_copied_layers_have_one_digest():
    layer = nn.Linear(32, 32)
    model = nn.Sequential(layer, nn.ReLU(), copy.deepcopy(layer), nn.Linear(32, 32))
    told = reports(bare_state_dict(model))
    assert told["0.weight"].digest == told["2.weight"].digest != told["3.weight"].digest
    assert told["0.bias"].digest == told["2.bias"].digest != told["3.bias"].digest


def test_constants_have_no_digest():
    told = reports(bare_state_dict(nn.Sequential(nn.LayerNorm(32), nn.LayerNorm(32))))
    assert {report.digest for report in told.values()} == {None}


def test_a_copied_encoder_is_no_warning_for_its_digests():
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    told = reports(bare_state_dict(nn.TransformerEncoder(layer, 2)))
    first, second = (told[f"layers.{i}.linear1.weight"] for i in (0, 1))
    assert first.digest == second.digest
    assert first.status == second.status == "consistent"
