from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from app.charts.names import parted, shortened, visible
from app.charts.style import DARK, LIGHT, Palette, family
from app.charts.svg import log_ticks, tick_label, ticks
from app.core.catalogue import CATALOGUE

CSS = (Path(__file__).parents[2] / "static" / "app.css").read_text("utf-8")


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("role", [item.name for item in fields(Palette)])
def test_the_sheet_and_the_palette_hold_the_same_colours(role):
    found = re.search(rf"--{role.replace('_', '-')}: light-dark\((#\w+), (#\w+)\);", CSS)
    assert (found[1], found[2]) == (getattr(LIGHT, role), getattr(DARK, role))


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("role", ["pytorch", "kaiming", "xavier", "lecun", "normal", "heat"])
def test_marks_stand_out_three_to_one(palette, role):
    assert contrast(getattr(palette, role), palette.page) >= 3


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("role", ["ink", "quiet", "good", "differs", "no_match", "problem"])
def test_text_stands_out_four_and_a_half_to_one(palette, role):
    assert contrast(getattr(palette, role), palette.page) >= 4.5


@pytest.mark.parametrize(
    ("scheme", "hue"),
    [
        ("torch_default", "pytorch"),
        ("kaiming_normal(fan_out,relu)", "kaiming"),
        ("xavier_uniform(gain=1)", "xavier"),
        ("keras.glorot_uniform", "xavier"),
        ("jax.lecun_normal", "lecun"),
        ("normal(0.02)", "normal"),
        ("zeros", "constant"),
        (None, "no_match"),
    ],
)
def test_a_scheme_has_the_hue_of_its_family(scheme, hue):
    assert family(scheme) == hue


def test_every_scheme_of_the_catalogue_has_a_family():
    assert all(family(scheme.id, scheme.law) != "no_match" for scheme in CATALOGUE)


def test_directions_and_controls_are_shown_as_signs():
    assert visible("a\u202eb\nc\x00d\x7f") == "a⟨U+202E⟩b↵c␀d␡"


def test_a_long_name_keeps_its_end():
    short = shortened("a" * 100 + ".weight", 30)
    assert len(short) == 30
    assert short.endswith(".weight")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("layer1.0.conv1.weight", ("layer1.0.", "conv1.weight")),
        ("0.weight", ("", "0.weight")),
        ("weight", ("", "weight")),
        ("", ("", "")),
    ],
)
def test_the_last_two_parts_of_a_name_stand_out(name, parts):
    assert parted(name) == parts


def test_ticks_are_round_and_inside():
    assert ticks(-0.11, 0.11, count=8) == pytest.approx((-0.1, -0.05, 0, 0.05, 0.1))
    assert ticks(1, 1, count=5) == ()


def test_tick_labels_have_the_decimals_of_their_step():
    assert [tick_label(v, 0.05) for v in (-0.1, 0, 0.05)] == ["−0.10", "0", "0.05"]
    assert tick_label(3e-8, 1e-8) == "3·10⁻⁸"


def test_a_short_logarithmic_axis_has_more_than_powers_of_ten():
    assert [label for _, label in log_ticks(0.9, 9)] == ["1", "2", "5"]
    assert [label for _, label in log_ticks(1e-4, 20)] == [
        "10⁻⁴",
        "10⁻³",
        "10⁻²",
        "10⁻¹",
        "1",
        "10",
    ]
