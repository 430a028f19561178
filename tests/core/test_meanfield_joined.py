"""Pieces, joints and shuffles of channels and places."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.theory_checks import exported_theory, last, predicted


def of(function, *shape, make=None):
    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(8, 16, 1, bias=False)
            self.other = nn.Conv2d(8, 16, 1, bias=False)
            self.token = nn.Parameter(2 * torch.ones(1, 1, 16))

        def forward(self, x: Tensor) -> Tensor:
            return function(self, x)

    return exported_theory(make or Plain, torch.randn(2, *(shape or (8, 4, 4))))


def test_a_token_in_front_has_its_own_moments():
    """17 tokens, of which one is 2 for every input and 16 have 1/3."""

    def tokens(net: nn.Module, x: Tensor) -> Tensor:
        x = net.conv(x).flatten(2).transpose(1, 2)
        return torch.cat([net.token.expand(len(x), -1, -1), x], 1)

    found = list(of(tokens).nodes.values())[-1]
    assert found.rms**2 == pytest.approx((4 + 16 / 3) / 17, rel=1e-6)
    assert found.mean == pytest.approx(2 / 17, rel=1e-6)


def test_the_token_is_found_again():
    def first(net: nn.Module, x: Tensor) -> Tensor:
        x = net.conv(x).flatten(2).transpose(1, 2)
        return torch.cat([net.token.expand(len(x), -1, -1), x], 1)[:, 0]

    assert list(of(first).nodes.values())[-1].rms == pytest.approx(2.0, rel=1e-6)


def test_stacked_signals_are_places_of_their_own():
    found = of(lambda net, x: torch.stack([net.conv(x), 3 * net.other(x)], 1))
    end = list(found.nodes.values())[-1]
    assert end.rms**2 == pytest.approx((1 / 3 + 9 / 3) / 2, rel=1e-9)
    assert found.gradients["x"] == pytest.approx((16 / 24) * (1 + 9), rel=1e-6)


def test_what_is_stacked_comes_apart_again():
    def second(net: nn.Module, x: Tensor) -> Tensor:
        return 2 * torch.stack([net.conv(x), 3 * net.other(x)], 1).unbind(1)[1]

    assert list(of(second).nodes.values())[-1].rms ** 2 == pytest.approx(12.0, rel=1e-9)


def test_chosen_places_keep_their_moments():
    def chosen(net: nn.Module, x: Tensor) -> Tensor:
        return net.conv(x).index_select(2, torch.tensor([0, 3]))

    found = of(chosen)
    assert list(found.nodes.values())[-1].rms ** 2 == pytest.approx(1 / 3, rel=1e-9)
    assert found.gradients["x"] == pytest.approx(16 / 24 / 2, rel=1e-6)  # half of the places


def test_parts_of_one_signal_are_not_joined_along_places():
    found = of(lambda net, x: torch.cat([net.conv(x)[:, :, :2], net.other(x)[:, :, 2:]], 2))
    assert not found.stops

    def again(net: nn.Module, x: Tensor) -> Tensor:
        y = net.conv(x)
        return torch.cat([y[:, :, 2:], y[:, :, :2]], 2)

    (stop,) = of(again).stops
    assert "depend on each other" in stop.reason


def test_two_calls_of_one_layer_are_not_taken_for_two_layers():
    (stop,) = of(lambda net, x: net.conv(x) + net.conv(x)).stops
    assert stop.reason == "a sum of signals that depend on each other"


def test_the_gradients_of_a_signal_that_is_joined_to_itself_add_up():
    once = of(lambda net, x: torch.cat([net.conv(x), net.other(x)], 1))
    twice = of(lambda net, x: torch.cat([y := net.conv(x), y], 1))
    assert twice.gradients["x"] == pytest.approx(once.gradients["x"], rel=1e-9)


def test_places_that_hold_one_number_share_everything():
    def spread(net: nn.Module, x: Tensor) -> Tensor:
        return net.conv(x.mean((2, 3), keepdim=True)).expand(-1, -1, 4, 4).mean((2, 3))

    assert list(of(spread).nodes.values())[-1].rms ** 2 == pytest.approx(1 / 48, rel=1e-9)


def test_shuffled_channels_are_independent_neighbours():
    """The mean over a block of 2 × 2 has a quarter of the variance, as its places are channels."""
    found = last("input: [16, 1, 1]\nPixelShuffle(2)\nAvgPool2d(2)")
    assert found.rms**2 == pytest.approx(1 / 4, rel=1e-12)


def test_an_unshuffle_turns_a_shuffle_back():
    found = predicted("input: [16, 3, 3]\nConv2d(16, 16, 3, padding=1)\nPixelShuffle(2)\n"
                      "PixelUnshuffle(2)")  # fmt: skip
    before, *_, after = found.nodes.values()
    assert (after.rms, after.input_share) == pytest.approx((before.rms, before.input_share))
    assert before.grad_rms == pytest.approx(1.0)


def test_a_rolled_map_has_the_same_moments():
    found = of(lambda net, x: net.conv(x).roll((1, 2), (2, 3)))
    assert list(found.nodes.values())[-1].rms ** 2 == pytest.approx(1 / 3, rel=1e-12)


def test_a_sum_over_channels_has_their_variances():
    found = of(lambda net, x: net.conv(x).sum(1))
    assert list(found.nodes.values())[-1].rms ** 2 == pytest.approx(16 / 3, rel=1e-9)


def test_positions_are_the_same_for_every_input():
    """Two tables of N(0,1): 1 + 1 in all, of which the inputs differ by the tokens' alone."""

    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = nn.Embedding(1000, 64), nn.Embedding(16, 64)

        def forward(self, x: Tensor) -> Tensor:
            return self.tokens(x) + self.places(torch.arange(x.shape[1]))

    found = exported_theory(Positions, torch.randint(0, 1000, (2, 16)))
    end = list(found.nodes.values())[-1]
    assert end.rms**2 == pytest.approx(2.0, rel=1e-9)
    assert end.input_share**2 == pytest.approx((1 - 1 / 1000) / 2, rel=1e-9)
