"""The layers of torch.nn's Transformer: attention, feed-forward and norms in torch's order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.architecture.activations import POINTWISE
from app.architecture.attention import (
    Heads,
    attended,
    expect_sequence,
    multihead,
)
from app.architecture.building import Given, Place, Rule, Signal
from app.architecture.dense import first_dimension
from app.architecture.norms import EPS
from app.core.arguments import Argument, Arguments

Own = Mapping[str, Signal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One encoder or decoder layer: where it stands, its parameters, its settings."""

    at: Place
    own: Own
    width: int
    wide: int
    heads: Heads
    eps: float
    first: bool  # norm_first
    activation: str

    def part(self, name: str) -> dict[str, Signal]:
        """The parameters of a module inside."""
        return _below(self.own, f"{name}.")

    def norm(self, number: int, x: Signal) -> Signal:
        """A LayerNorm of the layer."""
        name = f"norm{number}"
        arguments: dict[str, Given] = {"input": x, "normalized_shape": (self.width,)}
        arguments |= self.part(name) | ({} if self.eps == EPS else {"eps": self.eps})
        return self.at.inside(name, "LayerNorm").op("layer_norm.default", arguments, x.shape)

    def dropped(self, name: str, x: Signal) -> Signal:
        """A Dropout of the layer."""
        p = self.heads.dropout
        if not p:
            return x
        arguments: dict[str, Given] = {"input": x, "p": p, "train": True}
        return self.at.inside(name, "Dropout").op("dropout.default", arguments, x.shape)

    def attention(self, name: str, x: Signal, memory: Signal) -> Signal:
        """Attention and the dropout behind it."""
        heads = replace(self.heads, causal=self.heads.causal and name == "self_attn")
        at = self.at.inside(name, "MultiheadAttention")
        mixed = attended(at, self.part(name), heads, x, memory)
        return self.dropped("dropout1" if name == "self_attn" else "dropout2", mixed)

    def forward(self, x: Signal, dropout: str) -> Signal:
        """The two linear layers with their activation."""
        inner: dict[str, Given] = {"input": x, **self.part("linear1")}
        shape = (*x.shape[:-1], self.wide)
        up = self.at.inside("linear1", "Linear").op("linear.default", inner, shape)
        op, _ = POINTWISE[self.activation]
        bent = self.at.inside("activation", self.activation).op(op, {"self": up}, shape)
        thin = self.dropped("dropout", bent)
        outer: dict[str, Given] = {"input": thin, **self.part("linear2")}
        down = self.at.inside("linear2", "Linear").op("linear.default", outer, x.shape)
        return self.dropped(dropout, down)

    def added(self, x: Signal, branch: Signal, number: int) -> Signal:
        """The residual sum."""
        arguments: dict[str, Given] = {"self": x, "other": branch}
        return self.at.op("add.Tensor", arguments, x.shape, part=f"add {number}")


def _below(own: Own, prefix: str) -> dict[str, Signal]:
    return {name[len(prefix) :]: value for name, value in own.items() if name.startswith(prefix)}


def _block(at: Place, given: Arguments, own: Own) -> Block:
    heads = Heads(
        count=given.size("nhead", 8),
        dropout=given.number("dropout", 0.1),
        causal=given.flag("causal", default=False),
    )
    return Block(
        at=at,
        own=own,
        width=given.size("d_model", 512),
        wide=given.size("dim_feedforward", 2048),
        heads=heads,
        eps=given.number("layer_norm_eps", EPS),
        first=given.flag("norm_first", default=False),
        activation={"relu": "ReLU", "gelu": "GELU"}[given.word("activation", "relu", "gelu")],
    )


def _encoded(block: Block, x: Signal) -> Signal:
    if block.first:
        normed = block.norm(1, x)
        x = block.added(x, block.attention("self_attn", normed, normed), 1)
        return block.added(x, block.forward(block.norm(2, x), "dropout2"), 2)
    x = block.norm(1, block.added(x, block.attention("self_attn", x, x), 1))
    return block.norm(2, block.added(x, block.forward(x, "dropout2"), 2))


def _decoded(block: Block, x: Signal, memory: Signal) -> Signal:
    if block.first:
        normed = block.norm(1, x)
        x = block.added(x, block.attention("self_attn", normed, normed), 1)
        x = block.added(x, block.attention("multihead_attn", block.norm(2, x), memory), 2)
        return block.added(x, block.forward(block.norm(3, x), "dropout3"), 3)
    x = block.norm(1, block.added(x, block.attention("self_attn", x, x), 1))
    x = block.norm(2, block.added(x, block.attention("multihead_attn", x, memory), 2))
    return block.norm(3, block.added(x, block.forward(x, "dropout3"), 3))


def _drawn(at: Place, given: Arguments) -> dict[str, Signal]:
    arguments: dict[str, Argument] = {n: v for n, v in given.given.items() if n != "causal"}
    return at.drawn(at.kind, arguments)


def _encoder_layer(at: Place, given: Arguments, x: Signal) -> Signal:
    expect_sequence(at, x, given.size("d_model"))
    first_dimension(at, given)
    return _encoded(_block(at, given, _drawn(at, given)), x)


def _memory(at: Place, x: Signal) -> Signal:
    at.note("The decoder's memory is an input of its own, as long as the signal.")
    return at.building.give("memory", x.inner)


def _decoder_layer(at: Place, given: Arguments, x: Signal) -> Signal:
    expect_sequence(at, x, given.size("d_model"))
    first_dimension(at, given)
    return _decoded(_block(at, given, _drawn(at, given)), x, _memory(at, x))


def _transformer(at: Place, given: Arguments, x: Signal) -> Signal:
    """Both stacks: the signal is the source, the target an input of its own."""
    width = given.size("d_model", 512)
    expect_sequence(at, x, width)
    first_dimension(at, given)
    for name in ("custom_encoder", "custom_decoder"):
        if given.value(name) is not None:
            at.refuse(f"has a {name}; describe its layers instead.")
    kept = {n: v for n, v in given.given.items() if not n.startswith("custom_")}
    own = at.drawn("Transformer", kept)
    at.note("The Transformer's target is an input of its own, as long as the source.")
    memory, signal = x, at.building.give("target", x.inner)
    for half in ("encoder", "decoder"):
        stack = at.inside(half, f"Transformer{half.capitalize()}")
        for number in range(given.size(f"num_{half}_layers", 6)):
            name = f"layers.{number}"
            inner = stack.inside(name, f"{stack.kind}Layer")
            block = _block(inner, given, _below(own, f"{half}.{name}."))
            if half == "encoder":
                memory = _encoded(block, memory)
            else:
                signal = _decoded(block, signal, memory)
        norm = _below(own, f"{half}.norm.")
        last = signal if half == "decoder" else memory
        arguments: dict[str, Given] = {"input": last, "normalized_shape": (width,), **norm}
        eps = given.number("layer_norm_eps", EPS)
        arguments |= {} if eps == EPS else {"eps": eps}
        ended = stack.inside("norm", "LayerNorm").op("layer_norm.default", arguments, last.shape)
        memory, signal = (ended, signal) if half == "encoder" else (memory, ended)
    return signal


ATTENTION: dict[str, Rule] = {
    "MultiheadAttention": multihead,
    "TransformerEncoderLayer": _encoder_layer,
    "TransformerDecoderLayer": _decoder_layer,
    "Transformer": _transformer,
}
