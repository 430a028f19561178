from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.config import Settings
from app.main import create_app

README = Path(__file__).parents[2] / "README.md"
SCHEMA = create_app(Settings()).openapi()
ROUTES = [(method.upper(), path) for path, methods in SCHEMA["paths"].items() for method in methods]


def plain(path: str) -> str:
    return re.sub(r"\{(\w+_)?id\}", "{id}", path)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_of_the_api_is_in_the_readme(method, path):
    assert plain(path) in re.sub(r"\bID\b", "{id}", README.read_text())


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_of_the_api_says_what_it_does(method, path):
    assert SCHEMA["paths"][path][method.lower()]["description"]
