"""Modules that torch.nn alone says how to run: Sequential chains and the Transformer's layers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.architecture.layers import COPIES, Written, layer_of
from app.architecture.plan import Item, Layer, Plan, Repeat, Sequence
from app.architecture.signatures import SIGNATURES
from app.architecture.tree import Module
from app.errors import NotANetwork

LISTS = frozenset({"Sequential", "ModuleList"})
WRAPPERS = frozenset({"DataParallel", "DistributedDataParallel", "OptimizedModule"})
HIDDEN = {
    **{f"AvgPool{n}d": "ceil_mode and count_include_pad" for n in (1, 2, 3)},
    "RNN": "nonlinearity",
    "Upsample": "align_corners",
}
_LAYERS = {"TransformerEncoderLayer", "TransformerDecoderLayer"}
HEAD_WIDTH = 64  # of each head, where print() does not tell how many there are


@dataclass(slots=True)
class Chain:
    """A chain in the making: what is assumed, and what stands in its way."""

    notes: dict[str, None] = field(default_factory=dict)
    foreign: dict[str, Module] = field(default_factory=dict)  # class → its first module

    def plan(self, module: Module) -> Plan:
        """The whole network in the order in which it stands."""
        item = self.item(module, "")
        body = item if isinstance(item, Sequence) else Sequence(items=(item,))
        return Plan(body=body, notes=tuple(self.notes))

    def item(self, module: Module, name: str | None) -> Item:
        """A module as an item of a plan."""
        if not module.own and module.kind in LISTS:
            if module.kind == "ModuleList":
                self.notes["A ModuleList has no forward(); its modules are run in order."] = None
            items = tuple(self.items(module))
            return Sequence(items=items, line=module.line, name=name)
        if not module.own and module.kind in WRAPPERS and len(module.children) == 1:
            (inner,) = module.children
            return Sequence(items=(self.item(inner, inner.name),), line=module.line, name=name)
        stack = self.transformer(module, name)
        if stack is not None:
            return stack
        if module.own or module.kind not in SIGNATURES or self.unknown_inside(module):
            self.foreign.setdefault(module.kind, module)
            return Sequence(items=(), line=module.line, name=name)
        hidden = HIDDEN.get(module.kind)
        if hidden is not None and module.line is not None:
            self.notes[f"print() hides {module.kind}'s {hidden}: torch's default is taken."] = None
        return layer_of(module.kind, module.placed, module.named, line=module.line, name=name)

    def unknown_inside(self, module: Module) -> bool:
        """Whether a layer has modules inside that torch's own class does not have."""
        return bool(module.children) and module.kind != "MultiheadAttention"

    def items(self, module: Module) -> Iterator[Item]:
        """The children, under their numbers or their own names."""
        counter = itertools.count()
        for child in module.children:
            first = child.name.partition("-")[0]
            number = next(counter)
            name = None if first == str(number) else first
            if child.times == 1:
                yield self.item(child, name)
                continue
            body = Sequence(items=(self.item(child, None),), line=child.line)
            yield Repeat(times=child.times, body=body, line=child.line)
            counter = itertools.count(number + child.times)

    def transformer(self, module: Module, name: str | None) -> Item | None:
        """One of the Transformer's layers or stacks, from the modules inside."""
        if module.own or not module.children:
            return None
        if module.kind in {"TransformerEncoderLayer", "TransformerDecoderLayer"}:
            return self.transformer_layer(module, name)
        if module.kind == "MultiheadAttention":
            return self.attention(module, name)
        if module.kind in {"TransformerEncoder", "TransformerDecoder"}:
            return self.stack(module, name)
        return self.whole(module, name) if module.kind == "Transformer" else None

    def transformer_layer(self, module: Module, name: str | None) -> Layer:
        """Sizes from its linear layers; heads and order from its record, or assumed."""
        first, second = module.child("linear1"), module.child("linear2")
        attention = module.child("self_attn")
        if first is None or second is None or attention is None:
            raise NotANetwork(reason=f"{_where(module)} lacks a linear1, linear2 or self_attn.")
        width, wide = first.named.get("in_features"), first.named.get("out_features")
        named: dict[str, Written | Item] = {"d_model": width, "dim_feedforward": wide}
        named["nhead"] = attention.named.get("num_heads") or self.heads(width)
        named["bias"] = first.named.get("bias", True)
        named |= {n: v for n, v in module.named.items() if n in {"norm_first", "activation"}}
        named["batch_first"] = attention.named.get("batch_first", True)
        dropout, norm = module.child("dropout"), module.child("norm1")
        if dropout is not None and "p" in dropout.named:
            named["dropout"] = dropout.named["p"]
        if norm is not None and "eps" in norm.named:
            named["layer_norm_eps"] = norm.named["eps"]
        if "norm_first" not in module.named:
            self.notes["A Transformer layer's norms are taken to stand after the sum."] = None
        if "activation" not in module.named:
            self.notes["A Transformer layer's activation is taken to be ReLU."] = None
        return layer_of(module.kind, (), named, line=module.line, name=name)

    def whole(self, module: Module, name: str | None) -> Item | None:
        """A Transformer, whose layers are all like its first."""
        halves = [module.child(half) for half in ("encoder", "decoder")]
        stacks = [half.child("layers") for half in halves if half is not None]
        layers = [stack.children for stack in stacks if stack is not None and stack.children]
        if len(layers) < 2 or {c.kind for c in (*layers[0], *layers[1])} != _LAYERS:
            return None
        first = self.transformer_layer(layers[0][0], None)
        counts = [sum(child.times for child in children) for children in layers]
        named: dict[str, Written | Item] = {**first.arguments}
        named |= {"num_encoder_layers": counts[0], "num_decoder_layers": counts[1]}
        return layer_of("Transformer", (), named, line=module.line, name=name)

    def heads(self, width: object) -> int:
        """A number of heads, where print() hides it: of width 64 where that divides, else 1."""
        whole = width if isinstance(width, int) and width > 0 else 1
        found = whole // HEAD_WIDTH if whole % HEAD_WIDTH == 0 else 1
        heads = max(1, found)
        self.notes[
            f"print() hides the number of attention heads: {heads} are taken, as for a head "
            f"width of {HEAD_WIDTH}."
            if whole % HEAD_WIDTH == 0
            else "print() hides the number of attention heads: one is taken."
        ] = None
        return heads

    def attention(self, module: Module, name: str | None) -> Layer:
        """A MultiheadAttention from its own record, or from its output projection."""
        named = dict(module.named)
        out = module.child("out_proj")
        if "num_heads" not in named:
            width = out.named.get("in_features") if out is not None else None
            named = {"embed_dim": width, "num_heads": self.heads(width), "batch_first": True}
            named["bias"] = out.named.get("bias", True) if out is not None else True
        return layer_of("MultiheadAttention", (), named, line=module.line, name=name)

    def stack(self, module: Module, name: str | None) -> Item:
        """A TransformerEncoder or -Decoder: its layers, then its norm."""
        self.notes[COPIES] = None
        layers, norm = module.child("layers"), module.child("norm")
        if layers is None:
            raise NotANetwork(reason=f"{_where(module)} has no layers.")
        items: list[Item] = [
            Sequence(items=tuple(self.items(layers)), line=layers.line, name="layers")
        ]
        if norm is not None:
            items.append(self.item(norm, "norm"))
        return Sequence(items=tuple(items), line=module.line, name=name)


def _where(module: Module) -> str:
    return module.kind if module.line is None else f"{module.kind} on line {module.line}"
