"""The service behind a real nginx: HTTPS, below a path, as docs/deploy.md shows it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import httpx2
import nginx_proxy
import orjson
import pytest
from live_site import LiveSite
from sample_models import model

from app.config import Settings
from app.store import database
from app.store.access import Access
from app.web.access import COOKIE

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(
        nginx_proxy.binary() is None,
        reason="nginx was not found: Debian's package nginx, or any nginx on the path",
    ),
]

ROOT = Path(__file__).parents[2]
BELOW = "/initscope"
LIMIT = 2**26  # bytes of an upload that the service takes
LARGE = 2**25  # far more than any buffer on the way, and than nginx takes where nobody says so
CHUNK = 2**20
PATIENCE = 3000  # looks of 0.02 s: a deadline for a loaded machine
SERVE = "import sys; from app.cli import main; sys.exit(main(['serve']))"
PAGE = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """`initscope serve` without workers: what is accepted waits."""
    data = tmp_path_factory.mktemp("service") / "data"
    given = {
        "DATA_DIR": str(data),
        "PORT": "0",
        "WORKERS": "0",
        "PREFIX": BELOW,
        "MIN_FREE_BYTES": "0",
        "MAX_UPLOAD_BYTES": str(LIMIT),
    }
    settings = Settings(
        _env_file=None, data_dir=data, min_free_bytes=0, prefix=BELOW, max_upload_bytes=LIMIT
    )
    database.migrate(settings)
    token = asyncio.run(_token(settings))
    running = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        cwd=ROOT,
        env=os.environ | {f"INITSCOPE_{name}": value for name, value in given.items()},
        stdout=subprocess.PIPE,
        text=True,
    )
    line = running.stdout.readline()
    found = re.fullmatch(rf"initscope is at http://127\.0\.0\.1:(\d+){BELOW}\n", line)
    assert found is not None, line
    yield LiveSite(settings, int(found[1])), token
    running.terminate()
    running.communicate()


async def _token(settings: Settings) -> str:
    tables = database.connect(settings)
    text = await Access(tables).add("ann")
    await tables.dispose()
    return text


@pytest.fixture(scope="module", params=[False, True], ids=["leaves the path", "takes it off"])
def proxy(request, service):
    site, _ = service
    with tempfile.TemporaryDirectory(prefix="initscope-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        upstream = site.origin.removeprefix("http://")
        with nginx_proxy.nginx(folder, upstream, strips=request.param) as running:
            yield running


@pytest.fixture
def client(proxy):
    with httpx2.Client(base_url=proxy.origin, verify=proxy.trust, timeout=120) as opened:
        yield opened


@pytest.fixture
def signed_in(client, service):
    _, token = service
    answer = client.post(f"{BELOW}/login", data={"token": token, "next": f"{BELOW}/status"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{BELOW}/status")
    return client


def checkpoint(size: int) -> bytes:
    """The head of a safetensors file that is this large as a whole."""
    header = {"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    text = orjson.dumps(header)
    return len(text).to_bytes(8, "little") + text


def test_signing_in_keeps_the_cookie_to_https_and_the_path(client, service):
    _, token = service
    answer = client.post(f"{BELOW}/login", data={"token": token})
    cookie = answer.headers["set-cookie"]
    assert {f"Path={BELOW}", "Secure", "HttpOnly", "SameSite=lax"} <= set(cookie.split("; "))
    assert client.cookies[COOKIE]


def test_a_stranger_is_led_to_the_form_below_the_path(client):
    answer = client.get(f"{BELOW}/m/{'0' * 32}", headers=PAGE)
    assert answer.headers["location"] == f"{BELOW}/login?next={BELOW}/m/{'0' * 32}"


def test_the_pages_name_the_proxy_as_their_origin(signed_in, proxy):
    text = signed_in.get(f"{BELOW}/", headers=PAGE).text
    assert f"{proxy.origin}{BELOW}" in text


def test_a_report_page_and_all_that_it_loads_come_through(signed_in, service):
    site, _ = service
    run = site.add(model(8), "report.safetensors")
    page = signed_in.get(f"{BELOW}/m/{run}", headers=PAGE)
    assert page.status_code == 200
    loads = re.findall(rf'(?:src|href)="({BELOW}/(?:static|m)/[^"#]*)"', page.text)
    assert len(loads) > 8
    for address in loads:
        answer = signed_in.get(address.replace("&amp;", "&"), headers=PAGE)
        assert answer.status_code == 200, address


def test_an_order_from_a_page_of_the_proxy_is_carried_out(signed_in, proxy):
    answer = signed_in.post(f"{BELOW}/examples/mlp", headers={**PAGE, "Origin": proxy.origin})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{BELOW}/jobs/")


def test_an_order_from_another_port_of_the_host_is_refused(signed_in):
    answer = signed_in.post(f"{BELOW}/examples/mlp", headers={"Origin": "https://localhost"})
    assert answer.status_code == 403


def test_a_large_upload_reaches_the_service_while_it_is_sent(signed_in, service):
    site, _ = service
    incoming = site.settings.data_dir / "blobs"

    def arrived() -> int:
        return sum(path.stat().st_size for path in incoming.rglob("*") if path.is_file())

    def body():
        before = arrived()
        yield checkpoint(LARGE)
        for sent in range(CHUNK, LARGE + 1, CHUNK):
            yield os.urandom(CHUNK)
            if sent == LARGE // 2:
                assert_soon(lambda: arrived() >= before + LARGE // 4)

    answer = signed_in.post(f"{BELOW}/upload?name=large.safetensors", content=body())
    assert answer.status_code == 200, answer.text
    assert answer.json()["url"].startswith(f"{BELOW}/jobs/")


def assert_soon(so) -> None:
    """Look until it is so."""
    pause = threading.Event()
    for _ in range(PATIENCE):
        if so():
            return
        pause.wait(0.02)
    raise AssertionError("it never was so")


def test_an_upload_above_the_services_limit_is_refused_in_its_own_words(signed_in):
    answer = signed_in.post(f"{BELOW}/upload?name=a", content=bytes(LIMIT + 1))
    assert answer.status_code == 413
    assert answer.json()["error"] in {"too_large", "body_too_large"}


def test_an_event_comes_while_the_stream_is_open(signed_in):
    made = signed_in.post(f"{BELOW}/examples/mlp", headers={"Accept": "application/json"}).json()
    address = f"{BELOW}/api/v1/runs/{made['id']}/events"
    with signed_in.stream("GET", address) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        data = next(line for line in lines if line.startswith("data: "))
    told = orjson.loads(data.removeprefix("data: "))
    assert (told["state"], told["url"]) == ("queued", f"{BELOW}/jobs/{made['id']}")


def test_a_request_keeps_the_id_that_the_proxy_gave_it(client):
    ids = {client.get(f"{BELOW}/healthz").headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in ids)


def test_the_path_without_its_slash_leads_to_the_start_page(signed_in):
    answer = signed_in.get(BELOW, headers=PAGE, follow_redirects=True)
    assert answer.status_code == 200
    assert answer.url.path == f"{BELOW}/"
