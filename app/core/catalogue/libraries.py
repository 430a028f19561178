"""Keras, TensorFlow, JAX and Flax: their normals are truncated, by default at ±2σ."""

from __future__ import annotations

import math
from dataclasses import replace

from app.core.catalogue.scheme import (
    JAX,
    KERAS,
    Fan,
    Scheme,
    constant,
    fixed,
    positive,
    truncated,
)
from app.core.report import Law

SQRT2 = math.sqrt(2)
FIXED_SOURCE = "keras.initializers.TruncatedNormal, jax.nn.initializers.truncated_normal"


def _scaled(
    id_: str, name: str, law: Law, *, fan: Fan, gain: float = 1.0, text: str = "1"
) -> Scheme:
    library, function = id_.split(".")
    times = "" if text == "1" else f"{text}·"
    spread = "2/(fan_in+fan_out)" if fan == "average" else f"1/{fan}"
    formula = (
        f"U(±{times}√(3·{spread}))".replace("3·2", "6").replace("3·1", "3")
        if law == "uniform"
        else f"N(0, {times}√({spread})/0.8796) cut at ±2σ, std {times}√({spread}) after the cut"
    )
    call = (
        f"keras.initializers.{''.join(w.title() for w in function.split('_'))}()"
        if library == "keras"
        else f"jax.nn.initializers.{function}()"
    )
    return Scheme(
        id=id_,
        name=name,
        law=law,
        formula=formula,
        call=call,
        source=KERAS if library == "keras" else JAX,
        fan=fan,
        gain=gain,
        gain_text=text,
        rarity=2,
    )


def _he(id_: str, law: Law) -> Scheme:
    name = "He uniform" if law == "uniform" else "He normal (truncated)"
    return _scaled(id_, name, law, fan="fan_in", gain=SQRT2, text="√2")


def _flax_embedding() -> Scheme:
    """nn.Embed: variance_scaling over the features, an untruncated normal."""
    return Scheme(
        id="flax.default_embed_init",
        name="Flax embedding",
        law="normal",
        formula="N(0, √(1/features))",
        call="jax.nn.initializers.variance_scaling(1.0, 'fan_in', 'normal', out_axis=0)",
        source="flax.linen.Embed, Flax 0.12",
        fan="fan_in",
        parts=frozenset({"embedding"}),
        rarity=2,
    )


SCHEMES: tuple[Scheme, ...] = (
    _scaled("jax.lecun_uniform", "LeCun uniform", "uniform", fan="fan_in"),
    _scaled("jax.lecun_normal", "LeCun normal (truncated)", "truncated_normal", fan="fan_in"),
    _he("jax.he_normal", "truncated_normal"),
    _he("jax.he_uniform", "uniform"),
    _scaled("jax.glorot_uniform", "Glorot uniform", "uniform", fan="average"),
    _scaled("jax.glorot_normal", "Glorot normal (truncated)", "truncated_normal", fan="average"),
    _scaled("keras.glorot_uniform", "Glorot uniform", "uniform", fan="average"),
    _scaled("keras.glorot_normal", "Glorot normal (truncated)", "truncated_normal", fan="average"),
    _he("keras.he_uniform", "uniform"),
    _he("keras.he_normal", "truncated_normal"),
    _scaled("keras.lecun_uniform", "LeCun uniform", "uniform", fan="fan_in"),
    _scaled("keras.lecun_normal", "LeCun normal (truncated)", "truncated_normal", fan="fan_in"),
    _flax_embedding(),
    truncated("0.02", source=FIXED_SOURCE),
    truncated("0.01", source=FIXED_SOURCE),
    truncated("0.05", source=FIXED_SOURCE),
    truncated("0.1", source=f"{FIXED_SOURCE}; tf.truncated_normal in TensorFlow's tutorials"),
    positive("0.01", call="jax.nn.initializers.uniform()", source=JAX),
    replace(
        fixed("uniform", "0.05", source=f"{KERAS}: RandomUniform and Embedding", rarity=2),
        id="keras.random_uniform(0.05)",
        call="keras.initializers.RandomUniform()",
    ),
    replace(
        fixed("normal", "0.05", source=KERAS, rarity=2),
        id="keras.random_normal(0.05)",
        call="keras.initializers.RandomNormal()",
    ),
    constant(
        "0.1",
        name="constant 0.1, as LayerScale and bias tutorials",
        source="TensorFlow's tutorials (bias), timm (LayerScale up to 18 layers)",
    ),
)
