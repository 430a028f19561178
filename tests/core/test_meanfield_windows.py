"""Sums over windows axis by axis, against the same sums written out."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.meanfield.signals.sampled import sampling
from app.core.meanfield.signals.windows import (
    Slide,
    Span,
    along,
    averaged_over,
    divided,
    moved,
    over_axes,
)
from app.core.meanfield.signals.windows import summed as sums_of


def matrix_of(slide, inputs, outputs):
    """Which inputs each output sums: [outputs, inputs], for each position of the kernel."""
    found = []
    for tap in range(slide.kernel):
        index, valid = slide.tap(tap, np.arange(outputs), inputs)
        one = np.zeros((outputs, inputs))
        one[np.arange(outputs), index] = valid
        found.append(one)
    return found


def covariance(size):
    factor = np.random.default_rng(size).normal(size=(size, size))
    return factor @ factor.T


SLIDES = [
    (Slide(kernel=3, padding=1), 7, 7),
    (Slide(kernel=3, stride=2, padding=1), 8, 4),
    (Slide(kernel=2, dilation=3), 9, 6),
    (Slide(kernel=4, stride=2, padding=1, transposed=True), 4, 8),
]


@pytest.mark.parametrize(("slide", "inputs", "outputs"), SLIDES)
def test_windows_sum_pairs_at_the_same_position_of_the_kernel(slide, inputs, outputs):
    given = covariance(inputs)
    found = over_axes(given, [sums_of(slide, Span(whole=inputs), Span(whole=outputs))])
    each = matrix_of(slide, inputs, outputs)
    assert found == pytest.approx(sum(one @ given @ one.T for one in each), abs=1e-12)


def test_windows_over_two_axes_are_products_of_one_over_each():
    slide, given = Slide(kernel=3, padding=1), covariance(20)
    axes = [sums_of(slide, Span(whole=size), Span(whole=size)) for size in (4, 5)]
    each = [matrix_of(slide, size, size) for size in (4, 5)]
    taps = [np.kron(one, other) for one in each[0] for other in each[1]]
    whole = sum(tap @ given @ tap.T for tap in taps)
    assert over_axes(given, axes) == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize("padded", [True, False])
def test_an_average_counts_all_pairs_of_its_window(padded):
    slide, given = Slide(kernel=3, stride=2, padding=1), covariance(7)
    one = averaged_over(slide, Span(whole=7), Span(whole=4), padded=padded)
    matrix = sum(matrix_of(slide, 7, 4))
    matrix = matrix / (3 if padded else matrix.sum(axis=1, keepdims=True))
    assert over_axes(given, [one]) == pytest.approx(matrix @ given @ matrix.T, abs=1e-12)
    gradient = np.arange(1.0, 5.0)
    assert along(gradient, [one.back]) == pytest.approx((matrix**2).T @ gradient, abs=1e-12)


def test_adaptive_windows_overlap_where_they_do_not_divide():
    given = covariance(7)
    matrix = np.zeros((3, 7))
    for at, (start, stop) in enumerate([(0, 3), (2, 5), (4, 7)]):
        matrix[at, start:stop] = 1 / 3
    found = over_axes(given, [divided(Span(whole=7), 3, Span(whole=3))])
    assert found == pytest.approx(matrix @ given @ matrix.T, abs=1e-12)


@pytest.mark.parametrize(("stride", "outputs"), [(1, 56), (2, 28)])
def test_what_is_sent_back_to_a_sample_is_all_that_came(stride, outputs):
    """Three taps an output, less the one that lies beyond each border."""
    slide = Slide(kernel=3, stride=stride, padding=1)
    given = Span(whole=56, sample=sampling(56, axes=2))
    wanted = Span(whole=outputs, sample=sampling(outputs, axes=2))
    back = along(np.ones(wanted.size), [sums_of(slide, given, wanted).back])
    beyond = 2 if stride == 1 else 1
    counts = given.sample.counts
    assert float(counts @ back) == pytest.approx(3 * outputs - beyond, rel=1e-12)


def test_a_stationary_covariance_survives_a_sample():
    """1 at a place, 0.5 beside it, 0.1 elsewhere: what is sampled is what all places have."""
    whole = 40
    apart = np.abs(np.subtract.outer(np.arange(whole), np.arange(whole)))
    full = np.where(apart == 0, 1.0, np.where(apart == 1, 0.5, 0.1))
    sampled = Span(whole=whole, sample=sampling(whole, axes=2))
    kept = over_axes(full, [moved(Span(whole=whole), sampled)])
    assert over_axes(kept, [moved(sampled, Span(whole=whole))]) == pytest.approx(full, abs=1e-12)


def test_taps_at_a_border_see_a_part_of_the_outputs():
    """Of three taps over two places the middle one sees both and two see one."""
    assert Slide(kernel=3, padding=1).share(2, 2) == pytest.approx((1 + 1 / 4 + 1 / 4) / 2)


def test_taps_that_step_by_two_see_every_other_output():
    assert Slide(kernel=2, stride=2, transposed=True).share(8, 4) == pytest.approx(1 / 2)
