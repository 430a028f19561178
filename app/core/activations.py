"""The gain of each activation, as torch.nn.init.calculate_gain tabulates it."""

from __future__ import annotations

import math
from dataclasses import dataclass

INTERCHANGEABLE = (
    "CELU",
    "ELU",
    "GELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "Identity",
    "LeakyReLU",
    "LogSigmoid",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SELU",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
)
"""torch.nn classes that act on each number alone and can be built without arguments."""

NEGATIVE_SLOPE = 0.01  # torch.nn.LeakyReLU's and calculate_gain's default


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """An activation and the factor its weights need beside 1/√fan."""

    name: str  # calculate_gain's own word
    gain: float
    formula: str
    reason: str


ACTIVATIONS: tuple[Activation, ...] = (
    Activation(name="linear", gain=1.0, formula="1", reason="nothing is lost"),
    Activation(name="sigmoid", gain=1.0, formula="1", reason="torch's table leaves it at 1"),
    Activation(name="tanh", gain=5 / 3, formula="5/3", reason="tanh shrinks a unit signal"),
    Activation(
        name="relu", gain=math.sqrt(2), formula="√2", reason="ReLU drops half of the energy"
    ),
    Activation(
        name="leaky_relu",
        gain=math.sqrt(2 / (1 + NEGATIVE_SLOPE**2)),
        formula="√(2/(1+0.01²))",
        reason="a slope of 0.01 keeps a 0.01² part of the negative half",
    ),
    Activation(
        name="selu", gain=0.75, formula="3/4", reason="torch's table; self-normalising nets use 1"
    ),
)


def leaky_relu_gain(slope: float) -> float:
    """`√(2/(1+slope²))`: 1/√3 at √5, which is where torch's default comes from."""
    return math.sqrt(2 / (1 + slope**2))


def gain(name: str, slope: float = NEGATIVE_SLOPE) -> float:
    """The factor by which an activation's weights exceed 1/√fan.

    Args:
        name: As calculate_gain knows it: "relu", "tanh", "conv2d" …
        slope: Of the negative half, for "leaky_relu".

    Raises:
        ValueError: If torch has no gain for this name.

    Source:
        torch.nn.init.calculate_gain, torch 2.13.
    """
    if name == "leaky_relu":
        return leaky_relu_gain(slope)
    if name.startswith("conv") and name[4:].removeprefix("_transpose") in {"1d", "2d", "3d"}:
        return 1.0
    found = next((a for a in ACTIVATIONS if a.name == name), None)
    if found is None:
        msg = f"torch has no gain for the activation {name!r}"
        raise ValueError(msg)
    return found.gain
