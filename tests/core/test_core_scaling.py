"""Laws times a number: their draws have the std times that number."""

import pytest

from app.core.distributions import (
    Constant,
    Normal,
    Orthogonal,
    PositiveUniform,
    TruncatedNormal,
    Uniform,
)
from app.core.patterns import Diagonal, Sparse
from app.core.scaling import scaled

RANDOM = [
    Uniform(bound=0.3),
    PositiveUniform(bound=0.3),
    Normal(std=0.2),
    TruncatedNormal(parent=0.1, cut=1.5),
    Orthogonal(gain=1.4, rows=4, columns=8),
    Sparse(std=0.01),
]


@pytest.mark.parametrize("law", RANDOM, ids=lambda law: law.law)
def test_the_std_of_a_scaled_law_is_scaled(law):
    found = scaled(law, 2.5)
    assert type(found) is type(law)
    assert found.std == pytest.approx(2.5 * law.std)


def test_a_constant_is_multiplied():
    assert scaled(Constant(value=2.0), 0.25) == Constant(value=0.5)


@pytest.mark.parametrize("law", [*RANDOM, Constant(value=1.0), Diagonal(rows=2, columns=2)])
def test_0_makes_zeros_of_every_law(law):
    assert scaled(law, 0.0) == Constant(value=0.0)


def test_the_ones_of_an_identity_are_not_scaled():
    assert scaled(Diagonal(rows=2, columns=2), 2.0) is None
