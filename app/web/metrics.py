"""What Prometheus is told: the names are an interface, others only come to them."""

from __future__ import annotations

import asyncio
import shutil
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Final, get_args

from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry
from typing_extensions import override

from app.store.facts import State
from app.store.queues import Load
from app.web.deps import Services

QUEUES: Final = ("cpu", "gpu")
WINDOW: Final = timedelta(days=1)
BOUNDS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
TABLES: Final = {
    "analysis": ("initscope_runs", "Analyses kept, by state."),
    "propagation": ("initscope_propagations", "Propagations kept, by state."),
    "comparison": ("initscope_comparisons", "Comparisons kept, by state."),
    "seed": ("initscope_seed_searches", "Searches for a seed kept, by state."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything that is told, as it is at one moment."""

    loads: Mapping[str, Load]  # by kind of work
    alive: Mapping[str, int]  # workers by queue
    disk_free: int  # bytes
    disk_reserved: int
    analyses: Sequence[float]  # seconds of those that ended in the window


async def reading_of(services: Services) -> Reading:
    """The service at this moment."""
    settings, submitter = services.settings, services.submitter
    disk = await asyncio.to_thread(shutil.disk_usage, settings.data_dir)
    since = datetime.now(UTC) - WINDOW
    return Reading(
        loads=await services.queues.loads(),
        alive={queue: await submitter.workers_alive(queue=queue) for queue in QUEUES},
        disk_free=disk.free,
        disk_reserved=settings.min_free_bytes,
        analyses=await services.queues.seconds_of_analyses(since=since),
    )


def exposition(reading: Reading) -> bytes:
    """A reading in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(reading))
    return generate_latest(registry)


class _Told(Collector):
    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    @override
    def collect(self) -> Iterable[Metric]:
        now = self._reading
        yield from (_states(kind, load.states) for kind, load in now.loads.items())
        waiting = {kind: load.states.get("queued", 0) for kind, load in now.loads.items()}
        yield _labelled("initscope_queue_length", "Jobs that wait, by kind.", "kind", waiting)
        oldest = {kind: load.oldest_seconds for kind, load in now.loads.items()}
        text = "Seconds that the first of the waiting jobs has waited, by kind."
        yield _labelled("initscope_oldest_waiting_seconds", text, "kind", oldest)
        text = "Workers that gave a sign of life lately."
        yield GaugeMetricFamily("initscope_workers_alive", text, now.alive["cpu"])
        text = "Those of the gpu queue."
        yield GaugeMetricFamily("initscope_gpu_workers_alive", text, now.alive["gpu"])
        text = "Free bytes on the disk of the data folder."
        yield GaugeMetricFamily("initscope_disk_free_bytes", text, now.disk_free)
        text = "Bytes of it that uploads must leave free."
        yield GaugeMetricFamily("initscope_disk_reserved_bytes", text, now.disk_reserved)
        yield _lasting(now.analyses)


def _states(kind: str, states: Mapping[str, int]) -> Metric:
    name, text = TABLES[kind]
    every = {state: states.get(state, 0) for state in get_args(State)}
    return _labelled(name, text, "state", every)


def _labelled(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _lasting(seconds: Sequence[float]) -> Metric:
    """Cumulative counts; they fall, too, as analyses leave the window."""
    per_bucket = Counter(bisect_left(BOUNDS, one) for one in seconds)
    counts = accumulate(per_bucket[place] for place in range(len(BOUNDS) + 1))
    names = [*(str(bound) for bound in BOUNDS), "+Inf"]
    return GaugeHistogramMetricFamily(
        "initscope_analysis_seconds",
        "Seconds that analyses took which ended well in the last 24 hours.",
        buckets=list(zip(names, counts, strict=True)),
        gsum_value=sum(seconds),
    )
