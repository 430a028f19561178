from __future__ import annotations

import logging
import re

import pytest

from app import logs

DRAWN = re.compile(r"[0-9a-f]{32}")


@pytest.fixture
def told(caplog):
    """The lines about answered requests."""
    caplog.set_level(logging.INFO, logger=logs.ACCESS)
    return lambda: [one for one in caplog.records if one.name == logs.ACCESS]


def test_a_request_keeps_the_id_that_a_proxy_gave_it(client):
    assert client.get("/why", headers={"X-Request-ID": "a-1.b_2"}).headers["X-Request-ID"] == (
        "a-1.b_2"
    )


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, 'a"', "a\x0bb"])
def test_an_id_that_is_none_is_replaced(client, given):
    answer = client.get("/healthz", headers={"X-Request-ID": given})
    assert DRAWN.fullmatch(answer.headers["X-Request-ID"])


def test_a_refused_request_has_an_id_too(client):
    answer = client.get("/healthz", headers={"host": "elsewhere.example"})
    assert answer.status_code == 421
    assert DRAWN.fullmatch(answer.headers["X-Request-ID"])


def test_an_unexpected_failure_is_answered_and_told_with_its_id(client, told, monkeypatch):
    monkeypatch.delattr(client.app.state, "services")
    answer = client.get("/status.json", headers={"X-Request-ID": "mine"})
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (500, "mine")
    (line,) = told()
    assert (line.levelname, line.status) == ("WARNING", 500)


def test_a_line_tells_method_route_status_and_milliseconds(site, told):
    run = site.submit()
    site.client.get(f"/api/v1/runs/{run}")
    line = told()[-1]
    assert (line.method, line.route, line.status) == ("GET", "/api/v1/runs/{run_id}", 200)
    assert line.ms >= 0


def test_the_route_of_a_head_is_known(client, told):
    client.head("/why/sqrt5")
    assert (told()[-1].method, told()[-1].route) == ("HEAD", "/why/{topic}")


def test_an_upload_s_name_and_a_query_are_not_told(client, told):
    client.post("/api/v1/files?name=private.pt", content=b"abc")
    assert "private" not in repr([vars(one) for one in told()])


def test_an_unknown_address_is_not_repeated(client, told):
    client.get("/hidden-secret")
    assert told()[-1].getMessage() == "GET unknown 404"


def test_what_watches_the_service_is_no_news(client, told):
    client.get("/healthz")
    assert told() == []
