from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from sample_models import HOSTILE, model, overview

from app.charts.ridges import MOST, ridges
from app.charts.style import LIGHT, VARIABLES
from app.web.selection import weights_of

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def weights():
    return weights_of(overview(model(80, names={0: HOSTILE})).rows)


def test_every_tensor_has_its_name_and_its_scheme(weights):
    root = ET.fromstring(ridges(weights, LIGHT, unit="bound", half_width=3.0))
    texts = [item.text for item in root.iter(f"{SVG}text")]
    assert sum(text.endswith("weight") for text in texts) == len(weights)
    assert sum(text.startswith("✓ PyTorch default") for text in texts) == 34


def test_a_hostile_name_is_text(weights):
    drawn = ridges(weights, VARIABLES, unit="bound", half_width=3.0)
    assert "<img" not in drawn
    assert "onerror=alert(1)&gt;.weight" in drawn


def test_a_control_character_does_not_break_the_file(weights):
    broken = replace(weights[0], name="a\x00b\x1b[31m\ufffe")
    ET.fromstring(ridges([broken], LIGHT, unit="bound", half_width=3.0))


def test_more_than_sixty_are_refused(weights):
    with pytest.raises(ValueError, match="at most 60 tensors, got 61"):
        ridges([weights[0]] * (MOST + 1), LIGHT, unit="bound", half_width=3.0)
