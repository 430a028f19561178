"""Borders, interpolation and shifts as matrices of one axis, against torch's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from app.core.meanfield.rules.resized import _KINDS, _sources, bordered
from tests.theory_checks import last, predicted

MODES = ["constant", "reflect", "replicate", "circular"]


def matrix_of(function, size):
    """What torch does to each place of one axis."""
    columns = function(torch.eye(size, dtype=torch.float64)[:, None, :])
    return columns[:, 0].T.numpy()


@pytest.mark.parametrize("mode", MODES)
def test_a_border_is_torchs(mode):
    expected = matrix_of(lambda x: F.pad(x, (2, 3), mode=mode), 7)
    np.testing.assert_array_equal(bordered(7, (2, 3), mode), expected)


def test_a_negative_border_cuts():
    expected = matrix_of(lambda x: F.pad(x, (-1, 2)), 7)
    np.testing.assert_array_equal(bordered(7, (-1, 2), "constant"), expected)


@pytest.mark.parametrize("size", [5, 8])
@pytest.mark.parametrize("asked", [{"scale_factor": 2.0}, {"scale_factor": 1.7}, {"size": 9}])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear"])
def test_interpolation_along_an_axis_is_torchs(size, asked, mode):
    expected = matrix_of(lambda x: F.interpolate(x, mode=mode, **asked), size)
    sources = _sources(size, len(expected), asked.get("scale_factor"), corners=False)
    found = _KINDS[mode.replace("-", "_")](size, len(expected), sources)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("corners", [False, True])
def test_cubic_interpolation_is_torchs(corners):
    picture = torch.eye(6, dtype=torch.float64)[:, None, :, None].expand(6, 1, 6, 6)
    how = {"mode": "bicubic", "align_corners": corners, "size": (11, 6)}
    expected = F.interpolate(picture, **how)[:, 0, :, 0].T.numpy()
    found = _KINDS["bicubic"](6, 11, _sources(6, 11, None, corners=corners))
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("mode", ["Reflection", "Replication", "Circular"])
def test_a_border_of_the_same_numbers_keeps_their_size(mode):
    assert last(f"input: [4, 8, 8]\n{mode}Pad2d(2)").rms == pytest.approx(1.0, rel=1e-12)


def test_a_border_of_constants_adds_their_squares():
    """64 of 144 places are N(0,1), the others 3."""
    found = last("input: [4, 8, 8]\nConstantPad2d(2, 3.0)")
    assert found.rms**2 == pytest.approx((64 + 80 * 9) / 144, rel=1e-12)
    assert found.mean == pytest.approx(80 * 3 / 144, rel=1e-12)


def test_bilinear_interpolation_of_independent_numbers_shrinks_them():
    """At scale 2 each axis takes 3/4 and 1/4, but for the border: squares of 5/8 twice."""
    found = last("input: [4, 64, 1]\nUpsample(scale_factor=(2.0, 1.0), mode='bilinear')")
    inner, border = 10 / 16, 1.0
    assert found.rms**2 == pytest.approx((126 * inner + 2 * border) / 128, rel=1e-9)


def test_the_gradient_of_repeated_places_adds_up():
    found = predicted("input: [4, 6, 6]\nUpsample(scale_factor=2, mode='nearest')")
    assert found.gradients["input"] == pytest.approx(4.0, rel=1e-12)


def test_a_large_picture_is_enlarged_like_a_small_one():
    """Of 96 × 96 places a sample is kept; far from the border nothing depends on the size."""
    text = "input: [4, {0}, {0}]\nConv2d(4, 8, 3, padding=1)\nUpsample(scale_factor=2)"
    large, small = (last(text.format(size)) for size in (96, 16))
    # The border is 2/3 of a tap in n: the two differ by (1 − 2/(3·96))² / (1 − 2/(3·16))².
    shrunk = ((1 - 2 / (3 * 96)) / (1 - 2 / (3 * 16))) ** 2
    bias = 1 / (3 * 36)
    assert large.rms**2 - bias == pytest.approx((small.rms**2 - bias) * shrunk, rel=2e-3)


def test_a_reflected_border_makes_a_convolution_lose_no_tap():
    text = "input: [32, 8, 8]\nConv2d(32, 32, 3, padding=1, padding_mode='reflect', bias=False)"
    assert last(text).rms ** 2 == pytest.approx(1 / 3, rel=1e-12)
