"""A pasted text as a whole: which names mean torch.nn.init, what it builds, what it applies."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from app.architecture.initreading_scopes import Function, Spot, spots
from app.architecture.initreading_tests import is_class
from app.architecture.initreading_torch import (
    ACTIVATIONS,
    DEPRECATED,
    KNOWN,
    NORMS,
    OTHERS,
    SIGNATURES,
)
from app.architecture.initreading_values import number_of

Level: TypeAlias = Literal["info", "warning", "problem"]
_MODULES: Final = frozenset({"nn.init", "torch.nn.init", "init"})
_FUNCTIONAL: Final = {name.lower(): name for name in ACTIVATIONS} | {"leaky_relu": "LeakyReLU"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing to say about one node."""

    level: Level
    code: str
    node: ast.AST
    message: str
    correction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paste:
    """What is known of the whole text."""

    tree: ast.Module
    spots: tuple[Spot, ...]
    functions: Mapping[str, Function]
    init_names: Mapping[str, str]  # imported name → function of torch.nn.init
    foreign_init: bool  # whether `init` is somebody else's module
    starred: bool  # whether names came by `import *`
    defined: frozenset[str]  # names that the text gives anywhere outside its functions
    built: tuple[tuple[str, ast.Call], ...]  # layers of torch.nn that the text makes
    activations: frozenset[str]  # classes, by their calls and functional forms
    own_modules: tuple[str, ...]  # classes of the person's own without a weight of their own
    normed: bool  # whether the text names a norm
    slopes: tuple[float, ...]  # of its LeakyReLUs
    applied: frozenset[str]  # functions that something.apply() gets
    assigned: Mapping[tuple[int, str], ast.expr] = field(default_factory=dict)
    given: frozenset[int] = frozenset()  # ids of the expressions that something.apply() gets
    continued: frozenset[int] = frozenset()  # ids of each `elif`
    true_anyhow: frozenset[int] = frozenset()  # ids of conditions beside a class, as in `a or nn.B`
    texts: dict[int, str] = field(default_factory=dict)  # of functions, once they were asked for

    def text(self, function: Function) -> str:
        """A function's text, in one form whatever its layout."""
        found = self.texts.get(id(function))
        if found is None:
            found = self.texts[id(function)] = ast.unparse(function)
        return found

    def init_function(self, call: ast.Call) -> str | None:
        """The name in torch.nn.init of what is called, known or not; None for other calls.

        An old name counts as the new one.
        """
        found = self.written_name(call)
        return f"{found}_" if found in DEPRECATED else found

    def written_name(self, call: ast.Call) -> str | None:
        """The same as it stands in the text."""
        match call.func:
            case ast.Attribute(attr=name):
                module = ast.unparse(call.func.value)
                if module in _MODULES and not (module == "init" and self.foreign_init):
                    return name
                return None
            case ast.Name(id=name):
                if name in self.init_names:
                    return self.init_names[name]
                own = name in self.functions or name in self.defined
                return name if name in SIGNATURES and not own else None
            case _:
                return None

    @property
    def built_kinds(self) -> frozenset[str]:
        """Classes of the layers that the text makes."""
        return frozenset(kind for kind, _ in self.built)

    def value(self, node: ast.expr | None, function: Function | None) -> float | None:
        """The number that an expression is, where the text tells it."""
        return number_of(self._resolved(node, function))

    def resolved(self, node: ast.expr, function: Function | None) -> ast.expr:
        """What a name was given in its function, or the expression itself."""
        return self._resolved(node, function) or node

    def _resolved(self, node: ast.expr | None, function: Function | None) -> ast.expr | None:
        if isinstance(node, ast.Name):
            return self.assigned.get((id(function), node.id), node)
        return node

    def makes(self, kinds: Sequence[str] | frozenset[str], argument: str) -> ast.expr | None:
        """The value of a keyword that a layer of these kinds is made with, if any is."""
        for kind, call in self.built:
            for keyword in call.keywords:
                if kind in kinds and keyword.arg == argument:
                    return keyword.value
        return None


def paste_of(tree: ast.Module) -> Paste:
    """Everything that rules ask of a text."""
    every = list(ast.walk(tree))
    calls = [node for node in every if isinstance(node, ast.Call)]
    imports = [node for node in every if isinstance(node, ast.ImportFrom)]
    found = tuple(spots(tree))
    built = tuple((kind, call) for call in calls if (kind := _kind(call)))
    return Paste(
        tree=tree,
        spots=found,
        functions={node.name: node for node in every if isinstance(node, ast.FunctionDef)},
        init_names=_imported(imports),
        foreign_init=_foreign(every),
        starred=any(alias.name == "*" for node in imports for alias in node.names),
        defined=_defined(found),
        built=built,
        activations=_activations(every, calls),
        own_modules=tuple(
            node.name for node in every if isinstance(node, ast.ClassDef) and _is_module(node)
        ),
        normed=any(isinstance(node, ast.Attribute) and node.attr in NORMS for node in every),
        slopes=_slopes(calls, built),
        applied=frozenset(name for call in calls for name in _applied(call)),
        assigned=_assigned(found),
        true_anyhow=frozenset(
            id(value)
            for node in every
            if isinstance(node, ast.BoolOp) and any(is_class(one) for one in node.values)
            for value in node.values
        ),
        given=frozenset(id(call.args[0]) for call in calls if _applied_to(call)),
        continued=frozenset(
            id(node.orelse[0]) for node in every if isinstance(node, ast.If) and _has_elif(node)
        ),
    )


def _is_module(node: ast.ClassDef) -> bool:
    """Whether a class is a module of other modules: it sets no `self.weight`."""
    based = any(ast.unparse(base).endswith("Module") for base in node.bases)
    return based and "self.weight" not in ast.unparse(node)


def _has_elif(node: ast.If) -> bool:
    return len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)


def _applied_to(call: ast.Call) -> bool:
    """Whether it is `something.apply(given)`."""
    named = isinstance(call.func, ast.Attribute) and call.func.attr == "apply"
    return named and bool(call.args)


def _kind(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) if ast.unparse(call.func.value).endswith("nn"):
            return name if name in KNOWN else ""
        case ast.Name(id=name):
            return name if name in KNOWN else ""
        case _:
            return ""


def _imported(imports: Sequence[ast.ImportFrom]) -> dict[str, str]:
    found = {}
    for node in imports:
        if (node.module or "").endswith("init"):
            for alias in node.names:
                if alias.name in SIGNATURES.keys() | DEPRECATED | OTHERS:
                    found[alias.asname or alias.name] = alias.name
    return found


def _foreign(every: Sequence[ast.AST]) -> bool:
    """Whether the name `init` was imported from elsewhere, or is a function or a value."""
    for node in every:
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", "") or ""
            for alias in node.names:
                whole = f"{module}.{alias.name}" if module else alias.name
                if (alias.asname or alias.name) == "init" and not whole.endswith("nn.init"):
                    return True
        if isinstance(node, ast.FunctionDef) and node.name == "init":
            return True
        if isinstance(node, ast.Name) and node.id == "init" and isinstance(node.ctx, ast.Store):
            return True
        if isinstance(node, ast.arg) and node.arg == "init":
            return True
    return False


def _defined(found: Sequence[Spot]) -> frozenset[str]:
    names: set[str] = set()
    for spot in found:
        node = spot.node
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif spot.scope.function is None and isinstance(node, ast.Name):
            names |= {node.id} if isinstance(node.ctx, ast.Store) else set()
    return frozenset(names)


def _activations(every: Sequence[ast.AST], calls: Sequence[ast.Call]) -> frozenset[str]:
    """The activations that the text names, as classes or as functions, where it asks for none."""
    asked = {
        id(node)
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "isinstance"
        for given in call.args[1:]
        for node in ast.walk(given)
    }
    told = [node for node in every if id(node) not in asked]
    found = {node.attr for node in told if isinstance(node, ast.Attribute)} & ACTIVATIONS
    found |= {node.id for node in told if isinstance(node, ast.Name)} & ACTIVATIONS
    for call in calls:
        if isinstance(call.func, ast.Attribute):
            module = ast.unparse(call.func.value)
            if module in {"F", "torch", "nn.functional", "torch.nn.functional"}:
                found |= {_FUNCTIONAL.get(call.func.attr, "")} & ACTIVATIONS
    return frozenset(found)


def _slopes(calls: Sequence[ast.Call], built: Sequence[tuple[str, ast.Call]]) -> tuple[float, ...]:
    found = []
    functional = [
        call.args[1:] or [k.value for k in call.keywords if k.arg == "negative_slope"]
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "leaky_relu"
    ]
    layers = [
        call.args[:1] or [k.value for k in call.keywords if k.arg == "negative_slope"]
        for kind, call in built
        if kind == "LeakyReLU"
    ]
    for given in (*layers, *functional):
        slope = number_of(given[0]) if given else 0.01
        if slope is not None:
            found.append(slope)
    return tuple(dict.fromkeys(found))


def _applied(call: ast.Call) -> list[str]:
    """The functions that an `.apply(...)` gets."""
    if not _applied_to(call):
        return []
    given = call.args[0]
    if isinstance(given, ast.Attribute):
        return [given.attr]
    return [given.id] if isinstance(given, ast.Name) else []


def _assigned(found: Sequence[Spot]) -> dict[tuple[int, str], ast.expr]:
    """Names that are given once in a function, and what."""
    seen: dict[tuple[int, str], list[ast.expr]] = defaultdict(list)
    for spot in found:
        node = spot.node
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(node, ast.Assign) and isinstance(target, ast.Name):
            seen[id(spot.scope.function), target.id].append(node.value)
    return {key: values[0] for key, values in seen.items() if len(values) == 1}


def bound(call: ast.Call, parameters: Sequence[str]) -> dict[str, ast.expr] | None:
    """The arguments of a call by their names; None where the text hides them.

    Args:
        call: Of a function.
        parameters: Its own, those that may be left out with "=".
    """
    if any(isinstance(one, ast.Starred) for one in call.args):
        return None
    if any(keyword.arg is None for keyword in call.keywords):
        return None
    names = [parameter.rstrip("=") for parameter in parameters]
    found = dict(zip(names, call.args, strict=False))
    return found | {str(keyword.arg): keyword.value for keyword in call.keywords}
