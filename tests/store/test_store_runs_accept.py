from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from carried_runs import Queue, measured_run

from app.errors import Invalid, UploadInterrupted
from app.store.facts import Received, Run

OnShelf = Callable[[Callable[[Any], Any]], Any]


def test_a_file_is_found_by_the_first_half_of_its_digest(on_shelf: OnShelf):
    async def body(shelf):
        file = await shelf.keep(b"abc", name="net.pt")
        assert file.id == hashlib.sha256(b"abc").hexdigest()[:32]
        assert await shelf.runs.file(file.id) == file

    on_shelf(body)


def test_the_same_bytes_again_are_the_same_file_under_its_first_name(on_shelf: OnShelf):
    async def body(shelf):
        first = await shelf.keep(b"abc", name="first.pt")
        assert await shelf.keep(b"abc", name="second.pt") == first

    on_shelf(body)


def test_other_bytes_at_the_same_address_are_refused(on_shelf: OnShelf, tmp_path):
    async def body(shelf):
        file = await shelf.keep(b"abc")
        forged = Received(sha256=file.sha256[:32] + "0" * 32, bytes=3, path=tmp_path)
        with pytest.raises(Invalid, match="sha256"):
            await shelf.runs.add_file(forged, name="other.pt")

    on_shelf(body)


def test_a_file_deleted_while_it_is_added_is_told_as_interrupted(on_shelf: OnShelf, tmp_path):
    async def body(shelf):
        gone = Received(sha256="0" * 64, bytes=3, path=tmp_path / "gone")
        with pytest.raises(UploadInterrupted):
            await shelf.runs.add_file(gone, name="a.pt")

    on_shelf(body)


def test_a_run_and_its_job_are_accepted_together(on_shelf: OnShelf):
    async def body(shelf):
        file, queue = await shelf.keep(b"abc", name="net.pt"), Queue()
        run = await shelf.runs.accept(file.id, again=False, enqueue=queue)
        assert queue.jobs == [run.job]
        assert (run.id, run.state, run.attempt, run.name) == (file.id, "queued", 1, "net.pt")
        assert not run.finished
        assert not run.reported

    on_shelf(body)


def test_a_run_that_cannot_be_queued_is_not_accepted(on_shelf: OnShelf):
    def refuse(connection: sa.Connection, run: Run) -> None:
        raise ConnectionError

    async def body(shelf):
        file = await shelf.keep(b"abc")
        with pytest.raises(ConnectionError):
            await shelf.runs.accept(file.id, again=False, enqueue=refuse)
        assert await shelf.runs.find(file.id) is None

    on_shelf(body)


@pytest.mark.parametrize("again", [False, True])
def test_a_run_on_its_way_is_not_begun_again(on_shelf: OnShelf, again):
    async def body(shelf):
        file, queue = await shelf.keep(b"abc"), Queue()
        first = await shelf.runs.accept(file.id, again=False, enqueue=queue)
        assert await shelf.runs.accept(file.id, again=again, enqueue=queue) == first
        assert len(queue.jobs) == 1

    on_shelf(body)


def test_a_finished_run_is_returned_as_it_is(on_shelf: OnShelf):
    async def body(shelf):
        queue = Queue()
        run = await measured_run(shelf, queue)
        assert await shelf.runs.accept(run.file, again=False, enqueue=queue) == run
        assert len(queue.jobs) == 1

    on_shelf(body)


def test_a_stale_report_is_made_again(on_shelf: OnShelf):
    async def body(shelf):
        queue = Queue()
        run = await measured_run(shelf, queue, schema="initscope.analysis/0")
        assert run.stale
        again = await shelf.runs.accept(run.file, again=False, enqueue=queue)
        assert (again.attempt, again.state) == (2, "queued")

    on_shelf(body)


def test_recent_runs_come_newest_first(on_shelf: OnShelf):
    async def body(shelf):
        files = [await shelf.keep(content) for content in (b"a", b"b", b"c")]
        for file in files:
            await shelf.runs.accept(file.id, again=False, enqueue=Queue())
        assert [run.id for run in await shelf.runs.recent(2)] == [files[2].id, files[1].id]

    on_shelf(body)


def test_a_lost_job_is_begun_again_under_a_new_name(on_shelf: OnShelf):
    async def body(shelf):
        file, queue = await shelf.keep(b"abc"), Queue()
        run = await shelf.runs.accept(file.id, again=False, enqueue=queue)
        assert await shelf.attempts.restart(run.job, queue)
        assert not await shelf.attempts.restart(run.job, queue)
        after = await shelf.runs.run(run.id)
        assert queue.jobs == [run.job, after.job]
        assert await shelf.attempts.unfinished() == [after.job]

    on_shelf(body)
