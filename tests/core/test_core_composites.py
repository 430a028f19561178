import pytest
from torch import nn

from app.core.composites import all_parameters
from app.core.defaults import layer_defaults
from app.errors import Invalid

LAYERS = [
    ("TransformerEncoderLayer", {"d_model": 64, "nhead": 4, "dim_feedforward": 96}),
    ("TransformerEncoderLayer", {"d_model": 64, "nhead": 4, "bias": False}),
    ("TransformerDecoderLayer", {"d_model": 64, "nhead": 4, "dim_feedforward": 96}),
    (
        "Transformer",
        {"d_model": 32, "nhead": 4, "num_encoder_layers": 1, "num_decoder_layers": 2},
    ),
    ("AdaptiveLogSoftmaxWithLoss", {"in_features": 64, "n_classes": 1000, "cutoffs": (50, 200)}),
]


@pytest.mark.parametrize(("layer", "arguments"), LAYERS)
def test_a_composed_layer_s_parameters_are_torch_s(layer, arguments):
    given = {k: list(v) if isinstance(v, tuple) else v for k, v in arguments.items()}
    if layer == "Transformer":
        given["batch_first"] = True  # torch warns without it
    theirs = {n: tuple(p.shape) for n, p in getattr(nn, layer)(**given).named_parameters()}
    assert {p.name: p.shape for p in all_parameters(layer, arguments)} == theirs


def test_a_transformer_draws_its_matrices_again():
    sizes = {"d_model": 32, "nhead": 4, "num_encoder_layers": 1, "num_decoder_layers": 1}
    laws = layer_defaults("Transformer", sizes)
    assert laws["encoder.layers.0.linear1.weight"].formula == "U(±√(6/(fan_in+fan_out)))"
    alone = layer_defaults("TransformerEncoderLayer", {"d_model": 32, "nhead": 4})
    assert alone["linear1.weight"].formula == "U(±1/√fan_in)"


@pytest.mark.parametrize(
    "wanted",
    [
        ("AdaptiveLogSoftmaxWithLoss", {"in_features": 64, "n_classes": 100, "cutoffs": (90, 50)}),
        ("TransformerEncoderLayer", {"d_model": 64, "nhead": 5}),
        ("Transformer", {"d_model": 64, "nhead": 4, "depth": 3}),
        (
            "AdaptiveLogSoftmaxWithLoss",
            {"in_features": 64, "n_classes": 100, "cutoffs": (50,), "div_value": "nan"},
        ),
    ],
)
def test_arguments_that_torch_would_refuse_are_refused(wanted):
    with pytest.raises(Invalid):
        layer_defaults(*wanted)
