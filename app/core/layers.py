"""Layer kinds and parameter roles: the vocabulary in which a tensor is described."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.core.checkpoint import Attribute, Certainty

LINEAR = frozenset({"Linear", "LazyLinear", "NonDynamicallyQuantizableLinear", "_LinearWithBias"})
EMBEDDING = frozenset({"Embedding", "EmbeddingBag"})
CONV = {f"{lazy}Conv{n}d": n for lazy in ("", "Lazy") for n in (1, 2, 3)}  # class → kernel axes
CONV_TRANSPOSE = {f"{lazy}ConvTranspose{n}d": n for lazy in ("", "Lazy") for n in (1, 2, 3)}
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3, "RNNCell": 1, "LSTMCell": 4, "GRUCell": 3}
BATCH_NORM = frozenset(
    {f"{lazy}{name}{n}d" for lazy in ("", "Lazy") for name in ("BatchNorm",) for n in (1, 2, 3)}
    | {"SyncBatchNorm"}
)
INSTANCE_NORM = frozenset(f"{lazy}InstanceNorm{n}d" for lazy in ("", "Lazy") for n in (1, 2, 3))
NORM = BATCH_NORM | INSTANCE_NORM | {"LayerNorm", "GroupNorm", "RMSNorm"}
TRANSFORMER = frozenset(
    {
        "Transformer",
        "TransformerEncoder",
        "TransformerDecoder",
        "TransformerEncoderLayer",
        "TransformerDecoderLayer",
    }
)
KINDS = frozenset(
    LINEAR
    | EMBEDDING
    | CONV.keys()
    | CONV_TRANSPOSE.keys()
    | GATES.keys()
    | NORM
    | TRANSFORMER
    | {"Bilinear", "MultiheadAttention", "PReLU", "AdaptiveLogSoftmaxWithLoss"}
)

WEIGHT_ROLES = frozenset(
    {
        "weight",
        "in_proj_weight",
        "q_proj_weight",
        "k_proj_weight",
        "v_proj_weight",
        "weight_ih",
        "weight_hh",
        "weight_hr",
    }
)
TABLES = frozenset({"embedding", "position", "token"})  # parts that are looked up, not multiplied
BIAS_ROLES = frozenset({"bias", "in_proj_bias", "bias_ih", "bias_hh"})
STATE_ROLES = frozenset(
    {
        "running_mean",
        "running_var",
        "num_batches_tracked",
        "buffer",
        "optimizer_state",
        "magnitude",  # weight norm's: the norms of the weight beside it
    }
)

OFFSET = "offset"
"""Attribute of a norm's weight that 1 is added to before it multiplies, as Gemma's: the 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterFacts:
    """What is known of the layer that owns one tensor, and how surely.

    `attributes` holds the layer's plain arguments where the file has them (groups, hidden_size,
    padding_idx …) and, where names and shapes leave several classes open, `possible`: their names.
    """

    module: str  # path of the owning layer, "" for the root
    kind: str  # torch.nn class name, or "unknown"
    kind_certainty: Certainty
    role: str  # "weight", "bias", "norm_weight", "running_mean", "in_proj_weight", ...
    fan_in: int | None
    fan_out: int | None
    fan_certainty: Certainty
    evidence: str  # "module class in the file", "name and shape", ...
    attributes: dict[str, Attribute] = field(default_factory=dict)  # groups, hidden_size, ...
    enclosing: str | None = None  # kind of an ancestor that redraws its children: "Transformer"


def torch_kind(class_name: str) -> str | None:
    """The torch.nn class a module record names, or None for anybody else's class."""
    package, _, name = class_name.rpartition(".")
    return name if package.startswith("torch.nn.") and name in KINDS else None
