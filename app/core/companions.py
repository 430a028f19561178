"""What draws the parameters beside a scheme's own weights, where its library has a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

Lines: TypeAlias = Mapping[str, str]  # "weights", "embeddings" or "biases" → a scheme's id

_NONE: Final[Lines] = MappingProxyType({})
_ZEROS: Final = {"biases": "zeros"}


def _all(scheme: str) -> Lines:
    """Biases 0; embeddings, and weights that the scheme is not for, by one other."""
    return MappingProxyType({"weights": scheme, "embeddings": scheme, **_ZEROS})


_BY_SCHEME: Final[dict[str, Lines]] = {
    "normal(0.02)": {"embeddings": "normal(0.02)", **_ZEROS},
    "trunc_normal(0.02)": {"embeddings": "trunc_normal(0.02)", **_ZEROS},
    "truncated_normal(0.02,±2σ)": {"embeddings": "truncated_normal(0.02,±2σ)", **_ZEROS},
    "truncated_normal(0.02,±3σ)": {"embeddings": "truncated_normal(0.02,±3σ)", **_ZEROS},
    "normal(0.006)": _all("normal(0.006)"),
    "depth_scaled(0.02,2·layers)": _all("normal(0.02)"),
    "depth_scaled(0.02,layers)": _all("normal(0.02)"),
    "depth_scaled(0.006,2·layers)": _all("normal(0.006)"),
    "timm.fix_init(0.02)": _all("normal(0.02)"),
    "hf.conv1d": _all("normal(0.02)"),
    "small_init": {"embeddings": "small_init", **_ZEROS},
    "wang_init": {"weights": "small_init", "embeddings": "small_init", **_ZEROS},
    "clip.in_proj": _ZEROS,
    "clip.fc1": _ZEROS,
}
"""Source: the recipes of `core.catalogue.families`: Hugging Face, GPT-2, GPT-NeoX, timm."""

_BY_LIBRARY: Final[dict[str, Lines]] = {
    "keras": {"embeddings": "keras.random_uniform(0.05)", **_ZEROS},
    "jax": {"embeddings": "flax.default_embed_init", **_ZEROS},
    "flax": {"embeddings": "flax.default_embed_init", **_ZEROS},
}
"""Source: the defaults of keras.layers, Keras 3.15, and of flax.linen."""


def companions(scheme_id: str) -> Lines:
    """The schemes of the parameters that a scheme itself does not draw; none: torch's default."""
    library = scheme_id.partition(".")[0]
    return _BY_SCHEME.get(scheme_id) or _BY_LIBRARY.get(library, _NONE)
