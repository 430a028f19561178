"""A channel divided by its own size, against batches drawn whole."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.signals.axes import Factor
from app.core.meanfield.signals.signal import Signal
from app.core.meanfield.signals.sized import is_few, mean_inverse, sized

BATCH = 32
CHANNELS = 20_000
WITHIN = 0.5 * np.eye(4) + 0.5
ACROSS = 0.3 * np.eye(4) + 0.4
PLACES = (Factor(role="place", size=4),)


def channel(*, mean: Array | None = None) -> Signal:
    middle = np.zeros(4) if mean is None else mean
    outer = np.outer(middle, middle)
    return Signal(
        axes=(PLACES,), grid=PLACES, mean=middle, within=WITHIN + outer, across=ACROSS + outer
    )


def whole_batches(mean: Array) -> Array:
    """Channels of a whole batch: [CHANNELS, BATCH, 4]."""
    noise = np.random.default_rng(1)
    shared = noise.standard_normal((CHANNELS, 1, 4)) @ np.linalg.cholesky(ACROSS).T
    own = noise.standard_normal((CHANNELS, BATCH, 4)) @ np.linalg.cholesky(WITHIN - ACROSS).T
    return np.asarray(mean + shared + own)


def centred(matrix: Array) -> Array:
    """Second moments without the mean over a batch of BATCH and its places, for equal places."""
    mean = (WITHIN.mean() + (BATCH - 1) * ACROSS.mean()) / BATCH
    return np.asarray(matrix - mean)


def own_sizes(batches: Array) -> Array:
    away = batches - batches.mean(axis=(1, 2), keepdims=True)
    return np.asarray(away / away.std(axis=(1, 2), keepdims=True))


def test_its_moments_are_those_of_batches_drawn_whole() -> None:
    within, across, _ = sized(channel(), centred(WITHIN), centred(ACROSS), batch=BATCH, eps=0.0)
    drawn = own_sizes(whole_batches(np.zeros(4)))
    size = np.trace(centred(WITHIN)) / 4
    pairs = np.einsum("cbp,cbq->pq", drawn, drawn) / (CHANNELS * BATCH)
    total = drawn.sum(axis=1)
    apart = (total.T @ total / CHANNELS - BATCH * pairs) / (BATCH * (BATCH - 1))
    # Of 20,000 channels with 6 degrees of freedom, and of 8,192 draws: a percent of the variance.
    assert within / size == pytest.approx(pairs, abs=0.02)
    assert across / size == pytest.approx(apart, abs=0.02)


def test_its_draws_have_the_tails_of_batches_drawn_whole() -> None:
    _, _, draw = sized(channel(), centred(WITHIN), centred(ACROSS), batch=BATCH, eps=0.0)
    drawn = own_sizes(whole_batches(np.zeros(4)))
    assert np.mean(draw() ** 2) == pytest.approx(1.0, abs=1e-6)  # rounding of float32
    assert np.mean(draw() ** 4) == pytest.approx(np.mean(drawn**4), rel=0.02)
    assert np.mean(drawn**4) < 2.8


def test_the_largest_of_the_places_is_that_of_batches_drawn_whole() -> None:
    _, _, draw = sized(channel(), centred(WITHIN), centred(ACROSS), batch=BATCH, eps=0.0)
    largest, wanted = draw().max(axis=-1), own_sizes(whole_batches(np.zeros(4))).max(axis=-1)
    assert largest.mean() == pytest.approx(wanted.mean(), abs=0.02)
    assert largest.std() == pytest.approx(wanted.std(), rel=0.02)


def test_the_mean_inverse_is_that_of_batches_drawn_whole() -> None:
    within, across = centred(WITHIN), centred(ACROSS)
    squares = np.mean(within**2) + (BATCH - 1) * np.mean(across**2)
    freedom = float(BATCH * (np.trace(within) / 4) ** 2 / squares)
    sizes = whole_batches(np.zeros(4)).var(axis=(1, 2))
    measured = float(sizes.mean()) * np.mean(1 / sizes)
    found = mean_inverse(within, across, batch=BATCH, freedom=freedom)
    assert found == pytest.approx(measured, rel=0.01)
    assert found < freedom / (freedom - 2) - 0.02


def test_of_numbers_that_are_all_alone_the_mean_inverse_is_that_of_chi_square() -> None:
    found = mean_inverse(np.eye(1), np.zeros((1, 1)), batch=20, freedom=20.0)
    assert found == pytest.approx(20 / 18, rel=1e-6)


@pytest.mark.parametrize(
    ("freedom", "batch", "few"), [(6.0, 32, True), (70.0, 32, False), (1.0, 2, False)]
)
def test_channels_of_few_degrees_of_freedom_are_drawn_whole(
    freedom: float, batch: int, few: bool
) -> None:
    assert is_few(channel(), freedom, batch) is few
