"""What a reverse proxy tells of a request, and of whom it is believed."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.cli.serve import HERE
from app.config import Settings
from app.web.access import COOKIE
from app.web.door import TRIES

PAGE = {"Accept": "text/html"}
HTTPS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}


@pytest.fixture
def settings(settings):
    hosts = [*settings.allowed_hosts, "lab.example"]
    return settings.model_copy(update={"allowed_hosts": hosts, "access": "tokens"})


@pytest.fixture
def proxied(site):
    """A client whose requests come from a peer, through what `serve` puts before the app."""

    def opened(peer: str, base_url: str = "http://lab.example") -> TestClient:
        app = ProxyHeadersMiddleware(site.client.app, HERE)
        return TestClient(app, base_url=base_url, follow_redirects=False, client=(peer, 50000))

    return opened


def sign_in(client, text: str, **headers: str):
    return client.post("/login", data={"token": text}, headers={**PAGE, **headers})


@pytest.mark.parametrize(
    ("peer", "believed"), [("127.0.0.1", True), ("::1", True), ("198.51.100.4", False)]
)
def test_only_a_proxy_of_this_machine_is_believed_that_it_was_asked_over_https(
    site, proxied, peer, believed
):
    token = site.call(site.services.access.add("ann"))
    answer = sign_in(proxied(peer), token, **HTTPS)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert ("; Secure" in answer.headers["set-cookie"]) is believed
    assert ("strict-transport-security" in answer.headers) is believed


def test_whole_addresses_are_those_that_the_proxy_was_asked_for(site, proxied):
    token = site.call(site.services.access.add("ann"))
    client = proxied("127.0.0.1")
    headers = {**PAGE, **HTTPS, "Authorization": f"Bearer {token}"}
    assert "https://lab.example" in client.get("/", headers=headers).text


def test_wrong_tokens_are_counted_by_the_address_that_a_believed_proxy_tells(site, proxied):
    text = site.call(site.services.access.add("ann"))
    client = proxied("127.0.0.1")
    for _ in range(TRIES):
        assert sign_in(client, "wrong", **HTTPS).status_code == 401
    assert sign_in(client, "wrong", **HTTPS).status_code == 429
    assert sign_in(client, text, **{"X-Forwarded-For": "192.0.2.8"}).status_code == 303


def test_what_stands_left_of_the_proxys_own_word_is_the_callers_invention(proxied):
    client = proxied("127.0.0.1")
    for number in range(TRIES):
        told = f"203.0.113.{number}, 192.0.2.7"
        assert sign_in(client, "wrong", **{"X-Forwarded-For": told}).status_code == 401
    told = "203.0.113.99, 192.0.2.7"
    assert sign_in(client, "wrong", **{"X-Forwarded-For": told}).status_code == 429


def test_a_caller_that_is_no_proxy_gets_no_more_tries_by_inventing_addresses(proxied):
    client = proxied("198.51.100.4")
    for number in range(TRIES):
        told = f"203.0.113.{number}"
        assert sign_in(client, "wrong", **{"X-Forwarded-For": told}).status_code == 401
    assert sign_in(client, "wrong", **{"X-Forwarded-For": "203.0.113.99"}).status_code == 429


def test_addresses_of_one_ipv6_network_are_one_caller(proxied):
    for number in range(TRIES):
        assert sign_in(proxied(f"2001:db8:1:2::{number}"), "wrong").status_code == 401
    assert sign_in(proxied("2001:db8:1:2:ffff::1"), "wrong").status_code == 429
    assert sign_in(proxied("2001:db8:1:3::1"), "wrong").status_code == 401


def test_ipv4_addresses_written_as_ipv6_are_callers_of_their_own(proxied):
    for _ in range(TRIES):
        assert sign_in(proxied("::ffff:192.0.2.7"), "wrong").status_code == 401
    assert sign_in(proxied("192.0.2.7"), "wrong").status_code == 429
    assert sign_in(proxied("::ffff:192.0.2.8"), "wrong").status_code == 401


@pytest.mark.parametrize("told", ["unknown", "[::1", "fe80::1%eth0", "a" * 5000, "1.2.3.4:x", ""])
def test_an_address_that_is_none_is_a_caller_all_the_same(proxied, told):
    answer = sign_in(proxied("127.0.0.1"), "wrong", **{"X-Forwarded-For": told})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("base_url", "alone"),
    [
        ("https://localhost", True),
        ("https://[::1]", True),
        ("http://localhost", False),
        ("https://localhost:8443", False),
    ],
)
@pytest.mark.parametrize("path", ["/login", "/static/app.css", "/nowhere"])
def test_https_alone_is_demanded_of_a_host_that_it_has_to_itself(site, base_url, alone, path):
    client = TestClient(site.client.app, base_url=base_url)
    told = client.get(path).headers.get("strict-transport-security")
    assert told == ("max-age=31536000" if alone else None)


def test_https_alone_is_not_demanded_of_a_host_shared_with_others(site):
    client = TestClient(site.client.app, base_url="https://localhost", root_path="/initscope")
    assert "strict-transport-security" not in client.get("/login").headers


def test_a_session_begun_over_https_is_not_sent_over_http(site):
    token = site.call(site.services.access.add("ann"))
    client = TestClient(site.client.app, base_url="https://localhost", follow_redirects=False)
    sign_in(client, token)
    assert client.cookies[COOKIE]
    assert client.get("/", headers=PAGE).status_code == 200
    assert client.get("http://localhost/", headers=PAGE).status_code == 303


@pytest.mark.parametrize(
    ("base_url", "clear"),
    [("http://lab.example", True), ("https://lab.example", False), ("http://localhost", False)],
)
def test_the_form_says_when_the_token_would_be_readable_on_the_way(proxied, base_url, clear):
    text = proxied("198.51.100.4", base_url).get("/login", headers=PAGE).text
    assert ("did not come over HTTPS" in text) is clear


@pytest.mark.parametrize(
    ("changes", "guarded"),
    [
        ({"allowed_hosts": ["localhost"]}, False),
        ({"allowed_hosts": ["localhost", "lab.example"]}, True),
        ({"allowed_hosts": ["*"]}, True),
        ({"prefix": "/initscope"}, True),
        ({"prefix": "/initscope", "access": "open"}, False),
    ],
)
def test_tokens_are_asked_for_where_others_come_in_by_a_proxy(changes, guarded):
    assert Settings(_env_file=None, **changes).guarded is guarded
