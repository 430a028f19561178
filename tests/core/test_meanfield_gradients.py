"""Gradients in their three ways: by place, by pairs of places, by draws."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.meanfield.gradients import added, passed, settled, slopes_shared
from app.core.meanfield.nonlinear.gaussian import moments, slope_cross
from app.core.meanfield.nonlinear.nonlinearities import nonlinearity
from app.core.meanfield.signals.axes import Factor, place
from app.core.meanfield.signals.signal import Signal

PAIRS = np.array([[2.0, 1.0], [1.0, 3.0]])
DRAWS = np.arange(8.0).reshape(2, 2, 2)


def test_a_gradients_second_moments_are_its_diagonal_or_its_mean_over_draws():
    assert settled(PAIRS).tolist() == [2.0, 3.0]
    assert settled(DRAWS).tolist() == [3.0, 4.0]


def test_what_is_known_by_place_alone_adds_to_the_diagonal():
    assert added(np.array([1.0, 2.0]), PAIRS).tolist() == [[3.0, 1.0], [1.0, 5.0]]


def test_what_is_known_by_draws_keeps_its_draws():
    assert added(DRAWS, PAIRS)[0, 0].tolist() == [2.0, 4.0]


def test_a_linear_map_hands_on_what_two_places_share():
    found = passed(lambda g: 4 * g, PAIRS, op="aten.linear.default", by_draws=False)
    assert found == pytest.approx(4 * PAIRS)


def test_dropout_grows_a_place_and_not_what_two_share():
    found = passed(lambda g: 2 * g, PAIRS, op="aten.dropout.default", by_draws=False)
    assert found == pytest.approx(np.array([[4.0, 1.0], [1.0, 6.0]]))


def test_an_operation_that_is_not_known_to_keep_places_hands_back_places_alone():
    found = passed(lambda g: 2 * g, PAIRS, op="aten.batch_norm.default", by_draws=False)
    assert found == pytest.approx([4.0, 6.0])


def test_a_mean_over_places_gives_all_of_them_one_gradient():
    found = passed(lambda g: np.full(3, g[0] / 9), np.ones(1), op="aten.mean.dim", by_draws=False)
    assert found == pytest.approx(np.full((3, 3), 1 / 9))


@pytest.mark.parametrize("name", ["ReLU", "GELU", "Tanh"])
def test_slopes_go_together_as_quadrature_says(name):
    """ReLU's slopes jump, so that 80 orders leave 1e-4 of them at this correlation."""
    activation = nonlinearity(name)
    within = np.array([[1.5, 0.6], [0.6, 1.5]])
    places = (place(2),)
    signal = Signal(
        axes=((Factor("batch", 1),), places, (Factor("channel", 4),)),
        grid=places,
        mean=np.zeros(2),
        within=within,
        across=np.zeros((2, 2)),
    )
    own = np.full(2, moments(activation, variance=1.5).slope_second)
    found = slopes_shared(signal, activation, own)
    true = slope_cross(activation, variances=(1.5, 1.5), covariance=0.6)
    assert found[0, 1] == pytest.approx(true, rel=1e-4)
    assert found[0, 0] == own[0]
