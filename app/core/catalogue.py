"""The catalogue of initialisation schemes: one record each. Adding a scheme is adding a record."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from app.core.activations import gain as gain_of
from app.core.activations import leaky_relu_gain
from app.core.report import Law
from app.core.wording import number

Fan: TypeAlias = Literal["fan_in", "fan_out", "average", "none"]

UNIFORM_AND_NORMAL: tuple[Law, Law] = ("uniform", "normal")
TORCH = "torch.nn.init, torch 2.13"
KERAS = "keras.initializers, Keras 3.15"
JAX = "jax.nn.initializers, JAX 0.10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """One way to draw a tensor.

    With a fan, the std is `gain / √fan`; `average` is (fan_in + fan_out)/2. Without one, `scale`
    is the law's own parameter: a uniform's bound, a normal's std, a truncated normal's std before
    the cut, a constant's value. Orthogonal uses the gain and the shape.
    """

    id: str
    name: str
    law: Law
    formula: str
    call: str
    source: str = TORCH
    fan: Fan = "none"
    gain: float = 1.0
    gain_text: str = "1"
    scale: float = 0.0
    rarity: int = 1  # 0 the usual choice, 1 common, 2 rare: orders schemes the data cannot part


def _kaiming(
    fan: Fan, nonlinearity: str, gain: float, text: str, *, argument: str = "", rarity: int = 1
) -> list[Scheme]:
    mode = "" if fan == "fan_in" else ", mode='fan_out'"
    argument = argument or f"nonlinearity='{nonlinearity}'"
    times = "" if text == "1" else f"{text}·"
    return [
        Scheme(
            id=f"kaiming_{law}({fan},{nonlinearity})",
            name=f"Kaiming {law} ({fan}, {nonlinearity})",
            law=law,
            formula=f"U(±{times}√(3/{fan}))" if law == "uniform" else f"N(0, {times}√(1/{fan}))",
            call=f"nn.init.kaiming_{law}_(w{mode}, {argument})",
            fan=fan,
            gain=gain,
            gain_text=text,
            rarity=rarity,
        )
        for law in UNIFORM_AND_NORMAL
    ]


def _xavier(gain: float, label: str, text: str, *, argument: str, rarity: int) -> list[Scheme]:
    times = "" if text == "1" else f"{text}·"
    return [
        Scheme(
            id=f"xavier_{law}(gain={label})",
            name=f"Xavier {law}" + ("" if text == "1" else f" (gain {text})"),
            law=law,
            formula=(
                f"U(±{times}√(6/(fan_in+fan_out)))"
                if law == "uniform"
                else f"N(0, {times}√(2/(fan_in+fan_out)))"
            ),
            call=f"nn.init.xavier_{law}_(w{argument})",
            fan="average",
            gain=gain,
            gain_text=text,
            rarity=rarity,
        )
        for law in UNIFORM_AND_NORMAL
    ]


def _lecun(law: Law, formula: str) -> Scheme:
    return Scheme(
        id=f"lecun_{law}",
        name=f"LeCun {law}",
        law=law,
        formula=formula,
        call=f"nn.init.kaiming_{law}_(w, nonlinearity='linear')",
        source="LeCun et al., Efficient BackProp (1998), section 4.6",
        fan="fan_in",
        rarity=1,
    )


def _library(
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


def _normal(std: str, rarity: int = 1) -> Scheme:
    return Scheme(
        id=f"normal({std})",
        name=f"Normal {std}",
        law="normal",
        formula=f"N(0, {std})",
        call=f"nn.init.normal_(w, std={std})",
        scale=float(std),
        rarity=rarity,
    )


def _truncated(std: str) -> Scheme:
    return Scheme(
        id=f"truncated_normal({std},±2σ)",
        name=f"Truncated normal {std}, cut at ±2σ",
        law="truncated_normal",
        formula=f"N(0, {std}) cut at ±2σ = ±{number(2 * float(std))}",
        call=f"nn.init.trunc_normal_(w, std={std}, a={-2 * float(std):g}, b={2 * float(std):g})",
        source="keras.initializers.TruncatedNormal, jax.nn.initializers.truncated_normal",
        scale=float(std),
        rarity=2,
    )


def _constant(value: str, id_: str, name: str, *, call: str = "", rarity: int = 1) -> Scheme:
    return Scheme(
        id=id_,
        name=name,
        law="constant",
        formula=f"every value {value}",
        call=call or f"nn.init.constant_(w, {value})",
        scale=float(value),
        rarity=rarity,
    )


def _orthogonal(gain: float, label: str, text: str, *, argument: str) -> Scheme:
    return Scheme(
        id=f"orthogonal(gain={label})",
        name="Orthogonal" + ("" if text == "1" else f" (gain {text})"),
        law="orthogonal",
        formula="W·Wᵀ = I" if text == "1" else f"W·Wᵀ = ({text})²·I",
        call=f"nn.init.orthogonal_(w{argument})",
        gain=gain,
        gain_text=text,
        rarity=1,
    )


SQRT2 = gain_of("relu")
LEAKY = gain_of("leaky_relu")
LEAKY_TEXT = "√(2/(1+0.01²))"
THIRD = leaky_relu_gain(math.sqrt(5))

CATALOGUE: tuple[Scheme, ...] = (
    Scheme(
        id="torch_default",
        name="PyTorch default",
        law="uniform",
        formula="U(±1/√fan_in)",
        call="nn.init.kaiming_uniform_(w, a=5**0.5)",
        source="reset_parameters of torch.nn.Linear and the convolutions, torch 2.13",
        fan="fan_in",
        gain=THIRD,
        gain_text="√(1/3)",
        rarity=0,
    ),
    *_kaiming("fan_in", "relu", SQRT2, "√2", rarity=0),
    *_kaiming("fan_out", "relu", SQRT2, "√2", rarity=0),
    *_xavier(1.0, "1", "1", argument="", rarity=0),
    *_kaiming("fan_in", "linear", 1.0, "1"),
    *_kaiming("fan_out", "linear", 1.0, "1"),
    _lecun("uniform", "U(±√(3/fan_in))"),
    _lecun("normal", "N(0, √(1/fan_in))"),
    *_kaiming("fan_in", "tanh", 5 / 3, "(5/3)"),
    *_kaiming("fan_out", "tanh", 5 / 3, "(5/3)", rarity=2),
    *_kaiming("fan_in", "selu", 0.75, "(3/4)", rarity=2),
    *_kaiming("fan_out", "selu", 0.75, "(3/4)", rarity=2),
    *_kaiming("fan_in", "leaky_relu=0.01", LEAKY, LEAKY_TEXT, argument="a=0.01", rarity=2),
    *_kaiming("fan_out", "leaky_relu=0.01", LEAKY, LEAKY_TEXT, argument="a=0.01", rarity=2),
    *_kaiming("fan_in", "a=√5", THIRD, "√(1/3)", argument="a=5**0.5"),
    *_kaiming("fan_out", "a=√5", THIRD, "√(1/3)", argument="a=5**0.5", rarity=2),
    *_xavier(SQRT2, "1.414", "√2", argument=", gain=2**0.5", rarity=1),
    *_xavier(5 / 3, "1.667", "(5/3)", argument=", gain=5/3", rarity=1),
    *_xavier(1 / SQRT2, "0.7071", "√(1/2)", argument=", gain=0.5**0.5", rarity=2),
    _library("jax.lecun_uniform", "LeCun uniform", "uniform", fan="fan_in"),
    _library("jax.lecun_normal", "LeCun normal (truncated)", "truncated_normal", fan="fan_in"),
    _library(
        "jax.he_normal",
        "He normal (truncated)",
        "truncated_normal",
        fan="fan_in",
        gain=SQRT2,
        text="√2",
    ),
    _library("keras.glorot_uniform", "Glorot uniform", "uniform", fan="average"),
    _library("keras.glorot_normal", "Glorot normal (truncated)", "truncated_normal", fan="average"),
    _library("keras.he_uniform", "He uniform", "uniform", fan="fan_in", gain=SQRT2, text="√2"),
    _library(
        "keras.he_normal",
        "He normal (truncated)",
        "truncated_normal",
        fan="fan_in",
        gain=SQRT2,
        text="√2",
    ),
    _library("keras.lecun_uniform", "LeCun uniform", "uniform", fan="fan_in"),
    _library("keras.lecun_normal", "LeCun normal (truncated)", "truncated_normal", fan="fan_in"),
    _orthogonal(1.0, "1", "1", argument=""),
    _orthogonal(SQRT2, "1.414", "√2", argument=", gain=2**0.5"),
    _normal("0.02", 0),
    _normal("0.01", 0),
    _normal("1", 1),
    _normal("0.1", 1),
    _normal("0.05", 2),
    _normal("0.03", 2),
    _normal("0.001", 1),
    _normal("1e-06", 2),
    Scheme(
        id="trunc_normal(0.02)",
        name="trunc_normal_ 0.02, cut at ±2 absolute",
        law="normal",
        formula="N(0, 0.02), cut at ±100σ, which is no cut",
        call="nn.init.trunc_normal_(w, std=0.02)",
        scale=0.02,
        rarity=1,
    ),
    _truncated("0.02"),
    _truncated("0.01"),
    _truncated("0.05"),
    _truncated("0.1"),
    Scheme(
        id="keras.random_uniform(0.05)",
        name="Uniform ±0.05",
        law="uniform",
        formula="U(±0.05)",
        call="keras.initializers.RandomUniform()",
        source=KERAS,
        scale=0.05,
        rarity=2,
    ),
    Scheme(
        id="uniform(0.1)",
        name="Uniform ±0.1",
        law="uniform",
        formula="U(±0.1)",
        call="nn.init.uniform_(w, -0.1, 0.1)",
        scale=0.1,
        rarity=2,
    ),
    _constant("0", "zeros", "zeros", call="nn.init.zeros_(w)", rarity=0),
    _constant("1", "ones", "ones", call="nn.init.ones_(w)", rarity=0),
    _constant("0.25", "constant(0.25)", "constant 0.25, as PReLU"),
    _constant("0.1", "constant(0.1)", "constant 0.1, as LayerScale and bias tutorials"),
    _constant("0.01", "constant(0.01)", "constant 0.01"),
    _constant("1e-05", "constant(1e-05)", "constant 1e-05, as LayerScale"),
    _constant("1e-06", "constant(1e-06)", "constant 1e-06, as ConvNeXt's layer scale"),
)

BY_ID = {scheme.id: scheme for scheme in CATALOGUE}
ORDER = {scheme.id: place for place, scheme in enumerate(CATALOGUE)}
