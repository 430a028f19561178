"""Reference cases of theory, each answered as the table has it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from app.core.meanfield.nonlinear.gaussian import cross, moments
from app.core.meanfield.nonlinear.nonlinearities import nonlinearity
from app.core.meanfield.plane.phase import fixed_point
from app.core.meanfield.predict import NORMAL, UNIFORM01, InputMoments
from tests.theory_checks import exported_theory, last, predicted

# activation, E φ, std, E φ² at N(0,1); to 1e-6
ACTIVATIONS = [
    ("ReLU", 0.3989422804014327, 0.583819370103549, 0.5000000000000001),
    ("SiLU", 0.20662096414190706, 0.5595384678415067, 0.3557755198173521),
    ("Sigmoid", 0.49999999999999994, 0.20827634493166297, 0.293379035858093),
    ("SELU", 8.969149144045352e-17, 0.9999999999999999, 0.9999999999999999),
    ("Hardswish", 0.16621670065612326, 0.5513069776094807, 0.33156737513790774),
    ("Mish", 0.24040388837479149, 0.6281306892917775, 0.4523421923758828),
]


@pytest.mark.parametrize(("name", "mean", "std", "second"), ACTIVATIONS)
def test_an_activation_s_moments_are_the_table_s(name, mean, std, second):
    found = last(f"input: [64]\n{name}()")
    assert (found.mean, found.std, found.rms**2) == pytest.approx((mean, std, second), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "slope"), [("GELU", 0.45585086564928723), ("SELU", 1.0715749924557991)]
)
def test_an_activation_s_slope_is_the_table_s(name, slope):
    found = predicted(f"input: [64]\n{name}()").gradients["input"]
    assert found == pytest.approx(slope, abs=1e-6)


# network at torch's default, or under a scheme, its input, what is asked for, value, tolerance
NETWORKS = [
    ("Linear(512, 512)", "torch_default", UNIFORM01, "std", math.sqrt(1 / 9 + 1 / 1536), 1e-9),
    (
        "Linear(512, 512)",
        "kaiming_uniform(fan_in,relu)", UNIFORM01, "std", 0.8168951636124021, 5e-3,
    ),
    (
        "input: [32, 8, 8]\nConv2d(32, 32, 3, padding=1)",
        "torch_default", NORMAL, "std", 0.5303300858899106, 1e-2,
    ),
    (
        "input: [32, 8, 8]\nConv2d(32, 32, 3, stride=2, padding=1)",
        "torch_default", NORMAL, "std", 0.5303300858899106, 1e-2,
    ),
    (
        "input: [8, 32, 32]\nMaxPool2d(2)",
        "torch_default", NORMAL, "mean", 1.029375373003964, 5e-3,
    ),
    (
        "input: [8, 32, 32]\nMaxPool2d(2)",
        "torch_default", NORMAL, "std", 0.7012240988975937, 5e-3,
    ),
    ("input: [4, 8, 8]\nAvgPool2d(2)", "torch_default", NORMAL, "std", 0.5, 1e-2),
    (
        "10 x [Linear(512, 512), ReLU()]\nLinear(512, 512)",
        "torch_default", NORMAL, "std", 0.027950948294655196, 3e-2,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "scheme", "inputs", "asked", "value", "within"), NETWORKS)
def test_a_layer_s_output_is_the_table_s(text, scheme, inputs, asked, value, within):
    found = last(text, scheme=scheme, inputs=inputs)
    assert getattr(found, asked) == pytest.approx(value, rel=within)


def test_a_bilinear_layer_is_seventeen_times_a_linear_one():
    found = exported_theory(
        lambda: nn.Bilinear(20, 300, 64), torch.randn(2, 20), torch.randn(2, 300)
    )
    assert list(found.nodes.values())[-1].std == pytest.approx(10.000833298614005, rel=1e-2)


def test_token_and_position_embeddings_add_up():
    class Embedded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.position = nn.Embedding(1000, 64), nn.Embedding(128, 64)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.token(x) + self.position(torch.arange(x.shape[1]))

    found = exported_theory(Embedded, torch.randint(0, 1000, (2, 64)))
    assert list(found.nodes.values())[-1].std == pytest.approx(1.4142135623730951, rel=1e-2)


def test_the_logits_of_default_attention_have_a_std_of_one_half():
    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(64, 4, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            packed = nn.functional.linear(x, self.attention.in_proj_weight)
            query, key, _ = (
                part.unflatten(-1, (4, -1)).transpose(1, 2) for part in packed.chunk(3, -1)
            )
            return query @ key.transpose(-2, -1) / 4

    torch.manual_seed(0)
    found = exported_theory(Logits, torch.randn(2, 8, 64), own=True)
    # Of 64 · 192 values: √(2/12288) = 1.3 % of the mean square, 0.9 % of this std's root of two.
    assert list(found.nodes.values())[-1].std == pytest.approx(0.5, rel=2e-2)


def test_a_fresh_batch_norm_in_evaluation_lets_its_input_through():
    """Of mean 3 and std 2: the mean square is 13."""
    found = last(
        "input: [4]\nBatchNorm1d(4)", inputs=InputMoments(mean=3.0, second=13.0), training=False
    )
    assert found.rms == pytest.approx(3.6055332478428186, rel=1e-2)


def test_a_residual_branch_of_he_and_lecun_doubles_the_energy():
    linear = '"Linear(512, 512, bias=False)"'
    text = f'layers:\n  - residual: [{linear}, "ReLU()", {linear}]'
    found = last(text, scheme="kaiming_normal(fan_in,relu)")
    # He draws both here, LeCun the second in the table: 1 + 2 instead of 1 + 1.
    assert math.sqrt(1 + (found.rms**2 - 1) / 2) == pytest.approx(1.4142135623730951, rel=2e-2)


def test_default_gradients_fall_by_a_root_of_six_a_layer():
    prediction = predicted("8 x [Linear(512, 512), ReLU()]")
    found = [one.grad_rms for one in prediction.nodes.values()][1::2]
    assert found[3] / found[4] == pytest.approx(0.408248290463863, rel=1e-9)


def test_tanh_at_five_thirds_is_chaotic():
    q = fixed_point(nonlinearity("Tanh"), weight=25 / 9, bias=0.0).q
    after = moments(nonlinearity("Tanh"), variance=q)
    assert q == pytest.approx(1.1784804903859, rel=1e-4)
    assert 25 / 9 * after.slope_second == pytest.approx(1.2098313203828317, rel=1e-4)
    assert math.sqrt(after.second) == pytest.approx(0.6513470476934133, rel=1e-4)


def test_gelu_with_he_halves_its_energy_in_the_end():
    small = moments(nonlinearity("GELU"), variance=1e-8)
    assert 2 * small.second / 1e-8 == pytest.approx(0.5, rel=1e-4)


def test_a_batch_norm_before_relu_lets_gradients_grow():
    """π/(π−1) of the mean square in layers as wide as these and a large batch."""
    text = "12 x [Linear(4096, 4096), BatchNorm1d(4096), ReLU()]"
    prediction = predicted(text, batch=1_000_000)
    found = [one.grad_rms for one in prediction.nodes.values()][2::3]
    assert (found[3] / found[8]) ** (2 / 5) == pytest.approx(1.46694220692426, rel=2e-3)


@pytest.mark.parametrize(
    ("name", "value"), [("ReLU", 5.0), ("SELU", 1.5031404506154074), ("Tanh", 0.6272908060148716)]
)
def test_a_layer_s_share_of_the_band_is_the_table_s(name, value):
    assert moments(nonlinearity(name), variance=1.0).kurtosis - 1 == pytest.approx(value, rel=1e-4)


def test_relu_maps_a_correlation_of_one_half():
    found = 2 * cross(nonlinearity("ReLU"), variances=(1.0, 1.0), covariance=0.5)
    assert found == pytest.approx(0.6089977810442293, rel=1e-9)


def test_erf_has_the_table_s_fixed_point():
    found = fixed_point(nonlinearity("erf"), weight=2.25, bias=0.09).q
    assert found == pytest.approx(1.219168952761653, rel=1e-6)


@pytest.mark.parametrize(
    ("size", "share"),
    [(2, 0.4444444444444444), (4, 0.6944444444444444), (7, 0.8185941043083901)],
)
def test_the_live_taps_of_a_padded_convolution_are_the_table_s(size, share):
    found = last(f"input: [8, {size}, {size}]\nConv2d(8, 8, 3, padding=1, bias=False)")
    assert 3 * found.rms**2 == pytest.approx(share, rel=1e-9)
