"""Recurrent layers against networks that torch draws, and against what must be exact."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import Tensor, nn

from tests.theory_checks import agrees, exported_theory, last, predicted, sampled

# What theory leaves out of a layer of 128 units is of the order of 1/128; of 4096 draws of gates
# that are nearly linear √(2/8192) = 1.6 % of a mean square: 3 % in all.
FINITE = 0.03

LAYERS = {
    "LSTM(32, 128, batch_first=True)": lambda: nn.LSTM(32, 128, batch_first=True),
    "GRU(32, 128, batch_first=True)": lambda: nn.GRU(32, 128, batch_first=True),
    "RNN(32, 128, batch_first=True)": lambda: nn.RNN(32, 128, batch_first=True),
    "RNN(32, 128, nonlinearity='relu', batch_first=True)": lambda: nn.RNN(
        32, 128, nonlinearity="relu", batch_first=True
    ),
    "GRU(32, 128, 2, bidirectional=True, batch_first=True)": lambda: nn.GRU(
        32, 128, 2, bidirectional=True, batch_first=True
    ),
    "LSTM(32, 128, 2, bias=False, batch_first=True)": lambda: nn.LSTM(
        32, 128, 2, bias=False, batch_first=True
    ),
}


@functools.cache
def networks(text):
    return sampled(LAYERS[text], (10, 32))


@pytest.mark.parametrize("text", LAYERS)
def test_outputs_have_the_mean_square_of_drawn_layers(text):
    found = last(f"input: [10, 32]\n{text}")
    drawn = networks(text)
    assert agrees(found.rms**2, drawn.squares, finite=FINITE)


@pytest.mark.parametrize("text", LAYERS)
def test_gradients_have_the_mean_square_of_drawn_layers(text):
    """Two steps share gates and later gradients: of two layers that is a fifth of the rms."""
    found = predicted(f"input: [10, 32]\n{text}").gradients["input"]
    drawn = networks(text)
    assert agrees(found, drawn.gradients, finite=2 * FINITE)


def test_a_plain_layer_without_recurrence_is_a_linear_map_and_tanh():
    """At the first step the state is zero: tanh of N(0, 1/3 + 2/(3n)) at torch's default."""
    found = last("input: [1, 128]\nRNN(128, 128, batch_first=True)")
    exact = last("input: [128]\nLinear(128, 128)\nTanh()", scheme="torch_default")
    # The linear layer has one bias, the recurrent one two; 4096 draws of tanh², as above.
    extra = 1 / (3 * 128)
    assert found.rms**2 == pytest.approx(exact.rms**2 + extra, rel=0.03)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_a_cell_is_a_layer_of_one_step(kind):
    cell = last(f"input: [64]\n{kind}Cell(64, 96)")
    layer = last(f"input: [1, 64]\n{kind}(64, 96, batch_first=True)")
    # Both by 4096 draws of their own: √2·1.6 % of a mean square is 1.1 % of its root.
    assert cell.rms == pytest.approx(layer.rms, rel=0.03)


@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
def test_projections_make_the_output_gaussian_sums_of_the_hidden_units():
    text = "input: [8, 32]\nLSTM(32, 128, proj_size=64, batch_first=True)"
    drawn = sampled(lambda: nn.LSTM(32, 128, proj_size=64, batch_first=True), (8, 32))
    assert agrees(last(text).rms ** 2, drawn.squares, finite=FINITE)


def test_what_the_inputs_share_stays_when_they_are_dropped_between_layers():
    text = "input: [6, 64]\nLSTM(64, 64, 2, dropout=0.5, batch_first=True)"
    with_dropout, without = last(text), last(text, training=False)
    assert with_dropout.rms > without.rms


def test_a_long_course_is_not_predicted():
    found = predicted("input: [300, 8]\nLSTM(8, 8, batch_first=True)")
    assert [stop.reason for stop in found.stops] == ["a recurrent layer over more than 256 steps"]


@pytest.mark.parametrize("end", [0, 1])
def test_the_last_state_of_the_last_layer_is_followed_there_and_back(end):
    """h_n[-1] and c_n[-1] of a stack of two, as classifiers take them."""

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.LSTM(32, 96, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.layers(x)[1][end][-1]

    found = exported_theory(Last, torch.randn(2, 8, 32))
    drawn = sampled(Last, (8, 32))
    assert not found.stops
    select = [one for name, one in found.nodes.items() if "select" in name][-1]
    assert agrees(select.rms**2, drawn.squares, finite=FINITE)
    assert agrees(found.gradients["x"], drawn.gradients, finite=2 * FINITE)


def test_cells_one_after_another_are_followed():
    """Three steps of one GRU cell; what a gate shares with the steps before is left out."""

    class Cells(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.GRUCell(32, 128)

        def forward(self, x: Tensor) -> Tensor:
            state = torch.zeros(len(x), 128)
            for at in range(3):
                state = self.cell(x[:, at], state)
            return state

    found = exported_theory(Cells, torch.randn(2, 3, 32))
    drawn = sampled(Cells, (3, 32))
    # At torch's default the gates hardly vary: what they share with the state is 5 % at most.
    assert agrees(list(found.nodes.values())[-1].rms ** 2, drawn.squares, finite=0.05)
    assert agrees(found.gradients["x"], drawn.gradients, finite=0.05)
