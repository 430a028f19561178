"""Faults in the gains that calls of torch.nn.init ask for, and in the fans and cuts they take."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator

from app.architecture.initreading_edits import with_arguments, without, word
from app.architecture.initreading_fans import kaiming_fans
from app.architecture.initreading_paste import Level, Paste, Remark, bound
from app.architecture.initreading_scopes import Spot
from app.architecture.initreading_torch import GAIN_NAMES, KEEPING


def kaiming(
    paste: Paste, spot: Spot, call: ast.Call, given: dict[str, ast.expr]
) -> Iterator[Remark]:
    """What is to be said of a Kaiming draw."""
    function = spot.scope.function
    slope, said = paste.value(given.get("a"), function), word(given.get("nonlinearity"))
    mode = word(given.get("mode"))
    if (placed := word(given.get("a"))) is not None:
        key = "mode" if placed.startswith("fan") else "nonlinearity"
        yield Remark(
            level="problem",
            code="arguments",
            node=call,
            message=f"The second argument is a, the slope of a LeakyReLU: {placed!r} there raises "
            "ValueError.",
            correction=without(call, given, "a", **{key: repr(placed)}),
        )
        return
    if mode is not None and mode.lower() not in {"fan_in", "fan_out"}:
        yield Remark(
            level="problem",
            code="arguments",
            node=call,
            message=f"mode is fan_in or fan_out, got {mode!r}: this raises ValueError.",
            correction=with_arguments(call, given, mode="'fan_in'"),
        )
    if said is not None and said not in GAIN_NAMES:
        yield _unsupported(call, given, said)
        return
    yield from _slope(paste, call, given, slope, said)
    yield from kaiming_fans(spot, call, given, mode)


def _unsupported(call: ast.Call, given: dict[str, ast.expr], said: str) -> Remark:
    low = said.lower()
    if low in GAIN_NAMES:
        correction, why = (
            with_arguments(call, given, nonlinearity=repr(low)),
            "names are in small letters",
        )
    elif low in {"leakyrelu", "leaky"}:
        correction, why = (
            with_arguments(call, given, a="0.01", nonlinearity="'leaky_relu'"),
            "it is leaky_relu",
        )
    else:
        gain, tensor = KEEPING.get(low, 1.0), ast.unparse(given["tensor"])
        correction = f"nn.init.normal_({tensor}, std={gain:.5g} / {tensor}[0].numel() ** 0.5)"
        why = f"the gain that keeps E x² through {said} is {gain:.5g}, and torch has no name for it"
    return Remark(
        level="problem",
        code="unsupported_nonlinearity",
        node=call,
        message=f"torch knows no gain for {said!r}, this raises ValueError: {why}.",
        correction=correction,
    )


def _slope(
    paste: Paste,
    call: ast.Call,
    given: dict[str, ast.expr],
    slope: float | None,
    said: str | None,
) -> Iterator[Remark]:
    """What `a` and `nonlinearity` make of the gain."""
    if "nonlinearity" in given and said is None:
        return
    leaky = said in {None, "leaky_relu"}
    if not leaky and "a" in given and slope != 0.0:
        yield Remark(
            level="warning",
            code="slope_ignored",
            node=call,
            message=f"a counts for leaky_relu alone: with nonlinearity={said!r} it is ignored.",
            correction=without(call, given, "a"),
        )
    if not leaky or ("a" in given and slope is None):
        return
    if slope is not None and math.isclose(slope, math.sqrt(5), rel_tol=1e-3):
        yield _root_five(call, given)
        return
    yield from _leaky(paste, call, given, 0.0 if slope is None else slope, said)


def _root_five(call: ast.Call, given: dict[str, ast.expr]) -> Remark:
    return Remark(
        level="info",
        code="root_five",
        node=call,
        message="a=√5 is no slope of an activation: it makes the gain √(1/3), which is PyTorch's "
        "own default U(±1/√fan_in). A ReLU layer needs √6 times more.",
        correction=without(call, given, "a", nonlinearity="'relu'"),
    )


def _leaky(
    paste: Paste, call: ast.Call, given: dict[str, ast.expr], slope: float, said: str | None
) -> Iterator[Remark]:
    shown = [one for one in paste.slopes if not math.isclose(one, slope, abs_tol=1e-12)]
    others = paste.activations - {"ReLU", "ReLU6", "LeakyReLU"}
    if shown and len(paste.slopes) == 1 and "ReLU" not in paste.activations:
        factor = math.sqrt((1 + slope**2) / (1 + shown[0] ** 2))
        yield Remark(
            level="warning" if abs(factor - 1) > 0.005 else "info",
            code="leaky_slope",
            node=call,
            message=f"The network's LeakyReLU has slope {shown[0]:g}, and a is {slope:g}, which is "
            f"{'ReLU' if slope == 0 else 'another'}'s gain: the right one is {factor:.4g} of it.",
            correction=with_arguments(call, given, a=f"{shown[0]:g}", nonlinearity="'leaky_relu'"),
        )
    elif "a" not in given and not paste.activations & {"ReLU", "LeakyReLU", "ReLU6"} and others:
        name = min(others)
        gain, tensor = KEEPING.get(name.lower(), 1.0), ast.unparse(given["tensor"])
        yield Remark(
            level="info" if paste.normed else "warning",  # a norm behind it sets the size anew
            code="kaiming_default",
            node=call,
            message=f"Without nonlinearity this draws ReLU's gain √2, and the network has {name}: "
            f"the gain that keeps E x² through it is {gain:.5g}.",
            correction=f"nn.init.normal_({tensor}, std={gain:.5g} / {tensor}[0].numel() ** 0.5)",
        )
    elif "a" not in given and not paste.activations & {"ReLU", "ReLU6"}:
        stated = "leaky_relu without a" if said else "nothing stated"
        yield Remark(
            level="info",
            code="kaiming_default",
            node=call,
            message=f"With {stated}, a is 0, and the gain is ReLU's √2; LeakyReLU's own slope is "
            "0.01. Say which is meant.",
            correction=with_arguments(call, given, nonlinearity="'relu'"),
        )


def gain_text(call: ast.Call, given: dict[str, ast.expr]) -> Iterator[Remark]:
    """What is to be said of a gain that is no number."""
    said = word(given.get("gain"))
    if said is not None:
        yield Remark(
            level="problem",
            code="arguments",
            node=call,
            message=f"gain is a number, got {said!r}: this raises TypeError.",
            correction=with_arguments(call, given, gain=f"nn.init.calculate_gain({said!r})"),
        )


def cut(paste: Paste, spot: Spot, call: ast.Call, given: dict[str, ast.expr]) -> Iterator[Remark]:
    """A cut so far out that nothing is cut."""
    function = spot.scope.function
    std = paste.value(given["std"], function) if "std" in given else 1.0
    edges = [
        paste.value(given[name], function) if name in given else default
        for name, default in (("a", -2.0), ("b", 2.0))
    ]
    if std is None or std <= 0 or None in edges:
        return
    nearest = min(abs(edge) for edge in edges if edge is not None) / std
    if nearest < 5:  # beyond, one of two million values would be cut
        return
    text = f"{std:g}"
    yield Remark(
        level="info",
        code="cut_does_nothing",
        node=call,
        message=f"a and b are absolute: the cut lies at ±{nearest:.4g} σ and cuts nothing, so "
        f"this is a plain normal. Cut at ±2 σ, the std would be 0.8796 of {text}.",
        correction=with_arguments(call, given, a=f"{-2 * std:g}", b=f"{2 * std:g}"),
    )


def calculated(paste: Paste, call: ast.Call) -> Iterator[Remark]:
    """Gains that torch has no name for, or that theory does not support."""
    given = bound(call, ("nonlinearity", "param="))
    said = word(given.get("nonlinearity")) if given else None
    if given is None or said is None:
        return
    if said not in GAIN_NAMES:
        low = said.lower()
        known = low if low in GAIN_NAMES else None
        gain = KEEPING.get(low, 1.0)
        why = f"it is spelled {known!r}" if known else f"the one that keeps E x² is {gain:.5g}"
        yield Remark(
            level="problem",
            code="unsupported_nonlinearity",
            node=call,
            message=f"calculate_gain knows no {said!r} and raises ValueError: {why}.",
            correction=f"nn.init.calculate_gain({known!r})" if known else f"{gain:.5g}",
        )
        return
    yield from _doubted(paste, call, given, said)


_DOUBTS: dict[str, tuple[Level, str, str]] = {
    "tanh": (
        "info",
        "1.5925",
        "calculate_gain('tanh') is 5/3, a number from experience. The gain that keeps E x² = 1 "
        "through tanh is 1.5925; small signals keep their size with 1.",
    ),
    "selu": (
        "warning",
        "1.0",
        "calculate_gain('selu') is 3/4, which gives up what SELU is made for: it keeps mean 0 and "
        "variance 1 at gain 1 (LeCun normal).",
    ),
    "sigmoid": (
        "info",
        "1.8462",
        "calculate_gain('sigmoid') is 1, which no theory gives: E x² = 1 is kept at 1.8462, and "
        "the gradient shrinks to 15 % a layer even there.",
    ),
}


def _doubted(
    paste: Paste, call: ast.Call, given: dict[str, ast.expr], said: str
) -> Iterator[Remark]:
    if said in _DOUBTS:
        level, correction, message = _DOUBTS[said]
        yield Remark(
            level=level,
            code="gain_without_theory",
            node=call,
            message=message,
            correction=correction,
        )
    shown = [slope for slope in paste.slopes if slope != 0.01]
    if said == "leaky_relu" and "param" not in given and shown:
        yield Remark(
            level="warning",
            code="leaky_slope",
            node=call,
            message="Without its slope this takes 0.01, and the network's LeakyReLU has "
            f"{shown[0]:g}.",
            correction=f"nn.init.calculate_gain('leaky_relu', {shown[0]:g})",
        )
