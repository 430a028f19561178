"""Activations: what torch.nn runs for each, and one put in the place of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from app.architecture.building import Given, Place, Rule, Signal
from app.architecture.dense import expect_real, shown
from app.core.arguments import Arguments

Settings: TypeAlias = Callable[[Arguments], dict[str, Given]]


def _settings(*numbers: tuple[str, float]) -> Settings:
    """Reads these numbers; those at torch's default are left out."""

    def read(given: Arguments) -> dict[str, Given]:
        told = {name: given.number(name, default) for name, default in numbers}
        return {name: told[name] for name, default in numbers if told[name] != default}

    return read


def _gelu(given: Arguments) -> dict[str, Given]:
    word = given.word("approximate", "none", "tanh")
    return {} if word == "none" else {"approximate": word}


def _hardtanh(given: Arguments) -> dict[str, Given]:
    """Torch still takes the old names min_value and max_value."""
    low = given.number("min_value", given.number("min_val", -1.0))
    high = given.number("max_value", given.number("max_val", 1.0))
    if low >= high:
        raise given.refused("min_val", f"less than max_val = {high:g}", low)
    return {"min_val": low, "max_val": high}


def _threshold(given: Arguments) -> dict[str, Given]:
    return {name: given.number(name, 0.0) for name in ("threshold", "value")}


def _rrelu(given: Arguments) -> dict[str, Given]:
    low, high = given.number("lower", 0.125), given.number("upper", 1 / 3)
    if low > high:
        raise given.refused("lower", f"at most upper = {high:g}", low)
    return {"lower": low, "upper": high, "training": True}


# class → operator, what it reads of its arguments
POINTWISE: dict[str, tuple[str, Settings]] = {
    "ReLU": ("relu.default", _settings()),
    "ReLU6": ("relu6.default", _settings()),
    "LeakyReLU": ("leaky_relu.default", _settings(("negative_slope", 0.01))),
    "RReLU": ("rrelu.default", _rrelu),
    "ELU": ("elu.default", _settings(("alpha", 1.0))),
    "CELU": ("celu.default", _settings(("alpha", 1.0))),
    "SELU": ("selu.default", _settings()),
    "GELU": ("gelu.default", _gelu),
    "SiLU": ("silu.default", _settings()),
    "Mish": ("mish.default", _settings()),
    "Hardswish": ("hardswish.default", _settings()),
    "Hardsigmoid": ("hardsigmoid.default", _settings()),
    "Hardtanh": ("hardtanh.default", _hardtanh),
    "Hardshrink": ("hardshrink.default", _settings(("lambd", 0.5))),
    "Softshrink": ("softshrink.default", _settings(("lambd", 0.5))),
    "Softplus": ("softplus.default", _settings(("beta", 1.0), ("threshold", 20.0))),
    "Threshold": ("threshold.default", _threshold),
    "Tanh": ("tanh.default", _settings()),
    "Sigmoid": ("sigmoid.default", _settings()),
    "LogSigmoid": ("log_sigmoid.default", _settings()),
}


def _pointwise(at: Place, given: Arguments, x: Signal) -> Signal:
    expect_real(at, x)
    op, settings = POINTWISE[at.kind]
    return at.op(op, {"self": x, **settings(given)}, x.shape)


def _softsign(at: Place, given: Arguments, x: Signal) -> Signal:
    """`x / (|x| + 1)`, as torch.nn.functional.softsign."""
    del given
    expect_real(at, x)
    size = at.op("abs.default", {"self": x}, x.shape, part="abs")
    more = at.op("add.Scalar", {"self": size, "other": 1}, x.shape, part="add")
    return at.op("div.Tensor", {"self": x, "other": more}, x.shape)


def _tanhshrink(at: Place, given: Arguments, x: Signal) -> Signal:
    """`x − tanh(x)`."""
    del given
    expect_real(at, x)
    tanh = at.op("tanh.default", {"self": x}, x.shape, part="tanh")
    return at.op("sub.Tensor", {"self": x, "other": tanh}, x.shape)


def _prelu(at: Place, given: Arguments, x: Signal) -> Signal:
    expect_real(at, x)
    slopes = given.size("num_parameters", 1)
    channels = x.shape[1] if len(x.shape) > 1 else 1
    if slopes not in (1, channels):
        at.refuse(f"has {slopes:,} slopes; {channels:,} channels arrive from {x.source}.")
    own = at.drawn("PReLU", given.given)
    return at.op("prelu.default", {"self": x, "weight": own["weight"]}, x.shape)


def axis(at: Place, given: Arguments, name: str, x: Signal, default: int | None = None) -> int:
    """An axis of the signal, counted from the front; negative numbers count from the back."""
    told = given.value(name)
    told = default if told is None else told
    axes = len(x.shape)
    text = str(told)
    found = int(text) if text.removeprefix("-").isdecimal() and len(text) < 9 else axes
    if not -axes <= found < axes or isinstance(told, bool):
        at.refuse(f"has {name} = {text[:40]}; expected a number from {-axes} to {axes - 1}.")
    return found % axes


def _softmax(at: Place, given: Arguments, x: Signal) -> Signal:
    """Over an axis; without one over torch's old choice, which may be the batch."""
    expect_real(at, x)
    old = 0 if len(x.shape) in (1, 3) else 1
    dim = 1 if at.kind == "Softmax2d" else axis(at, given, "dim", x, old)
    if at.kind == "Softmax2d" and len(x.shape) != 4:
        at.refuse(f"expects (channels, height, width); {shown(x)} arrives from {x.source}.")
    if dim == 0:
        at.note(f"{at.title} runs over the batch, as dim says or torch chooses without one.")
    if at.kind == "Softmin":
        x = at.op("neg.default", {"self": x}, x.shape, part="neg")
    op = "log_softmax.int" if at.kind == "LogSoftmax" else "softmax.int"
    return at.op(op, {"self": x, "dim": dim}, x.shape)


def _glu(at: Place, given: Arguments, x: Signal) -> Signal:
    expect_real(at, x)
    dim = axis(at, given, "dim", x, -1)
    if x.shape[dim] % 2 or dim == 0:
        at.refuse(f"halves an axis of size {x.shape[dim]:,}; expected an even size.")
    shape = tuple(size // 2 if place == dim else size for place, size in enumerate(x.shape))
    arguments: dict[str, Given] = (
        {"self": x} if dim == len(x.shape) - 1 else {"self": x, "dim": dim}
    )
    return at.op("glu.default", arguments, shape)


ACTIVATIONS: dict[str, Rule] = {
    **dict.fromkeys(POINTWISE, _pointwise),
    "Softsign": _softsign,
    "Tanhshrink": _tanhshrink,
    "PReLU": _prelu,
    **dict.fromkeys(("Softmax", "Softmax2d", "Softmin", "LogSoftmax"), _softmax),
    "GLU": _glu,
}
