"""Every expression of a pasted text with what is known where it stands: classes, guards, loops."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from app.architecture.initreading_tests import Told, told_by

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_MODULES: Final = frozenset({"modules", "named_modules", "children", "named_children"})
_PARAMETERS: Final = frozenset({"parameters", "named_parameters"})
_NO_GRAD: Final = frozenset({"no_grad", "inference_mode"})
_ENDS: Final = (ast.Return, ast.Continue, ast.Raise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is known at one place of the text."""

    function: Function | None = None
    owner: str = ""  # class around it
    classes: Mapping[str, frozenset[str]] = field(default_factory=dict)  # variable → torch.nn's
    checked: frozenset[str] = frozenset()  # expressions known to be there, such as "m.bias"
    names: Mapping[str, str] = field(default_factory=dict)  # "classname" → the module it names
    modules: frozenset[str] = frozenset()  # variables that run over a model's modules
    parameters: frozenset[str] = frozenset()  # variables that run over a model's parameters
    conditional: bool = False  # under a condition that is about no class
    no_grad: bool = False
    tried: bool = False  # inside try
    looped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One node in its scope."""

    node: ast.AST
    scope: Scope


def spots(tree: ast.Module) -> Iterator[Spot]:
    """Every statement and expression, outermost first."""
    yield from _block(tree.body, Scope())


def _block(statements: Sequence[ast.stmt], scope: Scope) -> Iterator[Spot]:
    for statement in statements:
        yield from _statement(statement, scope)
        scope = _after(statement, scope)


def _statement(statement: ast.stmt, scope: Scope) -> Iterator[Spot]:
    yield Spot(node=statement, scope=scope)
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from _expressions(statement.decorator_list, scope)
            yield from _block(statement.body, _inside(statement, scope))
        case ast.ClassDef():
            inside = Scope(owner=statement.name, no_grad=scope.no_grad)
            yield from _block(statement.body, inside)
        case ast.If():
            yield from _expressions([statement.test], scope)
            told = told_by(statement.test, scope.names)
            yield from _block(statement.body, _under(scope, told))
            yield from _block(statement.orelse, _otherwise(scope, told))
        case ast.For() | ast.AsyncFor():
            yield from _expressions([statement.iter], scope)
            yield from _block(statement.body, _looping(statement, scope))
            yield from _block(statement.orelse, scope)
        case ast.With() | ast.AsyncWith():
            yield from _expressions([item.context_expr for item in statement.items], scope)
            guarded = any(is_no_grad(item.context_expr) for item in statement.items)
            yield from _block(statement.body, replace(scope, no_grad=scope.no_grad or guarded))
        case ast.Try():
            yield from _block(statement.body, replace(scope, tried=True))
            for handler in statement.handlers:
                yield from _block(handler.body, replace(scope, conditional=True))
            yield from _block([*statement.orelse, *statement.finalbody], scope)
        case _:
            yield from _others(statement, scope)


def _others(statement: ast.stmt, scope: Scope) -> Iterator[Spot]:
    """Any other statement: its expressions, and blocks under conditions nobody reads."""
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt):
            yield from _statement(child, replace(scope, conditional=True))
        elif isinstance(child, ast.match_case):
            yield from _block(child.body, replace(scope, conditional=True))
        else:
            yield from _expressions([child], scope)


def _expressions(nodes: Sequence[ast.AST], scope: Scope) -> Iterator[Spot]:
    for node in nodes:
        for inner in ast.walk(node):
            yield Spot(node=inner, scope=scope)


def _inside(function: Function, scope: Scope) -> Scope:
    guarded = any(is_no_grad(one) for one in function.decorator_list)
    return Scope(
        function=function,
        owner=scope.owner,
        no_grad=guarded or scope.no_grad,
        names=scope.names,
    )


def _under(scope: Scope, told: Told) -> Scope:
    """Where a test holds."""
    return replace(
        scope,
        classes={**scope.classes, **told.classes},
        checked=scope.checked | told.checked,
        conditional=scope.conditional or told.other,
    )


def _otherwise(scope: Scope, told: Told) -> Scope:
    """Where it does not."""
    return replace(
        scope,
        classes={**scope.classes, **told.not_classes},
        checked=scope.checked | told.not_checked,
        conditional=scope.conditional or (told.other and not told.only_classes),
    )


def _after(statement: ast.stmt, scope: Scope) -> Scope:
    """Behind a statement: a name that it gives, or a test that sent all others away."""
    ends = isinstance(statement, ast.If) and isinstance(statement.body[-1], _ENDS)
    if ends and isinstance(statement, ast.If) and not statement.orelse:
        told = told_by(statement.test, scope.names)
        return _otherwise(scope, told) if told.not_classes or told.not_checked else scope
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, named = statement.targets[0], _class_name(statement.value)
        if isinstance(target, ast.Name) and named:
            return replace(scope, names={**scope.names, target.id: named})
    return scope


def _class_name(value: ast.expr) -> str:
    """The variable whose class's name an expression is, "" for any other."""
    text = ast.unparse(value)
    for end in (".__class__.__name__", ".__class__"):
        if text.removesuffix(end) != text:
            return text.removesuffix(end)
    if text.startswith("type(") and text.endswith((")", ").__name__")):
        return text.removeprefix("type(").partition(")")[0]
    return ""


def _looping(statement: ast.For | ast.AsyncFor, scope: Scope) -> Scope:
    method, last = "", statement.target
    if isinstance(statement.iter, ast.Call) and isinstance(statement.iter.func, ast.Attribute):
        method = statement.iter.func.attr
    if isinstance(last, ast.Tuple) and last.elts:
        last = last.elts[-1]
    name = last.id if isinstance(last, ast.Name) else ""
    own = frozenset({name}) if name else frozenset()
    return replace(
        scope,
        looped=True,
        modules=scope.modules | (own if method in _MODULES else frozenset()),
        parameters=scope.parameters | (own if method in _PARAMETERS else frozenset()),
    )


def is_no_grad(node: ast.expr) -> bool:
    """Whether it is `torch.no_grad()`, or its like."""
    called = node.func if isinstance(node, ast.Call) else node
    if isinstance(called, ast.Attribute):
        return called.attr in _NO_GRAD or called.attr == "set_grad_enabled"
    return isinstance(called, ast.Name) and called.id in _NO_GRAD
