from __future__ import annotations

import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from live_site import live_site
from playwright.sync_api import expect

from app.config import Settings

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium was not found"),
]

CHAOTIC = "/phase?act=tanh&sw=1.3&sb=0.05"
PHASES = [CHAOTIC, "/phase?act=relu&sw=1.6&sb=0.1", "/phase?act=gelu&sw=1.414&sb=0"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    data = tmp_path_factory.mktemp("phase") / "data"
    with live_site(Settings(data_dir=data, min_free_bytes=0)) as running:
        yield running


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("where", PHASES)
def test_axe_finds_nothing(opened, where, scheme):
    page = opened(where, color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    assert [(item["id"], item["nodes"][0]["html"][:120]) for item in found] == []


@pytest.mark.parametrize("width", [1280, 640, 400])
def test_no_page_is_wider_than_its_window(opened, width):
    page = opened(CHAOTIC, viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_another_activation_shows_at_once_and_stands_in_the_address(opened):
    page = opened(CHAOTIC)
    page.get_by_label("Activation").select_option("ReLU")
    expect(page.locator("#plane h2")).to_contain_text("Phases of ReLU")
    expect(page.locator("[data-intro]")).to_contain_text("of ReLU layers")
    expect(page).to_have_url("/phase?act=ReLU&sw=1.3&sb=0.05")
    expect(page.locator("[data-live]")).to_contain_text("Ordered")


def test_what_is_chosen_before_the_script_is_there_shows_too(opened_early):
    page, let_through = opened_early(CHAOTIC, "phase.mjs")
    page.get_by_label("Activation").select_option("ReLU")
    let_through()
    expect(page.locator("#plane h2")).to_contain_text("Phases of ReLU")


def test_a_number_that_is_typed_shows_at_once(opened):
    page = opened(CHAOTIC)
    page.get_by_label("σ_w").fill("0.8")
    expect(page.locator(".headline")).to_contain_text("Ordered")
    expect(page.get_by_label("σ_w")).to_be_focused()


def test_the_plane_comes_to_life_with_the_words_of_its_drawing(opened):
    page = opened(CHAOTIC)
    page.locator("#plane [data-chart]").hover()
    plot = page.locator("#plane .main-svg").first
    expect(plot).to_be_visible()
    expect(page.locator("#plane .annotation", has_text="chaotic")).to_be_visible()


def test_a_click_into_the_plane_chooses_a_layer(opened):
    page = opened(CHAOTIC, viewport={"width": 1280, "height": 900})
    page.locator("#plane [data-chart]").hover()
    expect(page.locator("#plane .main-svg").first).to_be_visible()
    box = page.locator("#plane [data-chart]").bounding_box()
    page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + 0.6 * box["height"])
    expect(page.locator(".headline")).to_contain_text("Ordered")
    assert float(page.get_by_label("σ_w").input_value()) < 1.0


def test_without_scripts_the_form_and_every_drawing_are_there(opened):
    page = opened(CHAOTIC, java_script_enabled=False)
    expect(page.locator(".chart > svg")).to_have_count(3)
    page.get_by_label("Activation").select_option("SiLU")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#plane h2")).to_contain_text("Phases of SiLU")


def test_a_picture_is_saved_as_it_is_drawn(opened):
    page = opened(CHAOTIC)
    with page.expect_download() as saving:
        page.locator("#plane [data-action=png]").click()
    assert saving.value.suggested_filename.endswith("-plane.png")
