from __future__ import annotations

import re
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from live_site import live_site
from playwright.sync_api import expect
from sample_models import HOSTILE, model

from app.charts import frame, histogram
from app.config import Settings
from app.web.assets import folder

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium was not found"),
    pytest.mark.xdist_group("browser_report"),
]

NAMES = {0: HOSTILE, 8: "a\u202eb\nc.weight", 12: "very." * 400 + "long.weight"}
TOLERANCE = 1.5  # px: both round their margins to whole pixels


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    data = tmp_path_factory.mktemp("report") / "data"
    with live_site(Settings(data_dir=data, min_free_bytes=0)) as running:
        yield running


@pytest.fixture(scope="module")
def run(site):
    return site.add(model(40, names=NAMES), "small.safetensors")


@pytest.fixture(scope="module")
def large(site):
    return site.add(model(2000), "large.safetensors")


def drawn(page):
    for place in range(page.locator("[data-chart]").count()):
        chart = page.locator("[data-chart]").nth(place)
        expect(chart.locator(".main-svg").first).to_be_visible()
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("where", ["", "?view=ridge&kind=all", "/t/10", "/t/34"])
def test_axe_finds_nothing(opened, run, where, scheme):
    page = opened(f"/m/{run}{where}", color_scheme=scheme)
    if where == "/t/10":
        drawn(page)
    found = Axe().run(page).response["violations"]
    assert [(item["id"], item["nodes"][0]["html"][:120]) for item in found] == []


@pytest.mark.parametrize("width", [1280, 640, 360])
@pytest.mark.parametrize("where", ["", "?view=ridge", "/t/10", "/t/12"])
def test_no_page_is_wider_than_its_window(opened, run, where, width):
    page = opened(f"/m/{run}{where}", viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_chips_filter_without_a_request_and_change_the_address(opened, run):
    page = opened(f"/m/{run}")
    page.get_by_role("link", name="differs 4").click()
    expect(page.locator("[data-row]:visible")).to_have_count(4)
    expect(page).to_have_url(re.compile(r"\?status=differs$"))
    page.get_by_role("link", name="differs 4").click()
    expect(page.locator("[data-row]:visible")).to_have_count(20)
    expect(page).to_have_url(re.compile(rf"/m/{run}$"))


def test_the_address_alone_shows_the_same(opened, run):
    page = opened(f"/m/{run}?status=differs&q=kaiming", java_script_enabled=False)
    expect(page.locator("[data-row]:visible")).to_have_count(2)


def test_typing_filters_and_no_match_can_be_cleared(opened, run):
    page = opened(f"/m/{run}")
    page.keyboard.press("/")
    page.keyboard.type("nothing like this")
    expect(page.get_by_text("No tensor matches.")).to_be_visible()
    page.locator("[data-empty] a").click()
    expect(page.locator("[data-row]:visible")).to_have_count(20)


def test_a_column_sorts_in_place(opened, run):
    page = opened(f"/m/{run}?status=differs")
    page.get_by_role("link", name="Std ÷ default std").click()
    ratios = page.locator("[data-row]:visible").evaluate_all(
        "rows => rows.map(row => Number(row.dataset.dev))"
    )
    assert ratios == sorted(ratios, reverse=True)
    expect(page).to_have_url(re.compile("sort=deviation"))


def test_keys_move_through_rows_and_open_one(opened, run):
    page = opened(f"/m/{run}?status=differs")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/t/10$"), wait_until="load")
    page.keyboard.press("]")
    page.wait_for_url(re.compile("/t/11$"), wait_until="load")
    page.keyboard.press("[")
    expect(page).to_have_url(re.compile("/t/10$"))


def test_single_keys_can_be_switched_off(opened, run):
    page = opened(f"/m/{run}")
    page.keyboard.press("?")
    page.get_by_label("Single keys act on this browser").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme ?? ''") == ""
    page.reload()
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_be_hidden()


def test_the_button_switches_the_theme_once(opened, run):
    page = opened(f"/m/{run}", color_scheme="light")
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_chosen_theme_lasts(opened, run):
    page = opened(f"/m/{run}", color_scheme="light")
    page.keyboard.press("t")
    page.goto(f"/m/{run}/t/10")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_the_heat_map_names_what_is_under_the_pointer_and_opens_it(opened, run):
    page = opened(f"/m/{run}")
    box = page.locator(".heat").bounding_box()
    # 20 weight tensors; the fifth from above is tensor 10, and the middle of the axis is 0.
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 5.5 / 20)
    expect(page.locator("[data-tip]")).to_have_text(
        "blocks.2.up.weight · Kaiming normal (fan_in, relu) · +0.00"
    )
    page.mouse.down()
    page.mouse.up()
    expect(page).to_have_url(re.compile("/t/10$"))


def test_a_hostile_name_runs_nothing_and_is_read_as_it_is(opened, run):
    page = opened(f"/m/{run}")
    expect(page.get_by_role("link", name=HOSTILE)).to_be_visible()
    expect(opened(f"/m/{run}/t/0").get_by_role("heading", name=HOSTILE)).to_be_visible()


@pytest.mark.parametrize(("key", "drawing"), [("hist", histogram), ("qq", frame), ("units", frame)])
def test_plotly_takes_over_without_a_jump(opened, run, key, drawing):
    address, chart = f"/m/{run}/t/10", f"[data-figure={key}] [data-chart]"
    before = opened(address, java_script_enabled=False).locator(chart).bounding_box()
    page = drawn(opened(address))
    assert page.locator(chart).bounding_box() == before
    plot = page.locator(f"[data-figure={key}] .nsewdrag").first.bounding_box()
    scale = before["width"] / drawing.WIDTH
    assert plot["x"] - before["x"] == pytest.approx(drawing.LEFT * scale, abs=TOLERANCE)
    assert plot["y"] - before["y"] == pytest.approx(drawing.TOP * scale, abs=TOLERANCE)
    tall = (drawing.HEIGHT - drawing.TOP - drawing.BOTTOM) * scale
    assert plot["height"] == pytest.approx(tall, abs=TOLERANCE)


def test_plotly_shows_no_button_of_its_own(opened, run):
    page = drawn(opened(f"/m/{run}/t/10"))
    assert page.locator(".modebar-btn, .plotlyjs-logo").count() == 0


def test_plotlys_rules_are_in_force_under_the_strict_policy(opened, run):
    page = drawn(opened(f"/m/{run}/t/10"))
    overflow = page.evaluate("getComputedStyle(document.querySelector('.main-svg')).overflow")
    assert overflow == "hidden"


def test_the_shipped_rules_are_those_that_plotly_would_add(chromium):
    page = chromium.new_page()
    page.set_content("<p></p>")
    page.add_script_tag(path=folder("static") / "vendor" / "plotly-cartesian-4.1.1.min.js")
    rules = page.evaluate(
        "[...document.getElementById('plotly.js-style-global').sheet.cssRules].map(r => r.cssText)"
    )
    shipped = (folder("static") / "vendor" / "plotly-4.1.1.css").read_text("utf-8")
    assert shipped.split("*/\n", 1)[1].splitlines() == rules
    page.close()


def test_picking_a_law_redraws_and_is_kept_in_the_address(opened, run):
    page = drawn(opened(f"/m/{run}/t/10"))
    page.get_by_role("link", name="PyTorch default").click()
    expect(page).to_have_url(re.compile("scheme=torch_default"))
    expect(page.locator("tr.picked")).to_have_attribute("data-scheme", "torch_default")
    expect(page.locator("[data-legend] li").nth(1)).to_have_text("PyTorch default")
    width = page.evaluate("document.querySelector('[data-plotly]').data.at(-1).line.width")
    assert width == 2.5


def test_picking_a_law_redraws_every_figure_and_what_is_printed(opened, run):
    page = drawn(opened(f"/m/{run}/t/10"))
    page.get_by_role("link", name="PyTorch default").click()
    for key in ("qq", "units"):
        figure = page.locator(f"[data-figure={key}]")
        expect(figure.locator("[data-caption]")).to_contain_text("Against PyTorch default:")
        expect(figure.locator("[data-law]")).to_have_text("PyTorch default")
        expect(figure.get_by_role("link", name="CSV")).to_have_attribute(
            "href", f"/m/{run}/t/10/{key}.csv?scheme=torch_default"
        )
        title = figure.locator("[data-chart] > svg > title")
        expect(title).to_contain_text("PyTorch default")
    page.emulate_media(media="print")
    expect(page.locator("[data-figure=qq] [data-chart] > svg")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("topic", ["sqrt5", "kaiming", "zero"])
def test_axe_finds_nothing_on_an_explanation(opened, topic, scheme):
    page = opened(f"/why/{topic}", color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    assert [(item["id"], item["nodes"][0]["html"][:120]) for item in found] == []


@pytest.mark.parametrize("width", [1280, 640, 360])
@pytest.mark.parametrize("topic", ["sqrt5", "truncation", "orthogonal"])
def test_no_explanation_is_wider_than_its_window(opened, topic, width):
    page = opened(f"/why/{topic}", viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_explanation_takes_the_readers_numbers(opened):
    page = opened("/why/kaiming")
    page.locator("input[name=fan_in]").fill("64")
    page.get_by_role("button", name="Use these numbers").click()
    expect(page).to_have_url(re.compile("fan_in=64&fan_out=512&layers=24$"))
    expect(page.get_by_text("= 0.1768").first).to_be_visible()


def test_the_density_axis_turns_logarithmic(opened, run):
    page = drawn(opened(f"/m/{run}/t/10"))
    page.get_by_role("button", name="log y").click()
    expect(page).to_have_url(re.compile("logy=1"))
    expect(page.get_by_role("button", name="log y")).to_have_attribute("aria-pressed", "true")
    kind = "document.querySelector('[data-plotly]').layout.yaxis.type"
    page.wait_for_function(f"{kind} === 'log'")


def test_the_figure_follows_the_theme(opened, run):
    page = drawn(opened(f"/m/{run}/t/10", color_scheme="light"))
    colour = "document.querySelector('[data-plotly]').layout.paper_bgcolor"
    assert page.evaluate(colour) == "rgb(255, 255, 255)"
    page.keyboard.press("t")
    page.wait_for_function(f"{colour} === 'rgb(15, 18, 22)'")


@pytest.mark.parametrize("key", ["hist", "qq", "units"])
def test_the_figure_can_be_saved(opened, run, key):
    page = drawn(opened(f"/m/{run}/t/10"))
    with page.expect_download() as saved:
        page.locator(f"[data-figure={key}]").get_by_role("button", name="PNG").click()
    assert saved.value.suggested_filename.endswith(f"-{key}.png")


def test_two_thousand_tensors_are_filtered_and_found(opened, large):
    page = opened(f"/m/{large}")
    expect(page.locator("[data-count]")).to_have_text("1,000 of 2,000 tensors")
    page.locator("[data-filter]").fill("blocks.123.")
    expect(page.locator("[data-row]:visible")).to_have_count(4)


def test_printing_shows_every_row_and_no_control(opened, run):
    page = opened(f"/m/{run}")
    page.emulate_media(media="print")
    expect(page.locator(".controls").first).to_be_hidden()
    skipping = "row => getComputedStyle(row).contentVisibility"
    assert page.locator("[data-row]").first.evaluate(skipping) == "visible"
