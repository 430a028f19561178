"""The scripts below a path, behind the form: no request of theirs leaves it."""

from __future__ import annotations

import asyncio
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from axe_playwright_python.sync_playwright import Axe
from live_site import live_site
from playwright.sync_api import expect
from sample_models import model

from app.config import Settings
from app.store import database
from app.store.access import Access
from app.web.examples import mlp

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium was not found"),
]

BELOW = "/initscope"
NET = "Linear(784, 512)\nReLU()\nLinear(512, 10)\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    data = tmp_path_factory.mktemp("prefix") / "data"
    with live_site(Settings(data_dir=data, min_free_bytes=0, prefix=BELOW)) as running:
        running.origin += BELOW  # `opened` lets no request leave it
        yield running


async def _token(settings: Settings) -> str:
    engine = database.connect(settings)
    text = await Access(engine).add("ann")
    await engine.dispose()
    return text


@pytest.fixture(scope="module")
def token(site):
    # In a thread of its own: Playwright's loop runs in the one of the test.
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(lambda: asyncio.run(_token(site.settings))).result()


@pytest.fixture(scope="module")
def run(site):
    return site.add(model(40), "small.safetensors")


@pytest.fixture
def visit(opened, site, token):
    """Opens a page of somebody's who signs in for it."""

    def at(path: str, **options):
        page = opened(f"{site.origin}{path}", **options)
        page.get_by_label("Access token").fill(token)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{site.origin}{path}")
        page.wait_for_load_state()
        return page

    return at


def test_a_person_signs_in_and_out(visit, site):
    page = visit("/status")
    page.get_by_role("button", name="Sign out ann").click()
    expect(page).to_have_url(f"{site.origin}/login")
    page.goto(f"{site.origin}/")
    expect(page).to_have_url(f"{site.origin}/login?next={BELOW}/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_in_the_form_and_it_fits(opened, site, scheme, width):
    page = opened(
        f"{site.origin}/login", color_scheme=scheme, viewport={"width": width, "height": 800}
    )
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_file_is_sent_and_shows_how_far_it_is(visit):
    page = visit("/")
    file = {
        "name": "a.safetensors",
        "mimeType": "application/octet-stream",
        "buffer": mlp(dead=False),
    }
    page.set_input_files("input[type=file]", [file])
    expect(page.locator("[data-job]")).to_be_visible()
    expect(page.locator("[data-part=notice]")).to_contain_text("No worker is alive")
    expect(page.get_by_text("by ann")).to_be_visible()


def test_a_report_is_filtered_opened_and_drawn(visit, run):
    page = visit(f"/m/{run}")
    page.get_by_role("link", name="differs 4").click()
    expect(page).to_have_url(re.compile(rf"{BELOW}/m/{run}\?status=differs$"))
    page.locator("[data-row]:visible [data-open]").first.click()
    expect(page).to_have_url(re.compile(rf"{BELOW}/m/{run}/t/\d+$"))
    expect(page.locator(".main-svg").first).to_be_visible()


def test_texts_are_read_as_one_types(visit):
    page = visit("/spec")
    page.get_by_label("Network").fill(NET)
    expect(page.locator("[data-echo]")).to_contain_text("2 Linear layers")
    expect(page).to_have_url(re.compile(rf"{BELOW}/spec\?net=Linear"))
    page.goto(page.url.partition("/spec")[0] + "/code")
    page.get_by_label("Init function").fill("def f(m):\n    m.weight.data.normal_(0, 0.02)\n")
    expect(page.locator("[data-reading]")).to_contain_text("Line 2")
    expect(page).to_have_url(re.compile(rf"{BELOW}/code\?code=def"))


def test_a_network_is_measured_and_a_plan_answered_in_place(visit):
    page = visit("/spec")
    page.get_by_label("Network").fill(NET)
    page.get_by_role("button", name="Measure").click()
    expect(page).to_have_url(re.compile(rf"{BELOW}/m/[0-9a-f]{{32}}/propagation$"))
    expect(page.locator("[data-line]")).to_contain_text("Waiting for a free worker")
    page.get_by_role("link", name="What if").click()
    page.get_by_label("Linear: gain").fill("1.25")
    expect(page).to_have_url(re.compile(rf"{BELOW}/m/[0-9a-f]{{32}}/compare\?linear\.gain=1\.25$"))
    expect(page.locator(".changes")).to_be_visible()


def test_the_phase_plane_is_asked_for_anew(visit):
    page = visit("/phase")
    page.get_by_label("Activation").select_option("ReLU")
    expect(page.locator("#plane h2")).to_contain_text("Phases of ReLU")
    expect(page).to_have_url(re.compile(rf"{BELOW}/phase\?"))


def test_the_documentation_asks_below_the_path(visit):
    page = visit("/api/docs")
    page.locator(".opblock", has_text="/healthz").get_by_role("button").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table")).to_contain_text('"status": "ok"')
    expect(page.locator(".request-url")).to_contain_text(f"{BELOW}/healthz")


def test_the_report_and_its_badge_are_shown(visit, run):
    page = visit(f"/m/{run}/report")
    badge = page.get_by_alt_text("The badge of this report")
    expect(badge).to_have_js_property("complete", True)
    assert badge.evaluate("image => image.naturalWidth") > 0
