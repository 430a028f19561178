"""Faults in how torch.nn.init is called: its names, its arguments, its gains and its fans."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from difflib import get_close_matches

from app.architecture import initreading_gains as gains
from app.architecture.initreading_edits import with_function, with_tensor
from app.architecture.initreading_fans import xavier_transposed
from app.architecture.initreading_paste import Paste, Remark, bound
from app.architecture.initreading_scopes import Spot
from app.architecture.initreading_torch import (
    CONVOLUTIONS,
    FANNED,
    LINEAR,
    MULTIPLYING,
    NORMS,
    SIGNATURES,
    TRANSPOSED,
)


def remarks(paste: Paste, spot: Spot) -> Iterator[Remark]:
    """What is to be said of one call."""
    call = spot.node
    if not isinstance(call, ast.Call):
        return
    written, name = paste.written_name(call), paste.init_function(call)
    if name is None or written is None:
        return
    if written != name:
        yield _old_name(call, name)
    if name == "calculate_gain":
        yield from gains.calculated(paste, call)
    elif name not in SIGNATURES:
        yield from _named(call, name)
    else:
        given = bound(call, SIGNATURES[name])
        wrong = _misgiven(call, name)
        if wrong is not None:
            yield wrong
        elif given is not None and "tensor" in given:
            yield from _drawn(paste, spot, call, name, given)


def _old_name(call: ast.Call, name: str) -> Remark:
    return Remark(
        level="warning",
        code="old_name",
        node=call,
        message=f"nn.init.{name} without its underscore is the old name: deprecated, with a "
        "warning, and the same draw.",
        correction=with_function(call, name),
    )


def _named(call: ast.Call, name: str) -> Iterator[Remark]:
    """A function that torch.nn.init does not have."""
    if name.startswith("_"):
        return
    near = get_close_matches(name.rstrip("_") + "_", list(SIGNATURES), 1, 0.6)
    aliases = {"he_": "kaiming_", "glorot_": "xavier_", "zero": "zeros", "one": "ones"}
    for old, new in aliases.items():
        if name.startswith(old) and (other := name.replace(old, new, 1).rstrip("_") + "_"):
            near = [other] if other in SIGNATURES else near
    correction = with_function(call, near[0]) if near else "one of " + ", ".join(SIGNATURES)
    yield Remark(
        level="problem",
        code="unknown_function",
        node=call,
        message=f"torch.nn.init has no {name}: this raises AttributeError.",
        correction=correction,
    )


def _misgiven(call: ast.Call, name: str) -> Remark | None:
    """Arguments that the function does not take, or lacks."""
    parameters = SIGNATURES[name]
    given = bound(call, parameters)
    if given is None:
        return None
    names = [parameter.rstrip("=") for parameter in parameters]
    needed = [parameter for parameter in parameters if not parameter.endswith("=")]
    unknown = [key for key in given if key not in names]
    missing = [key for key in needed if key not in given]
    if len(call.args) > len(parameters):
        reason = f"it takes {', '.join(names)}, got {len(call.args)} arguments"
    elif unknown:
        reason = f"it takes {', '.join(names)}, and no {unknown[0]}"
    elif missing:
        reason = f"it needs {missing[0]}"
    else:
        return None
    kept = list(call.args[: len(parameters)])
    keywords = [keyword for keyword in call.keywords if keyword.arg in names]
    fixed = ast.Call(func=call.func, args=kept, keywords=keywords)
    correction = (
        ast.unparse(fixed) if not missing else f"{ast.unparse(call.func)}({', '.join(needed)})"
    )
    return Remark(
        level="problem",
        code="arguments",
        node=call,
        message=f"nn.init.{name} raises TypeError: {reason}.",
        correction=correction,
    )


def _drawn(
    paste: Paste, spot: Spot, call: ast.Call, name: str, given: dict[str, ast.expr]
) -> Iterator[Remark]:
    tensor = given["tensor"]
    yield from _whole_module(spot, call, tensor)
    yield from _axes(spot, call, name, tensor)
    yield from _other_axes(spot, call, name, tensor)
    if name.startswith("kaiming_"):
        yield from gains.kaiming(paste, spot, call, given)
    if name.startswith(("xavier_", "orthogonal")):
        yield from gains.gain_text(call, given)
        yield from xavier_transposed(spot, call, name, given)
    if name == "trunc_normal_":
        yield from gains.cut(paste, spot, call, given)


def _whole_module(spot: Spot, call: ast.Call, tensor: ast.expr) -> Iterator[Remark]:
    """A module, or its parameters, where one tensor is asked for."""
    text = ast.unparse(tensor)
    if text in spot.scope.classes or text in spot.scope.modules:
        message = f"{text} is a module, and a draw needs a tensor: this raises AttributeError."
        correction = with_tensor(call, f"{text}.weight")
        yield Remark(
            level="problem", code="not_a_tensor", node=call, message=message, correction=correction
        )
    elif text.endswith((".parameters()", ".named_parameters()")):
        looped = f"for weight in {text}:\n    if weight.dim() > 1:\n        "
        yield Remark(
            level="problem",
            code="not_a_tensor",
            node=call,
            message=f"{text} is an iterator over tensors, and a draw needs one tensor.",
            correction=looped + with_tensor(call, "weight"),
        )


def _axes(spot: Spot, call: ast.Call, name: str, tensor: ast.expr) -> Iterator[Remark]:
    """A draw that needs fans, of a tensor with one axis."""
    if name not in FANNED:
        return
    text = ast.unparse(tensor).replace(".data", "")
    subject, _, leaf = text.rpartition(".")
    kinds = spot.scope.classes.get(subject, frozenset())
    norm = leaf == "weight" and bool(kinds) and kinds <= NORMS
    if leaf == "bias" or norm:
        what = "a bias" if leaf == "bias" else "the weight of a norm"
        call_of = "zeros_" if leaf == "bias" else "ones_"
        yield Remark(
            level="problem",
            code="one_axis",
            node=call,
            message=f"nn.init.{name} needs at least 2 axes, and {what} has 1: it raises "
            "ValueError.",
            correction=f"nn.init.{call_of}({ast.unparse(tensor)})",
        )
    elif _any_parameter(spot, text):
        yield Remark(
            level="problem",
            code="one_axis",
            node=call,
            message=f"nn.init.{name} needs at least 2 axes: at the first bias or norm of the "
            "model it raises ValueError.",
            correction=f"if {text}.dim() > 1:\n    {ast.unparse(call)}",
        )


def _other_axes(spot: Spot, call: ast.Call, name: str, tensor: ast.expr) -> Iterator[Remark]:
    """eye_ of a kernel, dirac_ of a matrix, and layers that have no shape yet."""
    subject = ast.unparse(tensor).replace(".data", "").rpartition(".")[0]
    kinds = spot.scope.classes.get(subject, frozenset()) - {"~"}
    if not kinds:
        return
    wanted = {"eye_": LINEAR, "sparse_": LINEAR, "dirac_": CONVOLUTIONS | TRANSPOSED}.get(name)
    if wanted is not None and kinds <= MULTIPLYING and not kinds & wanted:
        many = "2 axes" if name != "dirac_" else "3, 4 or 5 axes"
        other = "dirac_" if name == "eye_" else "eye_"
        yield Remark(
            level="problem",
            code="other_axes",
            node=call,
            message=f"nn.init.{name} takes tensors of {many}: this raises ValueError.",
            correction=with_function(call, other if name != "sparse_" else "kaiming_normal_"),
        )
    elif all(one.startswith("Lazy") for one in kinds):
        yield Remark(
            level="problem",
            code="lazy",
            node=call,
            message="A lazy layer has no shape before the first batch, and after it no longer is "
            f"nn.{min(kinds)}: the branch raises, or is never taken.",
            correction="model(example)  # once, before model.apply(...), and ask for the layer's "
            "own class",
        )


def _any_parameter(spot: Spot, text: str) -> bool:
    """Whether a name stands for every parameter of a model, and nothing asks for its axes."""
    scope = spot.scope
    asked = f"{text}.dim" in scope.checked or scope.conditional or scope.tried
    return text in scope.parameters and not asked
