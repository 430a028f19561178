"""Layers that change the size of an image or a sequence: borders, interpolation, patches."""

from __future__ import annotations

import math

from app.architecture.building import Given, Place, Rule, Signal
from app.architecture.convolutions import expect_axes, expect_room, filled
from app.architecture.dense import expect_features, expect_real, shown
from app.architecture.shapes import Window, convolved
from app.core.arguments import Arguments

_PAD_MODES = {
    "Zero": "constant",
    "Constant": "constant",
    "Reflection": "reflect",
    "Replication": "replicate",
    "Circular": "circular",
}
_AXES = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_MOST = 2**20  # of one side of a border


def _border(at: Place, given: Arguments, x: Signal) -> Signal:
    axes, mode = int(at.kind[-2]), _PAD_MODES[at.kind[:-5]]
    expect_axes(at, x, axes)
    pad = _sides(given, 2 * axes)
    value = given.number("value", 0.0) if at.kind.startswith("Constant") else 0.0
    return filled(at, x, pad, mode, value)


def _sides(given: Arguments, count: int) -> tuple[int, ...]:
    """One number for all sides, or one for each; torch lets a border be negative."""
    told = given.value("padding")
    each = told if isinstance(told, tuple) else (told,) * count
    whole = all(isinstance(p, int) and not isinstance(p, bool) and abs(p) <= _MOST for p in each)
    if len(each) != count or not whole:
        raise given.refused("padding", f"a whole number or {count} of them", told)
    return tuple(int(p) for p in each if p is not None)


def _upsample(at: Place, given: Arguments, x: Signal) -> Signal:
    expect_real(at, x)
    mode = {"UpsamplingNearest2d": "nearest", "UpsamplingBilinear2d": "bilinear"}.get(at.kind)
    mode = mode or given.word(
        "mode", "nearest", "linear", "bilinear", "bicubic", "trilinear", "nearest-exact"
    )
    axes = len(x.shape) - 2
    if (
        not 1 <= axes <= 3
        or _AXES.get(mode, axes) != axes
        or (at.kind.endswith("2d") and axes != 2)
    ):
        at.refuse(f"in the mode {mode!r} cannot take {shown(x)}, which arrives from {x.source}.")
    if given.flag("recompute_scale_factor", default=False):
        at.refuse("has recompute_scale_factor; leave it out and give the size instead.")
    sizes, asked = _asked(at, given, x.shape[2:])
    expect_room(at, x, sizes)
    arguments: dict[str, Given] = {"input": x, **asked}
    if mode in _AXES:
        corners = given.flag("align_corners", default=at.kind == "UpsamplingBilinear2d")
        arguments["align_corners"] = corners
    name = {"nearest": f"nearest{axes}d", "nearest-exact": f"nearest_exact{axes}d"}.get(mode)
    name = name or f"{mode}{axes}d"
    op = "_upsample_" if mode == "nearest-exact" else "upsample_"
    return at.op(f"{op}{name.removeprefix('_')}.vec", arguments, (*x.shape[:2], *sizes))


def _asked(
    at: Place, given: Arguments, sizes: tuple[int, ...]
) -> tuple[tuple[int, ...], dict[str, Given]]:
    """The sizes that come out, and how the operator is told."""
    size, factor = given.value("size"), given.value("scale_factor")
    if (size is None) == (factor is None):
        at.refuse("needs either size or scale_factor.")
    if size is not None:
        found = given.sizes("size", len(sizes))
        return found, {"output_size": found, "scale_factors": None}
    each = factor if isinstance(factor, tuple) else (factor,) * len(sizes)
    read = [Arguments(given.layer, {"scale_factor": one}) for one in each if one is not None]
    factors = tuple(one.number("scale_factor", 1.0, low=1e-6, high=1e6) for one in read)
    if len(factors) != len(sizes):
        raise given.refused("scale_factor", f"one number or {len(sizes)}", factor)
    found = tuple(math.floor(n * f) for n, f in zip(sizes, factors, strict=True))
    return found, {"output_size": None, "scale_factors": factors}


def _shuffle(at: Place, given: Arguments, x: Signal) -> Signal:
    expect_axes(at, x, 2)
    r = given.size("upscale_factor", most=4096)
    batch, channels, height, width = x.shape
    if channels % (r * r):
        at.refuse(f"needs a multiple of {r * r:,} channels; {channels:,} arrive from {x.source}.")
    shape = (batch, channels // (r * r), height * r, width * r)
    return at.op("pixel_shuffle.default", {"self": x, "upscale_factor": r}, shape)


def _unshuffle(at: Place, given: Arguments, x: Signal) -> Signal:
    expect_axes(at, x, 2)
    r = given.size("downscale_factor", most=4096)
    batch, channels, height, width = x.shape
    if height % r or width % r:
        at.refuse(f"needs sides that {r:,} divides; {shown(x)} arrives from {x.source}.")
    shape = (batch, channels * r * r, height // r, width // r)
    return at.op("pixel_unshuffle.default", {"self": x, "downscale_factor": r}, shape)


def _channel_shuffle(at: Place, given: Arguments, x: Signal) -> Signal:
    expect_real(at, x)
    groups = given.size("groups")
    if len(x.shape) < 3 or x.shape[1] % groups:
        at.refuse(f"needs a multiple of {groups:,} channels; {shown(x)} arrives from {x.source}.")
    return at.op("channel_shuffle.default", {"self": x, "groups": groups}, x.shape)


def _patches(given: Arguments) -> Window:
    return Window(
        kernel=given.sizes("kernel_size", 2),
        stride=given.sizes("stride", 2, 1),
        padding=given.sizes("padding", 2, 0, least=0),
        dilation=given.sizes("dilation", 2, 1),
    )


def _told(window: Window) -> dict[str, Given]:
    return {
        "kernel_size": window.kernel,
        "dilation": window.dilation,
        "padding": window.padding,
        "stride": window.stride,
    }


def _unfold(at: Place, given: Arguments, x: Signal) -> Signal:
    expect_axes(at, x, 2)
    window = _patches(given)
    sizes = convolved(x.shape[2:], window)
    expect_room(at, x, sizes)
    shape = (x.shape[0], x.shape[1] * math.prod(window.kernel), math.prod(sizes))
    return at.op("im2col.default", {"self": x, **_told(window)}, shape)


def _fold(at: Place, given: Arguments, x: Signal) -> Signal:
    expect_axes(at, x, 1)
    window, output = _patches(given), given.sizes("output_size", 2)
    kernel = math.prod(window.kernel)
    sizes = convolved(output, window)
    expect_room(at, x, sizes)
    expect_features(at, x, math.prod(sizes))
    if x.shape[1] % kernel:
        at.refuse(f"needs a multiple of {kernel:,} channels; {shown(x)} arrives from {x.source}.")
    shape = (x.shape[0], x.shape[1] // kernel, *output)
    return at.op("col2im.default", {"self": x, "output_size": output, **_told(window)}, shape)


RESIZING: dict[str, Rule] = {
    **{f"{kind}Pad{n}d": _border for kind in _PAD_MODES for n in (1, 2, 3)},
    **dict.fromkeys(("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d"), _upsample),
    "PixelShuffle": _shuffle,
    "PixelUnshuffle": _unshuffle,
    "ChannelShuffle": _channel_shuffle,
    "Fold": _fold,
    "Unfold": _unfold,
}
