"""Faults in the order of things: draws that a later call undoes, layers that come too late."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from app.architecture.initreading_paste import Paste, Remark
from app.architecture.initreading_scopes import Spot
from app.architecture.initreading_torch import SIGNATURES


def remarks(paste: Paste, spot: Spot) -> Iterator[Remark]:  # noqa: ARG001 - as every rule
    """What is to be said of one function."""
    node = spot.node
    if isinstance(node, ast.FunctionDef):
        yield from _reset(node)
        if node.name == "__init__":
            yield from _early(node)


def _reset(function: ast.FunctionDef) -> Iterator[Remark]:
    """A draw that reset_parameters() overwrites at once."""
    blocks = [
        block
        for node in ast.walk(function)
        for field in ("body", "orelse")
        if isinstance(block := getattr(node, field, None), list)
    ]
    for block in blocks:
        drawn: set[str] = set()
        for statement in block:
            call = statement.value if isinstance(statement, ast.Expr) else None
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            if call.func.attr == "reset_parameters" and ast.unparse(call.func.value) in drawn:
                yield _overwritten(call)
            elif call.func.attr in SIGNATURES and call.args:
                owner = call.args[0]
                drawn |= {ast.unparse(owner.value)} if isinstance(owner, ast.Attribute) else set()


def _overwritten(call: ast.Call) -> Remark:
    return Remark(
        level="problem",
        code="drawn_over",
        node=call,
        message="reset_parameters() draws PyTorch's default over what was just drawn.",
        correction="Leave it out, or put it before the draws.",
    )


def _early(function: ast.FunctionDef) -> Iterator[Remark]:
    """`self.apply(...)` in __init__ before all layers are there."""
    applied: ast.Call | None = None
    for statement in function.body:
        if applied is not None and _makes_layer(statement):
            yield Remark(
                level="warning",
                code="applied_too_early",
                node=applied,
                message="Layers made after this call are not drawn by it: line "
                f"{statement.lineno} makes one.",
                correction=f"{ast.unparse(applied)}  # at the end of __init__",
            )
            return
        call = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "self.apply":
            applied = call


def _makes_layer(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
        return False
    target = ast.unparse(statement.targets[0])
    made = ast.unparse(statement.value.func)
    return target.startswith("self.") and made.startswith(("nn.Linear", "nn.Conv", "nn.Embedding"))
