"""ONNX's operators in PyTorch's: pointwise ones, products, shapes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from app.architecture.onnx_building import At, Shape, Signal
from app.architecture.onnx_folding import NUMPY_TYPES, axes_of
from app.core.graph import Argument

Made: TypeAlias = Signal | tuple[Signal, ...]
Rule: TypeAlias = Callable[[At], Made]

_POINTWISE: Final = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Erf": "erf", "Sqrt": "sqrt",
    "Exp": "exp", "Log": "log", "Neg": "neg", "Abs": "abs", "Reciprocal": "reciprocal",
    "Floor": "floor", "Ceil": "ceil", "Softplus": "softplus", "HardSwish": "hardswish",
    "Mish": "mish", "Selu": "selu", "Sin": "sin", "Cos": "cos", "Not": "logical_not",
    "Sign": "sign",
}  # fmt: skip
_TOGETHER: Final = {
    "Add": "add.Tensor", "Sub": "sub.Tensor", "Mul": "mul.Tensor", "Div": "div.Tensor",
    "Pow": "pow.Tensor_Tensor", "Max": "maximum.default", "Min": "minimum.default",
}  # fmt: skip
_COMPARED: Final = {
    "Equal": "eq.Tensor", "Less": "lt.Tensor", "Greater": "gt.Tensor",
    "LessOrEqual": "le.Tensor", "GreaterOrEqual": "ge.Tensor", "And": "logical_and.default",
    "Or": "logical_or.default",
}  # fmt: skip
_REDUCED: Final = {
    "ReduceMean": "mean.dim", "ReduceSum": "sum.dim_IntList", "ReduceMax": "amax.default",
    "ReduceMin": "amin.default",
}  # fmt: skip


def _pointwise(at: At) -> Signal:
    x = at.input(0)
    return at.emit(f"{_POINTWISE[at.node.operator]}.default", {"self": x}, x.shape, x.dtype)


def broadcast(at: At, *signals: Signal) -> Shape:
    """The shape of several values together."""
    try:
        return tuple(np.broadcast_shapes(*(one.shape for one in signals)))
    except ValueError:
        at.refuse("has inputs whose shapes do not go together")


def _together(at: At) -> Signal:
    a, b = at.input(0), at.input(1)
    op = _TOGETHER[at.node.operator]
    return at.emit(op, {"self": a, "other" if op[:3] != "pow" else "exponent": b},
                   broadcast(at, a, b), a.dtype)  # fmt: skip


def _compared(at: At) -> Signal:
    a, b = at.input(0), at.input(1)
    shape = broadcast(at, a, b)
    return at.emit(_COMPARED[at.node.operator], {"self": a, "other": b}, shape, "bool")


def _where(at: At) -> Signal:
    condition, a, b = at.input(0), at.input(1), at.input(2)
    given: dict[str, Argument | Signal] = {"condition": condition, "self": a, "other": b}
    return at.emit("where.self", given, broadcast(at, condition, a, b), a.dtype)


def _with_number(op: str, argument: str, attribute: str, default: float) -> Rule:
    def rule(at: At) -> Signal:
        x = at.input(0)
        number = at.real(attribute, default)
        return at.emit(op, {"self": x, argument: number}, x.shape, x.dtype)

    return rule


def _gelu(at: At) -> Signal:
    x = at.input(0)
    how = at.text("approximate", "none")
    return at.emit("gelu.default", {"self": x, "approximate": how}, x.shape, x.dtype)


def _hard_sigmoid(at: At) -> Signal:
    x = at.input(0)
    slope, middle = at.real("alpha", 0.2), at.real("beta", 0.5)
    if abs(slope - 1 / 6) < 1e-6 and middle == 0.5:
        return at.emit("hardsigmoid.default", {"self": x}, x.shape, x.dtype)
    scaled = at.emit("mul.Scalar", {"self": x, "other": slope}, x.shape, x.dtype)
    moved = at.emit("add.Scalar", {"self": scaled, "other": middle}, x.shape, x.dtype)
    return at.emit("clamp.default", {"self": moved, "min": 0.0, "max": 1.0}, x.shape, x.dtype)


def _clip(at: At) -> Signal:
    x, low, high = at.input(0), at.optional(1), at.optional(2)
    least = at.real("min", -math.inf) if low is None else float(low.known.reshape(-1)[0])
    most = at.real("max", math.inf) if high is None else float(high.known.reshape(-1)[0])
    given: dict[str, Argument | Signal] = {"self": x}
    if math.isfinite(least) and math.isfinite(most):
        limits: dict[str, Argument | Signal] = {"min_val": least, "max_val": most}
        return at.emit("hardtanh.default", given | limits, x.shape, x.dtype)
    if math.isfinite(least):
        given["min"] = least
    if math.isfinite(most):
        given["max"] = most
    return at.emit("clamp.default", given, x.shape, x.dtype) if len(given) > 1 else x


def _prelu(at: At) -> Signal:
    x, slope = at.input(0), at.input(1)
    count = math.prod(slope.shape)
    if len(slope.shape) != 1:
        slope = at.emit("reshape.default", {"self": slope, "shape": (count,)}, (count,))
    return at.emit("prelu.default", {"self": x, "weight": slope}, x.shape, x.dtype)


def _softmax(at: At) -> Signal:
    x = at.input(0)
    op = "softmax.int" if at.node.operator == "Softmax" else "log_softmax.int"
    return at.emit(op, {"self": x, "dim": at.whole("axis", -1)}, x.shape, x.dtype)


def turned(at: At, weight: Signal) -> Signal:
    """A matrix with its two axes exchanged."""
    return at.emit("t.default", {"self": weight}, weight.shape[::-1], weight.dtype)


def _gemm(at: At) -> Signal:
    x, weight, bias = at.input(0), at.input(1), at.optional(2)
    plain = at.real("alpha", 1.0) == at.real("beta", 1.0) == 1.0 and not at.whole("transA", 0)
    if not plain or len(x.shape) != 2 or len(weight.shape) != 2:
        at.refuse("is a product of a kind that is not read")
    if not at.whole("transB", 0):
        weight = turned(at, weight)
    if x.shape[1] != weight.shape[1]:
        at.refuse("has matrices that do not go together")
    given: dict[str, Argument | Signal] = {"input": x, "weight": weight}
    shape = (x.shape[0], weight.shape[0])
    if bias is None or bias.shape == shape[1:]:
        held = {} if bias is None else {"bias": bias}
        return at.emit("linear.default", given | held, shape, x.dtype)
    product = at.emit("linear.default", given, shape, x.dtype)
    return at.emit("add.Tensor", {"self": product, "other": bias}, shape, x.dtype)


def _matmul(at: At) -> Signal:
    a, b = at.input(0), at.input(1)
    if min(len(a.shape), len(b.shape)) < 1 or a.shape[-1] != b.shape[max(len(b.shape) - 2, 0)]:
        at.refuse("has matrices that do not go together")
    if b.name in at.building.stored and len(b.shape) == 2:
        given: dict[str, Argument | Signal] = {"input": a, "weight": turned(at, b)}
        return at.emit("linear.default", given, (*a.shape[:-1], b.shape[1]), a.dtype)
    if min(len(a.shape), len(b.shape)) < 2:
        at.refuse("is a product of vectors, which is not read")
    lead = tuple(np.broadcast_shapes(a.shape[:-2], b.shape[:-2]))
    shape = (*lead, a.shape[-2], b.shape[-1])
    return at.emit("matmul.default", {"self": a, "other": b}, shape, a.dtype)


def reshaped(at: At, x: Signal, shape: Shape) -> Signal:
    """The same values in another shape."""
    if math.prod(shape) != math.prod(x.shape):
        at.refuse(f"cannot make {shape} of {x.shape}")
    return at.emit("reshape.default", {"self": x, "shape": shape}, shape, x.dtype)


def _reshape(at: At) -> Signal:
    x = at.input(0)
    told = [int(size) for size in at.input(1).known.reshape(-1)[:64]]
    sizes = [x.shape[i] if s == 0 and i < len(x.shape) else s for i, s in enumerate(told)]
    if sizes.count(-1) == 1:
        rest = math.prod(size for size in sizes if size != -1)
        sizes[sizes.index(-1)] = math.prod(x.shape) // rest if rest else 0
    return reshaped(at, x, tuple(sizes))


def _flatten(at: At) -> Signal:
    x, axis = at.input(0), at.whole("axis", 1) % max(len(at.input(0).shape), 1)
    return reshaped(at, x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


def _squeeze(at: At) -> Signal:
    x, axes = at.input(0), axes_of(at)
    gone = {axis % len(x.shape) for axis in axes} if axes and x.shape else None
    kept = [s for i, s in enumerate(x.shape) if (i not in gone if gone is not None else s != 1)]
    return reshaped(at, x, tuple(kept))


def _unsqueeze(at: At) -> Signal:
    x, axes = at.input(0), axes_of(at) or ()
    total = len(x.shape) + len(axes)
    rest = iter(x.shape)
    new = {axis % total for axis in axes}
    return reshaped(at, x, tuple(1 if i in new else next(rest, 1) for i in range(total)))


def _transpose(at: At) -> Signal:
    x = at.input(0)
    order = at.wholes("perm") or tuple(reversed(range(len(x.shape))))
    if sorted(order) != list(range(len(x.shape))):
        at.refuse("has an order of axes that makes no sense")
    shape = tuple(x.shape[axis] for axis in order)
    return at.emit("permute.default", {"self": x, "dims": order}, shape, x.dtype)


def _expand(at: At) -> Signal:
    x = at.input(0)
    wanted = tuple(int(size) for size in at.input(1).known.reshape(-1)[:64])
    try:
        shape = tuple(np.broadcast_shapes(x.shape, wanted))
    except ValueError:
        at.refuse("expands to a shape that does not fit")
    return at.emit("expand.default", {"self": x, "size": shape}, shape, x.dtype)


def _cast(at: At) -> Signal:
    x, kind = at.input(0), NUMPY_TYPES.get(at.whole("to", 1))
    if kind is None:
        at.refuse("casts to a dtype that is not read")
    if kind == x.dtype:
        return x
    from_dtype: dict[str, Argument | Signal] = {"self": x, "dtype": at.dtype(kind)}
    return at.emit("to.dtype", from_dtype, x.shape, kind)


def _shape(at: At) -> Signal:
    return at.building.folded(np.array(at.input(0).shape, np.int64))


def _constant(at: At) -> Signal:
    told = at.tensor("value")
    if told is not None:
        return at.building.folded(at.building.small(told))
    number = at.node.attributes.get("value_float", at.node.attributes.get("value_int"))
    if not isinstance(number, int | float):
        at.refuse("is a constant of a kind that is not read")
    kind = "float32" if isinstance(number, float) else "int64"
    return at.building.folded(np.array(number, kind))


def _reduced(at: At) -> Signal:
    x, axes = at.input(0), axes_of(at)
    rank = len(x.shape)
    gone = tuple(axis % rank for axis in axes) if axes and rank else tuple(range(rank))
    keep = bool(at.whole("keepdims", 1))
    shape = tuple(1 if i in gone else s for i, s in enumerate(x.shape) if keep or i not in gone)
    given: dict[str, Argument | Signal] = {"self": x, "dim": gone, "keepdim": keep}
    return at.emit(_REDUCED[at.node.operator], given, shape, x.dtype)


def _same(at: At) -> Signal:
    return at.input(0)


POINTWISE: Final[dict[str, Rule]] = {
    **dict.fromkeys(_POINTWISE, _pointwise),
    **dict.fromkeys(_TOGETHER, _together),
    **dict.fromkeys(_COMPARED, _compared),
    **dict.fromkeys(_REDUCED, _reduced),
    "Where": _where,
    "LeakyRelu": _with_number("leaky_relu.default", "negative_slope", "alpha", 0.01),
    "Elu": _with_number("elu.default", "alpha", "alpha", 1.0),
    "Celu": _with_number("celu.default", "alpha", "alpha", 1.0),
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "Clip": _clip,
    "PRelu": _prelu,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Expand": _expand,
    "Cast": _cast,
    "Shape": _shape,
    "Constant": _constant,
    "Identity": _same,
    "Dropout": _same,
}
