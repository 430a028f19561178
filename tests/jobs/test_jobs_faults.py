"""What goes wrong between a visitor and the report, with real replicas and workers over HTTP.

One short run of each kind; the long ones are in tests/acceptance.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest
from deployment import deployed, deployment, seen_once

__all__ = ["deployment"]

pytestmark = pytest.mark.xdist_group("faults")  # its processes start once

LAYERS, WIDTH = 8, 64


@pytest.fixture(autouse=True, scope="module")
def no_process_left():
    """One test's service is the next one's, so it is seen at the end that none is left."""
    yield
    left = psutil.Process().children(recursive=True)
    _, alive = psutil.wait_procs(left, timeout=10)
    assert not alive, alive


@pytest.fixture(scope="module")
def site(postgresql, tmp_path_factory):
    """Two replicas and three workers on one database and one folder."""
    url = postgresql.fresh()
    with deployed(tmp_path_factory.mktemp("site"), database_url=url) as site:
        for _ in range(2):
            site.replica()
        for _ in range(3):
            site.worker()
        yield site
    postgresql.drop(url)


def is_of(tensors, content):
    """See that a report is of the uploaded values."""
    values = np.frombuffer(content[-LAYERS * WIDTH * WIDTH * 4 :], "<f4").reshape(LAYERS, -1)
    assert [one["min"] for one in tensors] == values.min(axis=1).tolist()
    assert [one["max"] for one in tensors] == values.max(axis=1).tolist()


def test_what_is_ordered_at_one_replica_is_followed_and_read_at_the_other(site, checkpoint):
    contents = [checkpoint(LAYERS, WIDTH, seed) for seed in range(4)]
    runs = [
        replica.upload(content)
        for content, replica in zip(contents, site.replicas * 2, strict=True)
    ]
    for run, content, other in zip(runs, contents, site.replicas[::-1] * 2, strict=True):
        seen_once(list(other.events(run)))
        is_of(other.tensors(run), content)


def test_replicas_that_take_the_same_upload_at_once_make_one_run(site, checkpoint):
    content = checkpoint(LAYERS, WIDTH, seed=4)
    with ThreadPoolExecutor(6) as pool:
        (run,) = set(pool.map(lambda replica: replica.upload(content), site.replicas * 3))
    seen_once(list(site.replicas[0].events(run)))
    jobs = f"FROM dbos.workflow_status WHERE name = 'analysis' AND workflow_uuid LIKE '{run}%'"
    assert site.rows(f"SELECT count(*) {jobs}") == [(1,)]


def test_a_client_that_hangs_up_leaves_nothing_and_can_send_again(site, checkpoint):
    replica, content = site.replicas[0], checkpoint(LAYERS, WIDTH, seed=5)
    for share in (0, 0.5, 0.999):
        cut = replica.half_an_upload(content, share)
        site.until(site.under_way)
        cut.close()
        site.until(lambda: not site.under_way())
    assert replica.finished(replica.upload(content))["state"] == "done"
    assert "Traceback" not in site.told()


def test_a_replica_that_is_killed_leaves_all_to_the_other(site, checkpoint):
    first, second = site.replicas
    run = first.upload(checkpoint(LAYERS, WIDTH, seed=6))
    site.kill(first.process)
    seen_once(list(second.events(run)))
    assert second.finished(second.upload(checkpoint(seed=7)))["state"] == "done"


def test_a_service_killed_in_the_middle_of_an_upload_and_of_an_analysis_goes_on(
    deployment, checkpoint
):
    with deployment() as site:
        replica = site.replica(workers=1)
        run = replica.upload(checkpoint(16, WIDTH))
        cut = replica.half_an_upload(checkpoint(seed=1))
        told = list(itertools.takewhile(lambda one: one[1]["done"] == 0, replica.events(run)))
        site.kill(replica.process)
        cut.close()
        replica = site.replica(workers=1, port=replica.port)
        seen_once(told + list(replica.events(run)))
        assert replica.finished(replica.upload(checkpoint(seed=1)))["state"] == "done"


def test_a_database_killed_in_the_middle_of_an_analysis_loses_nothing(
    deployment, checkpoint, own_postgresql
):
    with deployment(database_url=own_postgresql.fresh()) as site:
        replica = site.replica(workers=1)
        run = replica.upload(checkpoint(16, WIDTH))
        events = replica.events(run)
        told = list(itertools.takewhile(lambda one: one[1]["done"] == 0, events))
        own_postgresql.kill()
        for method, path in (("GET", f"/api/v1/runs/{run}"), ("POST", "/upload")):
            status, problem = replica.asked(method, path, content=checkpoint(seed=1))
            assert (status, problem["error"]) == (503, "database_away")
        own_postgresql.start()
        seen_once(told + list(events))
        assert replica.finished(replica.upload(checkpoint(seed=1)))["state"] == "done"
