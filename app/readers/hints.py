"""Words in a layer's name that tell what it is, where shapes leave more than one class open."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

Hint: TypeAlias = Literal[
    "conv", "transpose", "bilinear", "linear", "embedding", "norm", "prelu", "batch", "layer",
    "group", "rms", "bag",
]  # fmt: skip

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_AXES = re.compile(r"([123])[dD](?![a-z])")
_PASSED_OVER = frozenset({"default"})  # components that say nothing, as adapters insert

WORDS: dict[str, frozenset[Hint]] = {
    **dict.fromkeys(("conv", "convs", "cnn", "convolution"), frozenset[Hint]({"conv"})),
    **dict.fromkeys(
        ("deconv", "transpose", "transposed", "convt", "upconv", "tconv", "up", "ups",
         "convtranspose", "upsample"),
        frozenset[Hint]({"transpose"}),
    ),
    "bilinear": frozenset[Hint]({"bilinear"}),
    **dict.fromkeys(
        ("fc", "linear", "lin", "proj", "projection", "head", "dense", "classifier", "query",
         "key", "value", "q", "k", "v", "o", "qkv", "kv", "wq", "wk", "wv", "wo", "wi", "w",
         "mlp", "out", "output", "lora", "logits", "gate", "ffn", "unembed"),
        frozenset[Hint]({"linear"}),
    ),
    **dict.fromkeys(
        ("embed", "emb", "embedding", "embeddings", "embeds", "embedder", "wte", "wpe", "tok",
         "vocab"),
        frozenset[Hint]({"embedding"}),
    ),
    "bag": frozenset[Hint]({"embedding", "bag"}),
    "embeddingbag": frozenset[Hint]({"embedding", "bag"}),
    "norm": frozenset[Hint]({"norm"}),
    "norms": frozenset[Hint]({"norm"}),
    **dict.fromkeys(("bn", "batchnorm"), frozenset[Hint]({"norm", "batch"})),
    **dict.fromkeys(("ln", "layernorm"), frozenset[Hint]({"norm", "layer"})),
    **dict.fromkeys(("gn", "groupnorm"), frozenset[Hint]({"norm", "group"})),
    **dict.fromkeys(("rms", "rmsnorm"), frozenset[Hint]({"norm", "rms"})),
    **dict.fromkeys(("prelu",), frozenset[Hint]({"prelu"})),
}  # fmt: skip
_BEFORE_NORM: dict[str, Hint] = {"batch": "batch", "layer": "layer", "group": "group"}


def words(component: str) -> list[str]:
    """The lower-case words of one name component: `LayerNorm_1` → layer, norm."""
    return [word.lower() for word in _WORD.findall(component)]


def named(path: str) -> str:
    """The last component that is a word and not a number: `mlp` of `blocks.0.mlp.2`."""
    for component in reversed(path.split(".")):
        if words(component) and component not in _PASSED_OVER:
            return component
    return ""


def hints(path: str) -> frozenset[Hint]:
    """What the last named component of a layer's path tells about its class.

    Args:
        path: The layer's, such as `encoder.layers.0.linear1`.

    Returns:
        Empty where the name tells nothing; several where its words disagree.
    """
    found: set[Hint] = set()
    spoken = words(named(path))
    for place, word in enumerate(spoken):
        found |= WORDS.get(word, frozenset())
        if word == "norm" and place and spoken[place - 1] in _BEFORE_NORM:
            found.add(_BEFORE_NORM[spoken[place - 1]])
        if word.startswith("conv") and word not in WORDS:
            found.add("conv")
    return frozenset(found)


def named_axes(path: str) -> int | None:
    """The number of axes in the layer's own name: 2 of `bn2d` or `BatchNorm2d`."""
    found = _AXES.search(path.rpartition(".")[2])
    return int(found.group(1)) if found else None


def own_hints(path: str) -> frozenset[Hint]:
    """As `hints`, but only where the layer's own component is a word: not in `embed.0`.

    T5 and BART call their embedding `shared`.
    """
    if path.rpartition(".")[2] == "shared":
        return frozenset({"embedding"})
    return hints(path) if words(path.rpartition(".")[2]) else frozenset()
