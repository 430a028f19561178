"""The whole service as a user starts it, readers who browse it, and files to analyse."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import numpy as np

SERVE = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"
STOP_SECONDS = 30
PAUSE_SECONDS = 5.0  # mean of a reader's look at a page, exponential
ANSWER_SECONDS = 60.0
BROWSER = {"Accept": "text/html"}
UNDER_WAY = frozenset({"queued", "running"})
PAGES = (
    *("/", "/m/{id}", "/m/{id}", "/m/{id}/t/3", "/m/{id}/t/7/hist.svg", "/m/{id}/report"),
    *("/m/{id}.csv", "/why/sqrt5", "/status"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A service and the process that the user started."""

    origin: str
    pid: int
    database: str  # URL of a PostgreSQL database; "" for the embedded one


@contextmanager
def service(*, workers: int = 2) -> Iterator[Running]:
    """`initscope serve` on an empty data folder while the block runs.

    On the database that `INITSCOPE_DATABASE_URL` names, the embedded one where it names none.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "INITSCOPE_DATA_DIR": folder,
            "INITSCOPE_MIN_FREE_BYTES": "0",
            "INITSCOPE_LOG": "text",
            "PYTHONUNBUFFERED": "1",
        }
        command = [sys.executable, "-c", SERVE, "serve", "--port", "0", "--workers", str(workers)]
        root = Path(__file__).parents[1]
        with subprocess.Popen(
            command, env=environment, cwd=root, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            origin = process.stdout.readline().strip().rpartition(" ")[2]
            try:
                database = environment.get("INITSCOPE_DATABASE_URL", "")
                yield Running(origin=origin, pid=process.pid, database=database)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(STOP_SECONDS)


def checkpoint(seed: int, *, layers: int = 24, width: int = 512) -> bytes:
    """A safetensors file of square linear layers, 1 MiB each at the default width."""
    drawn = np.random.default_rng(seed)
    header: dict[str, object] = {}
    parts: list[bytes] = []
    for layer in range(layers):
        bound = width**-0.5
        parts.append(drawn.uniform(-bound, bound, (width, width)).astype("<f4").tobytes())
        end = sum(map(len, parts))
        offsets = [end - len(parts[-1]), end]
        fact = {"dtype": "F32", "shape": [width, width], "data_offsets": offsets}
        header[f"layers.{layer}.weight"] = fact
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + b"".join(parts)


@dataclass(slots=True)
class Seen:
    """What readers met."""

    pages: list[tuple[str, float]] = field(default_factory=list)  # what, seconds until it was there
    errors: list[str] = field(default_factory=list)

    def line(self, name: str) -> str:
        """The table's row."""
        p50, p99, slowest = (1000 * self.quantile(share) for share in (0.5, 0.99, 1.0))
        return (
            f"{name:<14} {len(self.pages):>6} pages  p50 {p50:7.1f} ms  p99 {p99:7.1f} ms  "
            f"slowest {slowest:7.1f} ms  {len(self.errors)} errors"
        )

    def quantile(self, share: float) -> float:
        """Seconds within which this share of the pages was there."""
        return quantile([seconds for _, seconds in self.pages], share)

    def by_page(self) -> str:
        """The median of each kind of page, slowest first, in ms."""
        kinds = {what for what, _ in self.pages}
        medians = {
            kind: quantile([seconds for what, seconds in self.pages if what == kind], 0.5)
            for kind in kinds
        }
        ordered = sorted(medians.items(), key=lambda one: -one[1])
        return ", ".join(f"{kind} {1000 * median:.0f}" for kind, median in ordered)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of all does not exceed; not a number without any."""
    return float(np.quantile(values, share)) if values else float("nan")


@asynccontextmanager
async def visitor(running: Running) -> AsyncIterator[httpx2.AsyncClient]:
    """One browser."""
    async with httpx2.AsyncClient(
        base_url=running.origin, timeout=ANSWER_SECONDS, headers=BROWSER, follow_redirects=True
    ) as client:
        yield client


async def sent(client: httpx2.AsyncClient, content: bytes, name: str) -> str:
    """The id of a file whose analysis is on the queue now."""
    answer = await client.post(
        "/upload", params={"name": name}, content=content, headers={"Accept": "application/json"}
    )
    answer.raise_for_status()
    return str(answer.json()["id"])


async def ended(client: httpx2.AsyncClient, run: str) -> str:
    """The state of a run once nothing more happens to it, as a page that stays open learns it."""
    while True:
        async with client.stream("GET", f"/api/v1/runs/{run}/events") as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    state = str(json.loads(line.removeprefix("data: "))["state"])
                    if state not in UNDER_WAY:
                        return state


async def browse(
    running: Running, report: str, seen: Seen, *, seed: int, until: Callable[[], bool]
) -> None:
    """One reader: a page, a look at it, the next page."""
    drawn = random.Random(seed)
    async with visitor(running) as client:
        while not until():
            await asyncio.sleep(drawn.expovariate(1 / PAUSE_SECONDS))
            page = drawn.choice(PAGES)
            begun = time.perf_counter()
            try:
                answer = await client.get(page.format(id=report))
            except httpx2.HTTPError as problem:
                seen.errors.append(f"{page}: {type(problem).__name__}")
                continue
            seen.pages.append((page, time.perf_counter() - begun))
            if answer.status_code != 200:
                seen.errors.append(f"{page}: {answer.status_code}")
