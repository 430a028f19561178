"""The constructors of torch.nn as tables, and what was written bound to their arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from app.errors import NotANetwork

Some = TypeVar("Some")

# `?` marks what may be left out, `|` stands before what must be named.
_PLACED = "device? dtype?"
_CONV = f"kernel_size stride? padding? dilation? groups? bias? padding_mode? {_PLACED}"
_TRANSPOSE = (
    "kernel_size stride? padding? output_padding? groups? bias? dilation? padding_mode? " + _PLACED
)
_RUNNING = f"eps? momentum? affine? track_running_stats? {_PLACED} | bias?"
_RECURRENT = f"bias? batch_first? dropout? bidirectional? {_PLACED}"
_FORWARD = "dim_feedforward? dropout? activation? layer_norm_eps? batch_first? norm_first? bias?"
_ROWS = "num_embeddings embedding_dim"

SIGNATURES: dict[str, str] = {
    "Linear": f"in_features out_features bias? {_PLACED}",
    "LazyLinear": f"out_features bias? {_PLACED}",
    "Bilinear": f"in1_features in2_features out_features bias? {_PLACED}",
    "Embedding": f"{_ROWS} padding_idx? max_norm? norm_type? scale_grad_by_freq? sparse? {_PLACED}",
    "EmbeddingBag": f"{_ROWS} max_norm? norm_type? scale_grad_by_freq? mode? sparse? "
    f"include_last_offset? padding_idx? {_PLACED}",
    **{f"Conv{n}d": f"in_channels out_channels {_CONV}" for n in (1, 2, 3)},
    **{f"LazyConv{n}d": f"out_channels {_CONV}" for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": f"in_channels out_channels {_TRANSPOSE}" for n in (1, 2, 3)},
    **{f"LazyConvTranspose{n}d": f"out_channels {_TRANSPOSE}" for n in (1, 2, 3)},
    **{f"BatchNorm{n}d": f"num_features {_RUNNING}" for n in (1, 2, 3)},
    **{f"InstanceNorm{n}d": f"num_features {_RUNNING}" for n in (1, 2, 3)},
    **{f"LazyBatchNorm{n}d": _RUNNING for n in (1, 2, 3)},
    **{f"LazyInstanceNorm{n}d": _RUNNING for n in (1, 2, 3)},
    "SyncBatchNorm": "num_features eps? momentum? affine? track_running_stats? process_group? "
    f"{_PLACED} | bias?",
    "LayerNorm": f"normalized_shape eps? elementwise_affine? bias? {_PLACED}",
    "RMSNorm": f"normalized_shape eps? elementwise_affine? {_PLACED}",
    "GroupNorm": f"num_groups num_channels eps? affine? {_PLACED} | bias?",
    "LocalResponseNorm": "size alpha? beta? k?",
    **{
        f"MaxPool{n}d": "kernel_size stride? padding? dilation? return_indices? ceil_mode?"
        for n in (1, 2, 3)
    },
    "AvgPool1d": "kernel_size stride? padding? ceil_mode? count_include_pad?",
    **{
        f"AvgPool{n}d": "kernel_size stride? padding? ceil_mode? count_include_pad? "
        "divisor_override?"
        for n in (2, 3)
    },
    **{f"LPPool{n}d": "norm_type kernel_size stride? ceil_mode?" for n in (1, 2, 3)},
    **{f"AdaptiveAvgPool{n}d": "output_size" for n in (1, 2, 3)},
    **{f"AdaptiveMaxPool{n}d": "output_size return_indices?" for n in (1, 2, 3)},
    **{
        f"{kind}Pad{n}d": "padding"
        for kind in ("Zero", "Reflection", "Replication", "Circular")
        for n in (1, 2, 3)
    },
    **{f"ConstantPad{n}d": "padding value" for n in (1, 2, 3)},
    **dict.fromkeys(("Dropout", "AlphaDropout", "FeatureAlphaDropout"), "p? inplace?"),
    **{f"Dropout{n}d": "p? inplace?" for n in (1, 2, 3)},
    **dict.fromkeys(("ReLU", "ReLU6", "SELU", "SiLU", "Mish"), "inplace?"),
    **dict.fromkeys(("Hardsigmoid", "Hardswish"), "inplace?"),
    **dict.fromkeys(("Tanh", "Sigmoid", "LogSigmoid", "Softsign", "Tanhshrink"), ""),
    **dict.fromkeys(("Softmax", "Softmin", "LogSoftmax", "GLU"), "dim?"),
    **dict.fromkeys(("Hardshrink", "Softshrink"), "lambd?"),
    **dict.fromkeys(("ELU", "CELU"), "alpha? inplace?"),
    "Softmax2d": "",
    "GELU": "approximate?",
    "LeakyReLU": "negative_slope? inplace?",
    "PReLU": f"num_parameters? init? {_PLACED}",
    "RReLU": "lower? upper? inplace?",
    "Hardtanh": "min_val? max_val? inplace? min_value? max_value?",
    "Softplus": "beta? threshold?",
    "Threshold": "threshold value inplace?",
    "Identity": "*",
    "Flatten": "start_dim? end_dim?",
    "Unflatten": "dim unflattened_size",
    "Upsample": "size? scale_factor? mode? align_corners? recompute_scale_factor?",
    "UpsamplingNearest2d": "size? scale_factor?",
    "UpsamplingBilinear2d": "size? scale_factor?",
    "PixelShuffle": "upscale_factor",
    "PixelUnshuffle": "downscale_factor",
    "ChannelShuffle": "groups",
    "Fold": "output_size kernel_size dilation? padding? stride?",
    "Unfold": "kernel_size dilation? padding? stride?",
    "RNN": "input_size hidden_size num_layers? nonlinearity? " + _RECURRENT,
    "LSTM": "input_size hidden_size num_layers? bias? batch_first? dropout? bidirectional? "
    f"proj_size? {_PLACED}",
    "GRU": "input_size hidden_size num_layers? " + _RECURRENT,
    "RNNCell": f"input_size hidden_size bias? nonlinearity? {_PLACED}",
    **dict.fromkeys(("LSTMCell", "GRUCell"), f"input_size hidden_size bias? {_PLACED}"),
    "MultiheadAttention": "embed_dim num_heads dropout? bias? add_bias_kv? add_zero_attn? kdim? "
    f"vdim? batch_first? {_PLACED}",
    **{
        f"Transformer{half}coderLayer": f"d_model nhead {_FORWARD} {_PLACED}"
        for half in ("En", "De")
    },
    "Transformer": "d_model? nhead? num_encoder_layers? num_decoder_layers? dim_feedforward? "
    "dropout? activation? custom_encoder? custom_decoder? layer_norm_eps? batch_first? "
    f"norm_first? bias? {_PLACED}",
    "TransformerEncoder": "encoder_layer num_layers norm? enable_nested_tensor? mask_check?",
    "TransformerDecoder": "decoder_layer num_layers norm?",
}  # fmt: skip

# What a spec may say beside torch's constructors.
CAUSAL = (
    "MultiheadAttention",
    *(f"Transformer{half}coder{part}" for half in ("En", "De") for part in ("Layer", "")),
)
OPERATIONS: dict[str, str] = {
    "Position": "",  # a learned position embedding is added
    "ClassToken": "",  # a learned token goes before the first
    "Transpose": "dim0 dim1",
    "Permute": "dims",
    "Reshape": "shape",  # of one input, without the batch; one size may be -1
    "Select": "dim index",
    "Mean": "dim",
    "Scale": "factor",
}
KINDS = frozenset({*SIGNATURES, *OPERATIONS})


def names(kind: str) -> tuple[list[str], list[str], set[str]]:
    """Arguments of a layer: by place, by name alone, and those that must be given."""
    text = SIGNATURES.get(kind) or OPERATIONS.get(kind, "")
    placed, _, named = text.partition("|")
    every = [*placed.split(), *named.split()]
    needed = {name for name in every if not name.endswith("?") and not name.startswith("*")}
    by_name = [name.rstrip("?") for name in named.split()]
    if kind in CAUSAL:
        by_name.append("causal")
    return [name.rstrip("?") for name in placed.split()], by_name, needed


def bound(
    title: str, kind: str, positional: Sequence[Some], named: Mapping[str, Some]
) -> dict[str, Some]:
    """What was written, by argument names.

    Args:
        title: The layer as a sentence names it.
        kind: Its class.
        positional: Arguments without a name.
        named: The others.

    Raises:
        NotANetwork: If there are too many, or one is unknown, given twice or missing.
    """
    placed, by_name, needed = names(kind)
    if placed == ["*"]:
        return {}
    if len(positional) > len(placed):
        takes = f"at most {len(placed)}" if placed else "no"
        raise NotANetwork(
            reason=f"{title} takes {takes} arguments without a name, got {len(positional)}."
        )
    found = dict(zip(placed, positional, strict=False))
    for name, value in named.items():
        if name not in placed and name not in by_name:
            known = ", ".join([*placed, *by_name]) or "no arguments"
            raise NotANetwork(
                reason=f"{title} takes {known}; it has no argument {name[:60]!r}. "
                "Correct its name or leave it out."
            )
        if name in found:
            raise NotANetwork(reason=f"{title} is given {name} twice.")
        found[name] = value
    missing = [name for name in placed if name in needed and name not in found]
    if missing:
        raise NotANetwork(reason=f"{title} also needs {' and '.join(missing)}.")
    return found
