"""Configs of Hugging Face: sizes are let through and built; code and other models are not."""

import dataclasses
import importlib.util
import json
import sys

import pytest
import torch
from pydantic import TypeAdapter

from app.architecture.huggingface import allowed, is_config
from app.core.graph import Graph
from app.errors import CannotRun, TooLarge
from app.readers import sandbox
from tests.graph_running import outputs

NEEDS = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="transformers is not installed"
)
SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 60,
}
LIMITS = sandbox.Limits(memory_bytes=4 * 2**30, seconds=240, walls="compute")


def _config(**settings):
    return json.dumps({"model_type": "bert", **settings})


def _let_through(**settings):
    return allowed(_config(**settings)).settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auto_map", {"AutoModel": "evil--code.Model"}),
        ("auto_map", "evil"),
        ("backbone", "resnet50"),
        ("backbone_config", {"model_type": "resnet"}),
        ("use_timm_backbone", True),
        ("use_pretrained_backbone", True),
        ("_attn_implementation", "flash_attention_2"),
        ("_attn_implementation_internal", "kernels-community/evil"),
        ("attn_implementation", "evil/kernels"),
        ("experts_implementation", "evil"),
        ("quantization_config", {"quant_method": "awq"}),
        ("_name_or_path", "/etc/passwd"),
        ("trust_remote_code", True),
        ("torch_dtype", "float16"),
        ("hidden_act", "../../x"),
        ("hidden_act", "a b"),
        ("hidden_act", "x" * 41),
        ("odd", {"deep": {"er": 1}}),
        ("sizes", [[1]]),
        ("sizes", [1] * 65),
        ("a key", 1),
        ("__class__", 1),
    ],
)
def test_what_could_lead_elsewhere_is_left_out(name, value):
    found = allowed(_config(**{name: value}, hidden_size=8))
    assert found.settings == {"hidden_size": 8}
    assert found.left_out == (name,)


def test_sizes_switches_and_short_words_are_let_through():
    given = {"hidden_size": 8, "hidden_act": "gelu_new", "layer_norm_eps": 1e-5, "tie": None,
             "is_decoder": False, "hidden_sizes": [8, 16], "pad_token_id": -1}  # fmt: skip
    assert _let_through(**given) == given


def test_the_class_it_was_saved_from_is_told():
    found = allowed(_config(architectures=["BertForMaskedLM"], transformers_version="5.23.0"))
    assert (found.architecture, found.settings, found.left_out) == ("BertForMaskedLM", {}, ())


@pytest.mark.parametrize("named", ["x", [], [3], ["os.system"], ["__import__('os')"], None])
def test_a_class_that_is_no_name_is_not_taken(named):
    assert allowed(_config(architectures=named)).architecture is None


def test_settings_of_a_part_are_let_through_by_the_same_rules():
    given = {"rope_parameters": {"rope_type": "llama3", "rope_theta": 500_000.0, "auto_map": "x"}}
    assert _let_through(**given) == {
        "rope_parameters": {"rope_type": "llama3", "rope_theta": 500_000.0}
    }


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"hidden_size": -8}, "hidden_size in the config is -8; expected at least 0"),
        ({"pad_token_id": -2}, "expected at least -1"),
        ({"rope_parameters": {"factor": -1}}, "factor in the config is -1"),
        ({"layer_norm_eps": float("nan")}, "no finite number"),
        ({"layer_norm_eps": float("inf")}, "no finite number"),
    ],
)
def test_a_size_that_makes_no_sense_is_refused(settings, says):
    with pytest.raises(CannotRun, match=says):
        _let_through(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"num_hidden_layers": 10**9},
        {"n_layer": 257},
        {"depths": [1, 10**6]},
        {"num_attention_heads": 10**4},
        {"num_local_experts": 10**4},
        {"hidden_size": 10**6},
        {"vocab_size": 10**9},
        {"max_position_embeddings": 10**9},
        {"hidden_size": 1e12},
        {"hidden_size": 10**400},
        {"text_config": {"num_hidden_layers": 10**9}},
    ],
)
def test_a_size_beyond_what_is_built_is_refused_before_anything_is(settings):
    with pytest.raises(TooLarge, match="in the config is larger than"):
        _let_through(**settings)


@pytest.mark.parametrize("text", ["{", "[1]", "{}", '{"model_type": 3}', '{"model_type": "../x"}'])
def test_a_text_that_names_no_model_is_refused(text):
    with pytest.raises(CannotRun):
        allowed(text)


def test_a_long_text_is_refused_unread():
    with pytest.raises(TooLarge):
        allowed("[" * 10**6)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (_config(), True),
        ('{"layers": ["Linear(2, 2)"]}', False),
        ('{"model_type": 3}', False),
        ("model_type: bert", False),
        ('{"model_type"', False),
        ("[" * 10**5, False),
    ],
)
def test_a_config_is_told_from_other_texts(text, told):
    assert is_config(text) is told


@pytest.fixture
def child(monkeypatch):
    """The child's module in this process; what it keeps from being imported comes back after."""
    from app.architecture import huggingface_child

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    before = {name: sys.modules.get(name) for name in huggingface_child._WITHOUT}
    yield huggingface_child
    for name, module in before.items():
        if module is None:
            sys.modules.pop(name, None)


GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 2, "vocab_size": 60, "bos_token_id": 0,
        "eos_token_id": 0}  # fmt: skip
LLAMA = SMALL | {"num_key_value_heads": 1, "pad_token_id": 0}
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
SWIN = {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "image_size": 32, "patch_size": 4,
        "window_size": 4}  # fmt: skip


@NEEDS
@pytest.mark.parametrize(
    ("kind", "architecture", "settings"),
    [
        ("bert", "BertForMaskedLM", SMALL),
        ("gpt2", "GPT2LMHeadModel", GPT2),
        ("llama", "LlamaForCausalLM", LLAMA),
        ("resnet", "ResNetForImageClassification", RESNET),
        ("swin", None, SWIN),
    ],
)
def test_the_graph_gives_what_the_live_model_gives(child, kind, architecture, settings):
    classes = child._classes(kind)
    graph = child.exported(classes, architecture, settings)
    torch.manual_seed(0)
    model_class = classes.models.get(architecture) or next(iter(classes.models.values()))
    live = model_class._from_config(classes.config(**settings, use_cache=False)).eval()
    held = dict(live.named_parameters(remove_duplicate=False)) | dict(live.named_buffers())
    listed = tuple(
        dataclasses.replace(parameter, stored=at) for at, parameter in enumerate(graph.parameters)
    )
    known = dataclasses.replace(graph, parameters=listed)
    given = [
        torch.randn(3, *i.shape[1:]) if i.draw == "real" else torch.randint(0, i.high, (3, 16))
        for i in graph.inputs
    ]
    with torch.no_grad():
        got = outputs(known, [held[parameter.name] for parameter in listed], given)[0]
        expected = live(given[0])[0]
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-6)


@NEEDS
def test_no_value_is_stored_for_a_parameter_and_each_for_a_constant(child):
    graph = child.exported(child._classes("bert"), None, SMALL)
    assert {p.stored for p in graph.parameters} == {None}
    assert all(c.values is not None for c in graph.constants)
    assert not graph.fixed_batch


@NEEDS
def test_settings_that_do_not_fit_each_other_are_refused(child):
    with pytest.raises(CannotRun, match="not a multiple of the number of attention heads"):
        child.exported(child._classes("bert"), None, SMALL | {"hidden_size": 33})


@NEEDS
def test_a_model_too_large_to_run_is_refused_by_its_parameters(child):
    wide = SMALL | {"hidden_size": 65_536, "intermediate_size": 65_536, "num_hidden_layers": 8}
    with pytest.raises(TooLarge, match=r"limit 100,000,000,000 parameters, got [0-9,]+"):
        child.exported(child._classes("bert"), None, wide)


@NEEDS
def test_an_unknown_type_is_refused_by_its_name(child):
    with pytest.raises(CannotRun, match="no model of the type 'nonesuch'"):
        child.exported(child._classes("nonesuch"), None, {})


@NEEDS
def test_without_transformers_it_says_what_to_install(child, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers.models.auto.modeling_auto", None)
    with pytest.raises(CannotRun, match="huggingface"):
        child.exported(child._classes("bert"), None, SMALL)


@NEEDS
def test_a_config_is_built_inside_the_sandbox():
    answer = sandbox.run(
        "app.architecture.huggingface_child:export_bert",
        arguments={"architecture": "BertForMaskedLM", "settings": SMALL},
        limits=LIMITS,
    )
    graph = TypeAdapter(Graph).validate_python(answer.value)
    assert (graph.origin, graph.inputs[0].high) == ("hugging face config", 60)
