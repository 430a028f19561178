"""One layer as it was written → one layer of the plan, its arguments bound and named."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from collections.abc import Sequence as Listed
from typing import TypeAlias

from app.architecture.plan import Item, Layer, Parallel, Repeat, Residual, Sequence
from app.architecture.signatures import KINDS, bound
from app.core.arguments import Argument
from app.errors import NotANetwork

Written: TypeAlias = bool | int | float | str | tuple[bool | int | float | str | None, ...] | None
STACKS = {"TransformerEncoder": "encoder_layer", "TransformerDecoder": "decoder_layer"}
COPIES = (
    "torch copies the layer that a TransformerEncoder or -Decoder is given, so all its layers "
    "begin with the same values; here each is drawn afresh."
)
_LONGEST = 60  # characters of a layer as sentences show it
_TWO_INPUTS = (
    "CosineSimilarity", "PairwiseDistance", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"
)  # fmt: skip
_RANDOM = ("FractionalMaxPool2d", "FractionalMaxPool3d")
_DTYPES = ("torch.", "torch.nn.functional.", "nn.", "F.", "torch.nn.")


def layer_of(
    kind: str,
    placed: Listed[Written | Item],
    named: Mapping[str, Written | Item],
    *,
    line: int | None,
    name: str | None = None,
) -> Layer:
    """A layer of the plan.

    Args:
        kind: A torch.nn class name, or an operation of a spec.
        placed: Arguments without a name; layers where a class takes layers.
        named: The others.
        line: That it stands on.
        name: Of its own.

    Raises:
        NotANetwork: If there is no such class or it takes other arguments.
    """
    where = "" if line is None else f" on line {line}"
    if kind not in KINDS:
        raise NotANetwork(reason=f"{kind[:60]}{where} {_instead(kind)}")
    text = _shown(kind, placed, named)
    if kind in {"Permute", "Reshape"}:
        placed = _together(placed)
    arguments = bound(f"{text}{where}", kind, placed, named)
    if kind in STACKS:
        return _stack(kind, arguments, text, line, name)
    told: dict[str, Argument] = {}
    for argument, value in arguments.items():
        if isinstance(value, Layer | Sequence | Residual | Parallel | Repeat):
            raise NotANetwork(reason=f"{text}{where} takes no layer as its {argument}.")
        told[argument] = _argument(value)
    return Layer(kind=kind, arguments=told, text=text, line=line, name=name)


def _together(placed: Listed[Written | Item]) -> Listed[Written | Item]:
    """`Permute(0, 2, 1)` as one tuple."""
    if len(placed) == 1 and isinstance(placed[0], tuple):
        return placed
    return [tuple(value for value in placed if isinstance(value, int))] if placed else placed


def _argument(value: Written) -> Argument:
    """A value as constructors' readers take it; None keeps its name."""
    if value is None:
        return "none"
    if isinstance(value, str):
        for prefix in _DTYPES:
            value = value.removeprefix(prefix)
        return value
    return value  # type: ignore[return-value]


def _stack(
    kind: str,
    arguments: dict[str, Written | Item],
    text: str,
    line: int | None,
    name: str | None,
) -> Layer:
    """A TransformerEncoder or -Decoder, which takes layers."""
    where = "" if line is None else f" on line {line}"
    inner, norm = arguments.pop(STACKS[kind]), arguments.pop("norm", None)
    if not isinstance(inner, Layer) or inner.kind != f"{kind}Layer":
        raise NotANetwork(reason=f"{text}{where} takes a {kind}Layer(…) as its {STACKS[kind]}.")
    causal = arguments.pop("causal", None)
    if causal is not None:
        told = {**inner.arguments, "causal": _argument(bool(causal))}
        inner = Layer(kind=inner.kind, arguments=told, text=inner.text, line=inner.line)
    if norm is not None and not isinstance(norm, Layer):
        raise NotANetwork(reason=f"{text}{where} takes a layer such as LayerNorm(…) as its norm.")
    told = {n: _argument(v) for n, v in arguments.items() if not isinstance(v, Layer | Sequence)}  # type: ignore[arg-type]
    items = (inner,) if norm is None else (inner, norm)
    return Layer(kind=kind, arguments=told, text=text, line=line, name=name, items=items)


def _shown(kind: str, placed: Listed[Written | Item], named: Mapping[str, Written | Item]) -> str:
    parts = [_value(value) for value in placed[:12]]
    parts += [f"{name[:40]}={_value(value)}" for name, value in list(named.items())[:12]]
    text = f"{kind}({', '.join(parts)})"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _value(value: Written | Item) -> str:
    if isinstance(value, Layer):
        return value.text
    if isinstance(value, Sequence | Residual | Parallel | Repeat):
        return "[…]"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:g}"
    return str(value)[:_LONGEST]


def _instead(kind: str) -> str:
    """Why a class is no layer here, and what to write."""
    if kind.endswith("Loss"):
        return "is a loss, which compares two inputs; leave it out."
    if kind in _TWO_INPUTS:
        return "takes two inputs of different kinds, which a chain of layers cannot give."
    if kind in _RANDOM:
        return "pools over regions drawn at random; use MaxPool with a fixed stride."
    if kind in {"ModuleDict", "ParameterList", "ParameterDict", "Module"}:
        return "says nothing of the order in which its parts run; write a list of layers."
    lower = {known.lower(): known for known in KINDS}
    near = difflib.get_close_matches(kind[:60].lower(), lower, n=1)
    if near:
        return f"is no class of torch.nn; did you mean {lower[near[0]]}?"
    return "is no class of torch.nn that is known here; write its parts as torch.nn layers."
