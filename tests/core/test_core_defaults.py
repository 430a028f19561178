import math

import pytest
import torch
from torch import nn

from app.core.defaults import default_law, layer_defaults
from app.core.layers import ParameterFacts
from app.errors import Invalid
from tests.torch_checkpoints import judged, whole_module

LAYERS = [
    ("Linear", {"in_features": 300, "out_features": 100}),
    ("Linear", {"in_features": 7, "out_features": 3, "bias": False}),
    ("Bilinear", {"in1_features": 20, "in2_features": 30, "out_features": 8}),
    ("Conv1d", {"in_channels": 4, "out_channels": 8, "kernel_size": 3}),
    ("Conv2d", {"in_channels": 32, "out_channels": 64, "kernel_size": (3, 5), "groups": 8}),
    ("Conv3d", {"in_channels": 2, "out_channels": 4, "kernel_size": (1, 2, 3)}),
    ("ConvTranspose1d", {"in_channels": 24, "out_channels": 48, "kernel_size": 5, "groups": 6}),
    ("ConvTranspose2d", {"in_channels": 16, "out_channels": 64, "kernel_size": 4}),
    ("Embedding", {"num_embeddings": 10, "embedding_dim": 4, "padding_idx": 3}),
    ("EmbeddingBag", {"num_embeddings": 10, "embedding_dim": 4}),
    ("LSTM", {"input_size": 10, "hidden_size": 64, "proj_size": 16}),
    ("GRU", {"input_size": 5, "hidden_size": 6, "num_layers": 2, "bidirectional": True}),
    ("RNN", {"input_size": 5, "hidden_size": 6, "bias": False}),
    ("GRUCell", {"input_size": 5, "hidden_size": 6}),
    ("LSTMCell", {"input_size": 5, "hidden_size": 6, "bias": False}),
    ("MultiheadAttention", {"embed_dim": 96, "num_heads": 4, "add_bias_kv": True}),
    ("MultiheadAttention", {"embed_dim": 64, "num_heads": 4, "kdim": 32, "vdim": 48}),
    ("LayerNorm", {"normalized_shape": (7, 9)}),
    ("RMSNorm", {"normalized_shape": 32}),
    ("GroupNorm", {"num_groups": 4, "num_channels": 16}),
    ("BatchNorm2d", {"num_features": 16}),
    ("InstanceNorm1d", {"num_features": 16, "affine": True}),
    ("PReLU", {"num_parameters": 8}),
]


@pytest.mark.parametrize(("layer", "arguments"), LAYERS)
def test_a_layer_s_defaults_are_those_of_the_module_torch_builds(layer, arguments):
    built = judged(whole_module(getattr(nn, layer)(**arguments)))
    drawn = {r.name: r.default for r in built.reports if r.default is not None}
    told = layer_defaults(layer, arguments)
    assert {name: (law.law, law.bound, law.value) for name, law in told.items()} == {
        name: (law.law, law.bound, law.value) for name, law in drawn.items()
    }


def test_arguments_may_arrive_as_text():
    text = {"in_channels": "16", "out_channels": "8", "kernel_size": "3,5", "bias": "false"}
    assert layer_defaults("Conv2d", text)["weight"].bound == pytest.approx(1 / math.sqrt(240))


@pytest.mark.parametrize(
    ("layer", "arguments", "said"),
    [
        ("Dropout", {}, "the layer"),
        ("Linear", {"out_features": 3}, "in_features"),
        ("Linear", {"in_features": 0, "out_features": 3}, "in_features"),
        ("Linear", {"in_features": 1, "out_features": 3, "colour": 1}, "argument"),
        ("Conv2d", {"in_channels": 3, "out_channels": 4, "kernel_size": 3, "groups": 2}, "groups"),
        ("Conv2d", {"in_channels": 3, "out_channels": 4, "kernel_size": (1, 2, 3)}, "kernel_size"),
        ("Embedding", {"num_embeddings": 3, "embedding_dim": 4, "padding_idx": "x"}, "row number"),
    ],
)
def test_a_layer_that_cannot_be_built_is_refused_with_the_reason(layer, arguments, said):
    with pytest.raises(Invalid, match=said):
        layer_defaults(layer, arguments)


def facts(**changes):
    known = {
        "module": "",
        "kind": "Linear",
        "kind_certainty": "confirmed",
        "role": "weight",
        "fan_in": 512,
        "fan_out": 10,
        "fan_certainty": "confirmed",
        "evidence": "",
    }
    return ParameterFacts(**(known | changes))


def test_the_steps_alone_lead_from_the_square_root_of_five_to_one_over_root_fan_in():
    steps = {step.symbol: step for step in default_law(facts(), (10, 512)).steps}
    assert "√(2/(1+5))" in steps["gain"].expression
    assert steps["std"].value == steps["gain"].value / math.sqrt(512)
    assert steps["bound"].value == pytest.approx(math.sqrt(3) * steps["std"].value, rel=1e-15)
    assert steps["bound"].expression.endswith("1/√fan_in = 1/√512")


@pytest.mark.parametrize("inputs", [1, 10, 300, 512, 768])
def test_the_default_bound_is_torch_s_own_to_the_last_bits(inputs):
    gain = nn.init.calculate_gain("leaky_relu", math.sqrt(5))
    torch_bound = math.sqrt(3.0) * gain / math.sqrt(inputs)
    law = default_law(facts(fan_in=inputs), (10, inputs))
    assert law.bound == pytest.approx(torch_bound, rel=4e-16)  # two roundings of float64


def test_a_million_draws_fill_the_default_and_never_leave_it():
    torch.manual_seed(3)
    law = default_law(facts(), (2048, 512))
    weight = nn.Linear(512, 2048).weight.detach()
    largest = weight.abs().max().item()
    # float32 rounds the bound by 2⁻²⁴; the largest of n draws misses it by bound/n on average,
    # and by 20 times that with chance e⁻²⁰.
    assert law.bound * (1 - 20 / weight.numel()) < largest <= law.bound * (1 + 2**-24)
    # std of the sample std of a uniform: σ·√((κ-1)/4n) = σ·√(0.2/n) = 4.4e-4 σ; five of them.
    assert weight.std().item() == pytest.approx(law.std, rel=2.2e-3)


def test_a_buffer_has_no_default():
    assert default_law(facts(role="running_mean"), (16,)) is None


def test_a_scalar_has_no_default():
    assert default_law(facts(), ()) is None


def test_an_empty_tensor_has_no_default():
    assert default_law(facts(), (0, 512)) is None


def test_classes_left_open_that_agree_give_their_law_as_inferred():
    open_ = facts(
        kind="unknown",
        kind_certainty="unknown",
        attributes={"possible": ("Conv2d", "ConvTranspose2d")},
    )
    law = default_law(open_, (64, 64, 3, 3))
    assert (law.bound, law.certainty) == (1 / math.sqrt(576), "inferred")


def test_classes_left_open_that_disagree_give_no_law():
    open_ = facts(
        kind="unknown",
        kind_certainty="unknown",
        attributes={"possible": ("Conv1d", "Bilinear"), "in1_features": 20},
    )
    assert default_law(open_, (40, 20, 30)) is None


def test_a_grouped_convolution_s_remark_names_the_fan_out_that_ignores_groups():
    grouped = facts(kind="Conv2d", attributes={"groups": 96})
    assert "4704 where each input reaches 49" in default_law(grouped, (96, 1, 7, 7)).remark


def test_a_transposed_convolution_s_remark_says_its_fans_are_swapped():
    assert "really a fan-out" in default_law(facts(kind="ConvTranspose2d"), (16, 64, 4, 4)).remark
