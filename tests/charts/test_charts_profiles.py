from __future__ import annotations

import base64
import re

import numpy as np
import pytest
from sample_models import model, overview

from app.charts.profiles import (
    columns,
    fitting_range,
    overflow,
    profiles,
    share_inside,
    step_path,
    unpack,
    window,
)
from app.web.selection import weights_of


@pytest.fixture(scope="module")
def weights():
    return weights_of(overview(model(40)).rows)


def test_a_profile_of_another_length_is_refused():
    with pytest.raises(ValueError, match="192 levels, got 3"):
        unpack(base64.b64encode(b"abc").decode())


def test_text_that_is_no_base64_is_refused():
    with pytest.raises(ValueError, match="base64"):
        unpack("<script>")


def test_plus_minus_one_is_an_edge_on_every_axis():
    assert [(window(r).start, window(r).stop) for r in (1.5, 3.0, 6.0)] == [
        (72, 120),
        (48, 144),
        (0, 192),
    ]


def test_a_default_tensor_lies_within_its_bound(weights):
    shown = profiles(weights[:1], unit="bound")
    assert share_inside(shown, half_width=1.5) == 1.0
    assert shown.levels[0, : 96 - 16].sum() == 0
    assert shown.levels[0, 96 + 16 :].sum() == 0


def test_the_axis_is_the_smallest_that_holds_the_weights(weights):
    default, kaiming = weights[0], weights[5]
    assert kaiming.scheme == "kaiming_normal(fan_in,relu)"
    assert fitting_range(profiles([default], unit="bound")) == 1.5
    # Its std is √6 bounds: ±3 units hold 78 % of the values, ±6 hold 98.6 %.
    assert fitting_range(profiles([kaiming], unit="bound")) == 6.0


def test_values_beyond_the_axis_are_told_by_arrows(weights):
    left, right = overflow(profiles([weights[0], weights[5]], unit="bound"), half_width=3.0)
    assert (left, right) == ([False, True], [False, True])


def test_rows_without_a_profile_in_this_unit_are_empty_not_known(weights):
    shown = profiles(weights[:2], unit="scheme")
    assert not shown.known.any()
    assert not columns(shown, half_width=3.0).any()


def test_the_tallest_step_of_a_row_is_one(weights):
    heights = columns(profiles(weights[:3], unit="bound"), half_width=3.0)
    assert heights.shape == (3, 48)
    assert np.array_equal(heights.max(axis=1), [1.0, 1.0, 1.0])


def test_a_step_path_rises_and_returns_to_its_base():
    assert step_path([0, 0.5, 0.5, 1, 0], tall=10) == "M1 10v-5h2v-5h1v10z"


def test_a_thin_tail_is_at_least_one_unit_high():
    assert step_path([1, 0.001], tall=10) == "M0 10v-10h1v9h1v1z"


def test_an_empty_row_has_no_path():
    assert step_path([0, 0], tall=10) == ""


def test_steps_never_slope(weights):
    heights = columns(profiles(weights[:1], unit="bound"), half_width=3.0)[0].tolist()
    assert not re.search("[lL]", step_path(heights, tall=24))
