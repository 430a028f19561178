"""Operations on fixed numbers that make, move, cut or join tensors."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np

from app.core.meanfield.step import Fixed

Given: TypeAlias = Mapping[str, Any]  # arguments by the operator's names, values as arrays
Shapes: TypeAlias = Sequence[tuple[int, ...]]  # of the results
Operation: TypeAlias = Callable[[Given, Shapes], "Fixed | tuple[Fixed, ...]"]

KINDS: Final = {"bool": np.dtype(np.bool_)}


def kind(dtype: str) -> np.dtype[Any]:
    """The dtype that fixed numbers of one of torch's are calculated in."""
    if dtype.startswith(("int", "uint", "long")):
        return np.dtype(np.int64)
    return KINDS.get(dtype, np.dtype(np.float64))


def _axis(given: Given, name: str = "dim", default: int = 0) -> int:
    return int(given.get(name, default))


def _cast(given: Given, _: Shapes) -> Fixed:
    wanted = given.get("dtype")
    tensor: Fixed = np.asarray(given["self"])
    if wanted is None and "other" in given:
        wanted = np.asarray(given["other"]).dtype
    return tensor if wanted is None else tensor.astype(wanted)


def _filled(number: float) -> Operation:
    def fill(given: Given, shapes: Shapes) -> Fixed:
        return np.full(shapes[0], number, dtype=given.get("dtype") or np.float64)

    return fill


def _full(given: Given, shapes: Shapes) -> Fixed:
    value = given.get("fill_value", given.get("value", given.get("s", 0)))
    plain = np.asarray(value)
    return np.full(shapes[0], plain, dtype=given.get("dtype") or plain.dtype)


def _arange(given: Given, shapes: Shapes) -> Fixed:
    start, step = given.get("start", 0), given.get("step", 1)
    return np.asarray(start) + np.asarray(step) * np.arange(shapes[0][0])


def _linspace(given: Given, shapes: Shapes) -> Fixed:
    return np.linspace(given["start"], given["end"], shapes[0][0])


def _eye(_: Given, shapes: Shapes) -> Fixed:
    return np.asarray(np.eye(shapes[0][0], shapes[0][-1]))


def _reshape(given: Given, shapes: Shapes) -> Fixed:
    return np.asarray(given["self"]).reshape(shapes[0])


def _expand(given: Given, shapes: Shapes) -> Fixed:
    return np.broadcast_to(given["self"], shapes[0])


def _repeat(given: Given, shapes: Shapes) -> Fixed:
    repeats = given.get("repeats", given.get("dims"))
    if math.prod(repeats) * np.size(given["self"]) != math.prod(shapes[0]):
        raise ValueError(repeats)
    return np.tile(given["self"], repeats)


def _permute(given: Given, _: Shapes) -> Fixed:
    return np.transpose(given["self"], given["dims"])


def _transpose(given: Given, _: Shapes) -> Fixed:
    tensor = np.asarray(given["self"])
    if "dim0" not in given and "axis0" not in given:
        return tensor.T
    first, second = given.get("dim0", given.get("axis0")), given.get("dim1", given.get("axis1"))
    return np.swapaxes(tensor, first, second)


def _slice(given: Given, _: Shapes) -> Fixed:
    tensor = np.asarray(given["self"])
    cut = slice(given.get("start"), given.get("end"), given.get("step", 1))
    return tensor[(slice(None),) * (_axis(given) % tensor.ndim) + (cut,)]


def _select(given: Given, _: Shapes) -> Fixed:
    return np.asarray(np.take(given["self"], int(given["index"]), axis=_axis(given)))


def _index_select(given: Given, _: Shapes) -> Fixed:
    return np.asarray(np.take(given["self"], given["index"], axis=_axis(given)))


def _index(given: Given, _: Shapes) -> Fixed:
    wanted = tuple(slice(None) if one is None else np.asarray(one) for one in given["indices"])
    return np.asarray(given["self"])[wanted]


def _gather(given: Given, _: Shapes) -> Fixed:
    return np.take_along_axis(np.asarray(given["self"]), given["index"], axis=_axis(given))


def _cat(given: Given, _: Shapes) -> Fixed:
    return np.concatenate([np.asarray(one) for one in given["tensors"]], axis=_axis(given))


def _stack(given: Given, _: Shapes) -> Fixed:
    return np.stack([np.asarray(one) for one in given["tensors"]], axis=_axis(given))


def _split(given: Given, shapes: Shapes) -> tuple[Fixed, ...]:
    axis = _axis(given)
    borders = list(itertools.accumulate(shape[axis] for shape in shapes))[:-1]
    return tuple(np.split(np.asarray(given["self"]), borders, axis=axis))


def _unbind(given: Given, shapes: Shapes) -> tuple[Fixed, ...]:
    return tuple(np.take(given["self"], at, axis=_axis(given)) for at in range(len(shapes)))


def _meshgrid(given: Given, shapes: Shapes) -> tuple[Fixed, ...]:
    if math.prod(np.size(one) for one in given["tensors"]) != math.prod(shapes[0]):
        raise ValueError(shapes)
    return tuple(np.meshgrid(*given["tensors"], indexing=given.get("indexing", "ij")))


def _flip(given: Given, _: Shapes) -> Fixed:
    return np.flip(given["self"], given["dims"])


def _roll(given: Given, _: Shapes) -> Fixed:
    return np.roll(given["self"], given["shifts"], given.get("dims") or None)


def _cumsum(given: Given, _: Shapes) -> Fixed:
    return np.cumsum(given["self"], axis=_axis(given))


def _diff(given: Given, _: Shapes) -> Fixed:
    beside = {name: given[name] for name in ("prepend", "append") if given.get(name) is not None}
    return np.diff(given["self"], n=given.get("n", 1), axis=_axis(given, default=-1), **beside)


def _where(given: Given, _: Shapes) -> Fixed:
    condition = np.asarray(given["condition"])
    return np.asarray(np.where(condition, np.asarray(given["self"]), np.asarray(given["other"])))


def _masked_fill(given: Given, _: Shapes) -> Fixed:
    mask, value = np.asarray(given["mask"]), np.asarray(given["value"])
    return np.asarray(np.where(mask, value, np.asarray(given["self"])))


def _triangle(function: Callable[[Fixed, int], Fixed]) -> Operation:
    return lambda given, _: function(given["self"], int(given.get("diagonal", 0)))


def _clamp(given: Given, _: Shapes) -> Fixed:
    return np.asarray(np.clip(np.asarray(given["self"]), given.get("min"), given.get("max")))


def _slice_scatter(given: Given, _: Shapes) -> Fixed:
    tensor = np.array(given["self"])
    cut = slice(given.get("start"), given.get("end"), given.get("step", 1))
    tensor[(slice(None),) * (_axis(given) % tensor.ndim) + (cut,)] = given["src"]
    return tensor


def _select_scatter(given: Given, _: Shapes) -> Fixed:
    tensor = np.array(given["self"])
    tensor[(slice(None),) * (_axis(given) % tensor.ndim) + (int(given["index"]),)] = given["src"]
    return tensor


def _copy(given: Given, shapes: Shapes) -> Fixed:
    return np.broadcast_to(given["src"], shapes[0])


def _sum(given: Given, _: Shapes) -> Fixed:
    axes = given.get("dim")
    keep = bool(given.get("keepdim", False))
    return np.asarray(np.sum(given["self"], axis=axes, keepdims=keep))


def _each(names: str, operation: Operation) -> dict[str, Operation]:
    return dict.fromkeys(names.split(), operation)


SHAPED: Final[dict[str, Operation]] = {
    **_each("to _to_copy type_as", _cast),
    **_each("zeros zeros_like new_zeros zero", _filled(0)),
    **_each("ones ones_like new_ones", _filled(1)),
    **_each("full full_like new_full scalar_tensor fill", _full),
    **_each("arange", _arange),
    **_each("linspace", _linspace),
    **_each("eye", _eye),
    **_each("view reshape flatten unflatten squeeze unsqueeze _unsafe_view reshape_as", _reshape),
    **_each("expand expand_as broadcast_to", _expand),
    **_each("repeat tile", _repeat),
    **_each("permute", _permute),
    **_each("transpose t swapaxes", _transpose),
    **_each("slice", _slice),
    **_each("select", _select),
    **_each("index_select", _index_select),
    **_each("index", _index),
    **_each("gather", _gather),
    **_each("cat concat", _cat),
    **_each("stack", _stack),
    **_each("chunk split split_with_sizes tensor_split", _split),
    **_each("unbind", _unbind),
    **_each("meshgrid", _meshgrid),
    **_each("flip", _flip),
    **_each("roll", _roll),
    **_each("cumsum", _cumsum),
    **_each("diff", _diff),
    **_each("where", _where),
    **_each("masked_fill", _masked_fill),
    **_each("tril", _triangle(np.tril)),
    **_each("triu", _triangle(np.triu)),
    **_each("clamp clamp_min clamp_max", _clamp),
    **_each("slice_scatter", _slice_scatter),
    **_each("select_scatter", _select_scatter),
    **_each("copy", _copy),
    **_each("sum", _sum),
}
"""Operator, without its library and overload → its result on fixed numbers."""
