from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.config import Settings

README = Path(__file__).parents[2] / "README.md"
FIELDS = sorted(Settings.model_fields)


@pytest.mark.parametrize("field", FIELDS)
def test_every_setting_is_in_the_readme(field):
    row = re.compile(rf"^\| `(INITSCOPE_)?{field}` \|", re.IGNORECASE | re.MULTILINE)
    assert row.search(README.read_text())


@pytest.mark.parametrize("field", FIELDS)
def test_every_setting_says_what_it_is_for(field):
    assert Settings.model_fields[field].description


def test_the_readme_names_no_setting_that_is_gone():
    named = set(re.findall(r"INITSCOPE_([A-Z_]+)", README.read_text()))
    assert named <= {field.upper() for field in FIELDS}
