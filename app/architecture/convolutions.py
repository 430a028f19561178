"""Convolutions and transposed convolutions."""

from __future__ import annotations

from app.architecture.building import Given, Place, Rule, Signal
from app.architecture.dense import expect_features, expect_real, shown
from app.architecture.shapes import Window, convolved, same_padding, transposed
from app.core.arguments import Arguments
from app.core.layers import CONV, CONV_TRANSPOSE

_AXES = {1: "length", 2: "height, width", 3: "depth, height, width"}
_PADS = {"reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def expect_axes(at: Place, x: Signal, axes: int) -> None:
    """Refuse a signal that is not channels and so many axes."""
    expect_real(at, x)
    if len(x.shape) != axes + 2:
        at.refuse(f"expects (channels, {_AXES[axes]}); {shown(x)} arrives from {x.source}.")


def expect_room(at: Place, x: Signal, sizes: tuple[int, ...]) -> None:
    """Refuse an output with nothing in it."""
    if min(sizes, default=1) < 1:
        at.refuse(
            f"has a window that is larger than the {shown(x)} arriving from {x.source}. "
            "Give it a smaller kernel, more padding or a larger input."
        )


def filled(at: Place, x: Signal, pad: tuple[int, ...], mode: str, value: float = 0.0) -> Signal:
    """The signal with a border; `pad` runs from the last axis to the first, left and right."""
    axes = len(pad) // 2
    sizes = list(x.shape)
    for number in range(axes):
        low, high = pad[2 * number : 2 * number + 2]
        size = sizes[-1 - number]
        most = {"reflect": size - 1, "circular": size}.get(mode)
        if most is not None and max(low, high) > most:
            at.refuse(f"pads by {max(low, high):,}; {mode} padding takes at most {most:,} here.")
        sizes[-1 - number] = size + low + high
    expect_room(at, x, tuple(sizes[1:]))
    arguments: dict[str, Given] = {"self": x, "pad": pad}
    if mode != "constant":
        arguments["mode"] = mode
    elif value:
        arguments["value"] = value
    part = "pad" if at.kind in CONV else ""
    return at.op("pad.default", arguments, tuple(sizes), part=part)


def _window(given: Arguments, axes: int, padding: tuple[int, ...]) -> Window:
    return Window(
        kernel=given.sizes("kernel_size", axes),
        stride=given.sizes("stride", axes, 1),
        padding=padding,
        dilation=given.sizes("dilation", axes, 1),
    )


def _convolution(at: Place, given: Arguments, x: Signal) -> Signal:
    axes = CONV[at.kind]
    expect_axes(at, x, axes)
    inputs, outputs = given.size("in_channels"), given.size("out_channels")
    expect_features(at, x, inputs, axis=1)
    own = at.drawn(at.kind, given.given)
    word = given.value("padding")
    numbers = (0,) * axes if word in ("same", "valid") else given.sizes("padding", axes, 0, least=0)
    window = _window(given, axes, numbers)
    both = same_padding(window) if word == "same" else tuple(2 * p for p in numbers)
    padded = tuple(n + p for n, p in zip(x.shape[2:], both, strict=True))
    bare = _window(given, axes, (0,) * axes)
    sizes = convolved(padded, bare)
    expect_room(at, x, sizes)
    mode = given.word("padding_mode", "zeros", *_PADS)
    if mode != "zeros":
        x, word, window = filled(at, x, _both_sides(both), mode), None, bare
    arguments: dict[str, Given] = {"input": x, **own, **_strides(window)}
    arguments |= _named_or_numbers(word, window)
    groups = given.size("groups", 1)
    if groups > 1:
        arguments["groups"] = groups
    overload = "padding" if isinstance(word, str) and word == "same" else "default"
    return at.op(f"conv{axes}d.{overload}", arguments, (x.shape[0], outputs, *sizes))


def _both_sides(both: tuple[int, ...]) -> tuple[int, ...]:
    """What is added to each axis, shared out left and right as torch does, last axis first."""
    return tuple(side for p in reversed(both) for side in (p // 2, p - p // 2))


def _strides(window: Window) -> dict[str, Given]:
    told = {"stride": window.stride, "dilation": window.dilation}
    return {name: sizes for name, sizes in told.items() if set(sizes) != {1}}


def _named_or_numbers(word: object, window: Window) -> dict[str, Given]:
    if word == "same":
        return {"padding": "same"}
    return {"padding": window.padding} if any(window.padding) else {}


def _transposed(at: Place, given: Arguments, x: Signal) -> Signal:
    axes = CONV_TRANSPOSE[at.kind]
    expect_axes(at, x, axes)
    outputs = given.size("out_channels")
    expect_features(at, x, given.size("in_channels"), axis=1)
    own = at.drawn(at.kind, given.given)
    window = _window(given, axes, given.sizes("padding", axes, 0, least=0))
    extra = given.sizes("output_padding", axes, 0, least=0)
    pairs = zip(extra, window.stride, window.dilation, strict=True)
    if any(e >= max(s, d) for e, s, d in pairs):
        at.refuse(f"has output_padding {extra}; it must be smaller than stride or dilation.")
    sizes = transposed(x.shape[2:], window, extra)
    expect_room(at, x, sizes)
    arguments: dict[str, Given] = {"input": x, **own, **_strides(window)}
    arguments |= _named_or_numbers(None, window)
    if any(extra):
        arguments["output_padding"] = extra
    groups = given.size("groups", 1)
    if groups > 1:
        arguments["groups"] = groups
    overload = "default" if axes == 1 else "input"
    return at.op(f"conv_transpose{axes}d.{overload}", arguments, (x.shape[0], outputs, *sizes))


CONVOLUTIONS: dict[str, Rule] = {
    **{f"Conv{n}d": _convolution for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": _transposed for n in (1, 2, 3)},
}
