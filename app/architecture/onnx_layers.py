"""ONNX's operators in PyTorch's: convolutions, pools, norms, and what cuts and joins."""

from __future__ import annotations

from typing import Final

import numpy as np

from app.architecture.onnx_building import At, Shape, Signal
from app.architecture.onnx_operators import POINTWISE, Made, Rule
from app.architecture.shapes import Window, convolved, pooled, transposed
from app.core.graph import Argument

_MODES: Final = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}
_UPSAMPLES: Final = {
    ("nearest", 1): "upsample_nearest1d.vec", ("nearest", 2): "upsample_nearest2d.vec",
    ("nearest", 3): "upsample_nearest3d.vec", ("linear", 1): "upsample_linear1d.vec",
    ("linear", 2): "upsample_bilinear2d.vec", ("linear", 3): "upsample_trilinear3d.vec",
    ("cubic", 2): "upsample_bicubic2d.vec",
}  # fmt: skip


def _window(at: At, kernel: Shape) -> tuple[Window, tuple[int, ...]]:
    """The window, and its padding on all sides: befores, then afters."""
    axes = len(kernel)
    if at.text("auto_pad", "NOTSET") not in {"NOTSET", "VALID"} or not 1 <= axes <= 3:
        at.refuse("pads by itself or has more than 3 axes, which is not read")
    pads = at.wholes("pads") or (0,) * 2 * axes
    strides, dilations = at.wholes("strides") or (1,) * axes, at.wholes("dilations") or (1,) * axes
    sizes = (*kernel, *strides, *dilations)
    if {len(pads), 2 * len(strides), 2 * len(dilations)} != {2 * axes} or min(sizes) < 1:
        at.refuse("has a window that makes no sense")
    window = Window(kernel=kernel, stride=strides, padding=pads[:axes], dilation=dilations)
    return window, pads


def _padded(at: At, x: Signal, pads: tuple[int, ...], *, value: float = 0.0) -> Signal:
    """The signal with sides added that differ before and after."""
    axes = len(pads) // 2
    sides = [(pads[i], pads[i + axes]) for i in range(axes)]
    head = len(x.shape) - axes
    grown = tuple(s + a + b for s, (a, b) in zip(x.shape[head:], sides, strict=True))
    flat = tuple(side for both in reversed(sides) for side in both)
    given: dict[str, Argument | Signal] = {"self": x, "pad": flat, "value": value}
    return at.emit("constant_pad_nd.default", given, (*x.shape[:head], *grown), x.dtype)


def _symmetric(at: At, x: Signal, window: Window, pads: tuple[int, ...]) -> tuple[Signal, Window]:
    axes = len(window.kernel)
    if pads[:axes] == pads[axes:]:
        return x, window
    none = (0,) * axes
    plain = Window(
        kernel=window.kernel, stride=window.stride, padding=none, dilation=window.dilation
    )
    return _padded(at, x, pads), plain


def _room(at: At, x: Signal, axes: int) -> None:
    if len(x.shape) != axes + 2:
        at.refuse(f"takes {axes + 2} axes, got the shape {x.shape}")


def _conv(at: At) -> Signal:
    x, weight, bias = at.input(0), at.input(1), at.optional(2)
    window, pads = _window(at, weight.shape[2:])
    _room(at, x, len(window.kernel))
    x, window = _symmetric(at, x, window, pads)
    sizes = convolved(x.shape[2:], window)
    given: dict[str, Argument | Signal] = {
        "input": x, "weight": weight, "bias": bias, "stride": window.stride,
        "padding": window.padding, "dilation": window.dilation, "groups": at.whole("group", 1),
    }  # fmt: skip
    shape = (x.shape[0], weight.shape[0], *sizes)
    return at.emit(f"conv{len(sizes)}d.default", given, shape, x.dtype)


def _conv_transpose(at: At) -> Signal:
    x, weight, bias = at.input(0), at.input(1), at.optional(2)
    window, pads = _window(at, weight.shape[2:])
    axes, groups = len(window.kernel), at.whole("group", 1)
    _room(at, x, axes)
    if pads[:axes] != pads[axes:] or at.wholes("output_shape"):
        at.refuse("pads its two sides differently, which is not read")
    extra = at.wholes("output_padding") or (0,) * axes
    sizes = transposed(x.shape[2:], window, extra)
    given: dict[str, Argument | Signal] = {
        "input": x, "weight": weight, "bias": bias, "stride": window.stride,
        "padding": window.padding, "output_padding": extra, "groups": groups,
        "dilation": window.dilation,
    }  # fmt: skip
    op = "conv_transpose1d.default" if axes == 1 else f"conv_transpose{axes}d.input"
    return at.emit(op, given, (x.shape[0], weight.shape[1] * groups, *sizes), x.dtype)


def _pool(at: At) -> Signal:
    x = at.input(0)
    window, pads = _window(at, at.wholes("kernel_shape") or ())
    axes, ceil = len(window.kernel), bool(at.whole("ceil_mode", 0))
    _room(at, x, axes)
    if pads[:axes] != pads[axes:]:
        at.refuse("pads its two sides differently, which is not read")
    shape = (*x.shape[:2], *pooled(x.shape[2:], window, ceil=ceil))
    given: dict[str, Argument | Signal] = {
        "self": x, "kernel_size": window.kernel, "stride": window.stride,
        "padding": window.padding,
    }  # fmt: skip
    if at.node.operator == "MaxPool":
        given |= {"dilation": window.dilation, "ceil_mode": ceil}
        return at.emit(f"max_pool{axes}d.default", given, shape, x.dtype)
    given |= {"ceil_mode": ceil, "count_include_pad": bool(at.whole("count_include_pad", 0))}
    return at.emit(f"avg_pool{axes}d.default", given, shape, x.dtype)


def _global_pool(at: At) -> Signal:
    x = at.input(0)
    axes = len(x.shape) - 2
    shape = (*x.shape[:2], *(1,) * axes)
    if at.node.operator == "GlobalMaxPool" or not 1 <= axes <= 3:
        given: dict[str, Argument | Signal] = {"self": x, "dim": tuple(range(2, axes + 2))}
        op = "amax.default" if at.node.operator == "GlobalMaxPool" else "mean.dim"
        return at.emit(op, given | {"keepdim": True}, shape, x.dtype)
    held: dict[str, Argument | Signal] = {"self": x, "output_size": (1,) * axes}
    return at.emit(f"adaptive_avg_pool{axes}d.default", held, shape, x.dtype)


def _batch_norm(at: At) -> Signal:
    x, mean, variance = at.input(0), at.input(3), at.input(4)
    at.building.buffers.update((mean.name, variance.name))
    given: dict[str, Argument | Signal] = {
        "input": x, "weight": at.input(1), "bias": at.input(2), "running_mean": mean,
        "running_var": variance, "training": False, "momentum": 1 - at.real("momentum", 0.9),
        "eps": at.real("epsilon", 1e-5), "cudnn_enabled": False,
    }  # fmt: skip
    return at.emit("batch_norm.default", given, x.shape, x.dtype)


def _instance_norm(at: At) -> Signal:
    x = at.input(0)
    given: dict[str, Argument | Signal] = {
        "input": x, "weight": at.input(1), "bias": at.input(2), "running_mean": None,
        "running_var": None, "use_input_stats": True, "momentum": 0.1,
        "eps": at.real("epsilon", 1e-5), "cudnn_enabled": False,
    }  # fmt: skip
    return at.emit("instance_norm.default", given, x.shape, x.dtype)


def _layer_norm(at: At) -> Signal:
    x, weight, bias = at.input(0), at.input(1), at.optional(2)
    axis = at.whole("axis", -1) % max(len(x.shape), 1)
    given: dict[str, Argument | Signal] = {
        "input": x, "normalized_shape": x.shape[axis:], "weight": weight, "bias": bias,
        "eps": at.real("epsilon", 1e-5),
    }  # fmt: skip
    return at.emit("layer_norm.default", given, x.shape, x.dtype)


def _axis(at: At, x: Signal, default: int = 0) -> int:
    axis = at.whole("axis", default)
    if not -len(x.shape) <= axis < len(x.shape):
        at.refuse("names an axis that its input lacks")
    return axis % len(x.shape)


def _concat(at: At) -> Signal:
    parts = [at.input(place) for place in range(len(at.inputs))]
    axis = _axis(at, parts[0])
    total = sum(part.shape[axis] for part in parts if len(part.shape) > axis)
    shape = tuple(total if i == axis else s for i, s in enumerate(parts[0].shape))
    tensors = tuple(at.building.argument(part) for part in parts)
    return at.emit("cat.default", {"tensors": tensors, "dim": axis}, shape, parts[0].dtype)


def _split(at: At) -> Made:
    x, told = at.input(0), at.optional(1)
    axis, count = _axis(at, x), len(at.node.outputs)
    sizes = at.wholes("split") if told is None else tuple(int(n) for n in told.known.reshape(-1))
    if not sizes:
        each = -(-x.shape[axis] // max(count, 1))
        sizes = tuple(min(each, x.shape[axis] - each * i) for i in range(count))
    if sum(sizes) != x.shape[axis] or len(sizes) != count or min(sizes) < 0:
        at.refuse("splits into parts that do not fit")
    shapes = tuple((*x.shape[:axis], size, *x.shape[axis + 1 :]) for size in sizes)
    given: dict[str, Argument | Signal] = {"self": x, "split_sizes": sizes, "dim": axis}
    return at.several("split_with_sizes.default", given, shapes, x.dtype)


def _slice(at: At) -> Signal:
    x = at.input(0)
    starts, ends = (at.input(place).known.reshape(-1) for place in (1, 2))
    axes, steps = at.optional(3), at.optional(4)
    along = range(len(starts)) if axes is None else axes.known.reshape(-1)
    step_of = np.ones(len(starts), np.int64) if steps is None else steps.known.reshape(-1)
    for start, end, axis, step in zip(starts, ends, along, step_of, strict=True):
        place = int(axis) % max(len(x.shape), 1)
        if int(step) < 1 or not x.shape:
            at.refuse("goes backwards, which is not read")
        size = len(range(*slice(int(start), int(end), int(step)).indices(x.shape[place])))
        shape = (*x.shape[:place], size, *x.shape[place + 1 :])
        given: dict[str, Argument | Signal] = {
            "self": x, "dim": place, "start": int(start), "end": int(end), "step": int(step),
        }  # fmt: skip
        x = at.emit("slice.Tensor", given, shape, x.dtype)
    return x


def _gather(at: At) -> Signal:
    table, picks = at.input(0), at.input(1)
    axis = _axis(at, table)
    shape = (*table.shape[:axis], *picks.shape, *table.shape[axis + 1 :])
    if picks.numbers is not None and not picks.shape:
        given: dict[str, Argument | Signal] = {"self": table, "dim": axis}
        return at.emit("select.int", given | {"index": int(picks.known)}, shape, table.dtype)
    if axis == 0 and len(table.shape) == 2:
        rows: dict[str, Argument | Signal] = {"weight": table, "indices": picks}
        return at.emit("embedding.default", rows, shape, table.dtype)
    if len(picks.shape) != 1:
        at.refuse("picks by several axes at once, which is not read")
    chosen: dict[str, Argument | Signal] = {"self": table, "dim": axis, "index": picks}
    return at.emit("index_select.default", chosen, shape, table.dtype)


def _pad(at: At) -> Signal:
    x, pads = at.input(0), tuple(int(n) for n in at.input(1).known.reshape(-1))
    mode, value = _MODES.get(at.text("mode", "constant")), at.optional(2)
    rank = len(x.shape)
    if mode is None or len(pads) != 2 * rank or at.optional(3) is not None:
        at.refuse("pads in a way that is not read")
    if mode == "constant":
        return _padded(at, x, pads, value=float(value.known.reshape(-1)[0]) if value else 0.0)
    sides = [(pads[i], pads[i + rank]) for i in range(rank)]
    while sides and sides[0] == (0, 0):
        sides = sides[1:]
    head = rank - len(sides)
    grown = tuple(s + a + b for s, (a, b) in zip(x.shape[head:], sides, strict=True))
    flat = tuple(side for both in reversed(sides) for side in both)
    given: dict[str, Argument | Signal] = {"self": x, "pad": flat, "mode": mode}
    return at.emit("pad.default", given, (*x.shape[:head], *grown), x.dtype)


def _resize(at: At) -> Signal:
    x, axes = at.input(0), len(at.input(0).shape) - 2
    scales, sizes = at.optional(2), at.optional(3)
    mode, how = at.text("mode", "nearest"), at.text("coordinate_transformation_mode", "half_pixel")
    op = _UPSAMPLES.get((mode, axes))
    fits = how in {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"}
    if op is None or not fits or (mode != "nearest" and how == "asymmetric"):
        at.refuse("resizes in a way that is not read")
    if sizes is not None and sizes.shape != (0,):
        shape = tuple(int(n) for n in sizes.known.reshape(-1))
    elif scales is not None:
        factors = scales.known.reshape(-1)
        shape = tuple(int(s * float(f)) for s, f in zip(x.shape, factors, strict=False))
    else:
        at.refuse("does not say to what it resizes")
    if len(shape) != len(x.shape) or shape[:2] != x.shape[:2]:
        at.refuse("resizes channels, which is not read")
    given: dict[str, Argument | Signal] = {"input": x, "output_size": shape[2:]}
    if mode != "nearest":
        given["align_corners"] = how == "align_corners"
    return at.emit(op, given | {"scale_factors": None}, shape, x.dtype)


RULES: Final[dict[str, Rule]] = {
    **POINTWISE,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalAveragePool": _global_pool,
    "GlobalMaxPool": _global_pool,
    "BatchNormalization": _batch_norm,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Gather": _gather,
    "Pad": _pad,
    "Resize": _resize,
}
