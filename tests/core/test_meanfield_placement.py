"""σ_w² and σ_b² of a network's layers, by the laws that draw them or the values they hold."""

from __future__ import annotations

import pytest

from app.architecture.understanding import understand
from app.core.meanfield.placement import (
    own_activation,
    placed_by_recipe,
    placed_by_values,
    resets,
)
from app.core.recipes import recipe

MLP = "input: [64]\nlayers:\n  - Linear(64, 32)\n  - Tanh()\n  - Linear(32, 10, bias=False)\n"
CONV = (
    "input: [3, 16, 16]\nlayers:\n  - Conv2d(3, 8, 3, padding=1)\n  - BatchNorm2d(8)\n  - ReLU()\n"
    "  - ConvTranspose2d(8, 4, 4, stride=2, groups=2)\n  - ReLU()\n"
)


def placed(text, scheme="torch_default"):
    graph = understand(text)
    return {one.name: one for one in placed_by_recipe(graph, recipe(graph, scheme))}


def test_torchs_default_lies_at_a_third_with_a_bias_of_a_third_of_its_inputs():
    first = placed(MLP)["0.weight"]
    assert (first.weight, first.bias) == pytest.approx((1 / 3, 1 / 3 / 64))


def test_a_layer_without_a_bias_lies_on_the_axis():
    assert placed(MLP)["2.weight"].bias == 0.0


def test_kaiming_lies_at_two():
    assert placed(MLP, "kaiming_normal(fan_in,relu)")["2.weight"].weight == pytest.approx(2.0)


def test_a_convolution_sums_over_its_kernel_and_a_norm_is_no_layer():
    found = placed(CONV)
    assert set(found) == {"0.weight", "3.weight"}
    assert found["0.weight"].weight == pytest.approx(1 / 3)


def test_a_transposed_convolution_sums_what_reaches_an_output():
    """in/groups · k²/stride² = 4·16/4 = 16 terms of variance 1/(3·fan), torch's fan 2·16 = 32."""
    assert placed(CONV)["3.weight"].weight == pytest.approx(16 / (3 * 32))


def test_a_networks_own_activation_is_the_one_it_has_most_of():
    assert own_activation(understand(MLP)) == "Tanh"
    assert own_activation(understand("input: [4]\nlayers:\n  - Linear(4, 4)\n")) is None


def test_normalisations_and_sums_are_counted():
    assert resets(understand(CONV)) == (1, 0)


class Row:
    """What a line about a tensor says."""

    def __init__(self, name, role, **facts):
        self.name, self.role = name, role
        self.kind = facts.pop("kind", "Linear")
        self.shape = facts.pop("shape", (8, 16))
        self.fan_in = facts.pop("fan_in", 16)
        self.mean, self.std = facts.pop("mean", 0.0), facts.pop("std", 0.5)


def test_values_are_placed_by_their_second_moments():
    rows = [
        Row("a.weight", "weight", mean=0.1, std=0.5),
        Row("a.bias", "bias", shape=(8,), mean=0.3, std=0.4),
        Row("norm.weight", "norm_weight", kind="LayerNorm", shape=(8,)),
        Row("emb.weight", "weight", kind="Embedding"),
    ]
    (found,) = placed_by_values(rows)
    assert (found.name, found.weight) == ("a.weight", pytest.approx(16 * 0.26))
    assert found.bias == pytest.approx(0.25)


def test_a_tensor_of_nothing_finite_has_no_place():
    assert placed_by_values([Row("a.weight", "weight", std=None, mean=None)]) == ()
