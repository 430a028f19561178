"""Long runs of whole services whose processes, database and visitors fail at random moments."""

from __future__ import annotations

import itertools
import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import numpy as np
import psutil
import pytest
from deployment import ENDED, database, deployment, seen_once

__all__ = ["database", "deployment"]

pytestmark = pytest.mark.acceptance

LAYERS, WIDTH, KILLS = 20, 128, 10
UPLOADS = 12
HOG_TENSORS = 200_000  # what is known of each takes more than 256 MiB in all
MIB = 2**20


def analyses(site) -> list[tuple[str]]:
    """Each analysis that was ever put on the queue."""
    schema = "" if site.settings.database.startswith("sqlite") else "dbos."
    query = f"SELECT workflow_uuid FROM {schema}workflow_status WHERE name = 'analysis'"
    return site.rows(query)


def told(what: str, seconds: list[float]) -> None:
    """Say how long something took each time."""
    each = ", ".join(f"{one:.1f}" for one in seconds)
    sys.stderr.write(f"{what}: {each} s; longest {max(seconds):.1f} s\n")


def is_of(tensors, content, layers=LAYERS, width=WIDTH):
    """See that a report is of the uploaded values."""
    values = np.frombuffer(content[-layers * width * width * 4 :], "<f4").reshape(layers, -1)
    assert [one["min"] for one in tensors] == values.min(axis=1).tolist()
    assert [one["max"] for one in tensors] == values.max(axis=1).tolist()


def up_to(replica, run, wanted):
    """What whoever follows a run was told until then, or until its end."""
    seen = []
    for one in replica.events(run):
        seen.append(one)
        if wanted(one[1]) or one[1]["state"] in ENDED:
            break
    return seen


def test_two_replicas_and_three_workers_are_one_service(deployment, checkpoint, database):
    with deployment(database_url=database) as site:
        first, second = replicas = [site.replica(), site.replica()]
        for _ in range(3):
            site.worker()
        contents = [checkpoint(LAYERS, WIDTH, seed) for seed in range(UPLOADS)]
        runs = [replicas[n % 2].upload(content) for n, content in enumerate(contents)]
        for n in range(UPLOADS // 2):
            seen_once(list(replicas[1 - n % 2].events(runs[n])))
        seen = up_to(first, runs[-1], lambda now: now["done"] > 0)
        site.kill(first.process)
        ended = second.events(runs[-1], last_seen=seen[-1][0])
        seen_once(seen + list(ended) if seen[-1][1]["state"] not in ENDED else seen)
        for run, content in zip(runs, contents, strict=True):
            assert second.finished(run)["attempt"] == 1
            is_of(second.tensors(run), content)
        assert len(analyses(site)) == UPLOADS
        third = site.replica(port=first.port)
        content = checkpoint(LAYERS, WIDTH, UPLOADS)
        run = third.upload(content)
        seen_once(list(second.events(run)))
        is_of(third.tensors(run), content)


def test_the_web_process_killed_at_ten_random_moments_loses_nothing(
    deployment, checkpoint, database
):
    chance = random.Random(5)
    with deployment(database_url=database) as site:
        own = 0 if database else 2  # workers that end with it
        replica = site.replica(workers=own)
        for _ in range(2 - own):
            site.worker()
        runs, seconds = [], []
        for kill in range(KILLS):
            content, seen, cut = checkpoint(LAYERS, WIDTH, kill), [], None
            if kill % 2:  # in the middle of an upload, or as its last byte comes
                cut = replica.half_an_upload(content, chance.choice([chance.random(), 1]))
            else:
                moment = chance.randrange(LAYERS)
                run = replica.upload(content)
                seen = up_to(replica, run, lambda now, moment=moment: now["done"] >= moment)
            site.kill(replica.process)
            killed = time.monotonic()
            if cut:
                cut.close()
            replica = site.replica(workers=own, port=replica.port)
            runs.append(replica.upload(content))
            if not seen or seen[-1][1]["state"] not in ENDED:
                seen += replica.events(runs[-1], last_seen=seen[-1][0] if seen else "")
            seconds.append(time.monotonic() - killed)
            seen_once(seen)
            is_of(replica.tensors(runs[-1]), content)
        assert len(analyses(site)) == len(set(runs)) == KILLS
        told("from the kill of the web process to the report", seconds)


def test_the_database_killed_at_ten_random_moments_loses_nothing(
    deployment, checkpoint, own_postgresql
):
    chance = random.Random(6)
    with deployment(database_url=own_postgresql.fresh()) as site:
        first, second = site.replica(workers=2), site.replica()
        runs, seconds = [], []
        for kill in range(KILLS):
            content, moment = checkpoint(LAYERS, WIDTH, kill), chance.randrange(LAYERS)
            run = first.upload(content)
            events, seen = second.events(run), []
            for one in events:
                seen.append(one)
                if one[1]["done"] >= moment or one[1]["state"] in ENDED:
                    break
            own_postgresql.kill()
            says_that_it_is_away(first, run, checkpoint(LAYERS, WIDTH, KILLS + kill))
            own_postgresql.start()
            back = time.monotonic()
            seen_once(seen + list(events))  # the stream that was open all the while
            seconds.append(time.monotonic() - back)
            is_of(second.tensors(run), content)
            runs.append(run)
        for kill in range(KILLS):  # what was refused meanwhile is taken now
            again = second.upload(checkpoint(LAYERS, WIDTH, KILLS + kill))
            assert second.finished(again)["state"] == "done"
        assert len(analyses(site)) == 2 * KILLS
        assert "Traceback" not in site.told()
        told("from the start of the database to the report", seconds)


def says_that_it_is_away(replica, run, content):
    """See that a program and a person are told why nothing is answered."""
    for method, path in (("GET", f"/api/v1/runs/{run}"), ("POST", "/upload"), ("GET", "/readyz")):
        status, problem = replica.asked(method, path, content=content)
        assert (status, problem["error"]) == (503, "database_away")
    page = replica.client.get(f"/jobs/{run}", headers={"Accept": "text/html"})
    assert page.status_code == 503
    assert "The database does not answer at the moment." in page.text
    assert replica.client.get("/healthz").status_code == 200


def test_replicas_racing_on_the_same_uploads_make_one_run_of_each(deployment, checkpoint, database):
    with deployment(database_url=database) as site:
        replicas = [site.replica(workers=1), site.replica(workers=1)]
        for seed in range(KILLS):
            content = checkpoint(LAYERS, WIDTH, seed)
            with ThreadPoolExecutor(8) as pool:
                (run,) = set(pool.map(lambda one, sent=content: one.upload(sent), replicas * 4))
            seen_once(list(replicas[seed % 2].events(run)))
            is_of(replicas[1 - seed % 2].tensors(run), content)
        assert len(analyses(site)) == KILLS


def test_clients_that_hang_up_at_random_bytes_leave_nothing(deployment, checkpoint):
    chance = random.Random(8)
    with deployment() as site:
        replica = site.replica(workers=1)
        for seed in range(3 * KILLS):
            content = checkpoint(LAYERS, WIDTH, seed % 3)
            cut = replica.half_an_upload(content, chance.random())
            run = replica.upload(content) if seed % KILLS == 0 else None
            site.until(site.under_way)
            cut.close()
            if run is not None:
                seen_once(list(replica.events(run)))
        site.until(lambda: not site.under_way())
        assert len(analyses(site)) == 3
        assert "Traceback" not in site.told()


def test_an_upload_that_eats_memory_ends_in_a_sentence_and_the_next_one_works(
    deployment, checkpoint
):
    with deployment(child_memory_bytes=256 * MIB, part_bytes=MIB) as site:
        replica = site.replica(workers=1)
        ended = replica.finished(replica.upload(many_tensors(HOG_TENSORS)))
        assert (ended["state"], ended["error"]["error"]) == ("failed", "out_of_memory")
        assert "256 MiB" in ended["error"]["message"]
        assert replica.finished(replica.upload(checkpoint()))["state"] == "done"


def many_tensors(count: int) -> bytes:
    """A file of so many tensors of one number each."""
    header = {
        f"t{n}": {"dtype": "F32", "shape": [1], "data_offsets": [4 * n, 4 * n + 4]}
        for n in range(count)
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + bytes(4 * count)


def test_an_analysis_that_hangs_ends_in_a_sentence_and_the_next_one_works(deployment, checkpoint):
    with deployment(part_bytes=2**40, part_seconds=20) as site:
        replica = site.replica(workers=1)
        ended = next(filter(None, (hung(site, replica, checkpoint, n) for n in range(8))))
        assert (ended["state"], ended["error"]["error"]) == ("failed", "out_of_time")
        assert "20 s" in ended["error"]["message"]
        assert replica.finished(replica.upload(checkpoint(seed=99)))["state"] == "done"


def hung(site, replica, checkpoint, doubling):
    """A run whose child was stopped in its middle; None where it was too fast for that."""
    run = replica.upload(checkpoint(500 << doubling, 32, doubling))
    up_to(replica, run, lambda now: now["done"] > 0)
    try:
        if (child := site.child()) is None:
            return None
        child.suspend()
    except psutil.NoSuchProcess:
        return None
    ended = replica.finished(run)
    return ended if ended["state"] == "failed" else None


def test_a_stream_that_a_killed_replica_breaks_off_goes_on_where_it_was(
    deployment, checkpoint, database
):
    with deployment(database_url=database) as site:
        first, second = site.replica(), site.replica(workers=1)
        run = first.upload(checkpoint(4 * LAYERS, WIDTH))
        events, seen = first.events(run), []
        for one in itertools.islice(events, 3):
            seen.append(one)
        site.kill(first.process)
        with pytest.raises(httpx2.TransportError):
            seen += events
        seen += second.events(run, last_seen=seen[-1][0])
        seen_once(seen)
        assert len({id_ for id_, _ in seen}) == len(seen)
