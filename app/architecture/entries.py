"""What a network is given where its text does not say: by the first layer."""

from __future__ import annotations

from app.architecture.limits import MOST_VALUES
from app.architecture.plan import Entry, Item, Layer, Parallel, Plan, Sequence
from app.core.arguments import Arguments
from app.errors import Invalid, NotANetwork

TOKENS, STEPS = 64, 16
_SIDES: dict[int, tuple[int, ...]] = {1: (64,), 2: (32, 32), 3: (16, 16, 16)}
_FEATURES = {
    "Linear": "in_features",
    "Bilinear": "in1_features",
    "LayerNorm": "normalized_shape",
    "RMSNorm": "normalized_shape",
    "BatchNorm1d": "num_features",
    "RNNCell": "input_size",
    "LSTMCell": "input_size",
    "GRUCell": "input_size",
}
_STEPPED = {
    "RNN": "input_size",
    "LSTM": "input_size",
    "GRU": "input_size",
    "MultiheadAttention": "embed_dim",
    "TransformerEncoderLayer": "d_model",
    "TransformerDecoderLayer": "d_model",
    "Transformer": "d_model",
}
_CHANNELS = {"Conv": "in_channels", "Batc": "num_features", "Inst": "num_features"}


def entry_of(plan: Plan) -> tuple[Entry, str | None]:
    """The input, and a sentence where it was chosen and not told.

    Raises:
        NotANetwork: If nothing tells it, or it is too large.
    """
    if plan.entry is not None:
        return plan.entry, None
    first = _first(plan.body)
    if first is None:
        raise NotANetwork(
            reason="no layer tells what the network is given; begin with a line such as "
            "`input: [512]`, or with a layer such as Linear(512, 512)."
        )
    try:
        return _by_layer(first)
    except Invalid as wrong:
        where = "" if first.line is None else f"line {first.line}: "
        raise NotANetwork(reason=f"{where}{wrong.message}") from wrong


def checked(shape: tuple[int, ...], line: int | None) -> tuple[int, ...]:
    """An input's shape, which must not be too large."""
    total = 1
    for size in shape:
        total *= size
    if total > MOST_VALUES:
        where = "" if line is None else f" on line {line}"
        raise NotANetwork(
            reason=f"the input{where} has {total:,} values; expected at most {MOST_VALUES:,}."
        )
    return shape


def _first(item: Item) -> Layer | None:
    """The layer that meets the input; one that takes any shape is passed over."""
    if isinstance(item, Layer):
        inner = item.items[0] if item.items else item
        return inner if isinstance(inner, Layer) else None
    if isinstance(item, Sequence):
        found = (_first(one) for one in item.items)
        return next((layer for layer in found if layer is not None and _told(layer)), None)
    if isinstance(item, Parallel):
        found = (_first(one) for one in item.branches)
        return next((layer for layer in found if layer is not None), None)
    return _first(item.body)


def _told(layer: Layer) -> bool:
    """Whether a layer tells what it takes, or ends the search because it changes the shape."""
    return layer.kind not in {
        "Identity", "Dropout", "ReLU", "Tanh", "Sigmoid", "GELU", "SiLU", "ELU", "SELU", "Scale"
    }  # fmt: skip


def _by_layer(layer: Layer) -> tuple[Entry, str | None]:
    given = Arguments(layer.kind, layer.arguments)
    kind = layer.kind
    if kind in _FEATURES:
        return Entry(shape=given.shape(_FEATURES[kind])), None
    if kind in _STEPPED:
        shape: tuple[int, ...] = (STEPS, given.size(_STEPPED[kind]))
        return Entry(shape=shape), _chosen(f"{STEPS} steps of {shape[1]} features", shape)
    if kind in {"Embedding", "EmbeddingBag"}:
        rows = given.size("num_embeddings")
        note = (
            f"The input is taken as {TOKENS} token ids below {rows:,}; begin with "
            f"`input: {{tokens: {TOKENS}, vocabulary: {rows}}}` to change that."
        )
        return Entry(tokens=TOKENS, vocabulary=rows), note
    name = _CHANNELS.get(kind[:4])
    if name is not None and kind[-1] == "d":
        sides = _SIDES[int(kind[-2])]
        shape = (given.size(name), *sides)
        return Entry(shape=shape), _chosen(f"{shape[0]} channels of {_by(sides)}", shape)
    raise NotANetwork(
        reason=f"{layer.text} does not tell what the network is given; begin with a line such as "
        "`input: [512]` or `input: [3, 32, 32]`."
    )


def _by(sides: tuple[int, ...]) -> str:
    return " by ".join(str(side) for side in sides)


def _chosen(words: str, shape: tuple[int, ...]) -> str:
    inner = ", ".join(str(size) for size in shape)
    return f"The input is taken as {words}; begin with `input: [{inner}]` to change that."
