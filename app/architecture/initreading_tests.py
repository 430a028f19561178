"""What a condition tells of the module it asks about."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.architecture.initreading_torch import BASES, KNOWN

Classes = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What holds where a condition does, and where it does not."""

    classes: Classes = field(default_factory=dict)
    checked: frozenset[str] = frozenset()
    not_classes: Classes = field(default_factory=dict)
    not_checked: frozenset[str] = frozenset()
    other: bool = False  # whether it asks for something else, too

    @property
    def only_classes(self) -> bool:
        """Whether it asks for a class first."""
        return bool(self.classes)


OTHER = Told(other=True)


def told_by(test: ast.expr, names: Mapping[str, str]) -> Told:
    """What a condition tells.

    Args:
        test: Of an `if`.
        names: Variables that hold the name of a module's class, and the module.
    """
    match test:
        case ast.BoolOp(op=ast.And()):
            return _all([told_by(value, names) for value in test.values])
        case ast.BoolOp():
            return _any([told_by(value, names) for value in test.values])
        case ast.UnaryOp(op=ast.Not()):
            inner = told_by(test.operand, names)
            return Told(
                not_classes=inner.classes,
                not_checked=inner.checked,
                classes=inner.not_classes,
                checked=inner.not_checked,
                other=inner.other or bool(inner.classes),
            )
        case ast.Call():
            return _call(test, names)
        case ast.Compare(ops=[operator], comparators=[right]):
            return _compare(test.left, operator, right, names)
        case ast.Attribute() | ast.Name():
            return Told(checked=frozenset({ast.unparse(test)}), other=isinstance(test, ast.Name))
        case _:
            return OTHER


def _all(parts: list[Told]) -> Told:
    classes: dict[str, frozenset[str]] = {}
    checked: frozenset[str] = frozenset()
    for part in parts:
        classes |= part.classes
        checked |= part.checked
    return Told(classes=classes, checked=checked, other=any(part.other for part in parts))


def _any(parts: list[Told]) -> Told:
    """One of several: classes of one variable add up."""
    variables = [set(part.classes) for part in parts]
    if variables[0] and all(one == variables[0] for one in variables):
        joined = {
            name: frozenset().union(*(part.classes[name] for part in parts))
            for name in variables[0]
        }
        return Told(classes=joined, other=any(part.other for part in parts))
    missing = frozenset().union(*(part.not_checked for part in parts))
    return Told(other=True, not_checked=missing)


def _call(test: ast.Call, names: Mapping[str, str]) -> Told:
    if isinstance(test.func, ast.Name) and len(test.args) == 2:
        subject = ast.unparse(test.args[0])
        if test.func.id == "isinstance":
            return Told(classes={subject: classes_of(test.args[1])})
        if test.func.id in {"hasattr", "getattr"}:
            return Told(checked=frozenset({_got(test)}))
    if isinstance(test.func, ast.Name) and test.func.id == "getattr" and len(test.args) == 3:
        return Told(checked=frozenset({_got(test)}))
    if isinstance(test.func, ast.Attribute) and test.func.attr == "startswith" and test.args:
        subject = names.get(ast.unparse(test.func.value), "")
        if subject:
            return Told(classes={subject: named_like(test.args[0])})
    return OTHER


def _got(call: ast.Call) -> str:
    """The attribute that `getattr` and `hasattr` ask for, as it would be written."""
    name = call.args[1].value if isinstance(call.args[1], ast.Constant) else None
    return f"{ast.unparse(call.args[0])}.{name if isinstance(name, str) else '?'}"


def _compare(
    left: ast.expr, operator: ast.cmpop, right: ast.expr, names: Mapping[str, str]
) -> Told:
    if isinstance(right, ast.Constant) and right.value is None:
        is_call = isinstance(left, ast.Call) and len(left.args) >= 2
        subject = _got(left) if isinstance(left, ast.Call) and is_call else ast.unparse(left)
        there = frozenset({subject})
        if isinstance(operator, ast.IsNot | ast.NotEq):
            return Told(checked=there)
        return Told(not_checked=there, other=True)
    classes = _class_test(left, operator, right, names)
    if classes is not None:
        return classes
    if _asks_for_axes(left):
        return Told(checked=frozenset({f"{_subject(left)}.dim"}), other=False)
    return OTHER


def _class_test(
    left: ast.expr, operator: ast.cmpop, right: ast.expr, names: Mapping[str, str]
) -> Told | None:
    """type(m) == C, classname == "C", "C" in classname, classname.find("C") != -1."""
    equal = isinstance(operator, ast.Eq | ast.Is | ast.In)
    typed = type_of(left, names)
    if typed and (equal or isinstance(operator, ast.NotEq | ast.IsNot | ast.NotIn)):
        strings = isinstance(right, ast.Constant) and isinstance(right.value, str)
        found = exactly(right) if strings else classes_of(right)
        return (
            Told(classes={typed: found}) if equal else Told(not_classes={typed: found}, other=True)
        )
    within = type_of(right, names)
    if within and isinstance(operator, ast.In):
        return Told(classes={within: named_like(left)})
    sought = find_call(left, names)
    if sought is not None and isinstance(operator, ast.NotEq | ast.Gt | ast.GtE):
        subject, text = sought
        return Told(classes={subject: named_like(text)})
    return None


def find_call(node: ast.expr, names: Mapping[str, str]) -> tuple[str, ast.expr] | None:
    """The module and the word of `classname.find("Conv")`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    subject = type_of(node.func.value, names)
    return (subject, node.args[0]) if node.func.attr == "find" and subject and node.args else None


def type_of(node: ast.expr, names: Mapping[str, str]) -> str:
    """The variable whose class, or the name of whose class, an expression is; "" for any other."""
    text = ast.unparse(node)
    if text in names:
        return names[text]
    for end in (".__class__.__name__", ".__class__"):
        if text.endswith(end):
            return text.removesuffix(end)
    if text.startswith("type(") and text.removesuffix(".__name__").endswith(")"):
        return text.removeprefix("type(").removesuffix(".__name__").removesuffix(")")
    return ""


def classes_of(node: ast.expr) -> frozenset[str]:
    """Names of classes, alone or in a tuple or list; a foreign one as "~"."""
    match node:
        case ast.Tuple() | ast.List() | ast.Set():
            return frozenset().union(*(classes_of(one) for one in node.elts))
        case ast.BinOp(op=ast.BitOr()):
            return classes_of(node.left) | classes_of(node.right)
        case ast.Attribute(attr=name):
            own = ast.unparse(node.value).rpartition(".")[2] in {
                "nn",
                "conv",
                "batchnorm",
                "modules",
            }
            return frozenset({name}) if own and (name in KNOWN or name in BASES) else frozenset("~")
        case ast.Name(id=name):
            return frozenset({name}) if name in KNOWN else frozenset("~")
        case _:
            return frozenset("~")


def is_class(node: ast.expr) -> bool:
    """Whether an expression is a class of torch.nn by itself."""
    return isinstance(node, ast.Attribute) and bool(classes_of(node) & KNOWN)


def exactly(node: ast.expr) -> frozenset[str]:
    """The class of a given name."""
    word = node.value if isinstance(node, ast.Constant) else None
    return frozenset({word}) if isinstance(word, str) and word in KNOWN else frozenset("~")


def named_like(node: ast.expr) -> frozenset[str]:
    """The classes whose name holds a word, and others nobody knows."""
    word = node.value if isinstance(node, ast.Constant) else None
    if not isinstance(word, str):
        return frozenset("~")
    return frozenset(name for name in KNOWN if word in name) | {"~"}


def _asks_for_axes(node: ast.expr) -> bool:
    text = ast.unparse(node)
    return text.endswith((".dim()", ".ndim", ".ndimension()")) or (
        text.startswith("len(") and text.endswith((".shape)", ".size())"))
    )


def _subject(node: ast.expr) -> str:
    text = ast.unparse(node).removeprefix("len(")
    for end in (".dim()", ".ndim", ".ndimension()", ".shape)", ".size())"):
        text = text.removesuffix(end)
    return text
