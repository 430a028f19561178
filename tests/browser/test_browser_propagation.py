from __future__ import annotations

import asyncio
import dataclasses
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import propagation_models as models
import pytest
from axe_playwright_python.sync_playwright import Axe
from live_site import live_site
from playwright.sync_api import expect

from app.config import Settings
from app.store import database
from app.store.blobs import Blobs
from app.store.propagations import Propagations
from app.store.runs import Runs
from app.web.propagation_choices import Choices

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium was not found"),
]

OWN = Choices(own=True)
MLP = "Linear(784, 512)\nReLU()\nLinear(512, 10)\n"


async def _chunks(content: bytes):
    yield content


async def _put(settings: Settings, name: str, report) -> str:
    engine = database.connect(settings)
    store = Propagations(engine)
    blobs = Blobs(settings.data_dir / "blobs", min_free_bytes=0)
    received = await blobs.receive(_chunks(name.encode()), expected=None, limit=2**20)
    file = await Runs(engine).add_file(received, name=name, format="zip")
    asked = OWN.asked(file.id)
    found = await store.accept(asked, again=True, enqueue=lambda _connection, _job: None)
    if report is not None:
        await store.finish(found.job, report, headline="told")
    await engine.dispose()
    return f"/m/{file.id}/propagation{OWN.query()}"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    data = tmp_path_factory.mktemp("propagation") / "data"
    with live_site(Settings(data_dir=data, min_free_bytes=0)) as running:
        yield running


@pytest.fixture(scope="module")
def put(site):
    def made(name: str, report=None) -> str:
        # In a thread of its own: Playwright's loop runs in the one of the test.
        with ThreadPoolExecutor(1) as aside:
            return aside.submit(lambda: asyncio.run(_put(site.settings, name, report))).result()

    return made


@pytest.fixture(scope="module")
def pages(put):
    mixed = models.report(40, dead=36)
    hostile = dataclasses.replace(mixed, notes=(models.HOSTILE,), join={"unused": ("a.b",)})
    return {
        "mixed": put(models.HOSTILE, models.with_layers(hostile, 1, name=models.HOSTILE)),
        "short": put("short.pt2", models.report(4)),
        "deep": put("deep.pt2", models.report(200, dead=120)),
        "waiting": put("waiting.pt2"),
        "spec": "/spec?net=Linear(4%2C4)%0ARelu()",
        "understood": "/spec?net=Linear(4%2C4)",
        "home": "/",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("where", ["mixed", "short", "waiting", "spec", "understood", "home"])
def test_axe_finds_nothing(opened, pages, where, scheme):
    page = opened(pages[where], color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    assert [(item["id"], item["nodes"][0]["html"][:120]) for item in found] == []


@pytest.mark.parametrize("width", [1280, 640, 400])
@pytest.mark.parametrize("where", ["mixed", "deep", "spec", "understood", "home"])
def test_no_page_is_wider_than_its_window(opened, pages, where, width):
    page = opened(pages[where], viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_cards_are_of_one_height(opened, pages):
    page = opened(pages["mixed"], viewport={"width": 1280, "height": 900})
    heights = page.locator(".series-card").evaluate_all(
        "cards => cards.map(card => card.getBoundingClientRect().height)"
    )
    assert len(set(heights)) == 1


def test_no_two_names_in_a_drawing_overlap(opened, pages):
    page = opened(pages["deep"], viewport={"width": 1280, "height": 900})
    boxes = """charts => charts.flatMap(chart => {
        const boxes = [...chart.querySelectorAll(':scope > svg text')]
            .map(text => text.getBoundingClientRect());
        return boxes.flatMap((a, at) => boxes.slice(at + 1).filter(b =>
            a.left < b.right - 1 && b.left < a.right - 1 &&
            a.top < b.bottom - 3 && b.top < a.bottom - 3));
    }).length"""
    assert page.locator(".chart.depth").evaluate_all(boxes) == 0


def test_a_chart_comes_to_life_where_one_points_at_it(opened, pages):
    page = opened(pages["mixed"])
    expect(page.locator("#forward .main-svg").first).to_have_count(0)
    page.locator("#forward [data-chart]").hover()
    expect(page.locator("#forward .main-svg").first).to_be_visible()
    expect(page.locator("#backward .main-svg")).to_have_count(0)


@pytest.mark.parametrize("key", ["forward", "heat-1"])
def test_a_picture_is_saved_as_it_is_drawn(opened, pages, key):
    page = opened(pages["short"], color_scheme="dark")
    with page.expect_download() as saving:
        page.locator(f"#{key} [data-action=png]").click()
    assert saving.value.suggested_filename.endswith(f"-{key}.png")


def test_without_scripts_every_number_and_drawing_is_there(opened, pages):
    page = opened(pages["mixed"], java_script_enabled=False)
    expect(page.locator(".chart > svg")).to_have_count(9)
    expect(page.locator(".operations tbody tr")).to_have_count(80)


def test_printing_shows_the_drawings_and_no_control(opened, pages):
    page = opened(pages["mixed"])
    page.emulate_media(media="print")
    expect(page.locator(".choices")).to_be_hidden()
    expect(page.locator("#forward [data-action=png]")).to_be_hidden()
    expect(page.locator("#forward svg").first).to_be_visible()


def test_a_finished_measurement_shows_itself(opened, put, site):
    address = put("going.pt2")
    page = opened(address)
    expect(page.locator("[data-line]")).to_be_visible()
    put("going.pt2", models.report(4))
    expect(page.locator("h1")).to_have_text("Does the signal survive 4 layers?")


def test_the_schemes_are_picked_from_a_list_and_stand_in_the_address(opened, pages):
    page = opened(pages["short"])
    page.locator(".choices .pick summary").click()
    page.get_by_label("Orthogonal", exact=True).check()
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"orthogonal%28gain%3D1%29"))
    expect(page.locator("main")).to_contain_text("These choices are not measured yet.")


def test_a_text_is_understood_as_one_types(opened):
    page = opened("/spec")
    page.get_by_label("Network").fill(MLP)
    expect(page.locator("[data-echo]")).to_contain_text("2 Linear layers")
    expect(page).to_have_url(re.compile(r"\?net=Linear"))
    page.get_by_label("Network").fill(MLP.replace("ReLU", "Relu"))
    expect(page.locator("[data-wrong='2']")).to_be_visible()


def test_a_text_typed_before_the_script_is_there_is_understood_too(opened_early):
    page, let_through = opened_early("/spec", "spec.mjs")
    page.get_by_label("Network").fill(MLP)
    let_through()
    expect(page.locator("[data-echo]")).to_contain_text("2 Linear layers")


def test_the_box_of_the_start_page_tells_what_it_understands_and_leads_on(opened):
    page = opened("/")
    page.get_by_role("textbox", name="Network").fill(MLP)
    expect(page.locator("[data-echo]")).to_contain_text("2 Linear layers, 407.1 k parameters")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("[data-echo]")).to_contain_text("Input 784; 3 operations.")


def test_a_mistake_can_be_jumped_to(opened):
    page = opened("/spec?net=Linear(4%2C4)%0ARelu()")
    page.locator(".wrong").click()
    assert page.evaluate("getSelection().toString()") == "Relu()"


def test_measuring_a_text_leads_to_its_page(opened):
    page = opened("/spec")
    page.get_by_label("Network").fill(MLP)
    page.get_by_role("button", name="Measure").click()
    expect(page).to_have_url(re.compile(r"/m/[0-9a-f]{32}/propagation$"))
    expect(page.locator("[data-line]")).to_contain_text("Waiting for a free worker")
