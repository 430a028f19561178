import pytest
import torch
from torch import nn

from app.core.checkpoint import Checkpoint, ModuleRecord, StoredTensor
from app.readers.hints import hints
from app.readers.layout import shared_prefix
from app.readers.naming import describe
from tests.torch_checkpoints import bare_state_dict, whole_module


def tensor(index, name, shape, **changes):
    facts = {
        "index": index,
        "name": name,
        "group": "",
        "dtype": "float32",
        "shape": tuple(shape),
        "strides": (),
        "offset": 0,
    }
    return StoredTensor(**(facts | changes))


def described(shapes, *, modules=(), **changes):
    tensors = tuple(tensor(i, n, s, **changes) for i, (n, s) in enumerate(shapes.items()))
    found = describe(Checkpoint(format="torch zip", tensors=tensors, modules=tuple(modules)))
    return dict(zip(shapes, found, strict=True))


def kinds(shapes, **changes):
    return {name: facts.kind for name, facts in described(shapes, **changes).items()}


def test_a_matrix_with_a_bias_of_its_rows_can_only_be_linear():
    facts = described({"0.weight": (10, 512), "0.bias": (10,)})["0.weight"]
    assert (facts.kind, facts.kind_certainty) == ("Linear", "inferred")
    assert (facts.fan_in, facts.fan_out) == (512, 10)


def test_a_lone_matrix_named_weight_is_unknown():
    facts = described({"weight": (10, 512)})["weight"]
    assert (facts.kind, facts.kind_certainty) == ("unknown", "unknown")
    assert facts.attributes["possible"] == ("Linear", "Embedding")


@pytest.mark.parametrize("name", ["lm_head", "model.layers.0.self_attn.q_proj", "mlp.0", "fc"])
def test_a_matrix_without_bias_is_linear_by_name(name):
    assert kinds({f"{name}.weight": (64, 32), "x.weight": (3,)})[f"{name}.weight"] == "Linear"


@pytest.mark.parametrize("name", ["wte", "tok_emb", "model.embed_tokens", "word_embeddings"])
def test_a_matrix_without_bias_is_an_embedding_by_name(name):
    assert kinds({f"{name}.weight": (64, 32), "x.weight": (3,)})[f"{name}.weight"] == "Embedding"


def test_words_that_disagree_leave_the_class_open():
    assert kinds({"embed_out.weight": (64, 32)})["embed_out.weight"] == "unknown"


def test_a_bias_that_rows_cannot_have_makes_a_transposed_convolution():
    facts = described({"0.weight": (24, 40, 3, 3), "0.bias": (40,)})["0.weight"]
    assert facts.kind == "ConvTranspose2d"


def test_equal_channels_without_a_name_leave_conv_and_its_transpose_open():
    facts = described({"0.weight": (64, 64, 3, 3), "0.bias": (64,)})["0.weight"]
    assert facts.attributes["possible"] == ("Conv2d", "ConvTranspose2d")


def test_a_conv1d_and_a_bilinear_of_one_shape_stay_unknown():
    facts = described({"weight": (40, 24, 3), "bias": (40,)})["weight"]
    assert facts.attributes["possible"] == ("Conv1d", "Bilinear")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("conv1", "Conv2d"), ("up", "ConvTranspose2d"), ("deconv", "ConvTranspose2d")],
)
def test_a_kernel_s_name_decides_between_conv_and_its_transpose(name, kind):
    shapes = {f"{name}.weight": (64, 64, 2, 2), f"{name}.bias": (64,)}
    assert kinds(shapes)[f"{name}.weight"] == kind


def test_convolutions_elsewhere_decide_for_unnamed_ones():
    shapes = {
        "features.0.weight": (64, 3, 3, 3),
        "features.0.bias": (64,),
        "features.2.weight": (64, 64, 3, 3),
        "features.2.bias": (64,),
    }
    assert kinds(shapes)["features.2.weight"] == "Conv2d"


def test_without_any_words_convolutions_elsewhere_do_not_decide():
    model = nn.Sequential(nn.Conv2d(3, 64, 3), nn.ConvTranspose2d(64, 64, 3))
    facts = describe(bare_state_dict(model).checkpoint)
    assert [f.kind for f in facts] == ["Conv2d", "Conv2d", "unknown", "unknown"]


def test_a_batch_norm_takes_its_axes_from_the_convolution_before_it():
    model = nn.ModuleDict({"conv1": nn.Conv2d(3, 16, 3), "bn1": nn.BatchNorm2d(16)})
    facts = describe(bare_state_dict(model).checkpoint)
    assert {f.kind for f in facts if f.module == "bn1"} == {"BatchNorm2d"}


def test_running_statistics_without_a_name_stay_unknown():
    facts = describe(bare_state_dict(nn.BatchNorm2d(16)).checkpoint)
    assert {f.kind for f in facts} == {"unknown"}
    assert [f.role for f in facts] == [
        "norm_weight",
        "bias",
        "running_mean",
        "running_var",
        "num_batches_tracked",
    ]


@pytest.mark.parametrize("build", [nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_recurrent_layers_are_told_by_their_rows(build):
    facts = describe(bare_state_dict(build(5, 8)).checkpoint)
    assert {f.kind for f in facts} == {build.__name__}


def test_a_projected_lstm_s_hidden_size_is_that_of_its_projection():
    facts = describe(bare_state_dict(nn.LSTM(5, 8, proj_size=3)).checkpoint)
    assert {f.attributes["hidden_size"] for f in facts} == {8}


def test_an_unbatched_stack_of_both_halves_is_a_transformer():
    facts = describe(bare_state_dict(nn.Transformer(16, 2, 1, 1, 32, batch_first=True)).checkpoint)
    matrices = [f for f in facts if f.role == "weight"]
    assert {f.enclosing for f in matrices} == {"Transformer"}


def test_stacks_beside_other_layers_leave_the_redraw_open():
    class Translator(nn.Module):
        def __init__(self):
            super().__init__()
            built = nn.Transformer(16, 2, 1, 1, 32, batch_first=True)
            self.encoder, self.decoder = built.encoder, built.decoder
            self.embed = nn.Embedding(10, 16)

    facts = describe(bare_state_dict(Translator()).checkpoint)
    linear = next(f for f in facts if f.module.endswith("linear1") and f.role == "weight")
    assert linear.enclosing == "unknown"


def test_a_recorded_transformer_redraws_its_matrices():
    facts = describe(
        whole_module(nn.Sequential(nn.Transformer(16, 2, 1, 1, 32, batch_first=True))).checkpoint
    )
    assert {f.enclosing for f in facts if f.role == "in_proj_weight"} == {"Transformer"}


@pytest.mark.parametrize("own", ["conv", "linear"])
def test_a_class_of_the_user_s_own_has_its_kind_by_its_arguments(own):
    class Mine(nn.Conv2d if own == "conv" else nn.Linear):
        pass

    model = Mine(4, 8, 3) if own == "conv" else Mine(4, 8)
    facts = describe(whole_module(model).checkpoint)
    assert {f.kind for f in facts} == {"Conv2d" if own == "conv" else "Linear"}
    assert {f.kind_certainty for f in facts} == {"inferred"}


def test_a_class_unknown_to_torch_has_kinds_by_its_children():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 8)
            self.token = nn.Parameter(torch.zeros(1, 1, 8))

    facts = describe(whole_module(Net()).checkpoint)
    assert [(f.kind, f.role) for f in facts] == [
        ("unknown", "parameter"),
        ("Linear", "weight"),
        ("Linear", "bias"),
    ]


GPT2 = {
    "h.0.attn.c_attn.weight": (768, 2304),
    "h.0.attn.c_attn.bias": (2304,),
    "h.0.attn.c_proj.weight": (768, 768),
    "h.0.attn.c_proj.bias": (768,),
}


def test_gpt2_s_transposed_layers_are_known_by_name_and_shape():
    found = described(GPT2)
    assert found["h.0.attn.c_attn.weight"].kind == "Conv1D"
    assert found["h.0.attn.c_attn.weight"].fan_in == 768
    assert found["h.0.attn.c_proj.weight"].kind == "Conv1D"


def test_the_same_names_with_linear_s_shapes_are_linear():
    flipped = GPT2 | {"h.0.attn.c_attn.weight": (2304, 768)}
    assert set(kinds(flipped).values()) == {"Linear"}


def test_a_causal_mask_named_bias_is_a_buffer():
    found = described(GPT2 | {"h.0.attn.bias": (1, 1, 1024, 1024)})
    assert found["h.0.attn.bias"].role == "buffer"


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        (["module.a.weight", "module.b.weight"], "module."),
        (["state_dict.model.net.a", "state_dict.model.net.b"], "state_dict.model.net."),
        (["_orig_mod.module.a"], "_orig_mod.module."),
        (["model.a", "b"], ""),
        ([], ""),
    ],
)
def test_only_prefixes_that_all_names_share_are_dropped(names, prefix):
    assert shared_prefix(names) == prefix


def test_a_prefix_is_gone_from_the_module_path():
    assert described({"module.fc.weight": (3, 4)})["module.fc.weight"].module == "fc"


def test_weight_norm_s_direction_is_the_weight_and_its_norms_are_not():
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(6, 4)))
    facts = describe(bare_state_dict(model).checkpoint)
    assert {f.role for f in facts} == {"bias", "magnitude", "weight"}
    assert {f.kind for f in facts} == {"Linear"}


def test_an_optimizer_s_state_is_not_a_weight():
    found = described({"state.0.exp_avg": (3, 4)}, group="optimizer")
    assert found["state.0.exp_avg"].role == "optimizer_state"


def test_an_integer_tensor_is_a_buffer():
    assert described({"x.index": (3, 4)}, dtype="int64")["x.index"].role == "buffer"


def test_a_recorded_class_outside_torch_is_never_taken_for_torch_s():
    module = ModuleRecord(path="", class_name="evil.nn.modules.linear.Linear")
    facts = described({"weight": (3, 4)}, modules=[module])["weight"]
    assert facts.kind_certainty != "confirmed"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("encoder.LayerNorm", {"norm", "layer"}),
        ("h.0.ln_1", {"norm", "layer"}),
        ("layer1.0.bn2", {"norm", "batch"}),
        ("blocks.3.mlp.2", {"linear"}),
        ("0", set()),
        ("", set()),
    ],
)
def test_hints_come_from_the_last_named_component(path, found):
    assert hints(path) == found


def test_names_made_of_dots_do_no_harm():
    assert set(kinds({"...": (3, 4), "": (2,), ".weight": (3, 4)}).values()) == {"unknown"}


def test_repeated_names_are_described_each():
    twice = tuple(tensor(i, "a.weight", (3, 4)) for i in range(2))
    assert len(describe(Checkpoint(format="torch zip", tensors=twice))) == 2


def test_an_adaptive_softmax_is_known_by_its_head_and_tails():
    built = nn.ModuleDict({"out": nn.AdaptiveLogSoftmaxWithLoss(16, 100, [10, 50])})
    facts = describe(bare_state_dict(built).checkpoint)
    assert {f.kind for f in facts} == {"Linear"}


def test_forty_thousand_layers_without_bias_are_described():
    # Every layer is looked up, none is compared with all others: quadratic work would take hours.
    shapes = {f"blocks.{i}.expert.weight": (4, 4) for i in range(20_000)}
    shapes |= {f"blocks.{i}.1.running_mean": (4,) for i in range(20_000)}
    assert len(described(shapes)) == 40_000
