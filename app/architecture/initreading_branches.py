"""Faults in how a function tells one module from another."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from app.architecture.initreading_paste import Paste, Remark
from app.architecture.initreading_scopes import Spot
from app.architecture.initreading_tests import (
    classes_of,
    find_call,
    is_class,
    told_by,
    type_of,
)
from app.architecture.initreading_torch import (
    BASES,
    KNOWN,
)


def remarks(paste: Paste, spot: Spot) -> Iterator[Remark]:
    """What is to be said of one node."""
    node = spot.node
    match node:
        case ast.If():
            if id(node) not in paste.continued:
                yield from _chain(spot, node)
            yield from _truths(spot, node.test)
            yield from _own_class(paste, spot, node)
        case ast.Compare(ops=[operator], comparators=[right]):
            yield from _type_equals(paste, spot, node, operator, right)
            yield from _never_equal(paste, spot, node, operator, right)
        case ast.Call():
            yield from _isinstance(node)
        case _:
            return


def _isinstance(call: ast.Call) -> Iterator[Remark]:
    """`isinstance(m, nn.Linear or nn.Conv2d)`, a list, a string."""
    if not (isinstance(call.func, ast.Name) and call.func.id == "isinstance"):
        return
    if len(call.args) != 2:
        return
    subject, asked = ast.unparse(call.args[0]), call.args[1]
    if isinstance(asked, ast.BoolOp):
        names = ", ".join(ast.unparse(one) for one in asked.values)
        kept = asked.values[0] if isinstance(asked.op, ast.Or) else asked.values[-1]
        yield Remark(
            level="problem",
            code="or_of_classes",
            node=call,
            message=f"Python makes {ast.unparse(kept)} of this: the other classes are never asked "
            "for.",
            correction=f"isinstance({subject}, ({names}))",
        )
    elif isinstance(asked, ast.List | ast.Constant):
        yield Remark(
            level="problem",
            code="not_a_class",
            node=call,
            message="isinstance takes a class or a tuple of classes: this raises TypeError.",
            correction=f"isinstance({subject}, {_as_classes(asked)})",
        )


def _as_classes(asked: ast.List | ast.Constant) -> str:
    """What a list of classes, or the name of one, is meant to be."""
    if isinstance(asked, ast.List):
        return f"({', '.join(ast.unparse(one) for one in asked.elts)})"
    return f"nn.{str(asked.value).rpartition('.')[2]}"


def _own_class(paste: Paste, spot: Spot, node: ast.If) -> Iterator[Remark]:
    """A word of a class's name that a class of the person's own has as well."""
    test = node.test
    sought = find_call(test.left, spot.scope.names) if isinstance(test, ast.Compare) else None
    word = word_of(test, spot)
    if sought is None or word is None:
        return
    own = [one for one in paste.own_modules if word[0] in one]
    written = any(f"{sought[0]}.weight" in ast.unparse(one) for one in node.body)
    if own and written and f"{sought[0]}.weight" not in spot.scope.checked:
        like = [f"nn.{one}" for one in sorted(paste.built_kinds) if word[0] in one]
        asked = like or [f"nn.{word[0]}2d" if word[0] == "Conv" else f"nn.{word[0]}"]
        text = asked[0] if len(asked) == 1 else f"({', '.join(asked)})"
        yield Remark(
            level="problem",
            code="own_class_matches",
            node=test,
            message=f"{own[0]} has {word[0]!r} in its name, too, and no weight of its own: this "
            "raises AttributeError there.",
            correction=f"isinstance({sought[0]}, {text})",
        )


def _truths(spot: Spot, test: ast.expr) -> Iterator[Remark]:
    """`isinstance(m, A) or nn.B`, and a find() whose -1 counts as true."""
    parts = test.values if isinstance(test, ast.BoolOp) else [test]
    for part in parts:
        sought = find_call(part, spot.scope.names)
        if sought is not None:
            yield Remark(
                level="problem",
                code="find_as_truth",
                node=part,
                message="find() is -1, which counts as true, where the word is not, and 0 where "
                "the name begins with it: this asks for the opposite.",
                correction=f"{ast.unparse(part)} != -1",
            )
        elif len(parts) > 1 and is_class(part):
            told = told_by(parts[0], spot.scope.names).classes
            subject = next(iter(told), "m")
            classes = ", ".join(
                ast.unparse(one.args[1] if isinstance(one, ast.Call) and len(one.args) > 1 else one)
                for one in parts
                if not isinstance(one, ast.Compare)
            )
            first = parts[0]
            if isinstance(first, ast.Compare):
                classes = f"{ast.unparse(first.comparators[0])}, {classes}"
            yield Remark(
                level="problem",
                code="always_true",
                node=test,
                message=f"{ast.unparse(part)} alone is a class, which counts as true: the branch "
                "is taken for every module.",
                correction=f"isinstance({subject}, ({classes}))",
            )


def _type_equals(
    paste: Paste, spot: Spot, node: ast.Compare, operator: ast.cmpop, right: ast.expr
) -> Iterator[Remark]:
    """`type(m) == nn.Linear`."""
    if not isinstance(operator, ast.Eq | ast.Is | ast.In | ast.NotEq | ast.IsNot | ast.NotIn):
        return
    subject = type_of(node.left, spot.scope.names)
    if not subject.isidentifier() or not classes_of(right) & KNOWN or id(node) in paste.true_anyhow:
        return
    inverse = "not " if isinstance(operator, ast.NotEq | ast.IsNot | ast.NotIn) else ""
    asked = ast.unparse(right)
    if isinstance(right, ast.List | ast.Set | ast.Tuple):
        asked = f"({', '.join(ast.unparse(one) for one in right.elts)})"
    yield Remark(
        level="warning",
        code="type_equals",
        node=node,
        message="This misses subclasses: the out_proj of nn.MultiheadAttention is of one of "
        "nn.Linear's, and stays as it was.",
        correction=f"{inverse}isinstance({subject}, {asked})",
    )


def _never_equal(
    paste: Paste, spot: Spot, node: ast.Compare, operator: ast.cmpop, right: ast.expr
) -> Iterator[Remark]:
    """`m == nn.Linear`: a module and a class."""
    if not isinstance(operator, ast.Eq | ast.Is) or not isinstance(node.left, ast.Name):
        return
    plain = isinstance(right, ast.Attribute | ast.Name) and bool(classes_of(right) & KNOWN)
    if plain and node.left.id not in spot.scope.names and _is_module(paste, spot, node.left.id):
        yield Remark(
            level="problem",
            code="never_equal",
            node=node,
            message=f"{node.left.id} is a module and {ast.unparse(right)} a class: they are never "
            "equal, and the branch is never taken.",
            correction=f"isinstance({node.left.id}, {ast.unparse(right)})",
        )


def _is_module(paste: Paste, spot: Spot, name: str) -> bool:
    """Whether a name runs over modules, or is an argument whose weight is asked for."""
    function = spot.scope.function
    if function is None or name in spot.scope.modules:
        return name in spot.scope.modules
    given = {one.arg for one in function.args.args}
    return name in given and f"{name}.weight" in paste.text(function)


def _chain(spot: Spot, node: ast.If) -> Iterator[Remark]:
    """A branch that an earlier one has taken all the modules of."""
    earlier: dict[str, frozenset[str]] = {}
    current: ast.stmt | None = node
    while isinstance(current, ast.If):
        told = told_by(current.test, spot.scope.names)
        for subject, classes in told.classes.items():
            known, before = _spread(classes), earlier.get(subject, frozenset())
            if known and "~" not in classes and known <= before:
                yield _dead(current, classes)
            elif _shadowed(current.test, spot, earlier_words(node, current, spot)):
                yield _dead(current, frozenset(word_of(current.test, spot) or ()))
            if not told.other and not told.checked:
                earlier[subject] = before | known
        current = current.orelse[0] if len(current.orelse) == 1 else None


def _spread(classes: frozenset[str]) -> frozenset[str]:
    """The classes with their subclasses."""
    found = frozenset().union(*(BASES.get(one, frozenset({one})) for one in classes))
    return (found | (classes & BASES.keys())) - {"~"}


def word_of(test: ast.expr, spot: Spot) -> tuple[str, ...] | None:
    """The word that a class's name is searched for."""
    if isinstance(test, ast.Compare):
        sought = find_call(test.left, spot.scope.names)
        node = sought[1] if sought else None
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return (node.value,)
    return None


def earlier_words(first: ast.If, last: ast.If, spot: Spot) -> list[str]:
    """The words that the branches before one search for."""
    found: list[str] = []
    current: ast.stmt | None = first
    while isinstance(current, ast.If) and current is not last:
        found += word_of(current.test, spot) or ()
        current = current.orelse[0] if len(current.orelse) == 1 else None
    return found


def _shadowed(test: ast.expr, spot: Spot, earlier: list[str]) -> bool:
    word = word_of(test, spot)
    return word is not None and any(one in word[0] for one in earlier)


def _dead(node: ast.If, classes: frozenset[str]) -> Remark:
    named = " and ".join(sorted(classes)) or "these"
    return Remark(
        level="problem",
        code="never_reached",
        node=node.test,
        message=f"An earlier branch takes every {named}: this one is never reached.",
        correction="Put this branch before the one that takes more classes.",
    )
