"""Readers and analyses for a quarter of an hour: does the memory stay flat?

`python -m benchmarks.soak MINUTES` runs it shorter or longer.
"""

from __future__ import annotations

import asyncio
import sys
import time
from itertools import count

import psutil

from benchmarks._service import Running, Seen, browse, checkpoint, ended, sent, service, visitor

MINUTES = 15.0
WARM_MINUTES = 2.0  # imports, kernels, caches and pools are filled by then
READERS = 10
WORKERS = 2
LOOK_SECONDS = 5.0
MIB = 2**20


def resident(running: Running) -> dict[str, float]:
    """MiB by kind of process; a worker's sandbox children come and go, and are left out."""
    web = psutil.Process(running.pid)
    workers = [child for child in web.children() if "app.jobs" in child.cmdline()]
    return {
        "web": web.memory_info().rss / MIB,
        **{
            f"worker {number}": worker.memory_info().rss / MIB
            for number, worker in enumerate(workers)
        },
    }


async def _analyse(running: Running, states: list[str], over: asyncio.Event) -> None:
    """One file after the other; each report goes again, so that the disk stays as it is."""
    async with visitor(running) as client:
        for seed in count(1):
            if over.is_set():
                return
            run = await sent(client, checkpoint(seed, layers=8), f"{seed}.safetensors")
            states.append(await ended(client, run))
            (await client.delete(f"/api/v1/runs/{run}")).raise_for_status()


async def _watch(running: Running, seconds: float, over: asyncio.Event) -> list[dict[str, float]]:
    begun, looks = time.monotonic(), []
    while time.monotonic() - begun < seconds:
        await asyncio.sleep(LOOK_SECONDS)
        looks.append(resident(running))
    over.set()
    return looks


async def measure(running: Running, minutes: float) -> None:
    """The soak on a running service, and the table."""
    async with visitor(running) as client:
        report = await sent(client, checkpoint(0), "read.safetensors")
        assert await ended(client, report) == "done"
    over, seen, states = asyncio.Event(), Seen(), []
    readers = (
        browse(running, report, seen, seed=number, until=over.is_set) for number in range(READERS)
    )
    looks, *_ = await asyncio.gather(
        _watch(running, 60 * minutes, over), _analyse(running, states, over), *readers
    )
    print(seen.line("pages"), flush=True)
    print(f"{states.count('done')} of {len(states)} analyses done", flush=True)
    first = looks[min(int(60 * WARM_MINUTES / LOOK_SECONDS), len(looks) // 2)]
    for name, last in looks[-1].items():
        grown = last - first.get(name, last)
        print(f"{name:<10} {first.get(name, last):6.1f} → {last:6.1f} MiB  {grown:+5.1f}")


def main(minutes: float = MINUTES) -> None:
    """Run it on a service of its own."""
    with service(workers=WORKERS) as running:
        asyncio.run(measure(running, minutes))


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]))
