"""torch.nn.init with its gains, and torch.nn's own default."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from app.core.activations import gain as gain_of
from app.core.activations import leaky_relu_gain
from app.core.catalogue.scheme import (
    UNIFORM_AND_NORMAL,
    Fan,
    Scheme,
    constant,
    fixed,
    positive,
    truncated,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gain:
    """A gain, and how Kaiming's initialisers are asked for it."""

    name: str
    value: float
    text: str
    argument: str


def _of(nonlinearity: str, text: str) -> _Gain:
    """The gain that calculate_gain tabulates for a nonlinearity."""
    argument = f"nonlinearity='{nonlinearity}'"
    return _Gain(name=nonlinearity, value=gain_of(nonlinearity), text=text, argument=argument)


def _kaiming(
    fan: Fan, gain: _Gain, *, rarity: int = 1, parts: frozenset[str] = frozenset()
) -> list[Scheme]:
    mode = "" if fan == "fan_in" else ", mode='fan_out'"
    times = "" if gain.text == "1" else f"{gain.text}·"
    return [
        Scheme(
            id=f"kaiming_{law}({fan},{gain.name})",
            name=f"Kaiming {law} ({fan}, {gain.name})",
            law=law,
            formula=f"U(±{times}√(3/{fan}))" if law == "uniform" else f"N(0, {times}√(1/{fan}))",
            call=f"nn.init.kaiming_{law}_(w{mode}, {gain.argument})",
            fan=fan,
            gain=gain.value,
            gain_text=gain.text,
            rarity=rarity,
            parts=parts,
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


def _lecun() -> list[Scheme]:
    return [
        Scheme(
            id=f"lecun_{law}",
            name=f"LeCun {law}",
            law=law,
            formula="U(±√(3/fan_in))" if law == "uniform" else "N(0, √(1/fan_in))",
            call=f"nn.init.kaiming_{law}_(w, nonlinearity='linear')",
            source="LeCun et al., Efficient BackProp (1998), section 4.6",
            fan="fan_in",
        )
        for law in UNIFORM_AND_NORMAL
    ]


def _orthogonal(
    gain: float, label: str, text: str, *, argument: str, parts: frozenset[str] = frozenset()
) -> Scheme:
    return Scheme(
        id=f"orthogonal(gain={label})",
        name="Orthogonal" + ("" if text == "1" else f" (gain {text})"),
        law="orthogonal",
        formula="W·Wᵀ = I" if text == "1" else f"W·Wᵀ = ({text})²·I",
        call=f"nn.init.orthogonal_(w{argument})",
        gain=gain,
        gain_text=text,
        parts=parts,
    )


SQRT2 = gain_of("relu")
THIRD = leaky_relu_gain(math.sqrt(5))
RELU, LINEAR = _of("relu", "√2"), _of("linear", "1")
TANH, SELU = _of("tanh", "(5/3)"), _of("selu", "(3/4)")
LEAKY = _Gain(
    name="leaky_relu=0.01", value=gain_of("leaky_relu"), text="√(2/(1+0.01²))", argument="a=0.01"
)
STEEPER = _Gain(
    name="leaky_relu=0.2", value=leaky_relu_gain(0.2), text="√(2/(1+0.2²))", argument="a=0.2"
)
SQRT5 = _Gain(name="a=√5", value=THIRD, text="√(1/3)", argument="a=5**0.5")
MATRICES = frozenset({"linear", "convolution"})

SCHEMES: tuple[Scheme, ...] = (
    Scheme(
        id="torch_default",
        name="PyTorch default",
        law="uniform",
        formula="U(±1/√fan_in)",
        call="nn.init.kaiming_uniform_(w, a=5**0.5)",
        source="reset_parameters of torch.nn.Linear and the convolutions, torch 2.13; Torch7's "
        "nn.Linear drew the same",
        fan="fan_in",
        gain=THIRD,
        gain_text="√(1/3)",
        rarity=0,
    ),
    *_kaiming("fan_in", RELU, rarity=0),
    *_kaiming("fan_out", RELU, rarity=0),
    *_xavier(1.0, "1", "1", argument="", rarity=0),
    *_kaiming("fan_in", LINEAR),
    *_kaiming("fan_out", LINEAR),
    *_lecun(),
    *_kaiming("fan_in", TANH),
    *_kaiming("fan_out", TANH, rarity=2),
    *_kaiming("fan_in", SELU, rarity=2),
    *_kaiming("fan_out", SELU, rarity=2),
    *_kaiming("fan_in", LEAKY, rarity=2),
    *_kaiming("fan_out", LEAKY, rarity=2),
    *_kaiming("fan_in", STEEPER, rarity=2, parts=frozenset({"convolution"})),
    *_kaiming("fan_in", SQRT5),
    *_kaiming("fan_out", SQRT5, rarity=2),
    *_xavier(SQRT2, "1.414", "√2", argument=", gain=2**0.5", rarity=1),
    *_xavier(5 / 3, "1.667", "(5/3)", argument=", gain=5/3", rarity=1),
    *_xavier(1 / SQRT2, "0.7071", "√(1/2)", argument=", gain=0.5**0.5", rarity=2),
    _orthogonal(1.0, "1", "1", argument=""),
    _orthogonal(SQRT2, "1.414", "√2", argument=", gain=2**0.5"),
    _orthogonal(5 / 3, "1.667", "(5/3)", argument=", gain=5/3", parts=MATRICES),
    _orthogonal(0.01, "0.01", "0.01", argument=", gain=0.01", parts=frozenset({"linear"})),
    fixed("normal", "0.02", rarity=0),
    fixed("normal", "0.01", rarity=0),
    fixed("normal", "1"),
    fixed("normal", "0.1"),
    fixed("normal", "0.05", rarity=2),
    fixed("normal", "0.03", rarity=2, parts=frozenset({"convolution"})),
    fixed("normal", "0.001"),
    fixed("normal", "1e-06", rarity=2),
    Scheme(
        id="trunc_normal(0.02)",
        name="trunc_normal_ 0.02, cut at ±2 absolute",
        law="normal",
        formula="N(0, 0.02), cut at ±100σ, which is no cut",
        call="nn.init.trunc_normal_(w, std=0.02)",
        scale=0.02,
        clamp=2.0,
    ),
    Scheme(
        id="trunc_normal(0.01)",
        name="trunc_normal_ 0.01, cut at ±2 absolute",
        law="normal",
        formula="N(0, 0.01), cut at ±200σ, which is no cut",
        call="nn.init.trunc_normal_(w, std=0.01)",
        scale=0.01,
        clamp=2.0,
    ),
    truncated(
        "1",
        source="torch.nn.init.trunc_normal_ without arguments, torch 2.13",
        parts=frozenset({"embedding", "position", "token"}),
    ),
    fixed("uniform", "0.1", rarity=2),
    fixed("uniform", "0.08", rarity=2, source="Sutskever et al. (2014), section 3.4"),
    positive(
        "1",
        call="nn.init.uniform_(w)",
        source="torch.nn.init.uniform_ without arguments, torch.rand, torch 2.13; Wav2Vec2's "
        "masked_spec_embed",
        rarity=1,
    ),
    Scheme(
        id="eye",
        name="eye_, the identity",
        law="identity",
        formula="1 on the diagonal, 0 elsewhere",
        call="nn.init.eye_(w)",
    ),
    Scheme(
        id="dirac",
        name="dirac_, which passes each channel on",
        law="dirac",
        formula="1 at the middle tap of each channel's own, 0 elsewhere",
        call="nn.init.dirac_(w)",
    ),
    Scheme(
        id="sparse(0.01)",
        name="sparse_ of Normal 0.01",
        law="sparse",
        formula="as many zeros in every column, else N(0, 0.01)",
        call="nn.init.sparse_(w, sparsity=0.1)",
        scale=0.01,
    ),
    replace(constant("0", name="zeros", rarity=0), id="zeros", call="nn.init.zeros_(w)"),
    replace(constant("1", name="ones", rarity=0), id="ones", call="nn.init.ones_(w)"),
    constant("0.25", name="constant 0.25, as PReLU", source="torch.nn.PReLU, torch 2.13"),
)
