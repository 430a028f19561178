"""Each elementwise activation as a function of one number: its value, its slope and its kinks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

import numpy as np
from scipy import special

from app.errors import Invalid

Array: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Function: TypeAlias = Callable[[Array], Array]

SELU_ALPHA: Final = 1.6732632423543772848170429916717
SELU_SCALE: Final = 1.0507009873554804934193349852946
_TANH_GELU: Final = math.sqrt(2 / math.pi)
_TANH_GELU_CUBIC: Final = 0.044715


@dataclass(frozen=True, slots=True, kw_only=True)
class Nonlinearity:
    """An activation φ."""

    name: str  # its torch.nn class, or torch function where there is no class
    value: Function  # φ(x)
    slope: Function  # φ'(x); at a kink the one torch's gradient takes, or either side's
    kinks: tuple[float, ...] = ()  # where φ or φ' is not smooth, ascending
    homogeneous: tuple[float, float] | None = None  # slopes of x < 0 and x > 0, if that is all


def nonlinearity(name: str, arguments: Mapping[str, float | str] | None = None) -> Nonlinearity:
    """The activation of a torch.nn class.

    Args:
        name: "ReLU", "GELU", ...; "erf", "sin", "abs" and "square" for functions without a class.
        arguments: Of its constructor; torch's defaults for those left out.

    Raises:
        Invalid: If there is no such activation, or it does not act on each number alone.

    Source:
        torch.nn.modules.activation, torch 2.13.
    """
    build = _BUILDERS.get(name)
    if build is None:
        known = ", ".join(sorted(_BUILDERS))
        raise Invalid(what="activation", expected=f"an elementwise activation: {known}", got=name)
    return build(name, dict(arguments or {}))


def names() -> tuple[str, ...]:
    """Every activation that has a rule, by its torch.nn class or function."""
    return tuple(_BUILDERS)


Arguments: TypeAlias = dict[str, float | str]


def _number(arguments: Arguments, name: str, default: float) -> float:
    return float(arguments.get(name, default))


def _two_slopes(name: str, negative: float) -> Nonlinearity:
    return Nonlinearity(
        name=name,
        value=lambda x: np.maximum(x, 0.0) if negative == 0 else np.where(x > 0, x, negative * x),
        slope=lambda x: np.asarray((x > 0) * (1.0 - negative) + negative, np.float64),
        kinks=(0.0,),
        homogeneous=(negative, 1.0),
    )


def _identity(name: str, _: Arguments) -> Nonlinearity:
    return Nonlinearity(name=name, value=lambda x: x, slope=np.ones_like, homogeneous=(1.0, 1.0))


def _relu(name: str, _: Arguments) -> Nonlinearity:
    return _two_slopes(name, 0.0)


def _leaky_relu(name: str, arguments: Arguments) -> Nonlinearity:
    return _two_slopes(name, _number(arguments, "negative_slope", 0.01))


def _prelu(name: str, arguments: Arguments) -> Nonlinearity:
    return _two_slopes(name, _number(arguments, "init", 0.25))


def _abs(name: str, _: Arguments) -> Nonlinearity:
    return Nonlinearity(
        name=name, value=np.abs, slope=np.sign, kinks=(0.0,), homogeneous=(-1.0, 1.0)
    )


def _clipped(
    name: str, low: float, high: float, *, factor: float = 1.0, shift: float = 0.0
) -> Nonlinearity:
    return Nonlinearity(
        name=name,
        value=lambda x: np.clip(x * factor + shift, low, high),
        slope=lambda x: np.where(
            (x * factor + shift > low) & (x * factor + shift < high), factor, 0.0
        ),
        kinks=((low - shift) / factor, (high - shift) / factor),
    )


def _relu6(name: str, _: Arguments) -> Nonlinearity:
    return _clipped(name, 0.0, 6.0)


def _hardtanh(name: str, arguments: Arguments) -> Nonlinearity:
    low, high = _number(arguments, "min_val", -1.0), _number(arguments, "max_val", 1.0)
    return _clipped(name, low, high)


def _hardsigmoid(name: str, _: Arguments) -> Nonlinearity:
    return _clipped(name, 0.0, 1.0, factor=1 / 6, shift=0.5)


def _exponential(name: str, *, alpha: float, scale: float, rate: float) -> Nonlinearity:
    """`scale·x` above 0 and `scale·alpha·(exp(x/rate)-1)` below."""
    return Nonlinearity(
        name=name,
        value=lambda x: scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / rate)),
        slope=lambda x: (
            scale * np.where(x > 0, 1.0, alpha / rate * np.exp(np.minimum(x, 0) / rate))
        ),
        kinks=(0.0,),
    )


def _elu(name: str, arguments: Arguments) -> Nonlinearity:
    return _exponential(name, alpha=_number(arguments, "alpha", 1.0), scale=1.0, rate=1.0)


def _celu(name: str, arguments: Arguments) -> Nonlinearity:
    alpha = _number(arguments, "alpha", 1.0)
    return _exponential(name, alpha=alpha, scale=1.0, rate=alpha)


def _selu(name: str, _: Arguments) -> Nonlinearity:
    return _exponential(name, alpha=SELU_ALPHA, scale=SELU_SCALE, rate=1.0)


def _gelu(name: str, arguments: Arguments) -> Nonlinearity:
    if arguments.get("approximate", "none") == "tanh":
        return _tanh_gelu(name)
    return Nonlinearity(
        name=name,
        value=lambda x: x * special.ndtr(x),
        slope=lambda x: special.ndtr(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    )


def _tanh_gelu(name: str) -> Nonlinearity:
    def inner(x: Array) -> Array:
        return np.tanh(_TANH_GELU * (x + _TANH_GELU_CUBIC * x**3))

    def slope(x: Array) -> Array:
        t = inner(x)
        rate = _TANH_GELU * (1 + 3 * _TANH_GELU_CUBIC * x * x)
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * rate

    return Nonlinearity(name=name, value=lambda x: 0.5 * x * (1 + inner(x)), slope=slope)


def _silu(name: str, _: Arguments) -> Nonlinearity:
    def slope(x: Array) -> Array:
        s: Array = special.expit(x)
        return s * (1 + x * (1 - s))

    return Nonlinearity(name=name, value=lambda x: x * special.expit(x), slope=slope)


def _mish(name: str, _: Arguments) -> Nonlinearity:
    def gate(x: Array) -> Array:
        opened: Array = np.tanh(np.logaddexp(0, x))
        return opened

    def slope(x: Array) -> Array:
        t = gate(x)
        rise: Array = special.expit(x)
        return t + x * (1 - t * t) * rise

    return Nonlinearity(name=name, value=lambda x: x * gate(x), slope=slope)


def _softplus(name: str, arguments: Arguments) -> Nonlinearity:
    beta = _number(arguments, "beta", 1.0)
    return Nonlinearity(
        name=name,
        value=lambda x: np.logaddexp(0, beta * x) / beta,
        slope=lambda x: special.expit(beta * x),
    )


def _softsign(name: str, _: Arguments) -> Nonlinearity:
    return Nonlinearity(
        name=name,
        value=lambda x: x / (1 + np.abs(x)),
        slope=lambda x: (1 + np.abs(x)) ** -2.0,
        kinks=(0.0,),
    )


def _hardswish(name: str, _: Arguments) -> Nonlinearity:
    return Nonlinearity(
        name=name,
        value=lambda x: x * np.clip(x + 3, 0, 6) / 6,
        slope=lambda x: np.where(x >= 3, 1.0, np.where(x <= -3, 0.0, x / 3 + 0.5)),
        kinks=(-3.0, 3.0),
    )


def _hardshrink(name: str, arguments: Arguments) -> Nonlinearity:
    cut = _number(arguments, "lambd", 0.5)
    return Nonlinearity(
        name=name,
        value=lambda x: np.where(np.abs(x) > cut, x, 0.0),
        slope=lambda x: (np.abs(x) > cut).astype(np.float64),
        kinks=(-cut, cut),
    )


def _softshrink(name: str, arguments: Arguments) -> Nonlinearity:
    cut = _number(arguments, "lambd", 0.5)
    return Nonlinearity(
        name=name,
        value=lambda x: np.sign(x) * np.maximum(np.abs(x) - cut, 0),
        slope=lambda x: (np.abs(x) > cut).astype(np.float64),
        kinks=(-cut, cut),
    )


def _threshold(name: str, arguments: Arguments) -> Nonlinearity:
    cut, filled = _number(arguments, "threshold", 0.0), _number(arguments, "value", 0.0)
    return Nonlinearity(
        name=name,
        value=lambda x: np.where(x > cut, x, filled),
        slope=lambda x: (x > cut).astype(np.float64),
        kinks=(cut,),
    )


def _smooth(value: Function, slope: Function, name: str, _: Arguments) -> Nonlinearity:
    return Nonlinearity(name=name, value=value, slope=slope)


def _erf_slope(x: Array) -> Array:
    return 2 / math.sqrt(math.pi) * np.exp(-x * x)


_BUILDERS: Final[dict[str, Callable[[str, Arguments], Nonlinearity]]] = {
    "Identity": _identity,
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "PReLU": _prelu,
    "ReLU6": _relu6,
    "ELU": _elu,
    "CELU": _celu,
    "SELU": _selu,
    "GELU": _gelu,
    "SiLU": _silu,
    "Mish": _mish,
    "Softplus": _softplus,
    "Softsign": _softsign,
    "Tanh": partial(_smooth, np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "Sigmoid": partial(_smooth, special.expit, lambda x: special.expit(x) * special.expit(-x)),
    "LogSigmoid": partial(_smooth, lambda x: -np.logaddexp(0, -x), lambda x: special.expit(-x)),
    "Hardtanh": _hardtanh,
    "Hardsigmoid": _hardsigmoid,
    "Hardswish": _hardswish,
    "Hardshrink": _hardshrink,
    "Softshrink": _softshrink,
    "Tanhshrink": partial(_smooth, lambda x: x - np.tanh(x), lambda x: np.tanh(x) ** 2),
    "Threshold": _threshold,
    "abs": _abs,
    "erf": partial(_smooth, special.erf, _erf_slope),
    "sin": partial(_smooth, np.sin, np.cos),
    "square": partial(_smooth, np.square, lambda x: 2 * x),
}
