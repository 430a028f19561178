"""Faults in what is asked of a module: weights that its class has not, biases that may be None."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from app.architecture.initreading_paste import Paste, Remark
from app.architecture.initreading_scopes import Spot
from app.architecture.initreading_torch import (
    BARE,
    CONVOLUTIONS,
    IN_PLACE,
    MULTIPLYING,
    TRANSPOSED,
    owned,
)

_OF_LINEAR = frozenset({"in_features", "out_features"})
_OF_CONVOLUTION = frozenset({"in_channels", "out_channels", "kernel_size", "groups"})
_SIZES = _OF_LINEAR | _OF_CONVOLUTION


def remarks(paste: Paste, spot: Spot) -> Iterator[Remark]:
    """What is to be said of one attribute or call."""
    node = spot.node
    if isinstance(node, ast.Call):
        yield from _maybe_none(paste, spot, node)
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        yield from _missing(spot, node)


def _missing(spot: Spot, node: ast.Attribute) -> Iterator[Remark]:
    """`m.weight` of a class that has none, `m.bias` where it may be None."""
    if not spot.scope.classes:
        return
    if node.attr in _SIZES:
        yield from _other_size(spot, node)
    if node.attr not in {"weight", "bias"}:
        return
    subject, text = ast.unparse(node.value), ast.unparse(node)
    kinds = spot.scope.classes.get(subject, frozenset())
    if not kinds or text in spot.scope.checked or spot.scope.tried:
        return
    lacking = sorted(
        one for one in kinds if (has := owned(one)) is not None and node.attr not in has
    )
    if lacking and "~" not in kinds:
        yield _lacking(node, subject, kinds, lacking)


def _lacking(
    node: ast.Attribute, subject: str, kinds: frozenset[str], lacking: list[str]
) -> Remark:
    left = [one for one in sorted(kinds) if one not in lacking]
    text = ", ".join(f"nn.{one}" for one in left)
    asked = f"isinstance({subject}, {f'({text})' if len(left) > 1 else text})"
    correction = asked if left else _instead(subject, node.attr, lacking)
    return Remark(
        level="problem",
        code="no_such_parameter",
        node=node,
        message=f"nn.{lacking[0]} has no {node.attr}"
        f"{' of its own' if lacking[0] in BARE else ''}: this raises AttributeError.",
        correction=correction,
    )


def _instead(subject: str, leaf: str, lacking: list[str]) -> str:
    """What to do where no class of a branch has the tensor."""
    if all(one in BARE for one in lacking):
        return "leave the branch out: there is nothing to draw"
    if owned(lacking[0]):
        return f"leave the line out: there is no {leaf} to draw"
    return f"for name, parameter in {subject}.named_parameters(): ..."


def _written(paste: Paste, call: ast.Call) -> ast.expr | None:
    """The tensor that a call draws into, without .data."""
    target: ast.expr | None = None
    if paste.init_function(call) and call.args:
        target = call.args[0]
    elif isinstance(call.func, ast.Attribute) and call.func.attr in IN_PLACE:
        target = call.func.value
    if isinstance(target, ast.Attribute) and target.attr == "data":
        return target.value
    return target


def _maybe_none(paste: Paste, spot: Spot, call: ast.Call) -> Iterator[Remark]:
    """A bias drawn into where a layer may have none."""
    node, scope = _written(paste, call), spot.scope
    if not isinstance(node, ast.Attribute) or node.attr != "bias":
        return
    subject, text = ast.unparse(node.value), ast.unparse(node)
    kinds = scope.classes.get(subject, frozenset())
    guarded = text in scope.checked or scope.tried or scope.conditional
    if guarded or not kinds & MULTIPLYING or not subject.isidentifier():
        return
    known = kinds & MULTIPLYING
    layers = [call for kind, call in paste.built if kind in known]
    without = any(
        keyword.arg == "bias" and not _is_true(keyword.value)
        for call in layers
        for keyword in call.keywords
    )
    if layers and not without:
        return
    yield Remark(
        level="problem" if without else "info",
        code="bias_unchecked",
        node=node,
        message=f"{text} is None in a layer with bias=False"
        f"{', and the network has one' if without else ''}: this raises AttributeError there.",
        correction=f"if {text} is not None:\n    nn.init.zeros_({text})",
    )


def _is_true(value: ast.expr) -> bool:
    return not (isinstance(value, ast.Constant) and value.value is False)


def _other_size(spot: Spot, node: ast.Attribute) -> Iterator[Remark]:
    """`m.kernel_size` of a linear layer, `m.in_features` of a convolution."""
    subject = ast.unparse(node.value)
    kinds = spot.scope.classes.get(subject, frozenset())
    other = {"Linear"} if node.attr in _OF_CONVOLUTION else CONVOLUTIONS | TRANSPOSED
    lacking = sorted(kinds & other)
    if not lacking or not kinds <= MULTIPLYING or spot.scope.tried or spot.scope.conditional:
        return
    yield Remark(
        level="problem",
        code="no_such_size",
        node=node,
        message=f"nn.{lacking[0]} has no {node.attr}: this raises AttributeError.",
        correction=f"{subject}.weight[0].numel()  # fan_in of either; "
        f"{subject}.weight.shape[0] are the outputs",
    )
