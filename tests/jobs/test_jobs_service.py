"""Whole analyses on real worker processes."""

from __future__ import annotations

import numpy as np
import psutil
import pytest

from app.core.report import SCHEMA
from app.errors import NotFound


def measuring(run):
    return run.step == "measuring" and 0 < run.done < run.total


async def caught(service, checkpoint, interrupt, *, workers=1, when=measuring):
    """A run that was interrupted before its end: a longer one each time that it was too fast."""
    for doubling in range(8):
        service.start(workers)
        run = await service.submit(checkpoint(layers=16 << doubling, width=256, seed=doubling))
        await service.until(run, lambda now: when(now) or now.finished)
        if (run := await interrupt(run)) is not None:
            return run
        service.kill_all()
    raise AssertionError("no run was long enough to be interrupted")


def test_an_accepted_file_gets_its_report(with_service, checkpoint):
    async def body(service):
        service.start()
        run = await service.finished(await service.submit(checkpoint(layers=3, width=64)))
        assert (run.state, run.error, run.done, run.total) == ("done", None, 3, 3)
        overview = await service.runs.overview(run.id)
        assert (overview.schema, overview.source.sha256) == (SCHEMA, run.sha256)
        assert [row.status for row in overview.rows] == ["consistent"] * 3
        assert (await service.runs.tensor(run.id, 2)).name == "2.weight"

    with_service(body)


def test_every_statistic_is_of_the_uploaded_values(with_service, checkpoint):
    async def body(service):
        service.start()
        content = checkpoint(layers=1, width=64)
        run = await service.finished(await service.submit(content))
        values = np.frombuffer(content[-64 * 64 * 4 :], "<f4").astype(np.float64)
        tensor = await service.runs.tensor(run.id, 0)
        assert (tensor.count, tensor.min, tensor.max) == (4096, values.min(), values.max())
        # Both are float64 sums of 4096 values: a few hundred roundings of 2⁻⁵³ at most.
        assert tensor.std == pytest.approx(values.std(), rel=1e-12)

    with_service(body)


def test_a_file_without_tensors_fails_with_its_own_sentence(with_service):
    async def body(service):
        service.start()
        empty = b'{"__metadata__":{}}     '
        run = await service.submit(len(empty).to_bytes(8, "little") + empty)
        run = await service.finished(run)
        assert (run.state, run.error.code) == ("failed", "no_tensors")

    with_service(body)


def test_a_failed_run_can_be_tried_again(with_service):
    async def body(service):
        service.start()
        run = await service.finished(await service.submit(b"neither one nor the other"))
        again = await service.submitter.submit(run.file)
        assert again.attempt == 2
        assert (await service.finished(again)).error == run.error

    with_service(body)


def test_an_analysis_is_shared_out_among_the_workers(with_service, checkpoint):
    async def body(service):
        service.start(2)
        run = await service.finished(await service.submit(checkpoint(layers=12, width=512)))
        query = "SELECT DISTINCT executor_id FROM workflow_status WHERE name = 'part'"
        assert run.state == "done"
        assert {name for (name,) in await service.rows(query)} == {"local-0", "local-1"}

    with_service(body)


def test_a_worker_killed_in_the_middle_is_taken_over_by_another(with_service, checkpoint):
    async def body(service):
        service.start(2)
        run = await service.submit(checkpoint(layers=18, width=512))
        await service.until(run, measuring)
        service.kill(0)
        await finishes_once(service, run, kills=1)

    with_service(body)


def test_the_whole_service_killed_in_the_middle_goes_on_when_it_is_started(
    with_service, checkpoint
):
    async def body(service):
        async def killed(run):
            service.kill_all()
            run = await service.runs.run(run.id)
            return None if run.finished else run

        run = await caught(service, checkpoint, killed, workers=2)
        service.start(1)
        await finishes_once(service, run, kills=2)

    with_service(body)


def test_what_is_accepted_while_no_worker_lives_is_done_when_one_does(with_service, checkpoint):
    async def body(service):
        run = await service.submit(checkpoint())
        assert run.state == "queued"
        service.start()
        assert (await service.finished(run)).state == "done"

    with_service(body)


async def finishes_once(service, run, *, kills):
    """The run is done at its first attempt, and no part ran more often than it was killed."""
    done = await service.finished(run)
    assert (done.state, done.attempt, done.done) == ("done", 1, done.total)
    assert len(await service.runs.tensors(run.id)) == done.total
    query = (
        "SELECT status, count(*), sum(recovery_attempts) FROM workflow_status"
        " WHERE name = 'part' AND workflow_uuid LIKE :job GROUP BY status"
    )
    ((status, parts, executions),) = await service.rows(query, job=f"{run.job}-measure-%")
    assert (status, parts) == ("SUCCESS", done.total)
    assert executions <= parts + kills


def test_a_cancelled_run_ends_its_child(with_service, checkpoint):
    async def body(service):
        children = []

        def has_a_child(now):
            children[:] = [child] if (child := service.child()) is not None else []
            return measuring(now) and children

        async def cancelled(run):
            run = await service.submitter.cancel(run.id)
            if run.state != "cancelled":
                return None
            psutil.wait_procs(children, timeout=60)
            assert not any(child.is_running() for child in children)
            return run

        run = await caught(service, checkpoint, cancelled, when=has_a_child)
        after = await service.finished(await service.submitter.again(run.id))
        assert (after.state, after.attempt) == ("done", 2)

    with_service(body)


def test_a_run_deleted_in_the_middle_leaves_nothing(with_service, checkpoint):
    async def body(service):
        service.start()
        run = await service.submit(checkpoint(layers=64, width=512))
        await service.until(run, measuring)
        await service.submitter.delete(run.id)
        assert await service.runs.find(run.id) is None
        with pytest.raises(NotFound):
            service.blobs.open(run.sha256)
        other = await service.submit(checkpoint(seed=1))
        assert (await service.finished(other)).state == "done"
        for table in ("jobs", "parts", "tensors"):
            query = f"SELECT count(*) FROM {table}"
            expected = {"jobs": 1, "parts": 0, "tensors": 3}[table]
            assert await service.rows(query) == [(expected,)]

    with_service(body)


def test_a_deleted_file_sent_again_is_analysed_again(with_service, checkpoint):
    async def body(service):
        service.start()
        run = await service.finished(await service.submit(checkpoint()))
        await service.submitter.delete(run.id)
        again = await service.submit(checkpoint())
        assert (again.id, again.state, again.attempt) == (run.id, "queued", 1)
        assert (await service.finished(again)).state == "done"

    with_service(body)


def test_a_child_that_is_killed_once_is_replaced(with_service, checkpoint):
    async def body(service):
        service.start()
        run = await service.submit(checkpoint(layers=64, width=512))
        await service.until(run, measuring)
        service.kill_a_child()
        assert (await service.finished(run)).state == "done"

    with_service(body)


def test_a_file_that_ends_its_child_again_and_again_fails_and_the_worker_lives(
    with_service, checkpoint
):
    async def body(service):
        service.start()
        run = await service.submit(checkpoint(layers=64, width=512))
        while not (run := await service.runs.run(run.id)).finished:
            if run.step == "measuring":
                service.kill_a_child()
        assert (run.state, run.error.code) == ("failed", "child_lost")
        assert service.workers[0].poll() is None

    with_service(body)


def test_a_part_over_its_time_fails_the_run_with_the_limit(with_service, checkpoint):
    async def body(service):
        service.start()
        run = await service.submit(checkpoint(layers=2000, width=64))
        run = await service.finished(run)
        assert (run.state, run.error.code) == ("failed", "out_of_time")
        assert "1 s" in run.error.message

    with_service(body, part_bytes=2**40, part_seconds=1)


def test_a_job_of_another_version_is_submitted_again(with_service, checkpoint):
    async def body(service):
        run = await service.submit(checkpoint())
        async with service.tables.begin() as connection:
            await connection.exec_driver_sql(
                "UPDATE workflow_status SET application_version = 'older'"
            )
        service.start()
        done = await service.finished(run)
        assert (done.state, done.attempt) == ("done", 2)

    with_service(body)


def test_a_job_that_kept_ending_its_worker_fails_with_a_sentence(with_service, checkpoint):
    async def body(service):
        run = await service.submit(checkpoint())
        async with service.tables.begin() as connection:
            await connection.exec_driver_sql(
                "UPDATE workflow_status SET status = 'MAX_RECOVERY_ATTEMPTS_EXCEEDED'"
            )
        service.start()
        failed = await service.finished(run)
        assert (failed.state, failed.error.code) == ("failed", "child_lost")

    with_service(body)


def test_what_the_queue_wrote_of_old_jobs_is_swept(with_service, checkpoint):
    async def body(service):
        service.start()
        run = await service.finished(await service.submit(checkpoint()))
        going = "SELECT count(*) FROM workflow_status WHERE completed_at IS NULL"
        await service.eventually(going, (0,))
        async with service.tables.begin() as connection:
            await connection.exec_driver_sql(
                "UPDATE workflow_status SET completed_at = completed_at - 7200000"
            )
        await service.eventually("SELECT count(*) FROM workflow_status", (0,))
        assert (await service.runs.overview(run.id)).summary.tensors == 3

    with_service(body)


def test_the_web_can_see_whether_a_worker_is_there(with_service, checkpoint):
    async def body(service):
        assert await service.submitter.workers_alive() == 0
        service.start()
        await service.finished(await service.submit(checkpoint()))
        assert await service.submitter.workers_alive() == 1

    with_service(body)


def test_nothing_in_the_queue_is_a_pickle(with_service, checkpoint):
    async def body(service):
        service.start()
        await service.finished(await service.submit(checkpoint()))
        for table in ("workflow_status", "operation_outputs"):
            query = f"SELECT DISTINCT serialization FROM {table} WHERE serialization IS NOT NULL"
            assert await service.rows(query) == [("portable_json",)]

    with_service(body)
