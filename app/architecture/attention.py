"""Attention as torch.nn.MultiheadAttention computes it, over one signal or two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.architecture.building import Given, Place, Shape, Signal
from app.architecture.dense import expect_features, first_dimension, shown
from app.core.arguments import Arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """How an attention is split and masked."""

    count: int
    dropout: float = 0.0
    causal: bool = False
    zero: bool = False  # add_zero_attn


def multihead(at: Place, given: Arguments, x: Signal) -> Signal:
    """A MultiheadAttention that asks, answers and gives with the same signal."""
    width = given.size("embed_dim")
    expect_sequence(at, x, width)
    if any(given.size(name, width) != width for name in ("kdim", "vdim")):
        at.refuse("has a kdim or vdim of its own; here it attends to the signal that it asks with.")
    heads = Heads(
        count=given.size("num_heads"),
        dropout=given.number("dropout", 0.0),
        causal=given.flag("causal", default=False),
        zero=given.flag("add_zero_attn", default=False),
    )
    first_dimension(at, given)
    arguments = {name: value for name, value in given.given.items() if name != "causal"}
    return attended(at, at.drawn("MultiheadAttention", arguments), heads, x, x)


def expect_sequence(at: Place, x: Signal, width: int) -> None:
    """Refuse a signal that is not positions of this width."""
    if len(x.shape) != 3:
        at.refuse(f"expects (positions, {width:,}); {shown(x)} arrives from {x.source}.")
    expect_features(at, x, width)


def attended(
    at: Place, own: Mapping[str, Signal], heads: Heads, x: Signal, memory: Signal
) -> Signal:
    """Multi-head attention of `x` over `memory`.

    Args:
        at: The attention's module.
        own: Its parameters by their names in it.
        heads: How it is split.
        x: (batch, positions, width).
        memory: The same signal, or another of the same width.

    Source:
        torch.nn.functional.multi_head_attention_forward, torch 2.13.
    """
    if heads.causal and (heads.zero or "bias_k" in own):
        at.refuse("cannot be causal together with add_bias_kv or add_zero_attn.")
    query, key, value = _projected(at, own, heads, x, memory)
    shape = query.shape
    arguments: dict[str, Given] = {"query": query, "key": key, "value": value}
    if heads.dropout:
        arguments["dropout_p"] = heads.dropout
    if heads.causal:
        arguments["is_causal"] = True
    mixed = at.op("scaled_dot_product_attention.default", arguments, shape, part="attention")
    turned: Shape = (shape[0], shape[2], shape[1], shape[3])
    back = at.op("transpose.int", {"self": mixed, "dim0": 1, "dim1": 2}, turned, part="heads back")
    flat = at.op("flatten.using_ints", {"self": back, "start_dim": 2}, x.shape, part="heads joined")
    out = at.inside("out_proj", "NonDynamicallyQuantizableLinear")
    last: dict[str, Given] = {"input": flat, "weight": own["out_proj.weight"]}
    if "out_proj.bias" in own:
        last["bias"] = own["out_proj.bias"]
    return out.op("linear.default", last, x.shape)


def _projected(
    at: Place, own: Mapping[str, Signal], heads: Heads, x: Signal, memory: Signal
) -> list[Signal]:
    """Query, key and value, each (batch, heads, positions, head width)."""
    width = x.shape[-1]
    sources = (("query", x), ("key", memory), ("value", memory))
    if x is memory:
        each = _packed(at, own, x)
    else:
        each = [_part(at, own, place, name, s) for place, (name, s) in enumerate(sources)]
    each = [
        each[0],
        *(_extended(at, own, heads, n, s) for n, s in zip("kv", each[1:], strict=True)),
    ]
    return [
        _split(at, signal, heads.count, width, name)
        for (name, _), signal in zip(sources, each, strict=True)
    ]


def _packed(at: Place, own: Mapping[str, Signal], x: Signal) -> list[Signal]:
    """All three by one product, as torch does where they have one source."""
    width = x.shape[-1]
    arguments: dict[str, Given] = {"input": x, "weight": own["in_proj_weight"]}
    if "in_proj_bias" in own:
        arguments["bias"] = own["in_proj_bias"]
    whole = at.op("linear.default", arguments, (*x.shape[:-1], 3 * width), part="query, key, value")
    return [
        at.op(
            "slice.Tensor",
            {"self": whole, "dim": 2, "start": place * width, "end": (place + 1) * width},
            x.shape,
            part=name,
        )
        for place, name in enumerate(("query", "key", "value"))
    ]


def _part(at: Place, own: Mapping[str, Signal], place: int, name: str, source: Signal) -> Signal:
    """One of the three by its own rows of the packed matrix."""
    width = source.shape[-1]
    rows: dict[str, Given] = {"dim": 0, "start": place * width, "end": (place + 1) * width}
    packed = own["in_proj_weight"]
    weight = at.op("slice.Tensor", {"self": packed, **rows}, (width, width), part=f"{name} weight")
    arguments: dict[str, Given] = {"input": source, "weight": weight}
    if "in_proj_bias" in own:
        bias = own["in_proj_bias"]
        arguments["bias"] = at.op(
            "slice.Tensor", {"self": bias, **rows}, (width,), part=f"{name} bias"
        )
    return at.op("linear.default", arguments, source.shape, part=name)


def _extended(
    at: Place, own: Mapping[str, Signal], heads: Heads, name: str, signal: Signal
) -> Signal:
    """Keys or values with the learned position and the zero position that torch can add."""
    batch, length, width = signal.shape
    one: Shape = (batch, 1, width)
    if f"bias_{name}" in own or heads.zero:
        cut: dict[str, Given] = {"self": signal, "dim": 1, "start": 0, "end": 1}
        first = at.op("slice.Tensor", cut, one, part=f"{name} first")
        parts = [signal]
        if f"bias_{name}" in own:
            told: dict[str, Given] = {"self": own[f"bias_{name}"], "other": first}
            parts.append(at.op("expand_as.default", told, one, part=f"{name} bias"))
        if heads.zero:
            parts.append(at.op("zeros_like.default", {"self": first}, one, part=f"{name} zero"))
        whole: Shape = (batch, length + len(parts) - 1, width)
        joined: dict[str, Given] = {"tensors": tuple(parts), "dim": 1}
        return at.op("cat.default", joined, whole, part=f"{name} extended")
    return signal


def _split(at: Place, signal: Signal, heads: int, width: int, name: str) -> Signal:
    batch, length, _ = signal.shape
    head = width // heads
    split: Shape = (batch, length, heads, head)
    sizes: dict[str, Given] = {"self": signal, "dim": 2, "sizes": (heads, head)}
    parts = at.op("unflatten.int", sizes, split, part=f"{name} heads")
    turned: Shape = (batch, heads, length, head)
    swap: dict[str, Given] = {"self": parts, "dim0": 1, "dim1": 2}
    return at.op("transpose.int", swap, turned, part=f"{name} by head")
