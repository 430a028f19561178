from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import orjson
import propagation_models as models
import pytest
from measurements import Measurements
from pydantic import ValidationError
from starlette.testclient import TestClient

from app.config import Settings
from app.errors import Invalid
from app.main import create_app
from app.web.access import COOKIE, local

BELOW = "/initscope"
ORIGIN = "http://localhost:8000"
PAGE = {"Accept": "text/html"}
STATIC = Path(__file__).parents[2] / "static"
ENDING = re.compile(r"(delete|cancel|logout)(\?|$)")  # forms that end what the others need


@pytest.fixture
def settings(settings):
    changes = {"prefix": BELOW, "access": "tokens", "orders_per_minute": 10_000}
    return settings.model_copy(update=changes)


@pytest.fixture
def signed_in(site):
    """The site as somebody sees it who came in by the form; what a proxy took off needs more."""
    token = site.call(site.services.access.add("ann"))
    sent = {"token": token, "next": f"{BELOW}/"}
    assert site.client.post(f"{BELOW}/login", data=sent).status_code == 303
    site.client.headers["Authorization"] = f"Bearer {token}"
    return site


@pytest.fixture
def filled(signed_in):
    """A site with something behind every kind of page."""
    site = signed_in
    runs = []
    for columns in (2, 3):
        run = site.submit(site.safetensors(w=(2, columns)), name=f"{columns}.safetensors")
        odd = {"sign": "differs", "status": "consistent", "sentence": "Fits another scheme."}
        site.finish(run, [site.tensor(0, "0.weight", **odd), site.tensor(1, "1.weight")])
        runs.append(run)
    site.submit(site.safetensors(w=(2, 4)), name="queued.safetensors")
    site.client.post(f"/m/{runs[1]}/seed")
    site.client.post(f"/m/{runs[0]}/compare/with", data={"other": runs[1], "to": runs[1]})
    Measurements(site).finish(models.report(4))
    site.run = runs[1]
    return site


class Addresses(HTMLParser):
    """What a page names: every attribute that could be an address, its links and its forms."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.named: list[tuple[str, str, str]] = []
        self.links: list[str] = []
        self.forms: list[tuple[str, str, dict[str, str]]] = []
        self.blocks: list[str] = []
        self._block = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        facts = {name: value or "" for name, value in attrs}
        self.named += [(tag, name, value) for name, value in facts.items()]
        if tag in {"a", "link"} and "href" in facts:
            self.links.append(facts["href"])
        if tag in {"script", "img"} and "src" in facts:
            self.links.append(facts["src"])
        if tag == "form" and facts.get("method") != "dialog":
            self.forms.append((facts.get("method", "get"), facts.get("action", ""), {}))
        if tag == "button" and "formaction" in facts:
            self.forms.append(("post", facts["formaction"], self.forms[-1][2]))
        if tag in {"input", "button", "textarea"} and facts.get("name") and self.forms:
            self.forms[-1][2][facts["name"]] = facts.get("value", "")
        self._block = tag == "script" and facts.get("type") == "application/json"

    def handle_data(self, data):
        if self._block:
            self.blocks.append(data)
        self._block = False


def strings(value: object) -> list[str]:
    """Every text in a JSON document."""
    if isinstance(value, dict):
        return [text for part in value.values() for text in strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in strings(part)]
    return [value] if isinstance(value, str) else []


def leaves(address: str) -> bool:
    """Whether an address is one of this host and not below the prefix."""
    whole = urlsplit(address)
    ours = not whole.netloc or whole.netloc == urlsplit(ORIGIN).netloc
    own = ours and whole.path.startswith("/")
    return own and not (whole.path == BELOW or whole.path.startswith(f"{BELOW}/"))


def outside(answer) -> list[object]:
    """Everything in an answer that leads out of the prefix."""
    kind = answer.headers.get("content-type", "")
    found: list[object] = []
    if leaves(answer.headers.get("location", "")):
        found.append(answer.headers["location"])
    if kind.startswith("text/html"):
        page = Addresses(answer.text)
        found += [each for each in page.named if leaves(each[2])]
        found += [text for block in page.blocks for text in told(block)]
    elif kind.startswith("application/json"):
        found += told(answer.text)
    if kind.startswith(("text", "application/json", "image/svg")):
        found += re.findall(rf"{ORIGIN}(?!{BELOW}\b)\S*", answer.text)
    return found


def told(document: str) -> list[str]:
    return [text for text in strings(orjson.loads(document)) if leaves(text)]


def shape(address: str) -> str:
    """An address without what differs between pages of one kind: of a query, its first name."""
    whole = urlsplit(address)
    path = re.sub(r"\b\d+\b", "0", whole.path)
    return f"{path}?{whole.query.partition('=')[0]}"


class Crawl:
    """Every page that links lead to, one of each kind, and every form sent."""

    def __init__(self, client) -> None:
        self.client = client
        self.seen: set[str] = set()
        self.outside: list[object] = []
        self.forms: dict[str, tuple[str, str, dict[str, str]]] = {}

    def visit(self, start: str) -> None:
        """Everything that can be got to from here."""
        todo = [start]
        while todo:
            address = todo.pop()
            if shape(address) in self.seen:
                continue
            self.seen.add(shape(address))
            todo += self._links(address)

    def send(self) -> None:
        """Every form that was seen, those that end something last."""
        for method, address, fields in sorted(
            self.forms.values(), key=lambda form: bool(ENDING.search(form[1]))
        ):
            way = {"params": fields} if method == "get" else {"data": fields}
            answer = self.client.request(method, address, headers=PAGE, **way)
            assert answer.status_code < 500, address
            self._check(address, answer)

    def _links(self, address: str) -> list[str]:
        answer = self.client.get(address, headers=PAGE)
        assert answer.status_code < 500, address
        self._check(address, answer)
        if "location" in answer.headers:
            return [urljoin(address, answer.headers["location"])]
        if not answer.headers["content-type"].startswith("text/html"):
            return []
        page = Addresses(answer.text)
        for method, action, fields in page.forms:
            place = urljoin(address, action)
            self.forms.setdefault(method + shape(place), (method, place, fields))
        whole = [urljoin(address, link) for link in page.links]
        return [link for link in whole if not urlsplit(link).netloc]

    def _check(self, address: str, answer) -> None:
        self.outside += [(address, each) for each in outside(answer)]


def test_no_link_form_script_or_redirect_leads_out_of_the_prefix(filled):
    crawl = Crawl(filled.client)
    for path in ("/", "/nowhere", "/metrics", f"/m/{filled.run}/seed"):
        crawl.visit(BELOW + path)
    assert len(crawl.seen) > 100
    assert len(crawl.forms) > 15
    crawl.send()
    crawl.visit(f"{BELOW}/login")
    assert crawl.outside == []


@pytest.mark.parametrize("script", sorted(STATIC.glob("js/*js")), ids=lambda path: path.name)
def test_a_script_knows_no_address_but_its_neighbours(script):
    text = script.read_text()
    assert re.findall(r"""["'`]/[a-z$]""", text) == []
    assert all(name.startswith("./") for name in re.findall(r'from "([^"]*)"', text))


def test_a_sheet_asks_for_nothing():
    assert not [path for path in STATIC.glob("*.css") if "url(" in path.read_text()]


@pytest.mark.parametrize("path", ["/", "/status", "/why/sqrt5", "/static/app.css", "/.json"])
def test_a_proxy_may_leave_the_prefix_on_or_take_it_off(signed_in, path):
    client = signed_in.client
    kept, taken = (client.get(place, headers=PAGE) for place in (BELOW + path, path))
    assert kept.status_code == taken.status_code == 200
    assert kept.text == taken.text


def test_the_prefix_alone_is_the_start_page(signed_in):
    client = signed_in.client
    assert client.get(BELOW).text == client.get(f"{BELOW}/").text


def test_a_path_that_only_begins_like_the_prefix_is_another(client):
    assert client.get(f"{BELOW}2/healthz").status_code in {401, 404}


def test_the_door_is_as_closed_below_a_prefix(client):
    for path in ("/", BELOW, f"{BELOW}/", f"{BELOW}/.json", f"{BELOW}{BELOW}/.json"):
        assert client.get(path).status_code == 401
    assert client.get(f"{BELOW}/m/x?y=1", headers=PAGE).headers["location"] == (
        f"{BELOW}/login?next={BELOW}/m/x%3Fy%3D1"
    )


def test_the_cookie_is_sent_to_this_service_alone(site):
    token = site.call(site.services.access.add("ann"))
    answer = site.client.post(f"{BELOW}/login", data={"token": token}, headers=PAGE)
    assert f"; Path={BELOW};" in f"{answer.headers['set-cookie']};"
    assert answer.headers["location"] == f"{BELOW}/"
    site.client.post(f"{BELOW}/logout", headers=PAGE)
    assert COOKIE not in site.client.cookies


@pytest.mark.parametrize("place", ["/", "/other/", "/initscope2/", "//initscope/"])
def test_signing_in_leads_to_no_other_service_of_the_host(site, place):
    token = site.call(site.services.access.add("ann"))
    sent = {"token": token, "next": place}
    answer = site.client.post(f"{BELOW}/login", data=sent, headers=PAGE)
    assert answer.headers["location"] == f"{BELOW}/"


def test_the_schema_tells_where_the_api_is(signed_in):
    schema = signed_in.client.get(f"{BELOW}/api/v1/openapi.json").json()
    assert schema["servers"] == [{"url": BELOW}]
    assert "/api/v1/runs" in schema["paths"]


def test_the_badge_and_the_report_are_offered_by_their_whole_address(filled):
    run = filled.upload(filled.safetensors(w=(2, 2)))
    text = filled.client.get(f"{BELOW}/m/{run}/report", headers=PAGE).text
    assert f"({ORIGIN}{BELOW}/m/{run}/badge.svg)]({ORIGIN}{BELOW}/m/{run}/report)" in text


def test_a_failure_below_a_prefix_is_a_page_below_it(settings, monkeypatch):
    app = create_app(settings.model_copy(update={"access": "open"}))
    client = TestClient(app, base_url=ORIGIN, raise_server_exceptions=False)
    with client, monkeypatch.context() as broken:
        broken.delattr(app.state, "services")
        answer = client.get(f"{BELOW}/", headers=PAGE)
    assert answer.status_code == 500
    assert outside(answer) == []
    assert f'href="{BELOW}/"' in answer.text


def test_the_servers_own_root_path_is_a_prefix_too(settings):
    app = create_app(settings.model_copy(update={"access": "open", "prefix": ""}))
    with TestClient(app, base_url=ORIGIN, root_path="/lab") as client:
        assert 'href="/lab/status"' in client.get("/lab/", headers=PAGE).text
        assert 'href="/lab/status"' in client.get("/", headers=PAGE).text


def test_without_a_prefix_places_are_the_hosts_own():
    assert local("/m/0") == "/m/0"


@pytest.mark.parametrize(
    ("given", "kept"), [("", ""), ("/", ""), ("/a", "/a"), ("/a/", "/a"), ("/a-1/b.c", "/a-1/b.c")]
)
def test_a_prefix_may_end_with_a_slash(given, kept):
    assert Settings(_env_file=None, prefix=given).prefix == kept


@pytest.mark.parametrize("given", ["a", "https://a.example/b", "/a//b", "/../a", "/a b", "/ü"])
def test_what_is_no_path_is_refused_as_a_prefix(given):
    with pytest.raises(ValidationError, match="expected a path as /initscope"):
        Settings(_env_file=None, prefix=given)


@pytest.mark.parametrize("given", ["/m", "/static", "/api/v1", "/jobs/x", "/healthz"])
def test_a_prefix_that_could_be_a_page_is_refused(given):
    with pytest.raises(Invalid, match="INITSCOPE_PREFIX"):
        create_app(Settings(_env_file=None, prefix=given))
