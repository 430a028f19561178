from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.report import SCHEMA, Overview, Source, Summary, TensorReport
from app.errors import Invalid, NotFound, NotReady, UploadInterrupted
from app.store.documents import TENSOR, dump, inflate, load
from app.store.facts import Failure, Measured, Part, Received, Run

OnShelf = Callable[[Callable[[Any], Any]], Any]


def tensor(index: int, **changes: Any) -> TensorReport:
    facts: dict[str, Any] = {field.name: None for field in dataclasses.fields(TensorReport)}
    facts |= {
        "place": {},
        "index": index,
        "name": f"layer{index}.weight",
        "group": "",
        "module": "layer",
    }
    facts |= {"shape": (3, 4), "strides": (4, 1), "dtype": "float32", "kind": "Linear"}
    facts |= {"kind_certainty": "inferred", "fan_certainty": "inferred", "role": "weight"}
    facts |= {"evidence": "name", "count": 12, "nonfinite": 0, "nan": 0, "zeros": 0, "mean": 0.1}
    facts |= {"quantiles": {"0.5": 0.1}, "status": "too_small", "sign": "not_judged"}
    facts |= {"sentence": "Too few values.", "remarks": (), "schemes": (), "candidates": ()}
    return TensorReport(**(facts | {"profiles": (), "parts": (), "place": {}} | changes))


def overview(headline: str = "All is well.", schema: str = SCHEMA) -> Overview:
    summary = Summary(
        tensors=2,
        parameters=24,
        buffers=0,
        parameter_tensors=2,
        buffer_tensors=0,
        dtypes={"float32": 2},
        headline=headline,
        status="as_expected",
        signs={"as_expected": 2},
        main_scheme=None,
        alpha=0.001,
    )
    source = Source(name="model.pt", format="torch zip", bytes=3, sha256="00")
    return Overview(schema=schema, source=source, summary=summary, findings=(), rows=())


def measured(report: TensorReport, sketch: bytes | None = None) -> Measured:
    return Measured(index=report.index, report=dump(report), sketch=sketch)


class Queue:
    """What an enqueuing callback was given."""

    def __init__(self) -> None:
        self.jobs: list[str] = []

    def __call__(self, connection: sa.Connection, run: Run) -> None:
        assert connection.in_transaction()
        self.jobs.append(run.job)


async def measured_run(shelf, queue, *, headline="All is well.", schema=SCHEMA) -> Run:
    """A finished run of two tensors."""
    file = await shelf.keep(b"abc")
    run = await shelf.runs.accept(file.id, again=True, enqueue=queue)
    await finish(shelf, run, headline=headline, schema=schema)
    return await shelf.runs.run(run.id)


async def finish(shelf, run: Run, *, headline="All is well.", schema=SCHEMA) -> bool:
    parts = [Part(number=0, tensors=2, todo=b"{}")]
    await shelf.attempts.step(run.job, "measuring")
    await shelf.attempts.plan(run.job, inventory=b"{}", parts=parts)
    await shelf.attempts.begin_part(run.job, 0)
    found = [measured(tensor(index), sketch=b"sketch") for index in range(2)]
    await shelf.attempts.measured(run.job, 0, found)
    reports = [dump(tensor(index, sign="differs")) for index in range(2)]
    return await shelf.attempts.finish(
        run.job, overview=overview(headline, schema), reports=reports
    )


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


def test_the_last_report_stays_until_the_next_one_is_there(on_shelf: OnShelf):
    async def body(shelf):
        queue = Queue()
        run = await measured_run(shelf, queue, headline="First.")
        again = await shelf.runs.accept(run.file, again=True, enqueue=queue)
        assert again.reported
        assert (await shelf.runs.overview(run.id)).summary.headline == "First."
        await finish(shelf, again, headline="Second.")
        assert (await shelf.runs.overview(run.id)).summary.headline == "Second."

    on_shelf(body)


def test_a_done_run_tells_its_headline_and_number_of_tensors(on_shelf: OnShelf):
    async def body(shelf):
        run = await measured_run(shelf, Queue())
        assert (run.state, run.headline, run.status, run.tensors) == (
            "done",
            "All is well.",
            "as_expected",
            2,
        )
        assert (run.done, run.total, run.schema, run.stale) == (2, 2, SCHEMA, False)

    on_shelf(body)


def test_a_report_comes_back_as_it_was_kept(on_shelf: OnShelf):
    async def body(shelf):
        run = await measured_run(shelf, Queue())
        assert await shelf.runs.overview(run.id) == overview()
        assert await shelf.runs.tensor(run.id, 1) == tensor(1, sign="differs")
        assert await shelf.runs.tensors(run.id) == [tensor(i, sign="differs") for i in range(2)]
        assert await shelf.runs.sketch(run.id, 0) == b"sketch"

    on_shelf(body)


def test_nan_and_infinity_never_reach_the_database(on_shelf: OnShelf):
    async def body(shelf):
        file = await shelf.keep(b"abc")
        run = await shelf.runs.accept(file.id, again=False, enqueue=Queue())
        parts = [Part(number=0, tensors=1, todo=b"{}")]
        await shelf.attempts.plan(run.job, inventory=b"{}", parts=parts)
        broken = tensor(0, mean=float("nan"), max=float("inf"))
        await shelf.attempts.measured(run.job, 0, [measured(broken)])
        (found,) = await shelf.attempts.all_measured(run.job)
        report = load(TENSOR, inflate(found.report))
        assert (report.mean, report.max, found.sketch) == (None, None, None)

    on_shelf(body)


def test_a_report_that_does_not_exist_yet_is_not_ready(on_shelf: OnShelf):
    async def body(shelf):
        file = await shelf.keep(b"abc")
        run = await shelf.runs.accept(file.id, again=False, enqueue=Queue())
        for ask in (shelf.runs.overview, shelf.runs.tensors):
            with pytest.raises(NotReady, match="queued"):
                await ask(run.id)
        with pytest.raises(NotReady):
            await shelf.runs.tensor(run.id, 0)

    on_shelf(body)


def test_what_does_not_exist_is_not_found(on_shelf: OnShelf):
    async def body(shelf):
        run = await measured_run(shelf, Queue())
        for ask in (shelf.runs.run, shelf.runs.file, shelf.runs.overview, shelf.runs.delete):
            with pytest.raises(NotFound):
                await ask("0" * 32)
        with pytest.raises(NotFound, match="tensor"):
            await shelf.runs.tensor(run.id, 2)

    on_shelf(body)


def test_recent_runs_come_newest_first(on_shelf: OnShelf):
    async def body(shelf):
        files = [await shelf.keep(content) for content in (b"a", b"b", b"c")]
        for file in files:
            await shelf.runs.accept(file.id, again=False, enqueue=Queue())
        assert [run.id for run in await shelf.runs.recent(2)] == [files[2].id, files[1].id]

    on_shelf(body)


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


def test_progress_is_the_sum_of_the_parts_and_repeats_do_not_add_up(on_shelf: OnShelf):
    async def body(shelf):
        file = await shelf.keep(b"abc")
        run = await shelf.runs.accept(file.id, again=False, enqueue=Queue())
        parts = [Part(number=number, tensors=5, todo=b"{}") for number in range(2)]
        await shelf.attempts.plan(run.job, inventory=b"{}", parts=parts)
        for number, done in ((0, 3), (1, 4), (1, 4), (0, 2)):
            await shelf.attempts.progress(run.job, number, done)
        run = await shelf.runs.run(run.id)
        assert (run.done, run.total) == (6, 10)

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
