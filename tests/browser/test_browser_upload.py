from __future__ import annotations

import asyncio
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import httpx2
import numpy as np
import pytest
from live_site import live_site
from playwright.sync_api import expect

from app.config import Settings
from app.store import database
from app.store.attempts import Attempts
from app.store.facts import Failure
from app.store.runs import Runs
from app.web.examples import safetensors

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium was not found"),
]

HOSTILE = "<img src=x onerror=alert(1)>.pt"
BYTES_PER_SECOND = 400_000  # slow enough that two megabytes are on their way for five seconds


@pytest.fixture
def site(tmp_path):
    with live_site(Settings(data_dir=tmp_path / "data", min_free_bytes=0)) as running:
        yield running


@pytest.fixture
def page(chromium, site):
    """A page whose errors and requests to anywhere else fail the test."""
    wrong: list[str] = []
    context = chromium.new_context(base_url=site.origin)
    opened = context.new_page()
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: wrong.append(message.text))
    opened.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((site.origin, "data:", "blob:"))
            else wrong.append(request.url)
        ),
    )
    yield opened
    context.close()
    assert wrong == []


def choose(page, name: str, content: bytes) -> None:
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    page.set_input_files("input[type=file]", [file])


def slow_down(page) -> None:
    protocol = page.context.new_cdp_session(page)
    protocol.send("Network.enable")
    protocol.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": BYTES_PER_SECOND,
        },
    )


def two_megabytes() -> bytes:
    return safetensors({"layer.weight": np.ones((1024, 512), "<f4")})


def test_a_file_is_described_before_it_is_sent_and_can_be_called_off(page, site):
    page.goto("/")
    slow_down(page)
    choose(page, "model.safetensors", two_megabytes())
    card = page.locator(".transfer")
    expect(card).to_contain_text("1 tensor, 524.3 k parameters, F32.")
    expect(card).to_contain_text(re.compile(r"of 2\.1 MB, \d+ %, .*B/s, \d+ s left"))
    expect(page).to_have_title(re.compile(r"^\d+ % · model\.safetensors"))
    card.get_by_role("button", name="Cancel").click()
    expect(card).to_contain_text("Cancelled. Nothing of it was kept.")
    assert httpx2.get(f"{site.origin}/.json").json()["recent"] == []


def test_a_page_that_is_no_checkpoint_is_not_sent(page):
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.goto("/")
    choose(page, "model.pt", b"<!DOCTYPE html><html>Sign in</html>")
    expect(page.locator(".transfer")).to_contain_text("This is an HTML page, not a checkpoint.")
    assert "POST" not in sent


def test_a_file_dropped_anywhere_is_taken(page):
    page.goto("/")
    drop = """() => {
        const files = new DataTransfer();
        files.items.add(new File([new Uint8Array([0x80, 2, 1, 2])], "dropped.pt"));
        const options = { dataTransfer: files, bubbles: true, cancelable: true };
        document.querySelector("footer").dispatchEvent(new DragEvent("drop", options));
    }"""
    page.evaluate(drop)
    expect(page).to_have_url(re.compile("/jobs/"))
    expect(page.locator("h1")).to_have_text("Reading dropped.pt")


def test_a_file_chosen_before_the_script_is_there_is_taken(opened_early):
    page, let_through = opened_early("/", "upload.mjs")
    choose(page, "early.pt", b"\x80\x02abc")
    let_through()
    expect(page.locator("h1")).to_have_text("Reading early.pt")


def test_several_files_go_one_after_another_and_keep_their_links(page):
    page.goto("/")
    files = [
        {"name": f"{number}.pt", "mimeType": "", "buffer": bytes([0x80, 2, number])}
        for number in range(3)
    ]
    page.set_input_files("input[type=file]", files)
    expect(page.get_by_role("link", name="Open the report")).to_have_count(3)
    expect(page).to_have_url(re.compile(r"/$"))


async def _fail(settings: Settings, run: str) -> None:
    engine = database.connect(settings)
    job = (await Runs(engine).run(run)).job
    failure = Failure(code="truncated", message="The file ends too early.", hint="Again.")
    assert await Attempts(engine).fail(job, failure)
    await engine.dispose()


def test_a_job_that_fails_shows_why_without_a_reload_by_hand(page, site):
    page.goto("/")
    choose(page, HOSTILE, b"\x80\x02abc")
    expect(page.locator("h1")).to_have_text(f"Reading {HOSTILE}")
    expect(page.locator("[data-part=line]")).to_have_text("Wait for a free worker …")
    run = page.url.rpartition("/")[2]
    with ThreadPoolExecutor() as beside:  # the browser's own loop runs in this thread
        beside.submit(lambda: asyncio.run(_fail(site.settings, run))).result()
    expect(page.get_by_role("alert")).to_contain_text("The file ends too early.")
    page.get_by_role("button", name="Analyse again").click()
    expect(page.locator("[data-job]")).to_be_visible()


def test_deleting_asks_first(page):
    page.goto("/")
    choose(page, "gone.pt", b"\x80\x02abc")
    expect(page.locator("[data-job]")).to_be_visible()
    page.goto("/")
    page.locator("summary", has_text="Delete").click()
    page.get_by_role("button", name="Delete both").click()
    expect(page.locator("main")).to_contain_text("No reports yet.")


def test_the_documentation_can_be_tried_under_the_policy(page):
    page.goto("/api/docs")
    page.locator(".opblock", has_text="/healthz").get_by_role("button").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table")).to_contain_text('"status": "ok"')
