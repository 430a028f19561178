"""The layers page: server time, bytes on the wire, time to the first picture in Chromium."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

from app.config import Settings
from app.jobs.local import analyze
from app.jobs.parcels import Concluded

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from live_site import LiveSite, live_site

TENSORS = (300, 2000)
ROUNDS = 9
SIDE = 96
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
WATCH = """new MutationObserver((_, watch) => {
  if (!document.querySelector('.heat image')) return;
  watch.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => (window.drawn = performance.now())));
}).observe(document, { childList: true, subtree: true });"""
PAINTED = """({
  first: performance.getEntriesByName('first-contentful-paint')[0].startTime,
  picture: window.drawn,
})"""


def checkpoint(tensors: int) -> bytes:
    """A safetensors file of blocks with a weight, a bias and a norm, every tenth one Kaiming."""
    rng = np.random.default_rng(0)
    header: dict[str, object] = {}
    parts: list[bytes] = []
    end = 0
    for at in range(tensors):
        block, part = divmod(at, 4)
        if part % 2 == 0:
            std = (2 / SIDE) ** 0.5
            bound = SIDE**-0.5
            drawn = (
                rng.normal(0, std, (SIDE, SIDE))
                if block % 10 == 3
                else rng.uniform(-bound, bound, (SIDE, SIDE))
            )
            name = f"blocks.{block}.linear{part}.weight"
        else:
            drawn = rng.uniform(-(SIDE**-0.5), SIDE**-0.5, SIDE)
            name = f"blocks.{block}.linear{part - 1}.bias"
        content = drawn.astype(np.float32).tobytes()
        offsets = [end, end + len(content)]
        header[name] = {"dtype": "F32", "shape": drawn.shape, "data_offsets": offsets}
        parts.append(content)
        end += len(content)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + b"".join(parts)


def analysed(tensors: int, settings: Settings) -> Concluded:
    """The product's own report of such a file."""
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        file.write(checkpoint(tensors))
        file.flush()
        return asyncio.run(analyze(Path(file.name), settings, lambda _done, _total: None))


def fetched(address: str) -> tuple[float, bytes]:
    """Seconds until the whole page is there, and the page."""
    start = time.perf_counter()
    with urllib.request.urlopen(address) as answer:
        body = answer.read()
    return time.perf_counter() - start, body


def painted(address: str) -> tuple[float, float]:
    """Medians in ms from navigation to the first paint and to the frame after the heat map."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where Chromium is

    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for _ in range(ROUNDS):
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            page.add_init_script(WATCH)
            page.goto(address)
            page.wait_for_function("window.drawn")
            found.append(page.evaluate(PAINTED))
            context.close()
        browser.close()
    return (
        statistics.median(each["first"] for each in found),
        statistics.median(each["picture"] for each in found),
    )


def measure(site: LiveSite, address: str, tensors: int) -> None:
    """Print one page's line."""
    times, bodies = zip(*(fetched(site.origin + address) for _ in range(ROUNDS)), strict=True)
    line = (
        f"{tensors:>6} tensors: server {statistics.median(times) * 1000:6.0f} ms, "
        f"{len(bodies[0]) / 1000:7.0f} kB, {len(gzip.compress(bodies[0], 6)) / 1000:5.0f} kB gzip"
    )
    if shutil.which("chromium"):
        first, picture = painted(site.origin + address)
        line += f", first paint {first:5.0f} ms, picture drawn {picture:5.0f} ms"
    print(line, flush=True)


def main() -> None:
    """Measure pages of 300 and 2000 tensors on a temporary store."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), min_free_bytes=0)
        with live_site(settings) as site:
            for tensors in TENSORS:
                report = analysed(tensors, settings)
                run = site.put(f"{tensors}.safetensors", report.overview, report.reports)
                measure(site, f"/m/{run}", tensors)
    if not shutil.which("chromium"):
        print("Chromium was not found: times to the first picture were left out.")


if __name__ == "__main__":
    main()
