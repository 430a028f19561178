"""A call in other words: another function, another tensor, other arguments."""

from __future__ import annotations

import ast


def word(node: ast.expr | None) -> str | None:
    """The text that an expression is, or None for any other."""
    found = node.value if isinstance(node, ast.Constant) else None
    return found if isinstance(found, str) else None


def with_function(call: ast.Call, name: str) -> str:
    """The call of another function of the same module."""
    func = call.func
    other: ast.expr = ast.Name(id=name)
    if isinstance(func, ast.Attribute):
        other = ast.Attribute(value=func.value, attr=name)
    return ast.unparse(ast.Call(func=other, args=call.args, keywords=call.keywords))


def with_tensor(call: ast.Call, text: str) -> str:
    """The call with another tensor."""
    rest = [ast.unparse(one) for one in call.args[1:]]
    rest += [f"{keyword.arg}={ast.unparse(keyword.value)}" for keyword in call.keywords]
    return f"{ast.unparse(call.func)}({', '.join([text, *rest])})"


def with_arguments(call: ast.Call, given: dict[str, ast.expr], **changed: str) -> str:
    """The call with its arguments by name, some of them changed."""
    told = {name: ast.unparse(value) for name, value in given.items() if name != "tensor"}
    told |= changed
    named = ", ".join(f"{name}={value}" for name, value in told.items())
    return f"{ast.unparse(call.func)}({ast.unparse(given['tensor'])}, {named})"


def without(call: ast.Call, given: dict[str, ast.expr], left_out: str, **changed: str) -> str:
    """The call without an argument, others changed."""
    kept = {name: value for name, value in given.items() if name != left_out}
    text = with_arguments(call, kept, **changed)
    return text.replace(", )", ")")
