"""Every elementwise activation against torch's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from app.core.meanfield.nonlinear.nonlinearities import names, nonlinearity
from app.errors import Invalid

X = np.linspace(-8.0, 8.0, 1601)
CASES = [
    *[(name, {}) for name in names() if hasattr(torch.nn, name) and name != "Threshold"],
    ("Threshold", {"threshold": 0.3, "value": -1.5}),
    ("LeakyReLU", {"negative_slope": 0.2}),
    ("ELU", {"alpha": 0.7}),
    ("CELU", {"alpha": 2.0}),
    ("GELU", {"approximate": "tanh"}),
    ("Softplus", {"beta": 2.0}),
    ("Hardtanh", {"min_val": -2.0, "max_val": 0.5}),
    ("Hardshrink", {"lambd": 1.0}),
    ("Softshrink", {"lambd": 1.0}),
]


def torch_value_and_slope(name, arguments):
    x = torch.tensor(X, requires_grad=True)
    y = getattr(torch.nn, name)(**arguments).double()(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    return y.detach().numpy(), slope.numpy()


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_the_value_is_torchs(name, arguments):
    value, _ = torch_value_and_slope(name, arguments)
    # torch's Softplus is linear above threshold 20/beta, where it errs by exp(-20)/beta: 2.1e-9.
    assert nonlinearity(name, arguments).value(X) == pytest.approx(value, abs=3e-9)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_the_slope_is_torchs_away_from_the_kinks(name, arguments):
    _, slope = torch_value_and_slope(name, arguments)
    activation = nonlinearity(name, arguments)
    smooth = np.all([np.abs(X - kink) > 1e-6 for kink in activation.kinks or (99.0,)], axis=0)
    # torch rounds 1/6 of Hardsigmoid's slope to float32: 5e-9.
    assert activation.slope(X)[smooth] == pytest.approx(slope[smooth], abs=1e-8)


def test_an_unknown_activation_is_refused_with_those_there_are():
    with pytest.raises(Invalid, match=r"ReLU.*Wobble"):
        nonlinearity("Wobble")
