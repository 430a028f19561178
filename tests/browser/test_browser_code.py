from __future__ import annotations

import http.client
import shutil
from urllib.parse import urlencode, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from live_site import live_site
from playwright.sync_api import expect

from app.config import Settings

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium was not found"),
    pytest.mark.xdist_group("browser_code"),
]

NET = "Linear(16, 16)\nReLU()\n4 x [Linear(16, 16), ReLU()]\nLinear(16, 2)\n"
MISTAKEN = "def f(m):\n    if type(m) == nn.Linear:\n        nn.init.zeros_(m.weight)\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    data = tmp_path_factory.mktemp("code") / "data"
    with live_site(Settings(data_dir=data, min_free_bytes=0)) as running:
        yield running


@pytest.fixture(scope="module")
def network(site):
    connection = http.client.HTTPConnection(urlsplit(site.origin).netloc)
    form = {"content-type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/spec/measure", urlencode({"net": NET}), form)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.getheader("location").removesuffix("/propagation")


@pytest.fixture
def tab(chromium):
    context = chromium.new_context(viewport={"width": 1000, "height": 800})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context.new_page()
    context.close()


def test_the_code_is_copied_as_it_stands(site, network, tab):
    tab.goto(f"{site.origin}{network}/code?base=lecun_normal")
    tab.get_by_role("button", name="Copy").click()
    expect(tab.get_by_text("Copied.")).to_be_visible()
    assert tab.evaluate("navigator.clipboard.readText()") == tab.locator("[data-code]").inner_text()


def test_a_mistake_is_told_as_one_types_and_found_by_its_line(site, tab):
    tab.goto(f"{site.origin}/code")
    tab.get_by_label("Init function").fill(MISTAKEN)
    tab.get_by_role("button", name="Line 2").click()
    assert tab.evaluate("getSelection().toString()") == "    if type(m) == nn.Linear:"
    assert "code=def" in tab.url


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_both_pages_are_accessible_and_fit(site, network, tab, theme, width):
    tab.set_viewport_size({"width": width, "height": 800})
    reader = f"/code?{urlencode({'code': MISTAKEN, 'theme': theme})}"
    for address in (f"{network}/code?base=normal(0.02)&theme={theme}", reader):
        tab.goto(f"{site.origin}{address}")
        assert Axe().run(tab).response["violations"] == []
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
