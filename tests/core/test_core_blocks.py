import json
import math
from dataclasses import asdict

import pytest
import torch
from torch import nn

from app.core.blocks import blocks
from app.core.layers import ParameterFacts
from app.store.documents import TENSOR, dump, load
from tests.torch_checkpoints import bare_state_dict, judged


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(21)


def facts(module, *, kind="Linear", role="weight", fan_in=64):
    return ParameterFacts(
        module=module,
        kind=kind,
        kind_certainty="inferred",
        role=role,
        fan_in=fan_in,
        fan_out=None,
        fan_certainty="inferred",
        evidence="",
    )


def names(found):
    return [(b.name, b.start, b.stop) for b in found]


def report(model, name):
    return next(r for r in judged(bare_state_dict(model)).reports if r.name == name)


class Named(nn.Module):
    def __init__(self, **layers):
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)


@pytest.mark.parametrize("own", ["qkv", "Wqkv", "to_qkv", "qkv_proj", "c_attn", "w_qkv"])
def test_fused_queries_keys_and_values_are_three_blocks(own):
    found = blocks(facts(f"blocks.0.attn.{own}"), (192, 64))
    assert names(found) == [("q", 0, 64), ("k", 64, 128), ("v", 128, 192)]


def test_grouped_keys_and_values_are_narrower_than_the_queries():
    found = blocks(facts("attn.qkv_proj"), (96, 64))
    assert names(found) == [("q", 0, 64), ("k", 64, 80), ("v", 80, 96)]


def test_gpt2_stores_its_blocks_side_by_side():
    found = blocks(facts("h.0.attn.c_attn", kind="Conv1D"), (64, 192))
    assert [(b.axis, b.start, b.stop) for b in found] == [(1, 0, 64), (1, 64, 128), (1, 128, 192)]
    assert (found[1].shape((64, 192)), found[1].fans((64, 192)).fan_in) == ((64, 64), 64)


@pytest.mark.parametrize(
    ("own", "expected"),
    [("kv", ["k", "v"]), ("to_kv", ["k", "v"]), ("gate_up_proj", ["gate", "up"])],
)
def test_pairs_are_two_blocks(own, expected):
    assert [b.name for b in blocks(facts(f"x.{own}"), (128, 64))] == expected


def test_heads_that_alternate_are_not_called_queries():
    found = blocks(facts("attention.query_key_value"), (192, 64))
    assert [b.name for b in found] == ["1st third", "2nd third", "3rd third"]


@pytest.mark.parametrize(
    ("kind", "expected"), [("LSTM", "ifgo"), ("LSTMCell", "ifgo"), ("GRU", "rzn"), ("RNN", "")]
)
def test_gates_are_blocks(kind, expected):
    found = blocks(facts("rnn", kind=kind, role="weight_hh"), (120, 30))
    assert "".join(b.name for b in found) == expected


@pytest.mark.parametrize(
    ("module", "shape"),
    [("fc", (192, 64)), ("qkv", (100, 64, 3)), ("qkv", (0, 64)), ("kv", (7, 4))],
)
def test_nothing_else_is_divided(module, shape):
    assert blocks(facts(module), shape) == ()


def test_every_block_of_a_fresh_attention_fits_its_default():
    found = report(nn.MultiheadAttention(128, 4), "in_proj_weight")
    assert found.schemes[0] == "torch_default"
    assert [part.schemes[0] for part in found.parts] == ["torch_default"] * 3


def test_a_block_is_judged_by_its_own_fans():
    layer = nn.MultiheadAttention(128, 4)
    for start in (0, 128, 256):
        nn.init.xavier_uniform_(layer.in_proj_weight.data[start : start + 128])
    found = report(layer, "in_proj_weight")
    assert all("xavier_uniform(gain=1)" in part.schemes for part in found.parts)
    assert (found.parts[0].fan_in, found.parts[0].fan_out) == (128, 128)


def test_blocks_of_one_scheme_and_different_sizes_are_consistent_together():
    model = Named(qkv_proj=nn.Linear(128, 192))
    for start, stop in ((0, 128), (128, 160), (160, 192)):
        nn.init.xavier_uniform_(model.qkv_proj.weight.data[start:stop])
    found = report(model, "qkv_proj.weight")
    assert (found.status, found.schemes[0]) == ("consistent", "xavier_uniform(gain=1)")
    assert found.sentence == "Each block alone fits Xavier uniform: q, k and v."


def test_blocks_of_different_laws_are_told():
    layer = nn.MultiheadAttention(128, 4)
    nn.init.xavier_uniform_(layer.in_proj_weight.data[:128])
    nn.init.xavier_normal_(layer.in_proj_weight.data[128:256])
    nn.init.xavier_normal_(layer.in_proj_weight.data[256:])
    found = report(layer, "in_proj_weight")
    assert (found.status, found.structure.kind) == ("structured", "blocks")
    assert found.sentence == "Its blocks differ: q fits Xavier uniform; k and v fit Xavier normal."


def test_a_forget_gate_of_ones_is_told():
    layer = nn.LSTM(32, 64)
    layer.bias_ih_l0.data.zero_()
    layer.bias_ih_l0.data[64:128] = 1
    found = report(layer, "bias_ih_l0")
    assert found.sentence == (
        "Its blocks differ: i, g and o are all 0; the forget gate f is all 1."
    )


def test_a_forget_gate_of_ones_among_default_biases_is_told():
    layer = nn.LSTM(32, 64)
    layer.bias_hh_l0.data[64:128] = 1
    found = report(layer, "bias_hh_l0")
    assert found.sentence == (
        "Its blocks differ: i, g and o fit PyTorch default; the forget gate f is all 1."
    )


def test_gates_drawn_orthogonal_one_by_one_are_orthogonal():
    layer = nn.LSTM(32, 64)
    for start in range(0, 256, 64):
        nn.init.orthogonal_(layer.weight_hh_l0.data[start : start + 64])
    found = report(layer, "weight_hh_l0")
    assert (found.status, found.schemes) == ("consistent", ("orthogonal(gain=1)",))


def test_a_block_that_was_trained_keeps_the_whole_unexplained():
    layer = nn.MultiheadAttention(128, 4)
    layer.in_proj_weight.data[:128] *= 1 + 0.5 * torch.randn(128, 1)
    found = report(layer, "in_proj_weight")
    assert found.status == "not_at_init"
    assert [bool(part.schemes) for part in found.parts] == [False, True, True]


def test_parts_units_and_digest_travel_as_json():
    found = report(nn.LSTM(32, 64), "weight_hh_l0")
    json.dumps(asdict(found), allow_nan=False)
    assert load(TENSOR, dump(found)) == found
    assert len(found.parts) == 4
    assert math.isclose(found.units.stds[0], found.std, rel_tol=0.5)
