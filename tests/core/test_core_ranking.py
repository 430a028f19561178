import math

import numpy as np
import pytest
from scipy import integrate

from app.core.distributions import Normal, TruncatedNormal, Uniform
from app.core.ranking import divergence, inseparable

U, N, T = Uniform(bound=math.sqrt(3)), Normal(std=1.0), TruncatedNormal(parent=1 / 0.87962566)


@pytest.mark.parametrize(("law", "other"), [(U, N), (T, N), (U, Uniform(bound=2.0))])
def test_the_divergence_is_the_integral_of_the_log_ratio(law, other):
    def integrand(x):
        return float(law.density(x)) * math.log(float(law.density(x)) / float(other.density(x)))

    edge = law.bound * (1 - 1e-12)
    integral = integrate.quad(integrand, -edge, edge, epsabs=1e-12)[0]
    assert divergence(law, other) == pytest.approx(integral, rel=1e-7)


def test_families_of_equal_spread_diverge_as_published():
    # The reference's nats a value: uniform to normal 0.1765, truncated to normal 0.0314.
    assert divergence(U, N) == pytest.approx(0.1765, abs=5e-5)
    assert divergence(T, N) == pytest.approx(0.0314, abs=5e-5)


def test_a_law_diverges_infinitely_from_one_that_forbids_its_values():
    assert divergence(N, U) == math.inf


def test_relu_and_leaky_relu_part_at_140_thousand_values_of_a_uniform():
    relu, leaky = math.sqrt(2), math.sqrt(2 / (1 + 0.01**2))
    pair = Uniform(bound=relu), Uniform(bound=leaky)
    # ln(1/0.001) / ln√(1 + 0.01²) = 1.38e5 values.
    assert inseparable(*pair, n=130_000, alpha=0.001)
    assert not inseparable(*pair, n=150_000, alpha=0.001)


def test_a_uniform_and_a_normal_of_one_spread_part_at_40_values():
    assert inseparable(U, N, n=39, alpha=0.001)
    assert not inseparable(U, N, n=40, alpha=0.001)


def test_two_normals_part_only_with_the_square_of_their_distance():
    for n in (100, 10_000):
        away = math.sqrt(math.log(1000) / n)  # KL is about (Δ ln σ)²
        near = Normal(std=math.exp(0.9 * away)), Normal(std=math.exp(1.2 * away))
        assert inseparable(N, near[0], n=n, alpha=0.001)
        assert not inseparable(N, near[1], n=n, alpha=0.001)


def test_the_divergence_of_a_law_from_itself_is_zero():
    assert np.allclose([divergence(law, law) for law in (U, N, T)], 0.0, atol=1e-15)
