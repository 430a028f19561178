"""Draws that run and do harm: means that are not 0, variances for stds, constants everywhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.architecture.initreading_paste import Paste, Remark, bound
from app.architecture.initreading_scopes import Function, Spot
from app.architecture.initreading_torch import (
    AS_FUNCTION,
    EMBEDDINGS,
    MULTIPLYING,
    NORMS,
    SIGNATURES,
)

_SIZES = frozenset({"in_features", "out_features", "in_channels", "out_channels"})
_NEEDED = {"uniform_": ("a", "b"), "normal_": ("mean", "std"), "constant_": ("val",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A call that sets a tensor, as a function of torch.nn.init or a method of the tensor."""

    call: ast.Call
    name: str  # in torch.nn.init
    tensor: str  # without .data
    given: Mapping[str, ast.expr]
    kinds: frozenset[str]  # classes of the module that owns the tensor, where a test tells
    function: Function | None

    @property
    def leaf(self) -> str:
        """`weight` of `m.weight`."""
        return self.tensor.rpartition(".")[2]


def remarks(paste: Paste, spot: Spot) -> Iterator[Remark]:
    """What is to be said of one draw."""
    drawn = drawn_by(paste, spot)
    if drawn is None:
        return
    yield from _one_sided(paste, drawn)
    yield from _wide(drawn)
    yield from _variance(paste, drawn)
    if not spot.scope.conditional:
        yield from _constant(paste, drawn)
    yield from _padding(paste, drawn)


def drawn_by(paste: Paste, spot: Spot) -> Drawn | None:
    """The draw that a node is; None for any other."""
    call = spot.node
    if not isinstance(call, ast.Call):
        return None
    name, given = paste.init_function(call), None
    if name is not None and name in SIGNATURES:
        given = bound(call, SIGNATURES[name])
        tensor = given.get("tensor") if given else None
    elif isinstance(call.func, ast.Attribute) and call.func.attr in AS_FUNCTION:
        name, tensor = AS_FUNCTION[call.func.attr], call.func.value
        given = bound(call, _NEEDED.get(name, ()))
    else:
        return None
    if given is None or tensor is None or name is None:
        return None
    text = ast.unparse(tensor).replace(".data", "")
    kinds = spot.scope.classes.get(text.rpartition(".")[0], frozenset())
    return Drawn(
        call=call, name=name, tensor=text, given=given, kinds=kinds, function=spot.scope.function
    )


def _one_sided(paste: Paste, drawn: Drawn) -> Iterator[Remark]:
    """`uniform_(w)`: between 0 and 1."""
    if drawn.name != "uniform_" or drawn.leaf not in {"weight", "bias"} or drawn.kinds & NORMS:
        return
    low = paste.value(drawn.given.get("a"), drawn.function) if "a" in drawn.given else 0.0
    high = paste.value(drawn.given.get("b"), drawn.function) if "b" in drawn.given else 1.0
    if (low, high) != (0.0, 1.0):
        return
    yield Remark(
        level="warning",
        code="mean_not_zero",
        node=drawn.call,
        message=f"{drawn.tensor} is drawn between 0 and 1, with mean 0.5: every unit sums its "
        "inputs with one sign, and the outputs grow with their number.",
        correction=f"bound = {drawn.tensor}[0].numel() ** -0.5\n"
        f"nn.init.uniform_({drawn.tensor}, -bound, bound)"
        if drawn.leaf == "weight"
        else f"nn.init.zeros_({drawn.tensor})",
    )


def _wide(drawn: Drawn) -> Iterator[Remark]:
    """`normal_(m.weight)` of a layer that multiplies: std 1 at any fan."""
    plain = drawn.name == "normal_" and not drawn.given.keys() & {"mean", "std"}
    known = drawn.kinds - {"~"}
    if plain and drawn.leaf == "weight" and known and known <= MULTIPLYING:
        yield Remark(
            level="warning",
            code="std_of_one",
            node=drawn.call,
            message="Without a std this is N(0, 1): each layer multiplies the size of its input by "
            "√fan_in.",
            correction=f"nn.init.kaiming_normal_({drawn.tensor}, nonlinearity='relu')",
        )


def _variance(paste: Paste, drawn: Drawn) -> Iterator[Remark]:
    """`normal_(w, 0, 2 / fan_in)`: a variance where a std belongs."""
    std = drawn.given.get("std")
    if drawn.name not in {"normal_", "trunc_normal_"} or std is None:
        return
    found = paste.resolved(std, drawn.function)
    if not isinstance(found, ast.BinOp) or not isinstance(found.op, ast.Div):
        return
    top = paste.value(found.left, drawn.function)
    if top not in {1.0, 2.0} or not _is_fan(paste, found.right, drawn.function):
        return
    text = ast.unparse(found)
    yield Remark(
        level="warning",
        code="variance_as_std",
        node=drawn.call,
        message=f"normal_ takes a std, and {text} is the variance that "
        f"{'Kaiming' if top == 2 else 'LeCun'}'s rule asks for: its root is missing.",
        correction=ast.unparse(drawn.call).replace(ast.unparse(std), f"({text}) ** 0.5"),
    )


def _is_fan(paste: Paste, node: ast.expr, function: Function | None) -> bool:
    """Whether an expression counts inputs or outputs, and takes no root of them."""
    node = paste.resolved(node, function)
    match node:
        case ast.Attribute(attr=name):
            return name in _SIZES
        case ast.Name(id=name):
            return name in {"fan", "fan_in", "fan_out", "fan_avg", "n_in"}
        case ast.BinOp(op=ast.Add() | ast.Mult()):
            return _is_fan(paste, node.left, function) or _is_fan(paste, node.right, function)
        case ast.Call():
            text = ast.unparse(node)
            return text.endswith((".size(1)", "weight.size(0)"))
        case ast.Subscript():
            return ast.unparse(node).endswith((".shape[1]", ".size()[1]"))
        case _:
            return False


def _constant(paste: Paste, drawn: Drawn) -> Iterator[Remark]:
    """The same value for all weights of a class of layers."""
    value = {"zeros_": 0.0, "ones_": 1.0}.get(drawn.name)
    if drawn.name == "constant_":
        value = paste.value(drawn.given.get("val"), drawn.function)
    known = drawn.kinds - {"~"}
    owner = drawn.tensor.removesuffix(".weight")
    if value is None or drawn.leaf != "weight" or not known or "." in owner:
        return
    if known <= MULTIPLYING:
        yield _symmetric(drawn, value)
    elif known <= NORMS and value == 0.0:
        yield Remark(
            level="warning",
            code="zero_norm",
            node=drawn.call,
            message="Every norm's weight is 0: no signal passes one, and no gradient reaches "
            "what is before it. 0 belongs to the norm that ends a residual branch alone.",
            correction=f"nn.init.ones_({drawn.tensor})",
        )


def _symmetric(drawn: Drawn, value: float) -> Remark:
    why = (
        "no signal passes, and no gradient reaches the layers before it"
        if value == 0.0
        else "all its units compute the same thing, get the same gradient, and stay the same"
    )
    return Remark(
        level="problem",
        code="constant_weight",
        node=drawn.call,
        message=f"Every weight of every such layer is {value:g}: {why}.",
        correction=f"nn.init.kaiming_normal_({drawn.tensor}, nonlinearity='relu')",
    )


def _padding(paste: Paste, drawn: Drawn) -> Iterator[Remark]:
    """An embedding drawn over, its padding row included."""
    known = drawn.kinds - {"~"}
    random = drawn.name not in {"zeros_", "constant_", "ones_"}
    if not random or not known or not known <= EMBEDDINGS or drawn.leaf != "weight":
        return
    padding = paste.makes(EMBEDDINGS, "padding_idx")
    if padding is None or (isinstance(padding, ast.Constant) and padding.value is None):
        return
    function = drawn.function
    if function is not None and "padding_idx" in paste.text(function):
        return
    owner = drawn.tensor.rpartition(".")[0]
    yield Remark(
        level="warning",
        code="padding_drawn",
        node=drawn.call,
        message="This draws the row of padding_idx as well, which nn.Embedding keeps at 0.",
        correction=f"{ast.unparse(drawn.call)}\nif {owner}.padding_idx is not None:\n"
        f"    with torch.no_grad():\n        {drawn.tensor}[{owner}.padding_idx].zero_()",
    )
