"""What an ONNX graph calculates of sizes alone: numbers, known while it is read."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from app.architecture.onnx_building import MOST_FOLDED, Array, At, Signal

NUMPY_TYPES: Final = {
    1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
    11: "float64",
}  # fmt: skip


def folded(at: At) -> Signal | None:
    """The result of an operation whose inputs are all known; None where it must run.

    Raises:
        CannotRun: If the result is too large to be a constant.
    """
    rule = _RULES.get(at.node.operator)
    given = [one.numbers for one in at.inputs if one is not None]
    if rule is None or any(numbers is None for numbers in given):
        return None
    known = [one.known if one is not None else None for one in at.inputs]
    _check_size(at, [numbers for numbers in known if numbers is not None])
    with np.errstate(all="ignore"):
        return at.building.folded(np.asarray(rule(at, *known)))


def _check_size(at: At, given: list[Array]) -> None:
    """Refuse before numpy makes something large of small things."""
    together = max((numbers.ndim for numbers in given), default=0)
    sizes = [
        max((n.shape[n.ndim - axis] for n in given if n.ndim >= axis), default=1)
        for axis in range(1, together + 1)
    ]
    most = max(sum(numbers.size for numbers in given), math.prod(sizes))
    if most > 16 * MOST_FOLDED:
        at.refuse("would make a constant that is too large")


def axes_of(at: At, place: int = 1) -> tuple[int, ...] | None:
    """Axes given as an attribute, or as an input since opset 13."""
    given = at.optional(place)
    if given is not None:
        return tuple(int(axis) for axis in given.known.reshape(-1)[:64])
    return at.wholes("axes")


def _concat(at: At, *parts: Array) -> Array:
    return np.concatenate(parts, axis=at.whole("axis", 0))


def _gather(at: At, table: Array, picks: Array) -> Array:
    if picks.size * (table.size or 1) > MOST_FOLDED * 16:
        at.refuse("gathers too many constants")
    return np.take(table, picks, axis=at.whole("axis", 0))


def _slice(_at: At, data: Array, start: Array, end: Array, *more: Array) -> Array:
    axes = more[0] if more else np.arange(len(start))
    steps = more[1] if len(more) > 1 else np.ones(len(start), np.int64)
    cut = [slice(None)] * data.ndim
    for first, last, axis, step in zip(start, end, axes, steps, strict=True):
        bottom = step < 0 and last < -data.shape[axis]
        cut[int(axis)] = slice(int(first), None if bottom else int(last), int(step))
    return data[tuple(cut)]


def _unsqueeze(at: At, data: Array, *_: Array) -> Array:
    return np.expand_dims(data, axes_of(at) or (0,))


def _squeeze(at: At, data: Array, *_: Array) -> Array:
    return np.squeeze(data, axes_of(at))


def _cast(at: At, data: Array) -> Array:
    kind = NUMPY_TYPES.get(at.whole("to", 1))
    if kind is None:
        at.refuse("casts to a dtype that is not read")
    return data.astype(kind)


def _filled(at: At, shape: Array) -> Array:
    sizes = tuple(int(size) for size in shape)
    if min(sizes, default=0) < 0 or int(np.prod(sizes, dtype=object)) > MOST_FOLDED:
        at.refuse("makes a constant of a size that makes no sense")
    told = at.tensor("value")
    number = told.numbers[0] if told is not None and told.numbers else 0
    dtype = told.dtype if told is not None else "float32"
    if told is not None and told.place is not None:
        number = at.building.small(told).reshape(-1)[0]
    return np.full(sizes, number, dtype)


def _expand(at: At, data: Array, shape: Array) -> Array:
    wanted = np.broadcast_shapes(data.shape, tuple(int(size) for size in shape))
    if int(np.prod(wanted, dtype=object)) > MOST_FOLDED:
        at.refuse("makes a constant of a size that makes no sense")
    return np.broadcast_to(data, wanted).copy()


def _range(at: At, start: Array, end: Array, step: Array) -> Array:
    if not step or abs((end - start) / step) > MOST_FOLDED:
        at.refuse("counts too far")
    return np.arange(start.item(), end.item(), step.item(), dtype=start.dtype)


def _reshape(_at: At, data: Array, shape: Array) -> Array:
    sizes = [int(size) for size in shape]
    return data.reshape([data.shape[i] if s == 0 else s for i, s in enumerate(sizes)])


def _scatter(_at: At, data: Array, places: Array, updates: Array) -> Array:
    found = data.copy()
    found[tuple(places[..., i] for i in range(places.shape[-1]))] = updates
    return found


def _divide(_at: At, a: Array, b: Array) -> Array:
    if np.issubdtype(a.dtype, np.integer):
        return np.trunc(a / np.where(b == 0, 1, b)).astype(a.dtype)
    return a / b


def _trilu(at: At, data: Array, diagonal: Array | None = None) -> Array:
    k = 0 if diagonal is None else int(diagonal)
    return np.triu(data, k) if at.whole("upper", 1) else np.tril(data, k)


def _with(function: Callable[..., Array]) -> Callable[..., Array]:
    return lambda _at, *given: function(*given)


_RULES: Final[dict[str, Callable[..., Array]]] = {
    "Concat": _concat,
    "Gather": _gather,
    "Slice": _slice,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Cast": _cast,
    "ConstantOfShape": _filled,
    "Expand": _expand,
    "Range": _range,
    "Reshape": _reshape,
    "ScatterND": _scatter,
    "Div": _divide,
    "Trilu": _trilu,
    "Identity": _with(lambda a: a),
    "Add": _with(np.add),
    "Sub": _with(np.subtract),
    "Mul": _with(np.multiply),
    "Mod": _with(np.mod),
    "Pow": _with(lambda a, b: np.power(a, b.astype(a.dtype))),
    "Sqrt": _with(np.sqrt),
    "Equal": _with(np.equal),
    "Less": _with(np.less),
    "Greater": _with(np.greater),
    "Not": _with(np.logical_not),
    "And": _with(np.logical_and),
    "Or": _with(np.logical_or),
    "Where": _with(np.where),
    "Neg": _with(np.negative),
    "Floor": _with(np.floor),
    "Ceil": _with(np.ceil),
    "Transpose": lambda at, a: np.transpose(a, at.wholes("perm")),
    "ReduceProd": _with(lambda a, *_: np.prod(a, keepdims=True)),
    "Min": _with(np.minimum),
    "Max": _with(np.maximum),
    "Size": _with(lambda a: np.array(a.size)),
    "Shape": _with(lambda a: np.array(a.shape, np.int64)),
}
