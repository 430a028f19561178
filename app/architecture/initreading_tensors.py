"""Faults in what is done to a tensor: `.data`, writing where autograd forbids it, replacing it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from app.architecture.initreading_paste import Paste, Remark
from app.architecture.initreading_scopes import Spot
from app.architecture.initreading_torch import AS_FUNCTION, IN_PLACE, SIGNATURES

_LEAVES = frozenset({"weight", "bias"})
_RUNNING = frozenset({"forward", "__call__", "step", "update"})
_MADE = frozenset(
    {
        *("rand", "randn", "zeros", "ones", "empty", "full", "tensor", "Tensor", "FloatTensor"),
        *("from_numpy", "normal", "rand_like", "randn_like", "zeros_like", "ones_like"),
        *("full_like", "as_tensor", "randint"),
    }
)


def remarks(paste: Paste, spot: Spot) -> Iterator[Remark]:
    """What is to be said of one call or assignment."""
    node = spot.node
    if isinstance(node, ast.Call):
        name = paste.init_function(node)
        if name in SIGNATURES and node.args:
            yield from _data_given(node)
        elif isinstance(node.func, ast.Attribute) and node.func.attr in IN_PLACE:
            yield from _method(spot, node, node.func)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        yield from _assigned(spot, node, node.targets[0])


def _data_given(call: ast.Call) -> Iterator[Remark]:
    """`nn.init.normal_(m.weight.data)`."""
    tensor = call.args[0]
    if not _has_data(tensor):
        return
    bare = ast.Call(func=call.func, args=[_bare(tensor), *call.args[1:]], keywords=call.keywords)
    yield _data(call, "torch.nn.init draws under no_grad itself", ast.unparse(bare))


def _method(spot: Spot, call: ast.Call, func: ast.Attribute) -> Iterator[Remark]:
    """`m.weight.data.normal_()` and `m.weight.normal_()`."""
    tensor, function = func.value, spot.scope.function
    if _has_data(tensor):
        if function is not None and function.name in _RUNNING:
            return  # no init: what a network does with its values is its own affair
        yield _data(call, "a write under no_grad does the same", _as_function(call, func))
    elif _is_leaf(spot, tensor) and not spot.scope.no_grad:
        yield _unguarded(call, ast.unparse(tensor), _as_function(call, func))


def _data(node: ast.AST, instead: str, correction: str) -> Remark:
    return Remark(
        level="info",
        code="data",
        node=node,
        message=".data hides the write from autograd, which then computes wrong gradients "
        f"without a word wherever the old values were needed; {instead}.",
        correction=correction,
    )


def _unguarded(node: ast.AST, tensor: str, correction: str) -> Remark:
    return Remark(
        level="problem",
        code="leaf_in_place",
        node=node,
        message=f"{tensor} is a leaf that requires grad: writing into it outside torch.no_grad() "
        "raises RuntimeError.",
        correction=correction,
    )


def _as_function(call: ast.Call, func: ast.Attribute) -> str:
    """The same write by torch.nn.init, or under no_grad where that has none."""
    tensor = ast.unparse(_bare(func.value))
    rest = [ast.unparse(one) for one in call.args]
    rest += [f"{keyword.arg}={ast.unparse(keyword.value)}" for keyword in call.keywords]
    other = AS_FUNCTION.get(func.attr)
    if other is not None and "[" not in tensor:
        named = {"from": "a", "to": "b"}
        for old, new in named.items():
            rest = [one.replace(f"{old}=", f"{new}=", 1) for one in rest]
        return f"nn.init.{other}({', '.join([tensor, *rest])})"
    return f"with torch.no_grad():\n    {tensor}.{func.attr}({', '.join(rest)})"


def _has_data(node: ast.expr) -> bool:
    """Whether `.data` stands in the chain of attributes and indices."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute) and node.attr == "data":
            return True
        node = node.value
    return False


def _bare(node: ast.expr) -> ast.expr:
    """The chain without `.data`."""
    match node:
        case ast.Attribute(attr="data"):
            return _bare(node.value)
        case ast.Attribute():
            return ast.Attribute(value=_bare(node.value), attr=node.attr, ctx=node.ctx)
        case ast.Subscript():
            return ast.Subscript(value=_bare(node.value), slice=node.slice, ctx=node.ctx)
        case _:
            return node


def _is_leaf(spot: Spot, tensor: ast.expr) -> bool:
    """Whether it is a parameter of a module, or a part of one."""
    while isinstance(tensor, ast.Subscript):
        tensor = tensor.value
    if isinstance(tensor, ast.Name):
        return tensor.id in spot.scope.parameters
    if not isinstance(tensor, ast.Attribute) or tensor.attr not in _LEAVES:
        return False
    return _is_layer(spot, ast.unparse(tensor.value))


def _is_layer(spot: Spot, owner: str) -> bool:
    """Whether it is surely a module: asked for its class, given, looped over, or one of its own.

    `self.weight` may be a buffer of a class of one's own, and so may the weight of what a class
    unknown here has made.
    """
    scope = spot.scope
    if owner in scope.classes or owner in scope.modules or owner.startswith("self."):
        return True
    if scope.function is None:
        return owner != "self"
    return owner != "self" and owner in {one.arg for one in scope.function.args.args}


def _assigned(spot: Spot, node: ast.Assign, target: ast.expr) -> Iterator[Remark]:
    if isinstance(target, ast.Attribute) and target.attr == "data":
        yield from _data_set(node, target)
    elif isinstance(target, ast.Subscript):
        yield from _part_set(spot, node, target)
    elif isinstance(target, ast.Attribute) and target.attr in _LEAVES:
        yield from _replaced(node, target)
    elif isinstance(target, ast.Name) and target.id in spot.scope.parameters:
        yield from _rebound(node, target.id)


def _data_set(node: ast.Assign, target: ast.Attribute) -> Iterator[Remark]:
    """`m.weight.data = values`."""
    if not (isinstance(target.value, ast.Attribute) and target.value.attr in _LEAVES):
        return
    copied = f"{ast.unparse(target.value)}.copy_({ast.unparse(node.value)})"
    yield _data(node, "copy_ under no_grad does the same", f"with torch.no_grad():\n    {copied}")


def _part_set(spot: Spot, node: ast.Assign, target: ast.Subscript) -> Iterator[Remark]:
    """`m.bias[4:8] = 1`, with or without `.data`."""
    text = f"{ast.unparse(_bare(target))} = {ast.unparse(node.value)}"
    correction = f"with torch.no_grad():\n    {text}"
    if _has_data(target):
        yield _data(node, "a write under no_grad does the same", correction)
    elif _is_leaf(spot, target) and not spot.scope.no_grad and spot.scope.function is not None:
        yield _unguarded(node, ast.unparse(target.value), correction)


def _replaced(node: ast.Assign, target: ast.Attribute) -> Iterator[Remark]:
    """`m.weight = torch.randn(...)`: not a Parameter."""
    owner, value = ast.unparse(target.value), node.value
    if owner == "self" or not isinstance(value, ast.Call):
        return
    made = ast.unparse(value.func)
    if made.startswith("torch.") and made.rpartition(".")[2] in _MADE:
        tensor = ast.unparse(target)
        yield Remark(
            level="problem",
            code="not_a_parameter",
            node=node,
            message=f"{tensor} is a Parameter, and a plain tensor cannot take its place: this "
            "raises TypeError.",
            correction=f"with torch.no_grad():\n    {tensor}.copy_({ast.unparse(value)})",
        )


def _rebound(node: ast.Assign, name: str) -> Iterator[Remark]:
    """`for p in model.parameters(): p = torch.randn(...)`."""
    yield Remark(
        level="problem",
        code="name_only",
        node=node,
        message=f"This gives the name {name} another tensor; the parameter itself stays as it was.",
        correction=f"with torch.no_grad():\n    {name}.copy_({ast.unparse(node.value)})",
    )
