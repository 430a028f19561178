from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from sample_models import model, overview

from app.charts.fingerprint import (
    SHARED_HEIGHT,
    as_png,
    as_svg,
    displayed_height,
    fingerprint,
    folded,
)
from app.charts.png import mask, picture
from app.charts.style import DARK, LIGHT
from app.web.selection import weights_of


@pytest.fixture(scope="module")
def weights():
    return weights_of(overview(model(80)).rows)


def test_a_row_takes_whole_pixels_until_rows_have_to_be_shared():
    assert displayed_height(4) == 88
    assert displayed_height(40) % 40 == 0
    assert displayed_height(480) == SHARED_HEIGHT
    assert displayed_height(20_000) == SHARED_HEIGHT


def test_one_odd_tensor_among_two_thousand_stays_visible():
    levels = np.zeros((2000, 96), np.uint8)
    levels[777, 3] = 255
    shared = folded(levels, SHARED_HEIGHT)
    assert shared.shape == (SHARED_HEIGHT, 96)
    assert shared[:, 3].max() == 255


def test_every_tensor_falls_into_exactly_one_row():
    levels = np.repeat(np.arange(1, 251, dtype=np.uint8), 3)[:, None]
    shared = folded(levels, 480)[:, 0]
    assert set(shared.tolist()) == set(range(1, 251))
    assert np.all(np.diff(shared.astype(int)) >= 0)


def test_exceptions_are_marked_at_least_two_pixels_high():
    drawn = fingerprint(weights_of(overview(model(4000)).rows), unit="bound")
    assert {mark.sign for mark in drawn.marks} == {"problem", "differs", "no_match"}
    assert min(mark.height for mark in drawn.marks) >= 2
    assert max(mark.top + mark.height for mark in drawn.marks) <= drawn.height + 1e-9


def test_a_constant_tensor_is_a_line_and_no_heat(weights):
    drawn = fingerprint(weights, unit="bound", half_width=3.0)
    place = next(at for at, row in enumerate(weights) if row.constant is not None)
    assert not drawn.levels[place].any()
    assert drawn.constants == pytest.approx([(place + 0.5) * drawn.height / len(weights)])


def test_the_mask_reads_back_as_the_levels_it_was_made_of():
    levels = np.array([[0, 1, 128, 255]], np.uint8)
    opened = Image.open(io.BytesIO(mask(levels, steps=256))).convert("RGBA")
    assert np.asarray(opened)[0, :, 3].tolist() == [0, 1, 128, 255]


def test_a_count_of_one_is_never_drawn_as_nothing():
    opened = Image.open(io.BytesIO(mask(np.array([[1]], np.uint8)))).convert("RGBA")
    assert np.asarray(opened)[0, 0, 3] > 0


def test_an_opaque_picture_reads_back_as_its_pixels():
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture(pixels)))), pixels)


@pytest.mark.parametrize("palette", [LIGHT, DARK])
@pytest.mark.parametrize("half_width", [1.5, 3.0, 6.0])
def test_the_png_has_the_bounds_at_plus_minus_one(weights, palette, half_width):
    drawn = fingerprint(weights, unit="bound", half_width=half_width)
    pixels = np.asarray(Image.open(io.BytesIO(as_png(drawn, palette))))
    at = 18 + round(960 * (1 / half_width + 1) / 2)
    ink = [int(palette.ink[place : place + 2], 16) for place in (1, 3, 5)]
    assert pixels[0, at].tolist() == ink
    assert pixels.shape == (drawn.height, 978, 3)


def test_a_model_without_weights_is_one_blank_pixel():
    drawn = fingerprint([], unit="bound")
    assert Image.open(io.BytesIO(as_png(drawn, LIGHT))).size == (1, 1)


def test_the_svg_is_well_formed_and_says_what_it_shows(weights):
    hostile = replace(weights[0], name="<script>")
    drawn = fingerprint([hostile, *weights], unit="bound")
    root = ET.fromstring(as_svg(drawn, DARK, caption="a < b"))
    assert root.get("role") == "img"
    assert root.get("aria-label").startswith("Heat map of 41 weight tensors")
