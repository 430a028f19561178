"""What is found in a model beside its scheme: each finding provoked, and once not."""

import dataclasses
import math

import pytest
import torch
from torch import nn

from tests.torch_checkpoints import bare_state_dict, judged, stored, whole_module


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(5)


def found(source):
    return {finding.code: finding for finding in judged(source).findings}


def convolutions(*layers):
    model = nn.Sequential(*layers)
    for layer in model:
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    return model


def test_kaiming_on_a_transposed_convolution_is_told_with_its_factor():
    model = convolutions(*(nn.ConvTranspose2d(128, 32, 3) for _ in range(3)))
    finding = found(whole_module(model))["transposed_fan"]
    # torch's fan_out here is in·k²: twice the std that out·k² gives, √(32/128) of it.
    assert finding.measured == pytest.approx(math.sqrt(32 / 128))
    assert "mode='fan_in'" in finding.message


def test_the_default_on_a_transposed_convolution_is_no_finding():
    assert "transposed_fan" not in found(whole_module(nn.ConvTranspose2d(128, 32, 3)))


def test_fan_out_on_depthwise_convolutions_is_told_with_the_root_of_the_groups():
    model = convolutions(*(nn.Conv2d(144, 144, 5, groups=144) for _ in range(3)))
    finding = found(whole_module(model))["grouped_fan"]
    assert (finding.measured, finding.level) == (pytest.approx(12.0), "warning")


def test_biases_of_two_laws_are_told():
    model = nn.Sequential(*(nn.Linear(128, 128) for _ in range(6)))
    nn.init.zeros_(model[3].bias)
    finding = found(bare_state_dict(model))["bias_laws_differ"]
    assert finding.tensors == ("3.bias",)
    assert finding.message.startswith("3.bias starts at 0, the other 5 biases drawn at random.")


def test_a_zero_head_is_no_problem():
    trunk = {f"blocks.{n}.mlp.fc1.weight": torch.randn(64, 64) * 0.02 for n in range(3)}
    source = stored({**trunk, "head.weight": torch.zeros(10, 64)})
    assert [(c, f.level) for c, f in found(source).items()] == [("zero_head", "info")]


def test_zeros_at_the_end_of_every_residual_branch_are_meant():
    tensors = {}
    for n in range(3):
        tensors[f"h.{n}.mlp.c_fc.weight"] = torch.randn(256, 64) * 0.02
        tensors[f"h.{n}.mlp.c_proj.weight"] = torch.zeros(64, 256)
    assert {c: f.level for c, f in found(stored(tensors)).items()} == {"zero_by_design": "info"}


def test_a_single_zero_among_residual_projections_blocks():
    tensors = {}
    for n in range(3):
        tensors[f"h.{n}.mlp.c_fc.weight"] = torch.randn(256, 64) * 0.02
        tensors[f"h.{n}.mlp.c_proj.weight"] = torch.randn(64, 256) * 0.02 * (n != 1)
    assert found(stored(tensors))["all_zero_weight"].tensors == ("h.1.mlp.c_proj.weight",)


def test_gemma_s_norms_of_zero_are_explained():
    tensors = {f"layers.{n}.mlp.up_proj.weight": torch.randn(64, 64) * 0.02 for n in range(3)}
    tensors |= {f"layers.{n}.input_rmsnorm.weight": torch.zeros(64) for n in range(3)}
    finding = found(stored(tensors))["zero_norm_weight"]
    assert (finding.level, len(finding.tensors)) == ("info", 3)
    assert "Gemma" in finding.message


def deep(activation, layers=12, width=128):
    parts = [part for _ in range(layers) for part in (nn.Linear(width, width), activation())]
    return nn.Sequential(*parts)


def test_the_default_before_relu_in_a_long_plain_chain_is_told_with_its_factor():
    finding = found(whole_module(deep(nn.ReLU)))["scale_for_activation"]
    # 1/√6 a layer at infinite width; the measured std of 16,384 uniform values strays by 0.35 %,
    # so the mean of 12 by 0.1 %: five of them.
    assert finding.measured == pytest.approx(1 / math.sqrt(6), rel=0.005)
    assert finding.level == "info"


@pytest.mark.parametrize("model", [deep(nn.ReLU, layers=3), deep(nn.Tanh)])
def test_a_short_chain_or_another_activation_is_no_finding(model):
    assert "scale_for_activation" not in found(whole_module(model))


def test_kaiming_before_relu_is_no_finding():
    model = deep(nn.ReLU)
    for layer in model[::2]:
        nn.init.kaiming_normal_(layer.weight)
    assert "scale_for_activation" not in found(whole_module(model))


def test_names_alone_do_not_tell_the_activation():
    assert "scale_for_activation" not in found(bare_state_dict(deep(nn.ReLU)))


def test_one_layer_of_another_scheme_is_told_in_the_singular():
    model = nn.Sequential(*(nn.Linear(128, 128) for _ in range(6)))
    nn.init.normal_(model[2].weight, std=0.01)
    finding = found(bare_state_dict(model))["differs_from_main"]
    assert finding.message == (
        "1 weight tensor fits Normal 0.01 instead of PyTorch default: 2.weight. If that is not "
        "meant, initialise it like the rest."
    )


def test_a_finding_names_its_tensor_once():
    model = nn.Sequential(*(nn.Linear(128, 128) for _ in range(6)))
    with torch.no_grad():
        model[0].weight *= 3
        model[2].weight[:, :40] = 0
    nn.init.zeros_(model[4].weight)
    for finding in found(bare_state_dict(model)).values():
        assert all(finding.message.count(name) <= 1 for name in finding.tensors)


def test_a_fresh_model_beside_an_optimizer_s_state_was_never_trained():
    source = stored({f"{n}.weight": torch.empty(64, 64).uniform_(-1 / 8, 1 / 8) for n in range(4)})
    moments = stored({"0.exp_avg": torch.randn(64, 64)}).checkpoint.tensors[0]
    both = (*source.checkpoint.tensors, dataclasses.replace(moments, index=4, group="optimizer"))
    checkpoint = dataclasses.replace(source.checkpoint, tensors=both)
    whole = dataclasses.replace(
        source, checkpoint=checkpoint, values=(*source.values, torch.randn(64, 64))
    )
    assert found(whole)["never_trained"].level == "warning"


def test_trunc_normal_s_default_cut_is_explained_where_models_use_it():
    tensors = {"pos_embed": torch.randn(1, 50, 64) * 0.02}
    tensors |= {f"blocks.{n}.mlp.fc1.weight": torch.randn(256, 64) * 0.02 for n in range(3)}
    assert "±100σ" in found(stored(tensors))["truncation_without_effect"].message


def test_layers_copied_by_an_encoder_are_explained():
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
    finding = found(whole_module(nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)))
    assert [(c, f.level) for c, f in finding.items()] == [("copied_layers", "info")]
    assert finding["copied_layers"].measured == 3


def test_two_layers_of_the_same_values_are_told():
    model = nn.Sequential(*(nn.Linear(128, 128) for _ in range(4)))
    model[2].weight.data.copy_(model[0].weight)
    finding = found(bare_state_dict(model))["duplicated_weights"]
    assert (finding.tensors, finding.level) == (("0.weight", "2.weight"), "warning")


def test_tied_embeddings_stored_twice_are_explained():
    wte = torch.randn(500, 64) * 0.02
    source = stored({"wte.weight": wte, "lm_head.weight": wte.clone()})
    assert found(source)["tied_weights"].level == "info"


def gpt(*, forgotten=()):
    """Twelve residual projections of GPT-2, all but some of them scaled by depth."""
    tensors = {"transformer.wte.weight": torch.randn(300, 64) * 0.02}
    for n in range(6):
        for name, shape in (("attn.c_attn", (64, 192)), ("attn.c_proj", (64, 64))):
            path = f"transformer.h.{n}.{name}.weight"
            scaled = name.endswith("c_proj") and path not in forgotten
            tensors[path] = torch.randn(*shape) * (0.02 / math.sqrt(12) if scaled else 0.02)
    return stored(tensors)


def test_one_projection_without_depth_scaling_is_told_among_many_with_it():
    name = "transformer.h.3.attn.c_proj.weight"
    findings = found(gpt(forgotten=(name,)))
    finding = findings["depth_scaling_missing"]
    assert (finding.tensors, finding.level) == ((name,), "warning")
    assert finding.limit == pytest.approx(0.02 / math.sqrt(12))
    assert "differs_from_main" not in findings
    assert "Mostly" in judged(gpt(forgotten=(name,))).summary.headline


def test_depth_scaling_of_all_projections_is_no_finding():
    assert found(gpt()) == {}


@pytest.mark.parametrize(("std", "level"), [(1.0, "warning"), (0.001, "warning")])
def test_a_strong_factor_a_layer_is_told_in_a_short_chain_too(std, level):
    model = nn.Sequential(
        nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)
    )
    for layer in model[::2]:
        nn.init.normal_(layer.weight, std=std)
    finding = found(whole_module(model))["scale_for_activation"]
    # √(fan_in/2) of 64 and 128 inputs, in the geometric mean.
    assert finding.measured == pytest.approx(std * math.sqrt(math.sqrt(32 * 64)), rel=0.02)
    assert finding.level == level


def test_the_final_layer_of_a_diffusion_transformer_may_start_at_zero():
    trunk = {f"blocks.{n}.mlp.fc1.weight": torch.randn(64, 64) * 0.02 for n in range(3)}
    source = stored({**trunk, "final_layer.linear.weight": torch.zeros(32, 64)})
    assert [(c, f.level) for c, f in found(source).items()] == [("zero_head", "info")]


def test_masks_and_power_iterations_are_no_weights():
    model = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(64, 64)))
    tensors = {
        **model.state_dict(),
        "1.weight_orig": torch.rand(9, 99),
        "1.weight_mask": torch.ones(9, 99),
    }
    said = {r.name: r.status for r in judged(stored(tensors)).reports}
    assert {said[n] for n in said if n.endswith(("._u", "._v", "_mask"))} == {"not_judged"}


def blocks_of_two(count=4, *, zero=()):
    """Blocks of two convolutions, the second of some of them zero."""
    tensors = {}
    for n in range(count):
        tensors[f"layer1.{n}.conv1.weight"] = torch.randn(32, 32, 3, 3) * 0.05
        drawn = torch.randn(32, 32, 3, 3) * 0.05
        tensors[f"layer1.{n}.conv2.weight"] = 0 * drawn if n in zero else drawn
    return stored(tensors)


def test_the_last_convolution_of_every_block_may_start_at_zero_as_fixup_s_does():
    assert {c: f.level for c, f in found(blocks_of_two(zero=range(4))).items()} == {
        "zero_by_design": "info"
    }


def test_the_last_convolution_of_one_block_may_not():
    finding = found(blocks_of_two(zero=[2]))["all_zero_weight"]
    assert finding.tensors == ("layer1.2.conv2.weight",)
