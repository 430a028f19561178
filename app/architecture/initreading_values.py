"""Numbers that are written out in a pasted text."""

from __future__ import annotations

import ast
import math
from typing import Final

_ROOTS: Final = {"sqrt": math.sqrt}


def number_of(node: ast.expr | None) -> float | None:
    """A number written out: literals, the four operations, powers and roots of such."""
    try:
        return _evaluated(node)
    except (ArithmeticError, ValueError, TypeError):
        return None


def _evaluated(node: ast.expr | None) -> float | None:
    match node:
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.UnaryOp(op=ast.USub()):
            inner = _evaluated(node.operand)
            return None if inner is None else -inner
        case ast.BinOp():
            return _operated(node)
        case ast.Call(args=[argument]) if not node.keywords:
            name = ast.unparse(node.func).rpartition(".")[2]
            inner = _evaluated(argument) if name in _ROOTS else None
            return None if inner is None else _ROOTS[name](inner)
        case _:
            return None


def _operated(node: ast.BinOp) -> float | None:
    left, right = _evaluated(node.left), _evaluated(node.right)
    if left is None or right is None:
        return None
    match node.op:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            return left / right
        case ast.Pow():
            found = left**right
            return found if isinstance(found, float) else None
        case _:
            return None
