"""Numbers of the literature on initialisation, through the engine."""

from __future__ import annotations

import math

import pytest

from app.architecture.understanding import understand
from app.core.meanfield.nonlinear.gaussian import cross, moments
from app.core.meanfield.nonlinear.nonlinearities import nonlinearity
from app.core.meanfield.plane.phase import chi, unit_gain
from app.core.meanfield.predict import predict
from app.core.meanfield.step import WeightMoments

# E φ, E φ², std, E φ'², gain for q = 1, χ₁ at it, E φ⁴/(E φ²)² for x ~ N(0, 1).
# Source: the propagation reference's table of activations, all but ReLU² whose square torch has
# no module for, which is tested on its own.
ROWS = {
    "Identity": (0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 3.0),
    "ReLU": (0.398942, 0.5, 0.583819, 0.5, 1.41421, 1.0, 6.0),
    "LeakyReLU": (0.394953, 0.500050, 0.586568, 0.500050, 1.41414, 1.0, 5.9988),
    "ReLU6": (0.398942, 0.5, 0.583819, 0.5, 1.41421, 1.0, 6.0),
    "ELU": (0.160521, 0.644945, 0.786879, 0.668102, 1.24520, 1.03590, 3.7760),
    "CELU": (0.160521, 0.644945, 0.786879, 0.668102, 1.24520, 1.03590, 3.7760),
    "SELU": (0.0, 1.0, 1.0, 1.071575, 1.0, 1.07157, 2.5031),
    "GELU": (0.282095, 0.425221, 0.587915, 0.455851, 1.53353, 1.07203, 7.2156),
    "SiLU": (0.206621, 0.355776, 0.559538, 0.379482, 1.67653, 1.06663, 7.2617),
    "Mish": (0.240404, 0.452342, 0.628131, 0.479084, 1.48685, 1.05912, 6.3494),
    "Tanh": (0.0, 0.394294, 0.627929, 0.464403, 1.59254, 1.17781, 1.6273),
    "erf": (0.0, 0.464559, 0.681586, 0.569410, 1.46717, 1.22570, 1.5598),
    "Sigmoid": (0.5, 0.293379, 0.208276, 0.044836, 1.84623, 0.15283, 1.5289),
    "Softplus": (0.806059, 0.921246, 0.521071, 0.293379, 1.04187, 0.31846, 2.7545),
    "Softsign": (0.0, 0.183014, 0.427801, 0.227671, 2.33753, 1.24401, 1.5878),
    "Hardtanh": (0.0, 0.516059, 0.718372, 0.682689, 1.39204, 1.32289, 1.6132),
    "Hardsigmoid": (0.5, 0.277639, 0.166250, 0.027703, 1.89784, 0.09978, 1.3776),
    "Hardswish": (0.166217, 0.331567, 0.551307, 0.358532, 1.73666, 1.08132, 7.6710),
    "Softshrink": (0.0, 0.419279, 0.647517, 0.617075, 1.54436, 1.47175, 5.5011),
    "Hardshrink": (0.0, 0.969140, 0.984449, 0.617075, 1.01580, 0.63672, 3.1892),
    "Tanhshrink": (0.0, 0.182883, 0.427649, 0.252992, 2.33837, 1.38335, 8.6890),
    "LogSigmoid": (-0.806059, 0.921246, 0.521071, 0.293379, 1.04187, 0.31846, 2.7545),
    "abs": (0.797885, 1.0, 0.602810, 1.0, 1.0, 1.0, 3.0),
    "sin": (0.0, 0.432332, 0.657520, 0.567668, 1.52087, 1.31304, 1.6445),
}
MICRO, TEN_MICRO, CENT_MILLE = 5.1e-7, 5.1e-6, 5.1e-5  # half a unit of the last printed decimal


def row(activation):
    found = moments(activation, variance=1.0)
    gain = unit_gain(activation)
    return found, gain, chi(activation, 1.0, weight=gain**2)


@pytest.mark.parametrize("name", ROWS)
def test_an_activations_row_is_the_published_one(name):
    mean, second, std, slope, gain, steep, kurtosis = ROWS[name]
    found, own_gain, own_chi = row(nonlinearity(name))
    plain = (found.mean, found.second, math.sqrt(found.variance), found.slope_second)
    assert plain == pytest.approx((mean, second, std, slope), abs=MICRO)
    assert (own_gain, own_chi) == pytest.approx((gain, steep), abs=TEN_MICRO)
    assert found.kurtosis == pytest.approx(kurtosis, abs=CENT_MILLE)


def test_the_tanh_approximation_of_gelu_has_its_own_row():
    found, gain, steep = row(nonlinearity("GELU", {"approximate": "tanh"}))
    plain = (found.mean, found.second, math.sqrt(found.variance), found.slope_second)
    assert plain == pytest.approx((0.282039, 0.425194, 0.587918, 0.455818), abs=MICRO)
    assert (gain, steep) == pytest.approx((1.53358, 1.07202), abs=TEN_MICRO)
    assert found.kurtosis == pytest.approx(7.2178, abs=CENT_MILLE)


def test_he_gives_orthogonal_inputs_a_correlation_of_one_over_pi():
    """E relu(u) relu(v) = 1/(2π) of unit normals; its square alone is 1/2."""
    found = cross(nonlinearity("ReLU"), variances=(1.0, 1.0), covariance=0.0)
    assert found / 0.5 == pytest.approx(1 / math.pi, rel=1e-14)


def drawn(graph, weight, bias=0.0):
    return {
        one.name: WeightMoments(
            mean=0.0, second=bias if one.name.endswith("bias") else weight / one.facts.fan_in
        )
        if len(one.shape) > 1 or one.name.endswith("bias")
        else WeightMoments(mean=1.0, second=1.0)
        for one in graph.parameters
    }


def along(text, **laws):
    graph = understand(text)
    return list(predict(graph, weights=drawn(graph, **laws)).nodes.values())


def test_under_he_a_correlation_nears_one_with_the_square_of_the_depth():
    """1 − c_l ≈ (9π²/2)/l²; the next term is log l/l³, a few times 10/l of it at l = 2000."""
    depth = 2000
    last = along(f"{depth} x [Linear(4, 4, bias=False), ReLU()]", weight=2.0)[-1]
    assert last.input_share**2 * depth**2 == pytest.approx(9 * math.pi**2 / 2, rel=0.05)


def test_batch_norm_before_relu_makes_gradients_explode():
    """The mean square grows by π/(π−1) a layer, in a large batch. Source: Yang et al. 2019."""
    text = "12 x [Linear(4096, 4096, bias=False), BatchNorm1d(4096), ReLU()]"
    graph = understand(text)
    found = predict(graph, weights=drawn(graph, weight=2.0), batch=4096).nodes
    linear = [one.grad_rms**2 for one in found.values()][::3]
    # What a batch of 4096 and fan-ins of 4096 leave is some 1/4096 a layer; batch norm's ε is 1e-5.
    assert (linear[2] / linear[8]) ** (1 / 6) == pytest.approx(math.pi / (math.pi - 1), rel=2e-3)


def test_default_relu_gradients_shrink_by_a_root_of_six():
    found = along("8 x [Linear(64, 64), ReLU()]", weight=1 / 3, bias=1 / 192)
    after = [one.grad_rms for one in found[1::2]]
    assert after[0] / after[1] == pytest.approx(0.408248290463863, rel=1e-12)


def test_gelu_with_hes_gain_shrinks_by_a_half_once_it_is_small():
    found = along("30 x [Linear(64, 64, bias=False), GELU()]", weight=2.0)
    assert (found[-1].rms / found[-3].rms) ** 2 == pytest.approx(0.5, rel=1e-2)


def test_selus_gradients_grow_by_seven_percent_a_layer_at_its_own_gain():
    found = along("40 x [Linear(64, 64, bias=False), SELU()]", weight=1.0)
    assert (found[9].grad_rms / found[11].grad_rms) ** 2 == pytest.approx(1.071575, abs=1e-5)
