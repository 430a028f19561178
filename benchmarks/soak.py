"""Readers and work of every kind for a quarter of an hour: does what the service holds stay flat?

`python -m benchmarks.soak MINUTES FILE.csv` runs it shorter or longer, and writes every look down.
`INITSCOPE_DATABASE_URL` names a PostgreSQL database to run it on.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from pathlib import Path

import httpx2

from benchmarks._looks import Look, held, trends, workers, write
from benchmarks._service import (
    UNDER_WAY,
    Running,
    Seen,
    browse,
    checkpoint,
    ended,
    sent,
    service,
    visitor,
)

MINUTES = 15.0
WARM_SECONDS = 120.0  # imports, kernels, caches and pools are filled by then
WARM_SHARE = 0.3  # of a run that is too short for that
READERS = 10
WORKERS = 2
LOOK_SECONDS = 2.0
LAYERS = 8

Work = Callable[[httpx2.AsyncClient, int], Awaitable[str]]


async def _on_and_on(running: Running, over: asyncio.Event, states: list[str], work: Work) -> None:
    """One piece of work after the other; each removes what it made, so that the disk stays."""
    async with visitor(running) as client:
        for seed in count(1):
            if over.is_set():
                return
            states.append(await work(client, seed))


async def _analyse(client: httpx2.AsyncClient, seed: int, *, other: str) -> str:
    """A new file, its report, and how it differs from another one."""
    run = await sent(client, checkpoint(seed, layers=LAYERS), f"{seed}.safetensors")
    states = [await ended(client, run)]
    order = await client.post("/api/v1/comparisons", json={"before": other, "after": run})
    address = f"/api/v1/comparisons/{order.raise_for_status().json()['id']}"
    states.append(await _compared(client, address))
    for path in (address, f"/api/v1/runs/{run}"):
        (await client.delete(path)).raise_for_status()
    return next((state for state in states if state != "done"), "done")


async def _compared(client: httpx2.AsyncClient, address: str) -> str:
    """The state of a comparison once nothing more happens to it."""
    while True:
        state = str((await client.get(address)).raise_for_status().json()["state"])
        if state not in UNDER_WAY:
            return state
        await asyncio.sleep(0.25)


async def _measure(client: httpx2.AsyncClient, seed: int) -> str:
    """A network that nobody measured before, carried through by a worker."""
    width = 64 + seed
    text = f"input: [64]\nlayers: [Linear(64, {width}), ReLU(), Linear({width}, 8)]"
    order = await client.post("/api/v1/propagations", json={"architecture": {"text": text}})
    run = str(order.raise_for_status().json()["id"])
    state = await ended(client, run)
    (await client.delete(f"/api/v1/runs/{run}")).raise_for_status()
    return state


async def _watch(running: Running, minutes: float, over: asyncio.Event) -> list[Look]:
    """Looks from the end of the warm part on."""
    warm, begun, looks = min(WARM_SECONDS, WARM_SHARE * 60 * minutes), time.monotonic(), []
    while (passed := time.monotonic() - begun) < 60 * minutes:
        if passed >= warm:
            looks.append(Look(seconds=passed, held=await asyncio.to_thread(held, running)))
        await asyncio.sleep(LOOK_SECONDS)
    over.set()
    return looks


async def measure(running: Running, minutes: float, table: Path | None) -> list[str]:
    """The soak on a running service, and the table.

    Returns:
        What went wrong, and what grew.
    """
    async with visitor(running) as client:
        report = await sent(client, checkpoint(0), "read.safetensors")
        other = await sent(client, checkpoint(0, layers=LAYERS), "other.safetensors")
        assert [await ended(client, run) for run in (report, other)] == ["done", "done"]
    over, seen, begun = asyncio.Event(), Seen(), workers(running)
    states: dict[str, list[str]] = {"analyses and comparisons": [], "measurements": []}
    works = zip(states.values(), (partial(_analyse, other=other), _measure), strict=True)
    looks, *_ = await asyncio.gather(
        _watch(running, minutes, over),
        *(_on_and_on(running, over, found, work) for found, work in works),
        *(browse(running, report, seen, seed=at, until=over.is_set) for at in range(READERS)),
    )
    if table is not None:
        write(looks, table)
    print(seen.line("pages"), flush=True)
    for name, found in states.items():
        print(f"{found.count('done')} of {len(found)} {name} done", flush=True)
    problems = sorted(set(seen.errors)) + _unfinished(states)
    if workers(running) != begun:
        problems.append("a worker ended and was started again")
    return problems + _grown(looks)


def _unfinished(states: dict[str, list[str]]) -> list[str]:
    every = {(name, state) for name, found in states.items() for state in found}
    return [f"{name}: {state}" for name, state in sorted(every) if state != "done"]


def _grown(looks: list[Look]) -> list[str]:
    """Print how each figure went; those that grew."""
    span = looks[-1].seconds - looks[0].seconds
    print(f"medians of the first and the last third of {span / 60:.1f} minutes", flush=True)
    found = trends(looks)
    for trend in found:
        print(trend.line(), flush=True)
    return [f"{trend.name} grew" for trend in found if not trend.flat]


def main(minutes: str = "", table: str = "") -> list[str]:
    """Run it on a service of its own, and tell what went wrong."""
    lasting, file = float(minutes or MINUTES), Path(table) if table else None
    with service(workers=WORKERS) as running:
        problems = asyncio.run(measure(running, lasting, file))
    for problem in problems:
        print(f"  {problem}", flush=True)
    return problems


if __name__ == "__main__":
    sys.exit(bool(main(*sys.argv[1:3])))
