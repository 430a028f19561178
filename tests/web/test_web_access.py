from __future__ import annotations

import logging
import re

import pytest
from starlette.routing import Mount
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from app.config import Settings
from app.main import create_app
from app.web.access import COOKIE, is_open, local
from app.web.door import TRIES

ORIGIN = "http://localhost:8000"
PAGE = {"Accept": "text/html"}


def routes() -> list[tuple[str, str]]:
    """Method and path of everything that the app answers, ids filled in."""
    found = []
    for room in create_app(Settings(_env_file=None, access="tokens")).routes:
        if isinstance(room, Mount):
            continue
        several = getattr(room, "effective_route_contexts", lambda room=room: [room])()
        found += [
            (method, re.sub(r"\{[^}]*\}", "0" * 32, route.path))
            for route in several
            for method in sorted(route.methods - {"HEAD"})
        ]
    return found


ROUTES = routes()
CLOSED = [(method, path) for method, path in ROUTES if not is_open(path)]


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"access": "tokens", "orders_per_minute": 30})


@pytest.fixture
def token(site):
    """The text of a new token of somebody."""
    return lambda name: site.call(site.services.access.add(name))


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def sign_in(client, text: str, **fields: str):
    return client.post("/login", data={"token": text, **fields}, headers=PAGE)


def test_the_routes_are_those_of_the_whole_app():
    assert len(ROUTES) > 60
    assert {("GET", "/"), ("POST", "/upload"), ("GET", "/metrics")} < set(CLOSED)


def test_without_a_token_programs_are_refused(client):
    for method, path in CLOSED:
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()["error"]) == (401, "not_signed_in"), path
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_without_a_session_browsers_are_led_to_the_form(client):
    for method, path in CLOSED:
        if path.startswith("/api/v1") or path.endswith(".json"):
            continue
        answer = client.request(method, path, headers=PAGE)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/login?next=/")


@pytest.mark.parametrize("path", ["/login", "/healthz", "/favicon.ico", "/static/app.css"])
def test_what_shows_nothing_of_anybodys_is_answered_to_everybody(client, path):
    assert client.get(path).status_code == 200


def test_readiness_is_told_to_everybody(client, site):
    site.sign_of_life()
    assert client.get("/readyz").status_code == 200


def test_a_path_that_leads_out_of_an_open_folder_shows_nothing(client):
    raw = client.build_request("GET", ORIGIN)
    raw.url = raw.url.copy_with(raw_path=b"/static/../.json")
    assert client.send(raw).status_code != 200


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer ", "Bearer x", "Basic YTpi", "Bearer isc_0_0", "Bearer é"]
)
def test_what_is_no_token_is_refused(client, shown):
    answer = client.get("/.json", headers={"Authorization": shown.encode("latin-1")})
    assert answer.status_code == 401


def test_a_session_is_heard_behind_a_proxy_that_signs_in_by_its_own_means(client, token):
    sign_in(client, token("ann"))
    answer = client.get("/", headers={**PAGE, "Authorization": "Basic YTpi"})
    assert answer.status_code == 200


def test_a_websocket_is_turned_away(client):
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/"):
        pass


def test_a_program_comes_in_with_its_token(client, token):
    headers = bearer(token("ann"))
    assert client.get("/.json", headers=headers).status_code == 200
    made = client.post("/api/v1/files", content=b"abc", headers=headers)
    assert made.status_code == 201


def test_a_removed_token_opens_nothing_any_more(client, site, token):
    text = token("ann")
    assert client.get("/.json", headers=bearer(text)).status_code == 200
    sign_in(client, text)
    site.call(site.services.access.remove("ann"))
    assert client.get("/.json", headers=bearer(text)).status_code == 401
    assert client.get("/", headers=PAGE).status_code == 303


def test_a_person_signs_in_and_out(client, token):
    answer = sign_in(client, token("ann"), next="/status?a=b")
    assert (answer.status_code, answer.headers["location"]) == (303, "/status?a=b")
    assert "Sign out ann" in client.get("/", headers=PAGE).text
    assert client.post("/logout").headers["location"] == "/login"
    assert COOKIE not in client.cookies
    assert client.get("/", headers=PAGE).status_code == 303


def test_the_session_ends_at_the_server_too(client, token):
    sign_in(client, token("ann"))
    value = client.cookies[COOKIE]
    client.post("/logout")
    client.cookies.set(COOKIE, value)
    assert client.get("/", headers=PAGE).status_code == 303


def test_the_cookie_is_new_at_each_sign_in_and_the_old_one_void(client, token):
    text = token("ann")
    sign_in(client, text)
    first = client.cookies[COOKIE]
    sign_in(client, text)
    assert client.cookies[COOKIE] != first
    client.cookies.clear()
    client.cookies.set(COOKIE, first)
    assert client.get("/", headers=PAGE).status_code == 303


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_cookie_is_kept_from_scripts_and_other_sites(site, token, scheme):
    text = token("ann")
    client = TestClient(site.client.app, base_url=f"{scheme}://localhost", follow_redirects=False)
    cookie = sign_in(client, text).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert f"max-age={14 * 24 * 3600}" in cookie
    assert ("secure" in cookie) == (scheme == "https")


@pytest.mark.parametrize("text", ["", "wrong", "isc_0123456789_" + "a" * 43])
def test_a_wrong_token_is_answered_with_the_form_and_a_sentence(client, text):
    answer = sign_in(client, text)
    assert answer.status_code == 401
    assert "Expected an access token" in answer.text
    assert "set-cookie" not in answer.headers


def test_after_ten_wrong_tokens_an_address_is_not_looked_at(client, token):
    text = token("ann")
    for _ in range(TRIES):
        assert sign_in(client, "wrong").status_code == 401
    refused = sign_in(client, text)
    assert refused.status_code == 429
    assert "at most 10 a minute" in refused.text
    assert client.get("/.json", headers=bearer(text)).status_code == 429


def test_a_token_in_use_is_not_locked_out_by_anothers_mistakes(client, token):
    text = token("ann")
    client.get("/.json", headers=bearer(text))
    for _ in range(TRIES):
        sign_in(client, "wrong")
    assert client.get("/.json", headers=bearer(text)).status_code == 200


@pytest.mark.parametrize(
    "place",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "evil.example",
        "/\t/evil.example",
        "/%2f/evil.example/..//",
        "/%2Fevil.example",
        "/%5cevil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: b=c",
        "/ü",
        "",
    ],
)
def test_signing_in_leads_to_no_other_site(client, token, place):
    where = sign_in(client, token("ann"), next=place).headers["location"]
    assert where == "/" or (where[0] == "/" and where[1] not in "/\\" and where == place)


@pytest.mark.parametrize("place", ["/", "/m/0123/t/4?part=q&x=%20y", "/m/ab/compare?to=cd"])
def test_a_place_of_its_own_is_gone_on_to(place):
    assert local(place) == place


def test_the_place_asked_for_survives_the_form(client):
    asked = client.get("/phase?act=tanh&sw=1.3", headers=PAGE).headers["location"]
    assert 'value="/phase?act=tanh&amp;sw=1.3"' in client.get(asked, headers=PAGE).text


@pytest.mark.parametrize("path", ["/login", "/logout", "/upload", "/jobs/" + "0" * 32 + "/delete"])
def test_orders_of_other_sites_are_refused_even_with_the_cookie(client, token, path):
    sign_in(client, token("ann"))
    answer = client.post(path, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["error"]) == (403, "cross_site")


def test_a_token_gives_so_many_orders_a_minute(client, token):
    ann, bob = bearer(token("ann")), bearer(token("bob"))
    for _ in range(30):
        assert client.post("/api/v1/files", content=b"a", headers=ann).status_code == 201
    answer = client.post("/api/v1/files", content=b"a", headers=ann)
    assert (answer.status_code, answer.json()["error"]) == (429, "too_many_orders")
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert client.get("/.json", headers=ann).status_code == 200
    assert client.post("/api/v1/files", content=b"a", headers=bob).status_code == 201


def test_answers_to_a_caller_are_kept_by_nobody_on_the_way(client, token):
    headers = client.get("/.json", headers=bearer(token("ann"))).headers
    assert headers["cache-control"] == "private, no-cache"
    assert {"Cookie", "Authorization"} <= {one.strip() for one in headers["vary"].split(",")}


def test_no_secret_is_in_the_log(client, token, caplog):
    text = token("ann")
    with caplog.at_level(logging.DEBUG):
        sign_in(client, text)
        value = client.cookies[COOKIE]
        client.get("/", headers=PAGE)
        client.post("/logout")
        client.get("/.json", headers=bearer(text))
        client.get("/.json", headers=bearer(text[:-1]))
        sign_in(client, text[:-1])
    told = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert caplog.records
    assert text.rpartition("_")[2][:-1] not in told
    assert value not in told


def test_where_no_token_is_asked_for_the_form_leads_on(tmp_path):
    settings = Settings(_env_file=None, data_dir=tmp_path / "data", access="open")
    with TestClient(create_app(settings), base_url=ORIGIN, follow_redirects=False) as client:
        assert client.get("/login?next=/status").headers["location"] == "/status"
        assert client.post("/login", data={"token": "x"}).headers["location"] == "/"


def test_signing_in_may_end_every_other_session_of_the_token(site, token):
    text, others = token("ann"), token("bob")
    clients = [
        TestClient(site.client.app, base_url=ORIGIN, follow_redirects=False) for _ in range(3)
    ]
    for client, shown in zip(clients, (text, text, others), strict=True):
        sign_in(client, shown)
    sign_in(clients[0], text, alone="1")
    assert [client.get("/", headers=PAGE).status_code for client in clients] == [200, 303, 200]
