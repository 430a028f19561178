"""Which arguments a torch.nn class takes: torch itself is asked beside us."""

import warnings

import pytest
import torch
from torch import nn

from app.core.composites import all_parameters
from app.core.defaults import layer_defaults
from app.errors import Invalid

CONV = {"in_channels": 4, "out_channels": 8, "kernel_size": 3}
LSTM = {"input_size": 4, "hidden_size": 8}
WORDS = {"embed_dim": 64, "num_heads": 4}

TAKEN = [
    ("Linear", {"in_features": 3, "out_features": 2, "device": "cpu", "dtype": "float16"}),
    ("Bilinear", {"in1_features": 3, "in2_features": 4, "out_features": 2, "bias": False}),
    ("Conv1d", CONV | {"stride": 2, "padding": 1, "dilation": 2, "padding_mode": "circular"}),
    ("Conv2d", CONV | {"padding": "same", "groups": 2}),
    ("Conv2d", CONV | {"stride": (2, 1), "padding": (0, 1), "padding_mode": "reflect"}),
    ("Conv3d", CONV | {"padding": "valid", "stride": 2, "bias": False}),
    ("ConvTranspose2d", CONV | {"stride": 2, "output_padding": 1, "padding_mode": "zeros"}),
    ("Embedding", {"num_embeddings": 5, "embedding_dim": 2, "padding_idx": -1, "max_norm": 1.5}),
    ("EmbeddingBag", {"num_embeddings": 5, "embedding_dim": 2, "mode": "max", "sparse": True}),
    ("RNN", LSTM | {"nonlinearity": "relu", "num_layers": 3, "dropout": 0.1}),
    ("LSTM", LSTM | {"proj_size": 4, "bidirectional": True, "num_layers": 2}),
    ("LSTM", LSTM | {"proj_size": 0, "batch_first": True}),
    ("GRU", LSTM | {"bias": False, "dtype": "float64"}),
    ("RNNCell", LSTM | {"nonlinearity": "relu"}),
    ("LSTMCell", LSTM | {"bias": False}),
    ("MultiheadAttention", WORDS | {"dropout": 0.2, "add_zero_attn": True, "batch_first": True}),
    ("MultiheadAttention", WORDS | {"kdim": 32, "bias": False}),
    ("LayerNorm", {"normalized_shape": 8, "eps": 1e-6, "bias": False}),
    ("LayerNorm", {"normalized_shape": (3, 4), "elementwise_affine": False}),
    ("RMSNorm", {"normalized_shape": 8, "eps": 1e-6}),
    ("GroupNorm", {"num_groups": 4, "num_channels": 8, "affine": True}),
    ("BatchNorm1d", {"num_features": 8, "bias": False, "momentum": 0.2}),
    ("BatchNorm2d", {"num_features": 8, "affine": False, "track_running_stats": False}),
    ("SyncBatchNorm", {"num_features": 8}),
    ("InstanceNorm2d", {"num_features": 8, "affine": True, "bias": False}),
    ("PReLU", {"num_parameters": 4, "init": 0.1, "device": "cpu", "dtype": "float32"}),
    ("TransformerEncoderLayer", {"d_model": 8, "nhead": 2, "activation": "gelu", "dropout": 0.0}),
]
REFUSED = [
    ("GRU", LSTM | {"proj_size": 4}, "GRU's proj_size is not valid: expected nothing, as only"),
    ("RNN", LSTM | {"proj_size": 4}, "only LSTM projects its state"),
    ("LSTM", LSTM | {"proj_size": 8}, "expected less than hidden_size = 8, got 8"),
    ("LSTM", LSTM | {"proj_size": -1}, "proj_size is not valid: expected a whole number from 0"),
    ("LSTM", LSTM | {"dropout": 1.5}, "dropout is not valid: expected a number from 0 to 1"),
    ("LSTM", LSTM | {"nonlinearity": "relu"}, "LSTM's argument is not valid: expected one of"),
    ("RNN", LSTM | {"nonlinearity": "gelu"}, "expected tanh or relu, got 'gelu'"),
    ("MultiheadAttention", {"embed_dim": 64, "num_heads": 5}, "a divisor of embed_dim = 64, got 5"),
    ("MultiheadAttention", {"embed_dim": 64}, "num_heads is not valid: expected a whole number"),
    ("GroupNorm", {"num_groups": 3, "num_channels": 8}, "a multiple of num_groups = 3, got 8"),
    ("Conv2d", CONV | {"groups": 3}, "in_channels is not valid: expected a multiple of groups = 3"),
    ("Conv2d", CONV | {"padding": "full"}, "padding is not valid"),
    ("Conv2d", CONV | {"padding": "same", "stride": 2}, "'same' needs a stride of 1"),
    ("Conv2d", CONV | {"padding_mode": "wrap"}, "zeros, reflect, replicate or circular"),
    ("ConvTranspose2d", CONV | {"padding_mode": "reflect"}, "expected zeros, got 'reflect'"),
    ("Embedding", {"num_embeddings": 5, "embedding_dim": 2, "padding_idx": 5}, "from -5 to 4"),
    ("LayerNorm", {"normalized_shape": 8, "stride": 3}, "LayerNorm's argument is not valid"),
    ("Linear", {"in_features": 3, "out_features": 2, "dtype": "int32"}, "a floating-point dtype"),
    ("Linear", {"in_features": 3, "out_features": 2, "device": "7!"}, "expected cpu, cuda"),
    ("PReLU", {"init": "steep"}, "PReLU's init is not valid: expected a number, got 'steep'"),
    ("TransformerEncoderLayer", {"d_model": 64, "nhead": 5}, "a divisor of d_model = 64, got 5"),
    ("TransformerEncoderLayer", {"d_model": 8, "nhead": 2, "activation": "x"}, "relu or gelu"),
]


def built(layer, arguments):
    given = dict(arguments)
    if str(given.get("dtype", "")) in {"float16", "float32", "float64", "int32"}:
        given["dtype"] = getattr(torch, given["dtype"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of odd but valid choices
        return getattr(nn, layer)(**given)


@pytest.mark.parametrize(("layer", "arguments"), TAKEN)
def test_what_torch_takes_is_taken_and_gives_torch_s_parameters(layer, arguments):
    theirs = {name: tuple(p.shape) for name, p in built(layer, arguments).named_parameters()}
    assert {one.name: one.shape for one in all_parameters(layer, arguments)} == theirs


@pytest.mark.parametrize(("layer", "arguments", "said"), REFUSED)
def test_what_torch_refuses_is_refused_with_its_rule(layer, arguments, said):
    with pytest.raises((ValueError, TypeError, RuntimeError, AssertionError)):
        built(layer, arguments)
    with pytest.raises(Invalid) as refusal:
        layer_defaults(layer, arguments)
    assert said in refusal.value.message


def test_a_slope_of_one_s_own_is_the_default_s_value():
    assert layer_defaults("PReLU", {"init": "0.1"})["weight"].value == 0.1


def test_a_padding_row_counted_from_the_end_is_told_from_the_start():
    sizes = {"num_embeddings": 5, "embedding_dim": 2, "padding_idx": -1}
    assert "Row 4" in layer_defaults("Embedding", sizes)["weight"].remark


def test_python_s_none_is_no_argument():
    sizes = {"embed_dim": 8, "num_heads": 2, "kdim": "None", "device": "None"}
    assert "in_proj_weight" in layer_defaults("MultiheadAttention", sizes)


@pytest.mark.parametrize(
    ("layer", "arguments", "said"),
    [
        ("LSTM", LSTM | {"num_layers": 10**8}, "a whole number from 1 to 128, got 100000000"),
        ("Transformer", {"num_encoder_layers": 129}, "a whole number from 1 to 128, got 129"),
        ("LazyLinear", {"out_features": 3}, "Linear with its input size"),
        ("TransformerEncoder", {"num_layers": 3}, "TransformerEncoderLayer, which it stacks"),
        ("SyncBatchNorm", {"num_features": 8, "process_group": "world"}, "expected None"),
        ("Linear", {"in_features": "٣", "out_features": 2}, "a whole number"),
        ("Linear", {"in_features": 3, "out_features": 2, "bias": "perhaps"}, "true or false"),
    ],
)
def test_what_cannot_be_listed_is_refused_with_a_sentence(layer, arguments, said):
    with pytest.raises(Invalid) as refusal:
        layer_defaults(layer, arguments)
    assert said in refusal.value.message


def test_the_deepest_stack_is_listed_whole():
    assert len(all_parameters("LSTM", LSTM | {"num_layers": 128})) == 4 * 128
