"""The report and the comparison in a real browser: no errors, no barriers, nothing loaded."""

from __future__ import annotations

import asyncio
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from axe_playwright_python.sync_playwright import Axe
from live_site import live_site
from sample_models import HOSTILE, model

from app.config import Settings
from app.core.comparison import SCHEMA, ComparisonReport, Pair
from app.core.drift import Drift
from app.store import database, documents
from app.store.comparisons import Comparisons

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium was not found"),
    pytest.mark.xdist_group("browser_drift"),
]

NAMES = {0: HOSTILE, 8: "a\u202eb\nc.weight", 12: "very." * 400 + "long.weight"}
PAGES = ("report", "report.html", "compare/with", "compare")


def drift(index: int) -> Drift:
    still = index % 7 == 3
    return Drift(
        count=4096,
        unchanged=4096 if still else 0,
        nonfinite_before=0,
        nonfinite_after=0,
        relative=0.0 if still else 10.0 ** (-3 + index % 4),
        step=0.0 if still else 0.2,
        cosine=0.9,
        correlation=0.9,
        max_change=0.1,
        mean_before=0.0,
        mean_after=0.0,
        std_before=0.1,
        std_after=0.1,
    )


def compared(names: list[str]) -> ComparisonReport:
    pairs = tuple(
        Pair(
            name=name,
            before=index,
            after=index,
            shape=(64, 64),
            dtypes=("float32", "float32"),
            compared_as=None,
            kind="Linear",
            role="weight",
            weight=True,
            drift=drift(index),
        )
        for index, name in enumerate(names)
    )
    return ComparisonReport(
        schema=SCHEMA,
        pairs=pairs,
        reshaped=(),
        missing=(),
        added=(),
        prefixes=("", ""),
        by_order=False,
        left_out=0,
    )


async def store(settings: Settings, before: str, after: str, report: ComparisonReport) -> None:
    engine = database.connect(settings)
    comparisons = Comparisons(engine)
    made = await comparisons.accept(before, after, enqueue=lambda _connection, _job: None)
    await comparisons.finish(made.job, document=documents.dump(report))
    await engine.dispose()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    data = tmp_path_factory.mktemp("drift") / "data"
    with live_site(Settings(data_dir=data, min_free_bytes=0)) as running:
        yield running


@pytest.fixture(scope="module")
def pair(site):
    """The ids of two analysed files that have been compared."""
    found = model(40, names=NAMES)
    ids = [site.add(found, f"{name}.safetensors") for name in ("before", "after")]
    report = compared([tensor.name for tensor in found.tensors])
    # In a thread of its own: Playwright's loop runs in the one of the test.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(lambda: asyncio.run(store(site.settings, *ids, report))).result()
    return ids


def address(pair, page: str) -> str:
    query = f"?to={pair[1]}" if page == "compare" else ""
    return f"/m/{pair[0]}/{page}{query}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_no_page_has_a_barrier(opened, pair, page, scheme):
    shown = opened(address(pair, page), color_scheme=scheme)
    assert [found["id"] for found in Axe().run(shown).response["violations"]] == []


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("width", [420, 1280])
def test_no_page_is_wider_than_its_window(opened, pair, page, width):
    shown = opened(address(pair, page), viewport={"width": width, "height": 800})
    assert shown.evaluate("document.documentElement.scrollWidth") <= width


def test_the_file_stands_alone(opened, pair, site, tmp_path):
    page = opened(address(pair, "report"))
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Save as one HTML file").click()
    path = tmp_path / "report.html"
    waiting.value.save_as(path)
    alone = opened(path.as_uri())
    assert alone.locator("h1").inner_text() == "before.safetensors"
    tone = "getComputedStyle(document.querySelector('.r-verdict')).borderLeftWidth"
    assert alone.evaluate(tone) == "6px"  # its own style is in force


def test_the_report_prints_to_a4(opened, pair):
    page = opened(address(pair, "report"))
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="print")
    assert not page.get_by_role("link", name="Save as one HTML file").is_visible()


def test_the_table_is_filtered_by_its_form(opened, pair):
    page = opened(address(pair, "compare"))
    page.get_by_role("searchbox").fill("very")
    page.get_by_role("button", name="Filter").click()
    assert page.locator(".drifts tbody tr").count() == 1
    page.get_by_role("link", name="Clear the filter").click()
    assert page.locator(".drifts tbody tr").count() > 1
