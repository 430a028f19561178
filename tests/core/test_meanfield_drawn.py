"""Moments of all parameters: drawn ones by their laws, kept ones by their values."""

import pytest

from app.core.blocks import Block
from app.core.distributions import Constant, Normal
from app.core.meanfield.drawn import drawn_moments
from app.core.meanfield.step import NoRule, WeightMoments
from app.core.patterns import Sparse
from app.core.recipes import Recipe

OWN = {
    "kept": WeightMoments(mean=0.5, second=1.0, row=2.0),
    "drawn": WeightMoments(mean=9.0, second=99.0),
}


def test_what_is_drawn_has_its_laws_moments_and_the_rest_its_own():
    found = drawn_moments(Recipe(laws={"drawn": Normal(std=0.2)}), OWN)
    assert found["drawn"].second == pytest.approx(0.04)
    assert found["kept"] == OWN["kept"]


def test_a_factor_scales_the_moments_of_kept_values():
    found = drawn_moments(Recipe(laws={}, factors={"kept": 3.0}), OWN)["kept"]
    assert (found.mean, found.second, found.row) == (1.5, 9.0, 18.0)


def test_a_factor_on_what_nothing_is_known_of_is_left_out():
    assert drawn_moments(Recipe(laws={}, factors={"other": 3.0})) == {}


def test_a_packed_weight_has_the_mean_of_its_blocks():
    parts = (
        (Block(name="a", axis=0, start=0, stop=1), Constant(value=1.0)),
        (Block(name="b", axis=0, start=1, stop=4), Constant(value=0.0)),
    )
    found = drawn_moments(Recipe(laws={}, packed={"w": parts}))["w"]
    assert (found.mean, found.second) == (0.25, 0.25)


def test_a_law_by_places_has_no_moments():
    with pytest.raises(NoRule):
        drawn_moments(Recipe(laws={"w": Sparse(std=0.1)}))
