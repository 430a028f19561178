"""Fifty readers browse while twenty analyses wait for two workers: what the readers feel."""

from __future__ import annotations

import asyncio
import time

from benchmarks._service import Running, Seen, browse, checkpoint, ended, sent, service, visitor

READERS = 50
ANALYSES = 20
WORKERS = 2
WARM_SECONDS = 10.0  # templates, pools and caches are filled by then
QUIET_SECONDS = 40.0  # some 400 pages, so that p99 is not the slowest of a few


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
        try:
            async with visitor(running) as client:
                runs = [
                    await sent(client, content, f"{number}.safetensors")
                    for number, content in enumerate(contents)
                ]
                return [await ended(client, run) for run in runs]
        finally:
            over.set()

    seen, states = await asyncio.gather(_phase(running, report, over), work())
    return seen, states


async def measure(running: Running) -> None:
    """Both phases on a running service, and the table."""
    async with visitor(running) as client:
        report = await sent(client, checkpoint(0), "read.safetensors")
        assert await ended(client, report) == "done"
        contents = [checkpoint(seed) for seed in range(1, ANALYSES + 1)]
    await _quiet(running, report, WARM_SECONDS)
    quiet = await _quiet(running, report, QUIET_SECONDS)
    begun = time.perf_counter()
    busy, states = await _busy(running, report, contents)
    lasted = time.perf_counter() - begun
    print(quiet.line("without load"), flush=True)
    print(busy.line("with load"), flush=True)
    p50, p99 = (busy.quantile(share) / quiet.quantile(share) for share in (0.5, 0.99))
    print(f"ratio with / without: p50 {p50:.1f}, p99 {p99:.1f}", flush=True)
    done = states.count("done")
    print(f"{done} of {ANALYSES} analyses done on {WORKERS} workers in {lasted:.0f} s", flush=True)
    for problem in sorted(set(quiet.errors + busy.errors)):
        print(f"  {problem}", flush=True)


def main() -> None:
    """Run it on a service of its own."""
    with service(workers=WORKERS) as running:
        asyncio.run(measure(running))


if __name__ == "__main__":
    main()
