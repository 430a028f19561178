from __future__ import annotations

import pytest

from app.web.headers import CSP, host_name

PAGES = ["/", "/api/docs", "/nowhere", "/static/app.css", "/healthz"]


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_carries_the_policy(client, path):
    headers = client.get(path).headers
    assert headers["content-security-policy"] == CSP
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/schemes", "/static/app.css"])
def test_the_head_alone_is_answered_as_the_whole_would_be(client, path):
    assert client.head(path).status_code == client.get(path).status_code == 200


def test_the_policy_allows_no_inline_script_and_no_frame():
    assert "script-src 'self';" in CSP
    assert "unsafe-eval" not in CSP
    assert "frame-ancestors 'none'" in CSP


@pytest.mark.parametrize("host", ["localhost", "localhost:9", "127.0.0.1:8000", "[::1]:8000"])
def test_its_own_hosts_are_answered_on_any_port(client, host):
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.2:8000"])
def test_other_hosts_are_not_answered(client, host):
    answer = client.get("/healthz", headers={"Host": host})
    assert (answer.status_code, answer.json()["error"]) == (421, "unknown_host")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_orders_from_other_sites_are_refused(client, headers):
    answer = client.post("/upload?name=a.pt", content=b"\x80\x02abc", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (403, "cross_site")


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "http://localhost:8000"}, {"Sec-Fetch-Site": "same-origin"}],
)
def test_orders_from_itself_and_from_programs_are_carried_out(client, headers):
    answer = client.post("/api/v1/files", content=b"abc", headers=headers)
    assert answer.status_code == 201


def test_links_from_other_sites_open(client):
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_pages_are_compressed(client):
    answer = client.get("/", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("header", "name"),
    [("LOCALHOST:80", "localhost"), ("[::1]:80", "[::1]"), ("::1", "[::1]"), ("a.b", "a.b")],
)
def test_a_host_is_compared_without_its_port(header, name):
    assert host_name(header) == name
