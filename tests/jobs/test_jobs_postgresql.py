"""The same jobs on PostgreSQL, with workers that count as other machines."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from working_service import ROOT

from app.jobs.submit import Submitter

MAIN = "import sys; from app.cli import main; sys.exit(main())"
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def database(postgresql):
    url = postgresql.fresh()
    yield url
    postgresql.drop(url)


def test_an_analysis_is_done_by_workers_of_two_machines(with_service, checkpoint, database):
    async def body(service):
        for machine in ("east", "west"):
            service.settings = service.settings.model_copy(update={"machine": machine})
            service.start()
        run = await service.submit(checkpoint(12))
        assert (await service.finished(run)).state == "done"

    with_service(body, database_url=database)


def test_the_jobs_of_a_machine_that_is_gone_go_on_elsewhere(with_service, checkpoint, database):
    async def body(service):
        service.settings = service.settings.model_copy(update={"machine": "east"})
        service.start()
        layers = 40
        run = await service.submit(checkpoint(layers, 128))
        await service.until(run, lambda now: 0 < now.done < layers)
        service.kill()
        service.settings = service.settings.model_copy(update={"machine": "west"})
        service.start()
        done = await service.finished(run)
        assert (done.state, done.tensors) == ("done", layers)

    with_service(body, database_url=database)


def test_two_replicas_that_take_the_same_upload_make_one_run(with_service, checkpoint, database):
    async def body(service):
        other = Submitter(
            service.settings, service.runs, service.blobs, service.seeds, service.propagations
        )
        file = await service.keep(checkpoint(), "model.safetensors")
        both = await asyncio.gather(*(one.submit(file) for one in (service.submitter, other) * 5))
        assert len({run.job for run in both}) == 1
        service.start()
        assert (await service.finished(both[0])).state == "done"
        await other.close()

    with_service(body, database_url=database)


@pytest.mark.parametrize("command", [["serve", "--port", "0", "--workers", "0"], ["worker"]])
def test_a_start_without_the_database_says_so_in_one_line(tmp_path, monkeypatch, command):
    monkeypatch.setenv("INITSCOPE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("INITSCOPE_DATABASE_URL", NOWHERE)
    monkeypatch.setenv("INITSCOPE_LOG", "text")
    ended = subprocess.run(
        [sys.executable, "-c", MAIN, *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert ended.stderr.count("\n") == 1
    assert "database does not answer" in ended.stderr
