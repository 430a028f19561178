from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.store.queues import Load
from app.web.metrics import BOUNDS, Reading, exposition

IDLE = dict.fromkeys(
    ("analysis", "propagation", "comparison", "seed"), Load(states={}, oldest_seconds=0)
)


def samples(text: str) -> dict[tuple[str, ...], float]:
    """The values as Prometheus reads them, by name and labels."""
    families = text_string_to_metric_families(text)
    return {
        (one.name, *one.labels.values()): one.value for family in families for one in family.samples
    }


def told(**changes: object) -> dict[tuple[str, ...], float]:
    facts = {"loads": IDLE, "alive": {"cpu": 2, "gpu": 0}, "disk_free": 10, "disk_reserved": 3}
    return samples(exposition(Reading(**{**facts, "analyses": (), **changes})).decode())


def test_the_names_are_an_interface():
    assert {name for name, *_ in told()} == {
        "initscope_runs",
        "initscope_propagations",
        "initscope_comparisons",
        "initscope_seed_searches",
        "initscope_queue_length",
        "initscope_oldest_waiting_seconds",
        "initscope_workers_alive",
        "initscope_gpu_workers_alive",
        "initscope_disk_free_bytes",
        "initscope_disk_reserved_bytes",
        "initscope_analysis_seconds_bucket",
        "initscope_analysis_seconds_gcount",
        "initscope_analysis_seconds_gsum",
    }


@pytest.mark.parametrize("kind", IDLE)
def test_what_waits_is_told_by_kind(kind):
    load = Load(states={"queued": 3, "running": 1}, oldest_seconds=7.5)
    found = told(loads=IDLE | {kind: load})
    assert found["initscope_queue_length", kind] == 3
    assert found["initscope_oldest_waiting_seconds", kind] == 7.5
    others = [found["initscope_queue_length", other] for other in IDLE if other != kind]
    assert others == [0, 0, 0]


def test_the_room_on_the_disk_and_what_is_kept_free_are_told():
    found = told()
    assert (found["initscope_disk_free_bytes",], found["initscope_disk_reserved_bytes",]) == (10, 3)


def test_the_buckets_of_a_histogram_are_cumulative_and_hold_their_bounds():
    found = told(analyses=(0.5, 0.6, 5000.0))
    counts = [found["initscope_analysis_seconds_bucket", str(bound)] for bound in BOUNDS]
    assert counts == [1] + [2] * (len(BOUNDS) - 1)
    assert found["initscope_analysis_seconds_bucket", "+Inf"] == 3
    assert found["initscope_analysis_seconds_gcount",] == 3
    assert found["initscope_analysis_seconds_gsum",] == pytest.approx(5001.1)


def test_a_queued_run_waits(site):
    site.submit()
    found = samples(site.client.get("/metrics").text)
    assert found["initscope_queue_length", "analysis"] == 1
    assert found["initscope_oldest_waiting_seconds", "analysis"] > 0


def test_a_finished_run_is_in_the_histogram(site):
    site.finish(site.submit(), [site.tensor(0, "a.weight")])
    found = samples(site.client.get("/metrics").text)
    assert found["initscope_analysis_seconds_gcount",] == 1


def test_an_analysis_leaves_the_window(site):
    site.finish(site.submit(), [site.tensor(0, "a.weight")])
    queues = site.services.queues
    now = datetime.now(UTC)
    assert site.call(queues.seconds_of_analyses(since=now + timedelta(seconds=1))) == []
    assert len(site.call(queues.seconds_of_analyses(since=now - timedelta(days=1)))) == 1
