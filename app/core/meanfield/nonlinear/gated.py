"""One step of a recurrent cell on draws of a channel: forward, and what its gradient is sent back.

Each gate's input is a Gaussian sum over the input and the state with weights of its own, so the
gates of one channel are independent of each other. What they multiply, the channel's own state, is
not: its draws are kept from step to step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from scipy import special

from app.core.meanfield.nonlinear.nonlinearities import Array

Sum: TypeAlias = Literal["both", "given", "kept"]
"""Whether a gate's Gaussian is a sum over the input and the state, over one or over the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """Gradients that one step sends back, for each draw of its channel."""

    given: Array  # of the gates' sums over the input, [gates, draws, 2, …]
    kept: Array  # of their sums over the state
    state: Array  # of the channel's own state before, [draws, 2, …]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A kind of recurrent cell."""

    sums: tuple[Sum, ...]  # of its gates
    forward: Callable[[Array, Array], tuple[Array, Array]]
    """Gates [gates, draws, 2, …] and the state before → the output and the state after."""
    back: Callable[[Array, Array, Array, Array, Array], Back]
    """Gates, state before and after, gradients of the output and of the state after → back."""


def _lstm(u: Array, before: Array) -> tuple[Array, Array]:
    taken, kept, opened = special.expit(u[0]), special.expit(u[1]), special.expit(u[3])
    after = kept * before + taken * np.tanh(u[2])
    return opened * np.tanh(after), after


def _lstm_back(u: Array, before: Array, after: Array, arrived: Array, state: Array) -> Back:
    taken, kept, opened = special.expit(u[0]), special.expit(u[1]), special.expit(u[3])
    fresh, shown = np.tanh(u[2]), np.tanh(after)
    whole = state + arrived * opened * (1 - shown**2)
    gates = np.stack(
        [
            whole * fresh * taken * (1 - taken),
            whole * before * kept * (1 - kept),
            whole * taken * (1 - fresh**2),
            arrived * shown * opened * (1 - opened),
        ]
    )
    return Back(given=gates, kept=gates, state=whole * kept)


def _gru(u: Array, before: Array) -> tuple[Array, Array]:
    held = special.expit(u[1])
    after = (1 - held) * np.tanh(u[2] + special.expit(u[0]) * u[3]) + held * before
    return after, after


def _gru_back(u: Array, before: Array, after: Array, arrived: Array, state: Array) -> Back:
    del after
    reset, held = special.expit(u[0]), special.expit(u[1])
    fresh = np.tanh(u[2] + reset * u[3])
    whole = state + arrived
    new = whole * (1 - held) * (1 - fresh**2)
    closing = new * u[3] * reset * (1 - reset)
    holding = whole * (before - fresh) * held * (1 - held)
    return Back(
        given=np.stack([closing, holding, new]),
        kept=np.stack([closing, holding, new * reset]),
        state=whole * held,
    )


def _plain(value: Callable[[Array], Array], slope: Callable[[Array], Array]) -> Cell:
    def forward(u: Array, before: Array) -> tuple[Array, Array]:
        del before
        after = value(u[0])
        return after, after

    def back(u: Array, before: Array, after: Array, arrived: Array, state: Array) -> Back:
        del before, after
        gates = ((arrived + state) * slope(u[0]))[None]
        return Back(given=gates, kept=gates, state=np.zeros_like(u[0]))

    return Cell(sums=("both",), forward=forward, back=back)


CELLS: Final[dict[str, Cell]] = {
    "lstm": Cell(sums=("both",) * 4, forward=_lstm, back=_lstm_back),
    "gru": Cell(sums=("both", "both", "given", "kept"), forward=_gru, back=_gru_back),
    "rnn_tanh": _plain(np.tanh, lambda u: 1 - np.tanh(u) ** 2),
    "rnn_relu": _plain(lambda u: np.maximum(u, 0.0), lambda u: (u > 0).astype(np.float64)),
}
"""Of torch's operators; gates are in torch's order.

Source:
    torch.nn.LSTM, GRU and RNN, torch 2.13.
"""
