"""Faults in how an init function is used: what it is applied to, when, and what it names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache

from app.architecture.initreading_paste import Paste, Remark
from app.architecture.initreading_scopes import Function, Spot
from app.architecture.initreading_torch import SIGNATURES

_TENSORS = frozenset(
    {"x", "X", "input", "inputs", "data", "img", "image", "images", "batch", "out", "hidden"}
)
_BUILDERS = ("_make", "make", "_build", "build", "create", "_create", "get", "_get")
_LOST = frozenset({"tensor", "weight", "weights", "bias", "biases", "w", "b"})
_MODELS = frozenset(
    {"model", "net", "network", "netG", "netD", "generator", "discriminator", "encoder", "decoder"}
    | {"classifier", "self"}
)
_SEEDS = frozenset({"torch.manual_seed", "np.random.seed", "numpy.random.seed", "random.seed"})
_OWN = frozenset({"weight", "bias", "reset_parameters"})
_PLACES = frozenset({"isinstance", "hasattr", "getattr", "type"})


def remarks(paste: Paste, spot: Spot) -> Iterator[Remark]:
    """What is to be said of one node."""
    node = spot.node
    if isinstance(node, ast.Call):
        yield from _apply(paste, spot, node)
        yield from _called(paste, spot, node)
        yield from _seeded(paste, spot, node)
        yield from _lost(paste, spot, node)
    elif isinstance(node, ast.FunctionDef):
        yield from _unasked(paste, node)


def _apply(paste: Paste, spot: Spot, call: ast.Call) -> Iterator[Remark]:
    """`self.fc(x).apply(init)`, `model.apply(init())`."""
    if not (isinstance(call.func, ast.Attribute) and call.func.attr == "apply" and call.args):
        return
    receiver, given = call.func.value, call.args[0]
    if isinstance(given, ast.Name | ast.Attribute | ast.Lambda) and _is_tensor(spot, receiver):
        module = ast.unparse(receiver.func if isinstance(receiver, ast.Call) else receiver)
        module = module.removesuffix(".weight").removesuffix(".bias")
        yield Remark(
            level="problem",
            code="apply_on_tensor",
            node=call,
            message=f"{ast.unparse(receiver)} is a tensor, and apply is a method of modules: this "
            "raises AttributeError. Apply it to the layer, once, where the model is built.",
            correction=f"{module}.apply({ast.unparse(given)})",
        )
    if isinstance(given, ast.Call) and isinstance(given.func, ast.Name):
        function = paste.functions.get(given.func.id)
        if function is not None and not _makes_function(function):
            yield Remark(
                level="problem",
                code="apply_called",
                node=call,
                message=f"apply takes the function itself; {ast.unparse(given)} calls it and gives "
                "what it returns.",
                correction=f"{ast.unparse(call.func)}({given.func.id})",
            )


def _is_tensor(spot: Spot, receiver: ast.expr) -> bool:
    """Whether `.apply` stands behind the output of a layer, or behind a parameter."""
    if isinstance(receiver, ast.Attribute):
        return receiver.attr in {"weight", "bias"}
    if not isinstance(receiver, ast.Call) or not receiver.args:
        return False
    func, first = receiver.func, receiver.args[0]
    if not (isinstance(func, ast.Attribute) and ast.unparse(func.value) == "self"):
        return False
    if func.attr.startswith(_BUILDERS):
        return False
    function = spot.scope.function
    running = function is not None and function.name in {"forward", "__call__"}
    return running or (isinstance(first, ast.Name) and first.id in _TENSORS)


def _makes_function(function: Function) -> bool:
    """Whether a function returns a function."""
    inner = {node.name for node in ast.walk(function) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(function):
        if isinstance(node, ast.Return):
            if isinstance(node.value, ast.Lambda | ast.Call):
                return True
            if isinstance(node.value, ast.Name) and node.value.id in inner:
                return True
    return False


def _called(paste: Paste, spot: Spot, call: ast.Call) -> Iterator[Remark]:
    """`init_weights(model)`: a function for one module, given the whole."""
    if not (isinstance(call.func, ast.Name) and len(call.args) == 1 and not call.keywords):
        return
    if id(call) in paste.given:
        return
    function, given = paste.functions.get(call.func.id), call.args[0]
    if function is None or not isinstance(given, ast.Name) or function is spot.scope.function:
        return
    if given.id not in _MODELS or not _of_one_module(paste, function):
        return
    if spot.scope.modules & {given.id}:
        return
    yield Remark(
        level="problem",
        code="called_not_applied",
        node=call,
        message=f"{call.func.id} draws one layer, and {given.id} is the whole model, which is "
        "none of the classes it asks for: its layers stay as they were.",
        correction=f"{given.id}.apply({call.func.id})",
    )


def _of_one_module(paste: Paste, function: Function) -> bool:
    """Whether it does something only after asking for its argument's class, and goes no deeper."""
    if len(function.args.args) != 1:
        return False
    name, text = function.args.args[0].arg, paste.text(function)
    if any(f".{way}(" in text for way in ("modules", "children", "apply", "parameters")):
        return False
    if any(f".{way}(" in text for way in ("named_modules", "named_children", "named_parameters")):
        return False
    body = [one for one in function.body if not _is_quiet(one)]
    asks = [one for one in body if isinstance(one, ast.If) and _asks_class(one.test, name)]
    return bool(asks) and len(asks) == len(body)


def _is_quiet(statement: ast.stmt) -> bool:
    """A docstring, a name for the class, a return."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Assign | ast.Return | ast.Pass)


def _asks_class(test: ast.expr, name: str) -> bool:
    text = ast.unparse(test)
    return f"isinstance({name}, nn." in text or f"type({name})" in text or "classname" in text


def _seeded(paste: Paste, spot: Spot, call: ast.Call) -> Iterator[Remark]:
    """A seed set anew for every module."""
    if ast.unparse(call.func) not in _SEEDS or spot.scope.function is None:
        return
    function = spot.scope.function
    applied = function.name in paste.applied or _of_one_module_anyhow(paste, function)
    if not (applied or spot.scope.looped):
        return
    yield Remark(
        level="problem",
        code="seeded_each_time",
        node=call,
        message="This runs once for every module: all layers of one shape get the same values.",
        correction=f"{ast.unparse(call)}\nmodel.apply({function.name})"
        if not spot.scope.looped
        else f"{ast.unparse(call)}  # before the loop",
    )


def _of_one_module_anyhow(paste: Paste, function: Function) -> bool:
    if len(function.args.args) != 1:
        return False
    name, text = function.args.args[0].arg, paste.text(function)
    return f"isinstance({name}, nn." in text and "modules(" not in text and "children(" not in text


def _lost(paste: Paste, spot: Spot, call: ast.Call) -> Iterator[Remark]:
    """`nn.init.normal_(tensor)`: a name from the documentation that the function does not have."""
    name, function = paste.init_function(call), spot.scope.function
    if name not in SIGNATURES or not call.args or function is None or paste.starred:
        return
    given = call.args[0]
    if not isinstance(given, ast.Name) or given.id not in _LOST:
        return
    known = paste.defined | _names_in(function)
    if given.id in known or not function.args.args:
        return
    module = next((one.arg for one in function.args.args if one.arg != "self"), "m")
    leaf = "bias" if given.id.startswith("b") else "weight"
    rest = [ast.unparse(one) for one in call.args[1:]]
    rest += [f"{keyword.arg}={ast.unparse(keyword.value)}" for keyword in call.keywords]
    yield Remark(
        level="problem",
        code="undefined_name",
        node=call,
        message=f"Nothing here is called {given.id}: this raises NameError. The tensor to draw is "
        "the module's own.",
        correction=f"{ast.unparse(call.func)}({', '.join([f'{module}.{leaf}', *rest])})",
    )


@lru_cache(maxsize=64)
def _names_in(function: Function) -> frozenset[str]:
    """What a function gives names to: arguments, assignments, loops, imports."""
    found = {one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg)}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Nonlocal | ast.Global):
            found |= set(node.names)
    return frozenset(found)


def _unasked(paste: Paste, function: ast.FunctionDef) -> Iterator[Remark]:
    """A function for apply that takes every module for a layer."""
    names = [one.arg for one in function.args.args if one.arg != "self"]
    if function.name not in paste.applied or len(names) != 1:
        return
    text = paste.text(function)
    if any(f"{one}({names[0]}" in text for one in _PLACES) or "__class__" in text:
        return
    for statement in function.body:
        if isinstance(statement, ast.Expr | ast.Assign):
            first = _own_tensor(statement, names[0])
            if first is not None:
                yield Remark(
                    level="problem",
                    code="every_module",
                    node=first,
                    message=f"apply calls this for every module, and nn.ReLU, nn.Sequential or the "
                    f"model itself has no {first.attr}: this raises AttributeError.",
                    correction=f"if isinstance({names[0]}, nn.Linear):\n"
                    f"    {ast.unparse(statement)}",
                )
                return


def _own_tensor(statement: ast.stmt, name: str) -> ast.Attribute | None:
    """The first `m.weight` or `m.reset_parameters` of a statement."""
    for node in ast.walk(statement):
        named = isinstance(node, ast.Attribute) and node.attr in _OWN
        if named and isinstance(node, ast.Attribute) and ast.unparse(node.value) == name:
            return node
    return None
