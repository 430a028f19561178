"""What the API's schema says of who may ask."""

from __future__ import annotations

from app.config import Settings
from app.main import create_app
from app.web.access import COOKIE, is_open


def test_the_schema_tells_what_to_show_where_it_is_asked_for():
    schema = create_app(Settings(_env_file=None, access="tokens")).openapi()
    assert schema["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert schema["components"]["securitySchemes"]["session"]["name"] == COOKIE
    for path, methods in schema["paths"].items():
        for told in methods.values():
            asked = [] if is_open(path) else [{"token": []}, {"session": []}]
            assert told.get("security", []) == asked, path


def test_the_schema_asks_for_nothing_where_everybody_is_answered():
    schema = create_app(Settings(_env_file=None, access="open")).openapi()
    assert "securitySchemes" not in schema["components"]
    assert not any(
        "security" in told for path in schema["paths"].values() for told in path.values()
    )
