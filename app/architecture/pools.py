"""Pooling layers."""

from __future__ import annotations

from app.architecture.building import Given, Place, Rule, Signal
from app.architecture.convolutions import expect_axes, expect_room
from app.architecture.shapes import Window, pooled
from app.core.arguments import Arguments

_KEPT = frozenset({"None", "none"})  # in place of a size


def _axes(at: Place) -> int:
    return int(at.kind[-2])


def _window(at: Place, given: Arguments, *, padded: bool = True) -> Window:
    """The pool's window; without a stride it moves by its own size."""
    axes = _axes(at)
    kernel = given.sizes("kernel_size", axes)
    stride = kernel if given.value("stride") is None else given.sizes("stride", axes)
    padding = given.sizes("padding", axes, 0, least=0) if padded else (0,) * axes
    dilation = given.sizes("dilation", axes, 1)
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    if any(2 * p > r for p, r in zip(padding, reach, strict=True)):
        at.refuse(f"has padding {padding}; it can be at most half of the kernel {reach}.")
    return Window(kernel=kernel, stride=stride, padding=padding, dilation=dilation)


def _arguments(x: Signal, window: Window, *, ceil: bool) -> dict[str, Given]:
    told: dict[str, Given] = {"self": x, "kernel_size": window.kernel}
    if window.stride != window.kernel:
        told["stride"] = window.stride
    if any(window.padding):
        told["padding"] = window.padding
    if ceil:
        told["ceil_mode"] = True
    return told


def _refuse_indices(at: Place, given: Arguments) -> None:
    if given.flag("return_indices", default=False):
        at.refuse("returns indices beside its values; set return_indices to false.")


def _largest(at: Place, given: Arguments, x: Signal) -> Signal:
    axes = _axes(at)
    expect_axes(at, x, axes)
    _refuse_indices(at, given)
    window, ceil = _window(at, given), given.flag("ceil_mode", default=False)
    sizes = pooled(x.shape[2:], window, ceil=ceil)
    expect_room(at, x, sizes)
    arguments = _arguments(x, window, ceil=ceil)
    if set(window.dilation) != {1}:
        arguments["dilation"] = window.dilation
    return at.op(f"max_pool{axes}d.default", arguments, (*x.shape[:2], *sizes))


def _mean(at: Place, given: Arguments, x: Signal) -> Signal:
    axes = _axes(at)
    expect_axes(at, x, axes)
    window, ceil = _window(at, given), given.flag("ceil_mode", default=False)
    sizes = pooled(x.shape[2:], window, ceil=ceil)
    expect_room(at, x, sizes)
    arguments = _arguments(x, window, ceil=ceil)
    if not given.flag("count_include_pad", default=True):
        arguments["count_include_pad"] = False
    if given.value("divisor_override") is not None:
        arguments["divisor_override"] = given.size("divisor_override")
    return at.op(f"avg_pool{axes}d.default", arguments, (*x.shape[:2], *sizes))


def _power_mean(at: Place, given: Arguments, x: Signal) -> Signal:
    """`(Σ x^p)^(1/p)` over each window, with the sign of the sum.

    Source:
        torch.nn.functional.lp_pool2d, torch 2.13.
    """
    axes = _axes(at)
    expect_axes(at, x, axes)
    window, ceil = _window(at, given, padded=False), given.flag("ceil_mode", default=False)
    sizes = pooled(x.shape[2:], window, ceil=ceil)
    expect_room(at, x, sizes)
    p = given.number("norm_type", 2.0)
    if not p:
        at.refuse("has norm_type 0; expected another number.")
    count = 1
    for k in window.kernel:
        count *= k
    shape = (*x.shape[:2], *sizes)
    power = at.op("pow.Tensor_Scalar", {"self": x, "exponent": p}, x.shape, part="power")
    pool = f"avg_pool{axes}d.default"
    mean = at.op(pool, _arguments(power, window, ceil=ceil), shape, part="mean")
    sign = at.op("sign.default", {"self": mean}, shape, part="sign")
    size = at.op("abs.default", {"self": mean}, shape, part="abs")
    signed = at.op("mul.Tensor", {"self": sign, "other": size}, shape, part="with sign")
    whole = at.op("mul.Scalar", {"self": signed, "other": count}, shape, part="sum")
    return at.op("pow.Tensor_Scalar", {"self": whole, "exponent": 1.0 / p}, shape)


def _adaptive(at: Place, given: Arguments, x: Signal) -> Signal:
    axes = _axes(at)
    expect_axes(at, x, axes)
    largest = "Max" in at.kind
    if largest:
        _refuse_indices(at, given)
    sizes = _outputs(given, axes, x.shape[2:])
    shape = (*x.shape[:2], *sizes)
    arguments: dict[str, Given] = {"self": x, "output_size": sizes}
    if not largest:
        return at.op(f"adaptive_avg_pool{axes}d.default", arguments, shape)
    return at.ops(f"adaptive_max_pool{axes}d.default", arguments, (shape, shape), unused=1)[0]


def _outputs(given: Arguments, axes: int, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes asked for; None keeps the input's."""
    told = given.value("output_size")
    if told is None and "output_size" in given.given:
        return sizes
    if not isinstance(told, tuple) or len(told) != axes:
        return given.sizes("output_size", axes)
    each = tuple(n if str(k) in _KEPT else k for k, n in zip(told, sizes, strict=True))
    return Arguments(given.layer, {"output_size": each}).sizes("output_size", axes)


POOLS: dict[str, Rule] = {
    **{f"MaxPool{n}d": _largest for n in (1, 2, 3)},
    **{f"AvgPool{n}d": _mean for n in (1, 2, 3)},
    **{f"LPPool{n}d": _power_mean for n in (1, 2, 3)},
    **{f"Adaptive{kind}Pool{n}d": _adaptive for kind in ("Avg", "Max") for n in (1, 2, 3)},
}
