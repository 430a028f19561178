"""Recurrent layers and cells; the state begins at zero."""

from __future__ import annotations

from collections.abc import Mapping

from app.architecture.building import Given, Place, Rule, Signal
from app.architecture.dense import expect_features, first_dimension, shown
from app.core.arguments import Arguments

_LAYERS = {"LSTM": "lstm.input", "GRU": "gru.input"}


def _batch(at: Place, x: Signal) -> Signal:
    return at.op("sym_size.int", {"self": x, "dim": 0}, (), part="batch")


def _zeros(
    at: Place, x: Signal, shapes: Mapping[str, tuple[int, ...]], place: int
) -> tuple[Signal, ...]:
    """Zeros of these shapes, with the batch at one place."""
    batch = _batch(at, x)
    return tuple(
        at.op(
            "new_zeros.default",
            {"self": x, "size": (*sizes[:place], batch, *sizes[place + 1 :])},
            sizes,
            part=f"first {name}",
        )
        for name, sizes in shapes.items()
    )


def _layers(at: Place, given: Arguments, x: Signal) -> Signal:
    """A stack of recurrent layers over (time, features); all its outputs go on."""
    if len(x.shape) != 3:
        at.refuse(f"expects (time, features); {shown(x)} arrives from {x.source}.")
    expect_features(at, x, given.size("input_size"))
    own = at.drawn(at.kind, given.given)
    hidden, layers = given.size("hidden_size"), given.size("num_layers", 1)
    both = given.flag("bidirectional", default=False)
    projected = given.size("proj_size", 0, least=0) or hidden
    first_dimension(at, given)
    batch, time, ways = x.shape[0], x.shape[1], 2 if both else 1
    states = {"state": (layers * ways, batch, projected)}
    if at.kind == "LSTM":
        states["cell"] = (layers * ways, batch, hidden)
    first = _zeros(at, x, states, 1)
    arguments: dict[str, Given] = {
        "input": x,
        "hx": first if at.kind == "LSTM" else first[0],
        "params": tuple(own.values()),
        "has_biases": given.flag("bias", default=True),
        "num_layers": layers,
        "dropout": given.number("dropout", 0.0),
        "train": True,
        "bidirectional": both,
        "batch_first": True,
    }
    op = _LAYERS.get(at.kind) or f"rnn_{given.word('nonlinearity', 'tanh', 'relu')}.input"
    shape = (batch, time, projected * ways)
    return at.ops(op, arguments, (shape, *states.values()), unused=len(states))[0]


def _cell(at: Place, given: Arguments, x: Signal) -> Signal:
    if len(x.shape) != 2:
        at.refuse(f"expects (features,); {shown(x)} arrives from {x.source}.")
    expect_features(at, x, given.size("input_size"))
    own = at.drawn(at.kind, given.given)
    shape = (x.shape[0], given.size("hidden_size"))
    lstm = at.kind == "LSTMCell"
    first = _zeros(at, x, {"state": shape, "cell": shape} if lstm else {"state": shape}, 0)
    short = {"weight_ih": "w_ih", "weight_hh": "w_hh", "bias_ih": "b_ih", "bias_hh": "b_hh"}
    arguments: dict[str, Given] = {"input": x, "hx": first if lstm else first[0]}
    arguments |= {short[name]: value for name, value in own.items()}
    if lstm:
        return at.ops("lstm_cell.default", arguments, (shape, shape), unused=1)[0]
    if at.kind == "GRUCell":
        return at.op("gru_cell.default", arguments, shape)
    word = given.word("nonlinearity", "tanh", "relu")
    return at.op(f"rnn_{word}_cell.default", arguments, shape)


RECURRENT: dict[str, Rule] = {
    **dict.fromkeys(("RNN", "LSTM", "GRU"), _layers),
    **dict.fromkeys(("RNNCell", "LSTMCell", "GRUCell"), _cell),
}
