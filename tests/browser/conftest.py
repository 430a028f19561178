"""One headless Chromium for the tests of a file."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

expect.set_options(timeout=20_000)  # ms: other tests run beside, on as many cores as there are

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def opened(chromium, site):
    """Opens pages in which an error or a request to anywhere else fails the test."""
    wrong: list[str] = []
    contexts = []

    def note(url: str) -> None:
        if not url.startswith((site.origin, "data:", "blob:", "file:")):
            wrong.append(f"asked for {url}")

    def open_page(address: str, **options):
        context = chromium.new_context(base_url=site.origin, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.on("request", lambda request: note(request.url))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def opened_early(opened):
    """Opens a page whose script does not arrive before it is let through."""

    def open_early(address: str, script: str):
        page = opened(address)
        held = []
        page.route(f"**/{script}*", lambda route: held.append(route))
        with page.expect_request(f"**/{script}*"):
            page.reload(wait_until="commit")
        return page, lambda: held[0].continue_()

    return open_early
