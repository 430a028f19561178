"""Freshly built models of the libraries people use: the recipe is named, and nothing is accused."""

from __future__ import annotations

import functools
import importlib.util
import warnings

import pytest
import torch

from tests.torch_checkpoints import bare_state_dict, judged

pytestmark = pytest.mark.acceptance

NEEDED = ("transformers", "timm", "torchvision")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
if MISSING:
    pytest.skip(f"{', '.join(MISSING)} not installed", allow_module_level=True)

SMALL = {
    "hidden_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 256,
    "vocab_size": 500,
}
# transformers class, configuration class, settings
HUGGING_FACE = {
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", {"n_layer": 6, "n_embd": 128, "n_head": 4,
                                               "vocab_size": 1000, "n_positions": 128,
                                               "bos_token_id": 0, "eos_token_id": 0}),
    "bert": ("BertForMaskedLM", "BertConfig", SMALL),
    "llama": ("LlamaForCausalLM", "LlamaConfig", SMALL),
    "gemma": ("GemmaForCausalLM", "GemmaConfig", SMALL | {"num_key_value_heads": 2,
                                                           "head_dim": 32}),
    "t5": ("T5ForConditionalGeneration", "T5Config", {"d_model": 128, "d_kv": 32, "d_ff": 256,
                                                       "num_layers": 3, "num_heads": 4,
                                                       "vocab_size": 500}),
    "clip": ("CLIPModel", "CLIPConfig", {
        "text_config": {**SMALL, "intermediate_size": 512, "bos_token_id": 0, "eos_token_id": 1},
        "vision_config": {"hidden_size": 192, "num_hidden_layers": 3, "num_attention_heads": 4,
                          "intermediate_size": 768, "image_size": 32, "patch_size": 8},
        "projection_dim": 64}),
    "vit": ("ViTForImageClassification", "ViTConfig", {"hidden_size": 128, "num_hidden_layers": 3,
                                                       "num_attention_heads": 4, "image_size": 32,
                                                       "intermediate_size": 256, "patch_size": 8}),
    "neox": ("GPTNeoXForCausalLM", "GPTNeoXConfig", SMALL | {"bos_token_id": 0,
                                                              "eos_token_id": 0}),
}  # fmt: skip
TIMM = {
    "resnet18": {},
    "vit_tiny_patch16_224": {},
    "convnext_atto": {},
    "efficientnet_b0": {},
    "mixer_s32_224": {},
    "regnety_002": {},
    "swin_tiny_patch4_window7_224": {"embed_dim": 48, "depths": (1, 1, 2, 1)},
}
TORCHVISION = ("resnet18", "densenet121", "mobilenet_v2", "squeezenet1_1", "vgg11")
FAMILIES = {
    "gpt2": "GPT-2's init (Hugging Face, nanoGPT, Megatron)",
    "bert": "Hugging Face's default, initializer_range 0.02",
    "llama": "Hugging Face's default, initializer_range 0.02",
    "gemma": "Hugging Face's default, initializer_range 0.02",
    "neox": "Hugging Face's default, initializer_range 0.02",
    "t5": "Hugging Face T5's init",
    "clip": "CLIP's init",
    "vit": "a vision transformer's init, Normal 0.02 (timm, Hugging Face)",
    "timm resnet18": "the recipe of torchvision's and timm's convolutional networks",
    "timm efficientnet_b0": "the EfficientNet recipe of timm",
    "torchvision resnet18": "the recipe of torchvision's and timm's convolutional networks",
    "torchvision mobilenet_v2": "the recipe of torchvision's and timm's convolutional networks",
}
CONVOLUTIONS = {
    "timm resnet18": "kaiming_normal(fan_out,relu)",
    "timm efficientnet_b0": "kaiming_normal(fan_out,relu)",
    "timm convnext_atto": "normal(0.02)",
    "torchvision resnet18": "kaiming_normal(fan_out,relu)",
    "torchvision densenet121": "kaiming_normal(fan_in,relu)",
    "torchvision mobilenet_v2": "kaiming_normal(fan_out,relu)",
    "torchvision squeezenet1_1": "kaiming_uniform(fan_in,relu)",
    "torchvision vgg11": "kaiming_normal(fan_out,relu)",
}
MODELS = (
    *HUGGING_FACE,
    *(f"timm {name}" for name in TIMM),
    *(f"torchvision {name}" for name in TORCHVISION),
)


@pytest.fixture(autouse=True)
def _their_own_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def built(name: str) -> torch.nn.Module:
    from tests import torchvision_operators  # noqa: F401 # before torchvision

    library, _, model = name.rpartition(" ")
    if library == "timm":
        import timm

        return timm.create_model(model, **TIMM[model])
    if library == "torchvision":
        from torchvision import models

        return getattr(models, model)()
    import transformers

    kind, config, settings = HUGGING_FACE[model]
    return getattr(transformers, kind)(getattr(transformers, config)(**settings))


@functools.cache
def concluded(name: str):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(20240607)
        return judged(bare_state_dict(built(name)))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_family_is_named(name):
    assert concluded(name).summary.family == FAMILIES[name]


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_the_convolutions_scheme_is_the_library_s(name):
    lines = {line.layer: line.scheme for line in reversed(concluded(name).summary.recipe)}
    assert lines["convolutions"] == CONVOLUTIONS[name]


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_every_convolution_is_named_by_the_recipe_s_scheme(name):
    found = concluded(name)
    lines = [line for line in found.summary.recipe if line.layer == "convolutions"]
    wanted = {index: line.scheme for line in lines for index in line.tensors}
    named = {r.index: r.schemes[0] for r in found.reports if r.index in wanted}
    assert named == wanted


@pytest.mark.parametrize("name", MODELS)
def test_a_fresh_model_is_as_expected_but_for_a_stray_tensor(name):
    odd = [r.name for r in concluded(name).reports if r.sign in {"no_match", "differs"}]
    assert len(odd) <= 1, odd


@pytest.mark.parametrize("name", MODELS)
def test_a_fresh_model_raises_no_problem(name):
    assert [f.message for f in concluded(name).findings if f.level == "problem"] == []


def test_at_most_one_drawn_tensor_in_a_thousand_is_told_not_at_init():
    reports = [r for name in MODELS for r in concluded(name).reports]
    drawn = [
        r
        for r in reports
        if r.status != "not_judged" and not (r.structure and r.structure.kind == "constant")
    ]
    accused = [r.name for r in drawn if r.status in {"not_at_init", "unlisted_scale"}]
    print(f"{len(drawn):,} drawn tensors, {len(accused)} told not at init")  # noqa: T201
    assert len(accused) <= 1 + len(drawn) // 1000, accused
