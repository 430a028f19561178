"""What torch.nn.init takes, and what the classes of torch.nn own: the reader's tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.core.layers import CONV, CONV_TRANSPOSE, GATES

# Function → its parameters; "=" marks those that may be left out. torch.nn.init, torch 2.13.
SIGNATURES: Final[Mapping[str, tuple[str, ...]]] = {
    name: tuple(parameters.split())
    for name, parameters in {
        "uniform_": "tensor a= b= generator=",
        "normal_": "tensor mean= std= generator=",
        "trunc_normal_": "tensor mean= std= a= b= generator=",
        "constant_": "tensor val",
        "ones_": "tensor",
        "zeros_": "tensor",
        "eye_": "tensor",
        "dirac_": "tensor groups=",
        "xavier_uniform_": "tensor gain= generator=",
        "xavier_normal_": "tensor gain= generator=",
        "kaiming_uniform_": "tensor a= mode= nonlinearity= generator=",
        "kaiming_normal_": "tensor a= mode= nonlinearity= generator=",
        "orthogonal_": "tensor gain= generator=",
        "sparse_": "tensor sparsity std= generator=",
    }.items()
}
OTHERS: Final = frozenset({"calculate_gain"})
DEPRECATED: Final = frozenset(
    {"uniform", "normal", "constant", "eye", "dirac", "xavier_uniform", "xavier_normal"}
    | {"kaiming_uniform", "kaiming_normal", "orthogonal", "sparse"}
)  # spelled without the underscore; they warn and call the new ones
FANNED: Final = frozenset(
    {"xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "orthogonal_"}
    | {"sparse_", "eye_", "dirac_"}
)  # those that refuse a tensor of one axis
IN_PLACE: Final = frozenset(
    {"uniform_", "normal_", "fill_", "zero_", "copy_", "mul_", "div_", "add_", "sub_"}
    | {"exponential_", "clamp_", "random_", "bernoulli_", "log_normal_", "cauchy_"}
)  # methods of a tensor
AS_FUNCTION: Final[Mapping[str, str]] = {
    "uniform_": "uniform_",
    "normal_": "normal_",
    "fill_": "constant_",
    "zero_": "zeros_",
}  # those that torch.nn.init has as well

GAINS: Final[Mapping[str, str]] = {
    "relu": "2**0.5",
    "leaky_relu": "(2 / (1 + slope**2)) ** 0.5",
    "tanh": "5 / 3",
    "sigmoid": "1",
    "linear": "1",
    "selu": "3 / 4",
}
GAIN_NAMES: Final = frozenset(GAINS) | {
    f"conv{kind}{axes}d" for kind in ("", "_transpose") for axes in (1, 2, 3)
}
KEEPING: Final[Mapping[str, float]] = {
    "gelu": 1.5335,
    "silu": 1.6765,
    "swish": 1.6765,
    "mish": 1.4868,
    "elu": 1.2452,
    "celu": 1.2452,
    "softplus": 1.0419,
    "softsign": 2.3375,
    "hardswish": 1.7367,
    "hardtanh": 1.392,
    "relu6": 2**0.5,
    "tanh": 1.5925,
    "sigmoid": 1.8462,
}
"""Gain that keeps E x² = 1 from layer to layer: 1/√(E φ²) at x ~ N(0, 1), without biases."""

CONVOLUTIONS: Final = frozenset(CONV)
TRANSPOSED: Final = frozenset(CONV_TRANSPOSE)
LINEAR: Final = frozenset({"Linear", "LazyLinear", "Bilinear"})
MULTIPLYING: Final = LINEAR | CONVOLUTIONS | TRANSPOSED
NORMS: Final = frozenset(
    {f"{kind}Norm{axes}d" for kind in ("Batch", "Instance", "LazyBatch") for axes in (1, 2, 3)}
    | {"SyncBatchNorm", "LayerNorm", "GroupNorm", "RMSNorm"}
)
RECURRENT: Final = frozenset(GATES)
EMBEDDINGS: Final = frozenset({"Embedding", "EmbeddingBag"})
BARE: Final = frozenset(
    {
        *("ReLU", "ReLU6", "LeakyReLU", "ELU", "CELU", "SELU", "GELU", "SiLU", "Mish", "GLU"),
        *("Tanh", "Sigmoid", "Softmax", "LogSoftmax", "Softplus", "Softsign", "Hardswish"),
        *("Hardtanh", "Hardsigmoid", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d"),
        *("AlphaDropout", "MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d"),
        *("AvgPool3d", "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d"),
        *("AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "Flatten", "Unflatten", "Identity"),
        *("Upsample", "PixelShuffle", "ZeroPad2d", "ReflectionPad2d", "Sequential"),
        *("ModuleList", "ModuleDict"),
    }
)  # classes without a weight of their own
ACTIVATIONS: Final = frozenset(
    {
        *("ReLU", "ReLU6", "LeakyReLU", "ELU", "CELU", "SELU", "GELU", "SiLU", "Mish"),
        *("Tanh", "Sigmoid", "Softplus", "Hardswish"),
    }
)
KNOWN: Final = MULTIPLYING | NORMS | RECURRENT | EMBEDDINGS | BARE | {"MultiheadAttention", "PReLU"}
BASES: Final[Mapping[str, frozenset[str]]] = {
    "Module": KNOWN,
    "_ConvNd": CONVOLUTIONS | TRANSPOSED,
    "_ConvTransposeNd": TRANSPOSED,
    "_BatchNorm": frozenset(name for name in NORMS if "BatchNorm" in name),
    "_NormBase": frozenset(name for name in NORMS if "BatchNorm" in name or "Instance" in name),
    "RNNBase": frozenset({"RNN", "LSTM", "GRU"}),
    "Linear": frozenset({"Linear", "LazyLinear"}),
}


def owned(kind: str) -> frozenset[str] | None:
    """Whether a class of torch.nn has a weight and a bias: their names; None where unknown."""
    if kind in MULTIPLYING or kind in NORMS - {"RMSNorm"}:
        return frozenset({"weight", "bias"})
    if kind in EMBEDDINGS or kind in {"RMSNorm", "PReLU"}:
        return frozenset({"weight"})
    if kind in BARE or kind in RECURRENT or kind == "MultiheadAttention":
        return frozenset()
    return None
