"""Functions that are written out, against the same function in one piece."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from app.core.meanfield.nonlinear.gaussian import moments
from app.core.meanfield.nonlinear.nonlinearities import nonlinearity
from tests.theory_checks import exported_theory, last


class Written(nn.Module):
    """A linear map and a function of its result."""

    def __init__(self, function) -> None:
        super().__init__()
        self.linear = nn.Linear(16, 16, bias=False)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.linear(x))


def theory_of(function):
    return exported_theory(lambda: Written(function), torch.randn(2, 16))


VARIANCE = 1 / 3  # of torch's default with unit inputs, less what is in a bias
WRITTEN = {
    "SiLU": lambda x: x * torch.sigmoid(x),
    "Softsign": lambda x: x / (1 + x.abs()),
    "Tanhshrink": lambda x: x - torch.tanh(x),
    "Hardswish": lambda x: x * F.relu6(x + 3) / 6,
    "Mish": lambda x: x * torch.tanh(F.softplus(x)),
    "square": lambda x: x * x,
    "LogSigmoid": lambda x: -torch.log(1 + torch.exp(-x)),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_function_that_is_written_out_has_the_moments_of_the_whole(name):
    found = list(theory_of(WRITTEN[name]).nodes.values())[-1]
    exact = moments(nonlinearity(name), variance=VARIANCE)
    assert found.mean == pytest.approx(exact.mean, rel=1e-6, abs=1e-9)
    assert found.rms**2 == pytest.approx(exact.second, rel=1e-6)


@pytest.mark.parametrize("name", WRITTEN)
def test_its_gradient_is_that_of_the_whole(name):
    found = next(iter(theory_of(WRITTEN[name]).nodes.values()))
    exact = moments(nonlinearity(name), variance=VARIANCE)
    assert found.grad_rms**2 == pytest.approx(exact.slope_second, rel=1e-5)


def test_gelu_by_tanh_in_eight_operations():
    def gelu(x: Tensor) -> Tensor:
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))
        return 0.5 * x * (1.0 + torch.tanh(inner))

    found = list(theory_of(gelu).nodes.values())[-1]
    exact = moments(nonlinearity("GELU", {"approximate": "tanh"}), variance=VARIANCE)
    assert (found.mean, found.rms**2) == pytest.approx((exact.mean, exact.second), rel=1e-6)


def test_an_exponential_is_log_normal():
    found = list(theory_of(torch.exp).nodes.values())[-1]
    assert found.mean == pytest.approx(math.exp(VARIANCE / 2), rel=1e-9)
    assert found.rms**2 == pytest.approx(math.exp(2 * VARIANCE), rel=1e-9)


@pytest.mark.parametrize("function", [torch.log, torch.rsqrt, torch.reciprocal])
def test_a_function_that_leaves_its_domain_stops_theory(function):
    (stop,) = theory_of(function).stops
    assert "signal that" in stop.reason


def test_signals_that_depend_on_each_other_are_no_independent_factors():
    (stop,) = theory_of(lambda x: x * x.roll(1, 1) if x.dim() > 2 else x * F.dropout(x)).stops
    assert stop.reason == "a product of signals that depend on each other"


def test_a_norm_that_is_written_out_is_the_norm():
    def norm(x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)

    found = list(theory_of(norm).nodes.values())[-1]
    assert found.rms == pytest.approx(1.0, rel=1e-5)


def test_a_layer_norm_that_is_written_out_is_centred_and_sized():
    def norm(x: Tensor) -> Tensor:
        x = torch.relu(x)
        return (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-6)

    found = list(theory_of(norm).nodes.values())[-1]
    # The mean of 16 channels keeps 1/16 of the variance, which the layer norm's own rule takes off.
    assert found.rms == pytest.approx(1.0, rel=0.04)


def test_a_gate_of_its_own_weights_is_independent():
    """x·σ(Vx) with unit inputs: E x² E σ² where σ is of N(0, 1/3)."""

    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = (nn.Linear(64, 64, bias=False) for _ in range(2))

        def forward(self, x: Tensor) -> Tensor:
            return self.one(x) * torch.sigmoid(self.other(x))

    found = list(exported_theory(Gated, torch.randn(2, 64)).nodes.values())[-1]
    exact = moments(nonlinearity("Sigmoid"), variance=VARIANCE).second / 3
    assert found.rms**2 == pytest.approx(exact, rel=1e-9)


def test_a_gate_over_channels_multiplies_every_place():
    """Squeeze and excitation: the gate has no places, the map has."""

    class Excited(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.gate = nn.Conv2d(8, 32, 3), nn.Conv2d(32, 32, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            return x * torch.sigmoid(self.gate(F.adaptive_avg_pool2d(x, 1)))

    found = exported_theory(Excited, torch.randn(2, 8, 6, 6))
    mapped, product = found.nodes["conv"], list(found.nodes.values())[-1]
    gate = list(found.nodes.values())[-2]
    assert product.rms == pytest.approx(mapped.rms * gate.rms, rel=1e-9)
    assert gate.grad_rms is None  # theory does not follow what comes back to a repeated side


def test_negative_and_shifted_numbers_keep_their_moments_exactly():
    found = last("input: [16]\nLinear(16, 16, bias=False)")
    turned = list(theory_of(lambda x: 3 - 2 * x).nodes.values())[-1]
    assert turned.rms**2 == pytest.approx(9 + 4 * found.rms**2, rel=1e-12)
    assert np.isclose(turned.mean, 3.0)
