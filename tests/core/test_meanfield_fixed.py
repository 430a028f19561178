"""Fixed numbers on the way, parameters before they meet a signal, and the mode of a network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from app.core.meanfield.fixed import FixedNumbers
from tests.exported_models import program, saved
from tests.graph_running import read, results
from tests.theory_checks import exported_theory


class Positions(nn.Module):
    """Masks and angles in every way that decoders make them."""

    def forward(self, x: Tensor) -> Tensor:
        count = x.shape[1]
        at = torch.arange(count)
        rates = 1 / 100.0 ** (torch.arange(0, 8, 2) / 8)
        angles = at.float()[:, None] * rates[None, :]
        both = torch.cat([angles, angles], -1)
        causal = torch.full((count, count), float("-inf")).triu(1)
        seen = (at[:, None] >= at[None, :]) & torch.ones(count, count).tril().bool()
        picked = torch.where(seen, both.cos().sum(), both.sin().sum())
        windows = torch.zeros(count, count).masked_fill(seen, 1.0).roll(1, 0).flip(1)
        return x + (causal.exp() + picked + windows).mean() + both.cumsum(0).mean()


def test_what_is_calculated_is_what_torch_gives():
    given = torch.randn(2, 6)
    graph, held = read(saved(program(Positions().eval(), (given,))))
    numbers = FixedNumbers(graph, {})
    followed = [node for node in graph.nodes if numbers.follow(node)]
    live = results(graph, held, (given,))
    assert len(followed) > 12
    for node in followed:
        for name in filter(None, node.results):
            expected = live[name].numpy() if isinstance(live[name], Tensor) else live[name]
            np.testing.assert_allclose(numbers.values[name], expected, rtol=1e-5, atol=1e-6)


def test_signals_are_no_fixed_numbers():
    graph, _ = read(saved(program(nn.Linear(4, 4).eval(), (torch.randn(2, 4),))))
    numbers = FixedNumbers(graph, {})
    assert not any(numbers.follow(node) for node in graph.nodes)


def test_a_network_that_was_exported_for_evaluation_is_predicted_as_it_trains():
    """Its batch norm takes the batch's statistics, as a measurement in training has it."""

    def make() -> nn.Module:
        return nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.Dropout(0.5))

    training = exported_theory(make, torch.randn(2, 64))
    evaluation = exported_theory(make, torch.randn(2, 64), training=False)
    assert training.nodes["1"].std == pytest.approx(1.0, rel=1e-3)
    assert evaluation.nodes["1"].std == pytest.approx(evaluation.nodes["0"].std, rel=1e-4)
    assert training.nodes["2"].rms ** 2 == pytest.approx(2 * training.nodes["1"].rms ** 2)


def test_a_weight_that_has_one_added_is_a_weight_of_another_mean():
    """Gemma's norms: x·(1 + w) with w = 0 is x."""

    class Norm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(16))

        def forward(self, x: Tensor) -> Tensor:
            return x * (1.0 + self.weight)

    found = exported_theory(Norm, torch.randn(2, 16), own=True)
    assert list(found.nodes.values())[-1].rms == pytest.approx(1.0, rel=1e-12)


def test_a_rotation_by_fixed_angles_keeps_the_size():
    """Rotary positions: x cos + x' sin of two halves, at each place by an angle of its own."""

    class Rotary(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(16, 16, bias=False)
            self.register_buffer("rates", 1 / 100.0 ** (torch.arange(0, 16, 2) / 16))

        def forward(self, x: Tensor) -> Tensor:
            x = self.linear(x)
            angles = torch.arange(x.shape[1])[:, None] * self.rates
            angles = torch.cat([angles, angles], -1)
            turned = torch.cat([-x[..., 8:], x[..., :8]], -1)
            return x * angles.cos() + turned * angles.sin()

    found = exported_theory(Rotary, torch.randn(2, 12, 16))
    first, *_, end = found.nodes.values()
    assert end.rms == pytest.approx(first.rms, rel=1e-9)
    assert first.grad_rms == pytest.approx(1.0, rel=1e-6)
