"""Faults in the fans that a draw takes."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from app.architecture.initreading_edits import with_arguments
from app.architecture.initreading_paste import Remark
from app.architecture.initreading_scopes import Spot
from app.architecture.initreading_torch import TRANSPOSED


def xavier_transposed(
    spot: Spot, call: ast.Call, name: str, given: dict[str, ast.expr]
) -> Iterator[Remark]:
    """What is to be said of Xavier on a transposed convolution."""
    tensor = ast.unparse(given["tensor"])
    kinds = spot.scope.classes.get(tensor.replace(".data", "").rpartition(".")[0], frozenset())
    if not name.startswith("xavier_") or not kinds or not kinds <= TRANSPOSED:
        return
    owner = tensor.replace(".data", "").rpartition(".")[0]
    yield Remark(
        level="info",
        code="transposed_fans",
        node=call,
        message="torch takes the fans of a transposed convolution the wrong way round; Xavier adds "
        "them, so that does no harm. But with a stride, an output sums over in · kernel / stride "
        "values alone, and comes out √stride too small along each axis.",
        correction=with_arguments(call, given, gain=f"math.prod({owner}.stride) ** 0.5"),
    )


def kaiming_fans(
    spot: Spot, call: ast.Call, given: dict[str, ast.expr], mode: str | None
) -> Iterator[Remark]:
    """What is to be said of the fan of a Kaiming draw."""
    yield from _transposed(spot, call, given, mode)
    yield from _fan_out_of_linear(spot, call, given, mode)


def _transposed(
    spot: Spot, call: ast.Call, given: dict[str, ast.expr], mode: str | None
) -> Iterator[Remark]:
    """The fans of a transposed convolution are the other way round."""
    subject = ast.unparse(given["tensor"]).replace(".data", "").rpartition(".")[0]
    kinds = spot.scope.classes.get(subject, frozenset())
    if not kinds or not kinds <= TRANSPOSED or mode not in {None, "fan_in"}:
        return
    yield Remark(
        level="warning",
        code="transposed_fans",
        node=call,
        message="A transposed convolution stores its weight as (in, out/groups, kernel), so "
        "torch's "
        "fan_in is its fan-out here. The sum at an output runs over in · kernel / stride values.",
        correction=with_arguments(call, given, mode="'fan_out'"),
    )


def _fan_out_of_linear(
    spot: Spot, call: ast.Call, given: dict[str, ast.expr], mode: str | None
) -> Iterator[Remark]:
    """What is to be said of fan_out where convolutions are not meant."""
    subject = ast.unparse(given["tensor"]).replace(".data", "").rpartition(".")[0]
    if mode == "fan_out" and spot.scope.classes.get(subject) == frozenset({"Linear"}):
        yield Remark(
            level="info",
            code="fan_out_of_linear",
            node=call,
            message="fan_out keeps the size of the gradient and not of the signal, which "
            "changes by √(fan_in/fan_out) a layer; fan_in does the reverse.",
            correction=with_arguments(call, given, mode="'fan_in'"),
        )
