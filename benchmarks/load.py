"""Fifty readers browse while twenty analyses wait for two workers: what the readers feel.

The readers run on the same cores as the service, so the ratios are a little worse than over a
network. `INITSCOPE_DATABASE_URL` names a PostgreSQL database to run it on.
"""

from __future__ import annotations

import asyncio
import sys
import time

from benchmarks._service import Running, Seen, browse, checkpoint, ended, sent, service, visitor

READERS = 50
ANALYSES = 20
WORKERS = 2
WARM_SECONDS = 10.0  # templates, pools and caches are filled by then
QUIET_SECONDS = 60.0  # some 600 pages, so that p99 is not the slowest of a few


async def _phase(running: Running, report: str, until: asyncio.Event) -> Seen:
    seen = Seen()
    readers = (
        browse(running, report, seen, seed=number, until=until.is_set) for number in range(READERS)
    )
    await asyncio.gather(*readers)
    return seen


async def _quiet(running: Running, report: str, seconds: float) -> Seen:
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    return await _phase(running, report, over)


async def _busy(running: Running, report: str, contents: list[bytes]) -> tuple[Seen, list[str]]:
    over = asyncio.Event()

    async def work() -> list[str]:
        """Send all files, and keep the page of each job open until it ends."""
        try:
            async with visitor(running) as client, asyncio.TaskGroup() as watching:
                open_pages = []
                for number, content in enumerate(contents):
                    run = await sent(client, content, f"{number}.safetensors")
                    open_pages.append(watching.create_task(ended(client, run)))
            return [page.result() for page in open_pages]
        finally:
            over.set()

    seen, states = await asyncio.gather(_phase(running, report, over), work())
    return seen, states


async def measure(running: Running) -> list[str]:
    """Both phases on a running service, and the table.

    Returns:
        What went wrong.
    """
    async with visitor(running) as client:
        report = await sent(client, checkpoint(0), "read.safetensors")
        assert await ended(client, report) == "done"
        contents = [checkpoint(seed) for seed in range(1, ANALYSES + 1)]
    await _quiet(running, report, WARM_SECONDS)
    quiet = await _quiet(running, report, QUIET_SECONDS)
    begun = time.perf_counter()
    busy, states = await _busy(running, report, contents)
    lasted = time.perf_counter() - begun
    for name, seen in (("without load", quiet), ("with load", busy)):
        print(seen.line(name), flush=True)
        print(f"{'':<14} median of each page, ms: {seen.by_page()}", flush=True)
    p50, p99 = (busy.quantile(share) / quiet.quantile(share) for share in (0.5, 0.99))
    print(f"ratio with / without: p50 {p50:.1f}, p99 {p99:.1f}", flush=True)
    done = states.count("done")
    print(f"{done} of {ANALYSES} analyses done on {WORKERS} workers in {lasted:.0f} s", flush=True)
    problems = sorted(set(quiet.errors + busy.errors))
    return problems if done == ANALYSES else [*problems, f"{ANALYSES - done} analyses not done"]


def main() -> list[str]:
    """Run it on a service of its own, and tell what went wrong."""
    with service(workers=WORKERS) as running:
        problems = asyncio.run(measure(running))
    for problem in problems:
        print(f"  {problem}", flush=True)
    return problems


if __name__ == "__main__":
    sys.exit(bool(main()))
