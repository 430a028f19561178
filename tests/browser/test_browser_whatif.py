from __future__ import annotations

import re
import shutil
import urllib.request
from urllib.parse import quote

import orjson
import pytest
from axe_playwright_python.sync_playwright import Axe
from live_site import live_site
from playwright.sync_api import expect

from app.architecture.examples import EXAMPLES
from app.config import Settings

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium was not found"),
]

KAIMING = "kaiming_normal(fan_in,relu)"
TRANSFORMER = next(one.text for one in EXAMPLES if one.id == "transformer-encoder")
HOSTILE = "<img src=x onerror=alert(1)>.yaml"


def mlp(depth: int) -> str:
    return f"input: [64]\n{depth} x [Linear(64, 64), ReLU()]\nLinear(64, 10)\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    data = tmp_path_factory.mktemp("whatif") / "data"
    with live_site(Settings(data_dir=data, min_free_bytes=0)) as running:
        yield running


@pytest.fixture(scope="module")
def pages(site):
    def sent(name: str, text: str) -> str:
        address = f"{site.origin}/api/v1/files?name={quote(name)}"
        asked = urllib.request.Request(address, data=text.encode(), method="POST")
        with urllib.request.urlopen(asked) as answer:
            return f"/m/{orjson.loads(answer.read())['id']}/compare"

    short, deep = sent(HOSTILE, mlp(4)), sent("deep.yaml", mlp(200))
    blocks = sent("blocks.yaml", TRANSFORMER)
    return {
        "short": short,
        "planned": f"{short}?linear={KAIMING}&linear.bias=0&act=GELU",
        "deep": f"{deep}?linear={KAIMING}",
        "blocks": f"{blocks}?branch=0.25&normalisation=RMSNorm",
        "unread": sent("program.pt2", "PK\x03\x04 a program"),
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("where", ["short", "planned", "blocks", "unread"])
def test_axe_finds_nothing(opened, pages, where, scheme):
    page = opened(pages[where], color_scheme=scheme)
    if where != "unread":
        expect(page.locator(".suggestions")).to_be_visible()
    found = Axe().run(page).response["violations"]
    assert [(item["id"], item["nodes"][0]["html"][:120]) for item in found] == []


@pytest.mark.parametrize("width", [1280, 640, 400])
@pytest.mark.parametrize("where", ["planned", "deep", "blocks", "unread"])
def test_no_page_is_wider_than_its_window(opened, pages, where, width):
    page = opened(pages[where], viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_changed_plan_is_answered_in_place(opened, pages):
    page = opened(pages["short"])
    expect(page.locator(".verdict h2")).to_contain_text("The plan changes nothing yet.")
    page.get_by_label("Linear: drawn from").select_option(KAIMING)
    expect(page.locator(".verdict h2")).to_contain_text("After: The signal stays between")
    expect(page.locator(".changes")).to_contain_text("normal, std 0.1768")
    expect(page).to_have_url(re.compile(r"\?linear=kaiming_normal\(fan_in,relu\)$"))
    expect(page.locator("[data-said]")).to_contain_text("After: The signal stays")


def test_what_follows_a_changed_plan_has_the_same_plan(opened, pages):
    page = opened(pages["short"])
    page.get_by_label("Linear: gain").fill("1.25")
    expect(page).to_have_url(re.compile(r"\?linear\.gain=1\.25$"))
    for link in (page.get_by_role("link", name="Code that draws it so"), page.locator(".twin")):
        assert (link.get_attribute("href") or "").endswith("?linear.gain=1.25")


def test_a_number_that_cannot_be_is_told_beside_the_form(opened, pages):
    page = opened(pages["short"])
    page.get_by_label("Linear: gain").fill("-2")
    expect(page.locator("[data-wrong]")).to_contain_text("Linear: gain:")
    page.get_by_label("Linear: gain").fill("2")
    expect(page.locator("[data-wrong]")).to_be_hidden()


def test_a_suggestion_sets_the_form(opened, pages):
    page = opened(pages["short"])
    page.get_by_role("link", name="He's gain √2 for ReLU").click()
    expect(page.get_by_label("Linear: drawn from")).to_have_value(KAIMING)
    expect(page.get_by_label("Linear: bias")).to_have_value("0")
    expect(page.locator(".changes")).to_contain_text("all 0")


def test_a_preset_sets_the_branches_alone(opened, pages):
    page = opened(pages["blocks"])
    page.get_by_label("Attention: gain").fill("2")
    expect(page).to_have_url(re.compile(r"attention\.gain=2"))
    page.get_by_role("link", name="1/√12 = 0.2887").click()
    expect(page).to_have_url(re.compile(r"attention\.gain=2.*branch=0\.2887"))
    expect(page.locator("select[name=normalisation]")).to_have_value("RMSNorm")


def test_the_list_says_what_draws_the_rest(opened, pages):
    page = opened(pages["short"])
    page.get_by_label("All the rest").select_option("lecun_normal")
    first = page.get_by_label("Linear: drawn from").locator("option").first
    expect(first).to_have_text("as the rest: LeCun normal")


def test_reset_leads_back_to_no_plan(opened, pages):
    page = opened(pages["planned"])
    page.get_by_role("link", name="Reset").click()
    expect(page).to_have_url(re.compile(r"/compare$"))
    expect(page.locator("select[name=act]")).to_have_value("")


def test_a_chart_of_a_changed_plan_comes_alive_where_one_points(opened, pages):
    page = opened(pages["short"])
    page.get_by_label("Linear: drawn from").select_option(KAIMING)
    expect(page.locator(".changes")).to_be_visible()
    page.locator("#forward .chart").hover()
    expect(page.locator("#forward .chart.drawn .plotly-box .main-svg").first).to_be_visible()


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


def test_without_scripts_the_form_asks_and_the_page_answers(opened, pages):
    page = opened(pages["short"], java_script_enabled=False)
    page.get_by_label("Linear: drawn from").select_option(KAIMING)
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"\?linear=kaiming_normal\(fan_in,relu\)$"))
    expect(page.locator(".chart > svg")).to_have_count(3)
    page.get_by_role("link", name="What theory would change").click()
    expect(page.locator(".suggestions")).to_be_visible()


def test_a_measurement_is_ordered_by_the_button(opened, pages):
    page = opened(pages["planned"])
    page.get_by_role("button", name="Measure it").click()
    expect(page.locator("[data-line]")).to_contain_text("Waiting for a free worker")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("alert").last).to_contain_text("The measurement was cancelled.")
