"""Layers that rearrange, and the operations of a spec that torch.nn has no class for."""

from __future__ import annotations

import math

from app.architecture.activations import axis
from app.architecture.building import Given, Place, Rule, Signal
from app.architecture.dense import expect_real, shown
from app.core.arguments import Arguments
from app.core.layers import ParameterFacts


def _flatten(at: Place, given: Arguments, x: Signal) -> Signal:
    start, end = axis(at, given, "start_dim", x, 1), axis(at, given, "end_dim", x, -1)
    if not 1 <= start <= end:
        at.refuse("expects start_dim from 1 to end_dim; axis 0 is the batch and stays.")
    sizes = (*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :])
    arguments: dict[str, Given] = {"self": x, "start_dim": start}
    if end != len(x.shape) - 1:
        arguments["end_dim"] = end
    return at.op("flatten.using_ints", arguments, sizes)


def _unflatten(at: Place, given: Arguments, x: Signal) -> Signal:
    dim = _inner_axis(at, given, "dim", x)
    sizes = _filled(at, given.value("unflattened_size"), x.shape[dim])
    shape = (*x.shape[:dim], *sizes, *x.shape[dim + 1 :])
    return at.op("unflatten.int", {"self": x, "dim": dim, "sizes": sizes}, shape)


def _inner_axis(at: Place, given: Arguments, name: str, x: Signal) -> int:
    found = axis(at, given, name, x)
    if found == 0:
        at.refuse(f"has {name} = 0, which is the batch; expected another axis.")
    return found


def _filled(at: Place, told: object, total: int) -> tuple[int, ...]:
    """Sizes whose product is the total; one may be -1."""
    sizes = told if isinstance(told, tuple) else (told,)
    whole = [n for n in sizes if isinstance(n, int) and not isinstance(n, bool) and n > 0]
    open_ = sum(1 for n in sizes if n == -1)
    rest = math.prod(whole)
    if len(whole) + open_ != len(sizes) or open_ > 1 or (total % rest if open_ else total != rest):
        at.refuse(f"asks for the sizes {told}; their product must be {total:,}.")
    return tuple(total // rest if n == -1 else n for n in sizes if isinstance(n, int))


def _reshape(at: Place, given: Arguments, x: Signal) -> Signal:
    sizes = _filled(at, given.value("shape"), math.prod(x.inner))
    arguments: dict[str, Given] = {"self": x, "shape": (-1, *sizes)}
    return at.op("reshape.default", arguments, (x.shape[0], *sizes))


def _transpose(at: Place, given: Arguments, x: Signal) -> Signal:
    first, second = (_inner_axis(at, given, name, x) for name in ("dim0", "dim1"))
    sizes = list(x.shape)
    sizes[first], sizes[second] = sizes[second], sizes[first]
    return at.op("transpose.int", {"self": x, "dim0": first, "dim1": second}, tuple(sizes))


def _permute(at: Place, given: Arguments, x: Signal) -> Signal:
    told = given.value("dims")
    dims = told if isinstance(told, tuple) else (told,)
    order = tuple(int(d) for d in dims if isinstance(d, int))
    if sorted(order) != list(range(len(x.shape))) or order[0] != 0:
        expected = ", ".join(str(n) for n in range(len(x.shape)))
        at.refuse(f"expects an order of the axes {expected} that begins with 0, the batch.")
    return at.op("permute.default", {"self": x, "dims": order}, tuple(x.shape[d] for d in order))


def _select(at: Place, given: Arguments, x: Signal) -> Signal:
    dim = _inner_axis(at, given, "dim", x)
    size, told = x.shape[dim], given.value("index")
    if not isinstance(told, int) or isinstance(told, bool) or not -size <= told < size:
        at.refuse(f"has index = {str(told)[:40]}; expected a number from {-size} to {size - 1}.")
    shape = (*x.shape[:dim], *x.shape[dim + 1 :])
    return at.op("select.int", {"self": x, "dim": dim, "index": int(told)}, shape)


def _mean(at: Place, given: Arguments, x: Signal) -> Signal:
    expect_real(at, x)
    dim = _inner_axis(at, given, "dim", x)
    return at.op("mean.dim", {"self": x, "dim": (dim,)}, (*x.shape[:dim], *x.shape[dim + 1 :]))


def _scale(at: Place, given: Arguments, x: Signal) -> Signal:
    expect_real(at, x)
    return at.op("mul.Scalar", {"self": x, "other": given.number("factor", 1.0)}, x.shape)


def _learned(at: Place, name: str, shape: tuple[int, ...]) -> Signal:
    """A parameter that a person would draw themselves; as nn.Embedding does, from N(0, 1)."""
    facts = ParameterFacts(
        module=at.path,
        kind="Embedding",
        kind_certainty="confirmed",
        role="weight",
        fan_in=shape[1],
        fan_out=shape[0],
        fan_certainty="confirmed",
        evidence="the spec",
    )
    return at.parameter(name, shape, facts)


def _position(at: Place, given: Arguments, x: Signal) -> Signal:
    del given
    expect_real(at, x)
    if len(x.shape) != 3:
        at.refuse(f"expects (positions, features); {shown(x)} arrives from {x.source}.")
    weight = _learned(at, "weight", x.inner)
    at.note("Position embeddings are learned and drawn as torch.nn.Embedding draws its rows.")
    return at.op("add.Tensor", {"self": x, "other": weight}, x.shape)


def _class_token(at: Place, given: Arguments, x: Signal) -> Signal:
    del given
    expect_real(at, x)
    if len(x.shape) != 3:
        at.refuse(f"expects (positions, features); {shown(x)} arrives from {x.source}.")
    weight = _learned(at, "weight", (1, x.shape[2]))
    at.note("A class token is learned and drawn as torch.nn.Embedding draws its rows.")
    size: tuple[int, ...] = (x.shape[0], 1, x.shape[2])
    first = at.op(
        "slice.Tensor", {"self": x, "dim": 1, "start": 0, "end": 1}, size, part="one position"
    )
    spread = at.op("expand_as.default", {"self": weight, "other": first}, size, part="token")
    shape = (x.shape[0], x.shape[1] + 1, x.shape[2])
    return at.op("cat.default", {"tensors": (spread, x), "dim": 1}, shape)


REARRANGING: dict[str, Rule] = {
    "Flatten": _flatten,
    "Unflatten": _unflatten,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Permute": _permute,
    "Select": _select,
    "Mean": _mean,
    "Scale": _scale,
    "Position": _position,
    "ClassToken": _class_token,
}
