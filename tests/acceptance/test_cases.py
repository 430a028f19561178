"""Reference cases of scales and attribution, each answered as the table has it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from app.core.defaults import layer_defaults
from app.core.fans import fans
from app.core.scales import distribution
from app.core.schemes import BY_ID
from tests.torch_checkpoints import judged, stored, whole_module

# layer, arguments, parameter, law, std, bound; to 1e-9 relative
DEFAULTS = [
    ("Linear", {"in_features": 300, "out_features": 100}, "weight", "uniform", 300, None),
    (
        "Bilinear",
        {"in1_features": 20, "in2_features": 300, "out_features": 8},
        "weight", "uniform", 20, None,
    ),
    (
        "Conv2d",
        {"in_channels": 32, "out_channels": 64, "kernel_size": 3, "groups": 8},
        "weight", "uniform", 36, None,
    ),
    (
        "ConvTranspose2d",
        {"in_channels": 16, "out_channels": 64, "kernel_size": 4},
        "weight", "uniform", 1024, None,
    ),
    (
        "ConvTranspose1d",
        {"in_channels": 24, "out_channels": 48, "kernel_size": 5, "groups": 6},
        "weight", "uniform", 40, None,
    ),
    ("LSTM", {"input_size": 10, "hidden_size": 100}, "weight_ih_l0", "uniform", 100, None),
    (
        "LSTM",
        {"input_size": 10, "hidden_size": 64, "proj_size": 16},
        "weight_hr_l0", "uniform", 64, None,
    ),
    (
        "MultiheadAttention",
        {"embed_dim": 96, "num_heads": 4},
        "out_proj.weight", "uniform", 96, None,
    ),
    (
        "MultiheadAttention",
        {"embed_dim": 96, "num_heads": 4, "add_bias_kv": True},
        "bias_k", "normal", None, 0.10206207261596577,
    ),
    (
        "TransformerEncoderLayer",
        {"d_model": 64, "nhead": 4, "dim_feedforward": 256},
        "linear1.weight", "uniform", 64, None,
    ),
    (
        "AdaptiveLogSoftmaxWithLoss",
        {"in_features": 64, "n_classes": 1000, "cutoffs": (50, 200)},
        "tail.1.1.weight", "uniform", 4, None,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "arguments", "parameter", "law", "fan", "std"), DEFAULTS)
def test_a_default_s_scale_is_the_table_s(layer, arguments, parameter, law, fan, std):
    found = layer_defaults(layer, arguments)[parameter]
    assert found.law == law
    if fan is None:
        assert found.std == pytest.approx(std, rel=1e-9)
    else:
        assert found.bound == pytest.approx(1 / math.sqrt(fan), rel=1e-9)
        assert found.std == pytest.approx(1 / math.sqrt(3 * fan), rel=1e-9)


@pytest.mark.parametrize(
    ("scheme", "shape", "std"),
    [
        ("xavier_uniform(gain=1.667)", (100, 300), 0.11785113019775793),
        ("trunc_normal(0.02)", (200, 200), 0.02),
        ("jax.lecun_normal", (64, 300), 0.05773502691896258),
    ],
)
def test_a_scheme_s_std_is_the_table_s(scheme, shape, std):
    law = distribution(BY_ID[scheme], fans=fans(shape), shape=shape)
    assert law.std == pytest.approx(std, rel=1e-9)


def report(weight):
    return judged(stored({"layer.weight": weight, "layer.bias": torch.zeros(len(weight))})).reports[
        0
    ]


def test_a_square_xavier_draw_is_told_with_all_its_names():
    torch.manual_seed(0)
    found = report(nn.init.xavier_uniform_(torch.empty(512, 512)))
    assert {
        "xavier_uniform(gain=1)",
        "kaiming_uniform(fan_in,linear)",
        "kaiming_uniform(fan_out,linear)",
        "lecun_uniform",
    } <= set(found.schemes)


def test_the_default_of_a_doubling_layer_is_also_a_xavier():
    torch.manual_seed(0)
    found = report(nn.Linear(512, 1024).weight)
    assert {"torch_default", "xavier_uniform(gain=0.7071)"} <= set(found.schemes)


@pytest.mark.parametrize("width", [300, 10])
def test_a_default_rounded_to_bfloat16_still_fits(width):
    torch.manual_seed(0)
    found = report(nn.Linear(width, 300).weight.detach().to(torch.bfloat16))
    assert "torch_default" in found.schemes


def test_trunc_normal_with_its_default_cut_is_a_normal():
    torch.manual_seed(0)
    found = report(nn.init.trunc_normal_(torch.empty(768, 768), std=0.02))
    assert {"normal(0.02)", "trunc_normal(0.02)"} <= set(found.schemes)
    assert "truncated_normal(0.02,±2σ)" not in found.schemes


def test_pruning_of_the_smallest_is_seen_by_its_zeros():
    torch.manual_seed(0)
    weight = nn.Linear(300, 100).weight.detach()
    edge = weight.abs().flatten().kthvalue(weight.numel() // 20).values
    found = report(torch.where(weight.abs() <= edge, 0.0, weight))
    assert (found.status, found.structure.kind) == ("not_at_init", "sparse")


def test_one_step_of_descent_leaves_the_default_s_support():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, 10))
    loss = nn.functional.cross_entropy(model(torch.randn(256, 128)), torch.randint(10, (256,)))
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.1 * parameter.grad
    reports = {r.name: r for r in judged(whole_module(model)).reports}
    assert reports["0.weight"].status == "not_at_init"
    assert reports["0.weight"].outside_default_count > 0
