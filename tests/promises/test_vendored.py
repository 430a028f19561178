"""What comes from elsewhere is what it says it is, and goes nowhere."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VENDOR = ROOT / "static" / "vendor"
PLOTLY = VENDOR / "plotly-cartesian-4.1.1.min.js"


def test_the_vendored_plotly_is_the_version_its_name_says():
    assert b"plotly.js (cartesian - minified) v4.1.1" in PLOTLY.read_bytes()[:200]


def test_the_page_asks_for_exactly_these_bytes():
    digest = base64.b64encode(hashlib.sha384(PLOTLY.read_bytes()).digest()).decode()
    assert f'integrity="sha384-{digest}"' in (ROOT / "templates" / "tensor.html").read_text("utf-8")


def test_the_licence_comes_with_it():
    assert "MIT" in (VENDOR / "plotly-cartesian-4.1.1.LICENSE").read_text("utf-8")


def test_plotlys_global_rules_are_all_there():
    rules = (VENDOR / "plotly-4.1.1.css").read_text("utf-8")
    assert rules.count("{") == 66


@pytest.mark.parametrize("folder", ["templates", "static"])
def test_no_page_of_ours_names_an_outside_address_to_load_from(folder):
    loads = re.compile(r"""(?:src|href|url|import|fetch)\s*[=(:]?\s*["'(]?\s*(?:https?:)?//""")
    own = [
        path for path in (ROOT / folder).rglob("*") if path.is_file() and VENDOR not in path.parents
    ]
    assert own
    assert [path.name for path in own if loads.search(path.read_text("utf-8", "replace"))] == []


def test_no_template_holds_a_script_or_a_handler_of_its_own():
    inline = re.compile(
        r"<script(?![^>]*(?:\bsrc=|application/json))|\son[a-z]+\s*=", re.IGNORECASE
    )
    pages = sorted((ROOT / "templates").glob("*.html"))
    assert [page.name for page in pages if inline.search(page.read_text("utf-8"))] == []
