"""How much alike gradients are, against draws of them and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from app.core.meanfield.alike import (
    Alike,
    joining,
    merged,
    mixed,
    over_batch,
    over_channels,
    sloped,
    thinning,
)
from app.core.meanfield.nonlinear.nonlinearities import nonlinearity
from app.core.meanfield.signals.axes import Factor, place
from app.core.meanfield.signals.signal import Signal, gaussian_draw
from app.core.meanfield.signals.windows import Span, divided

BATCH, PLACES, CHANNELS = 8, 4, 20_000
ONE = np.ones(1)  # a gradient by place


def normed(correlation=0.0, inputs=0.0):
    """A signal of variance 1 at four places, of which any two are as much alike."""
    places = (place(PLACES),)
    within = np.full((PLACES, PLACES), correlation)
    np.fill_diagonal(within, 1.0)
    return Signal(
        axes=((Factor("batch", BATCH),), (Factor("channel", 8),), places),
        grid=places,
        mean=np.zeros(PLACES),
        within=within,
        across=np.full((PLACES, PLACES), inputs),
    )


def normalised(x):
    """Each channel by its own mean and size: [channels, inputs, places]."""
    centred = x - x.mean(axis=(1, 2), keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=(1, 2), keepdims=True))


def handed_back(gradient, signal):
    """What a norm of a batch hands back of a gradient, but for 1/σ."""
    along = (gradient * signal).mean(axis=(1, 2), keepdims=True)
    return gradient - gradient.mean(axis=(1, 2), keepdims=True) - signal * along


def drawn(common):
    """Gradients of which each place shares this much with all others of its input."""
    noise = np.random.default_rng(7)
    own = noise.standard_normal((CHANNELS, BATCH, PLACES))
    whole = noise.standard_normal((CHANNELS, BATCH, 1))
    signal = normalised(noise.standard_normal((CHANNELS, BATCH, PLACES)))
    return math.sqrt(1 - common) * own + math.sqrt(common) * whole, signal


def places_of(gradient):
    """E (Σ_α g)²/Σ_α E g²."""
    return float(np.mean(gradient.sum(axis=2) ** 2) / np.mean((gradient**2).sum(axis=2)))


def inputs_of(gradient):
    sums = gradient.sum(axis=2)
    pairs = sums.sum(axis=1) ** 2 - (sums**2).sum(axis=1)
    two = np.mean(pairs) / (BATCH * (BATCH - 1))
    return float(two / np.mean((gradient**2).sum(axis=2)))


@pytest.mark.parametrize("common", [0.0, 0.5, 1.0])
def test_a_norm_of_a_batch_takes_what_its_numbers_have_in_common(common):
    """640,000 numbers: E g² to 1/√(20,000·8) of its size at most, in both, 0.4 %."""
    gradient, signal = drawn(common)
    back = handed_back(gradient, signal)
    found = over_batch(normed(), BATCH)(Alike(places=1 + 3 * common), ONE)
    assert found.left == pytest.approx(np.mean(back**2) / np.mean(gradient**2), rel=4e-3)


def test_behind_a_norm_of_a_batch_all_inputs_sum_to_nothing():
    found = over_batch(normed(), BATCH)(Alike(places=3.0), ONE)
    assert found.mean(BATCH) == pytest.approx(0.0, abs=1e-12)


def test_a_mean_relu_and_a_norm_of_a_batch_hand_back_what_draws_say():
    """The places' common gradient is cut by ReLU of the norm's own signal, then normed.

    Half of 640,000 numbers, 20,000·8 of them independent: 1 % leaves two standard errors. The
    theory of Gaussian z beside that of one sized by 32 numbers, as here, differs by less.
    """
    gradient, signal = drawn(1.0)
    cut = gradient * (signal > 0)
    back = handed_back(cut, signal)
    behind = joining([divided(Span(whole=PLACES), 1, Span(whole=1))])(Alike(), ONE)
    before = normed(*[-1 / (BATCH * PLACES - 1)] * 2)  # as they sum to 0
    at_norm = sloped(before, nonlinearity("ReLU"), BATCH)(behind, ONE)
    found = over_batch(before, BATCH)(at_norm, ONE)
    assert behind.places == pytest.approx(PLACES)
    assert at_norm.places == pytest.approx(places_of(cut), rel=0.01)
    assert found.left == pytest.approx(np.mean(back**2) / np.mean(cut**2), rel=0.01)
    assert found.inputs == pytest.approx(inputs_of(back), rel=0.05)


def test_relu_halves_what_two_places_of_independent_signals_share():
    found = sloped(normed(), nonlinearity("ReLU"), BATCH)(Alike(places=3.0, inputs=-0.2), ONE)
    assert (found.places, found.inputs) == pytest.approx((2.0, -0.1))


def test_slopes_of_signals_that_are_alike_go_together():
    """E φ'φ' = ¼ + asin(ρ)/2π of ReLU, ½ at one place."""
    found = sloped(normed(0.5), nonlinearity("ReLU"), BATCH)(Alike(places=3.0), ONE)
    assert found.places == pytest.approx(1 + 2 * (0.25 + math.asin(0.5) / (2 * math.pi)) / 0.5)


def test_relu_cuts_along_the_signal_what_summed_to_nothing():
    """Half of E z²φ'² and less (Eφ'z)², which a gradient that sums to 0 has not: 1 − 1/π."""
    given = Alike(places=1.0, inputs=-1 / (BATCH - 1))
    found = sloped(normed(), nonlinearity("ReLU"), BATCH)(given, ONE)
    assert found.along == pytest.approx(1 - 1 / math.pi, rel=2e-3)  # by 80 orders of a series


def test_what_sends_gradients_to_large_numbers_has_them_along_the_signal():
    """By draws: a gradient of z² beside ReLU has E z⁴/E z² = 3, of 16,384 draws to 4 %."""
    signal = normed()
    gradient = gaussian_draw(signal) ** 2
    found = sloped(signal, nonlinearity("ReLU"), BATCH)(Alike(), gradient)
    assert found.along == pytest.approx(3.0, rel=0.1)


def test_a_norm_of_a_groups_channels_takes_a_mean_of_all_their_places():
    """Of 2 channels at 4 places with one gradient: 4 of 8 in the mean, 1 of 8 along the signal."""
    found = over_channels(normed(), 2)(Alike(places=4.0), ONE)
    assert (found.left, found.places) == pytest.approx((3 / 8, 4.0))


def test_a_norm_of_one_channel_leaves_nothing_of_a_mean():
    found = over_channels(normed(), 1)(Alike(places=4.0), ONE)
    assert (found.left, found.places) == (0.0, 0.0)


def test_masks_keep_their_share_of_what_two_have_in_common():
    given = Alike(places=3.0, inputs=-0.2)
    assert thinning(0.5, 0.25)(given, ONE) == Alike(places=2.0, inputs=-0.05)


def test_sums_with_weights_keep_what_is_shared_but_not_along_which_signal():
    given = Alike(places=3.0, inputs=-0.2, along=2.0)
    assert mixed(given, ONE) == Alike(places=3.0, inputs=-0.2)


def test_two_gradients_share_by_their_sizes():
    found = merged(Alike(places=1.0), Alike(places=5.0), (3.0, 1.0))
    assert found.places == 2.0
