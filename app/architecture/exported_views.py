"""Operators that write into memory or look at another's: their functional and inverse forms."""

from __future__ import annotations

from typing import Final

from app.architecture.exported_calls import Call
from app.core.graph import Argument, Value
from app.core.operators import FAMILY, OPERATORS

# Operations whose result is the memory of their input, seen otherwise.
_RESHAPING: Final = frozenset(
    f"aten.{name}"
    for name in (
        "view.default", "unsqueeze.default", "squeeze.default", "squeeze.dim", "squeeze.dims",
    )
)  # fmt: skip
SAME: Final = frozenset({"aten.alias.default", "aten.detach.default", "aten.detach_.default"})
_SWAPPING: Final = frozenset(
    f"aten.{name}" for name in ("transpose.int", "t.default", "mT.default", "swapaxes.default")
)
_WRITTEN_BACK: Final = {
    "aten.select.int": "aten.select_scatter.default",
    "aten.slice.Tensor": "aten.slice_scatter.default",
    "aten.diagonal.default": "aten.diagonal_scatter.default",
}
_OTHER_VIEWS: Final = frozenset(
    f"aten.{name}"
    for name in (
        "permute.default", "expand.default", "expand_as.default", "split.Tensor",
        "split_with_sizes.default", "split.sizes", "chunk.default", "unbind.int",
        "narrow.default", "unfold.default", "movedim.int", "movedim.intlist", "view_as.default",
        "tensor_split.sections", "broadcast_to.default", "unflatten.int", "swapdims.default",
        "numpy_T.default", "adjoint.default", "moveaxis.int",
    )
)  # fmt: skip
_PERMUTE: Final = "aten.permute.default"
VIEWS: Final = _RESHAPING | SAME | _SWAPPING | _WRITTEN_BACK.keys() | _OTHER_VIEWS
# Operations whose result may or may not be the memory of their input.
PERHAPS: Final = frozenset(
    f"aten.{name}"
    for name in (
        "reshape.default", "reshape_as.default", "flatten.using_ints", "contiguous.default",
        "to.dtype", "to.device", "to.dtype_layout", "to.other", "type_as.default",
        "dropout.default", "alpha_dropout.default", "feature_dropout.default",
        "feature_alpha_dropout.default", "positive.default", "pad.default", "atleast_1d.default",
        "atleast_2d.default", "meshgrid.default", "meshgrid.indexing", "lift_fresh.default",
    )
)  # fmt: skip

_OTHERWISE: Final = {
    "aten.bernoulli_.float": "aten.bernoulli.p",
    "aten.pow_.Scalar": "aten.pow.Tensor_Scalar",
    "aten.pow_.Tensor": "aten.pow.Tensor_Tensor",
    "aten.detach_.default": "aten.detach.default",
}


def functional_name(op: str) -> str | None:
    """The operator without its writing: "aten.relu.default" of "aten.relu_.default"."""
    if op in _OTHERWISE:
        return _OTHERWISE[op]
    package, _, rest = op.partition(".")
    name, _, overload = rest.partition(".")
    found = f"{package}.{name.removesuffix('_')}.{overload}"
    writes = package == "aten" and name.endswith("_") and not name.endswith("__")
    listed = writes and found in OPERATORS and FAMILY[found] not in {"shape", "factory"}
    return found if listed else None


def undone(call: Call, view: str, base: str) -> tuple[str, dict[str, Argument]] | None:
    """The operation that puts a view's new values back into what it is a view of."""
    rest = dict(list(call.arguments.items())[1:])
    if call.op in _WRITTEN_BACK:
        both: dict[str, Argument] = {"self": Value(value=base), "src": Value(value=view)}
        return _WRITTEN_BACK[call.op], both | rest
    if call.op in _RESHAPING:
        return "aten.reshape_as.default", {"self": Value(value=view), "other": Value(value=base)}
    if call.op in _SWAPPING:
        return call.op, {"self": Value(value=view)} | rest
    order = rest.get("dims")
    if call.op == _PERMUTE and isinstance(order, tuple):
        places = [d % len(order) for d in order if type(d) is int]
        if sorted(places) == list(range(len(order))):
            back = tuple(places.index(axis) for axis in range(len(order)))
            return call.op, {"self": Value(value=view), "dims": back}
    return None
