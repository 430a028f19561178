from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from carried_runs import Queue, finish, measured, measured_run, overview, tensor

from app.errors import NotFound
from app.store.facts import Failure, Part

OnShelf = Callable[[Callable[[Any], Any]], Any]


def test_a_cancelled_run_keeps_nothing_that_its_worker_still_writes(on_shelf: OnShelf):
    async def body(shelf):
        file = await shelf.keep(b"abc")
        run = await shelf.runs.accept(file.id, again=False, enqueue=Queue())
        assert (await shelf.runs.cancel(run.id)).state == "cancelled"
        assert not await finish(shelf, run)
        assert not await shelf.attempts.wanted(run.job)
        assert not await shelf.attempts.fail(run.job, Failure(code="x", message="y", hint=""))
        assert (await shelf.runs.run(run.id)).state == "cancelled"
        assert await shelf.attempts.all_measured(run.job) == []

    on_shelf(body)


def test_a_finished_run_cannot_be_cancelled(on_shelf: OnShelf):
    async def body(shelf):
        run = await measured_run(shelf, Queue())
        assert await shelf.runs.cancel(run.id) == run

    on_shelf(body)


def test_a_failed_run_tells_why_and_keeps_its_earlier_report(on_shelf: OnShelf):
    async def body(shelf):
        queue, why = Queue(), Failure(code="out_of_time", message="Too slow.", hint="Wait.")
        first = await measured_run(shelf, queue)
        run = await shelf.runs.accept(first.file, again=True, enqueue=queue)
        assert await shelf.attempts.fail(run.job, why)
        run = await shelf.runs.run(run.id)
        assert (run.state, run.error, run.reported) == ("failed", why, True)
        assert await shelf.runs.overview(run.id) == overview()

    on_shelf(body)


def test_progress_is_the_sum_of_the_parts_whatever_repeats(on_shelf: OnShelf):
    async def body(shelf):
        file = await shelf.keep(b"abc")
        run = await shelf.runs.accept(file.id, again=False, enqueue=Queue())
        parts = [Part(number=number, tensors=5, todo=b"{}") for number in range(2)]
        await shelf.attempts.plan(run.job, inventory=b"{}", parts=parts)
        for number, done in ((0, 3), (1, 4), (1, 4), (0, 2)):
            await shelf.attempts.progress(run.job, number, done)
        run = await shelf.runs.run(run.id)
        assert (run.done, run.total) == (7, 10)

    on_shelf(body)


def test_a_part_measured_twice_is_kept_once(on_shelf: OnShelf):
    async def body(shelf):
        file = await shelf.keep(b"abc")
        run = await shelf.runs.accept(file.id, again=False, enqueue=Queue())
        parts = [Part(number=0, tensors=2, todo=b"{}")]
        await shelf.attempts.plan(run.job, inventory=b"{}", parts=parts)
        for _ in range(2):
            found = [measured(tensor(index)) for index in range(2)]
            await shelf.attempts.measured(run.job, 0, found)
        assert len(await shelf.attempts.all_measured(run.job)) == 2

    on_shelf(body)


def test_a_deleted_run_leaves_no_row_and_gives_up_its_blob(on_shelf: OnShelf):
    async def body(shelf):
        run = await measured_run(shelf, Queue())
        assert await shelf.runs.delete(run.id) == run.sha256
        async with shelf.engine.connect() as connection:
            for table in ("files", "runs", "jobs", "parts", "tensors"):
                count = await connection.execute(sa.text(f"SELECT count(*) FROM {table}"))
                assert count.scalar_one() == 0, table

    on_shelf(body)


def test_a_deleted_files_next_life_has_another_job(on_shelf: OnShelf):
    async def body(shelf):
        queue = Queue()
        run = await measured_run(shelf, queue)
        await shelf.runs.delete(run.id)
        again = await measured_run(shelf, queue)
        assert again.id == run.id
        assert again.job != run.job

    on_shelf(body)


def test_a_file_that_nobody_analysed_is_forgotten_after_its_time(on_shelf: OnShelf):
    async def body(shelf):
        lonely, used = await shelf.keep(b"lonely"), await shelf.keep(b"used")
        await shelf.runs.accept(used.id, again=False, enqueue=Queue())
        assert await shelf.runs.forget(before=lonely.created_at) == []
        assert await shelf.runs.forget(before=datetime.now(UTC)) == [lonely.sha256]
        assert (await shelf.runs.file(used.id)).id == used.id
        with pytest.raises(NotFound):
            await shelf.runs.file(lonely.id)

    on_shelf(body)


def test_a_file_sent_again_is_kept_as_long_as_a_new_one(on_shelf: OnShelf):
    async def body(shelf):
        first = await shelf.keep(b"abc")
        await shelf.keep(b"abc")
        assert (await shelf.runs.file(first.id)).created_at > first.created_at

    on_shelf(body)


def test_a_blob_is_released_only_when_no_file_refers_to_it(on_shelf: OnShelf):
    async def body(shelf):
        file, discarded = await shelf.keep(b"abc"), []
        await shelf.runs.release(file.sha256, discarded.append)
        await shelf.runs.release("f" * 64, discarded.append)
        assert discarded == ["f" * 64]

    on_shelf(body)
