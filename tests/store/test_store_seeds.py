from __future__ import annotations

import pytest

from app.core.report import SCHEMA, Overview, Source, Summary
from app.errors import NotFound, NotReady
from app.store.facts import Failure, Measured, Part
from app.store.seeds import Seeds

FAILURE = Failure(code="child_lost", message="gone", hint="again")


def nothing(*_) -> None:
    """No queue."""


async def reported(shelf) -> str:
    file = await shelf.keep(b"weights")
    run = await shelf.runs.accept(file.id, again=False, enqueue=nothing)
    summary = Summary(
        tensors=0,
        parameters=0,
        buffers=0,
        parameter_tensors=0,
        buffer_tensors=0,
        dtypes={},
        headline="",
        status="not_judged",
        signs={},
        main_scheme=None,
        alpha=0.001,
    )
    source = Source(name="a", format="safetensors", bytes=7, sha256=file.sha256)
    overview = Overview(schema=SCHEMA, source=source, summary=summary, findings=(), rows=())
    part = Part(number=0, tensors=1, todo=b"{}")
    await shelf.attempts.plan(run.job, inventory=b"{}", parts=[part])
    measured = [Measured(index=0, report=b"{}", sketch=None)]
    await shelf.attempts.measured(run.job, 0, measured)
    assert await shelf.attempts.finish(run.job, overview=overview, reports=[b"{}"])
    return run.id


@pytest.fixture
def on_report(on_shelf):
    """Runs a test body with the searches of a store and a run that has a report."""

    def start(body):
        async def whole(shelf):
            return await body(Seeds(shelf.engine), await reported(shelf), shelf)

        return on_shelf(whole)

    return start


def test_a_search_is_queued_with_its_job(on_report):
    queued = []

    async def body(seeds, run, _shelf):
        made = await seeds.accept(run, full=True, enqueue=lambda _c, job: queued.append(job))
        assert (made.state, made.full, made.name) == ("queued", True, "model.pt")
        assert queued == [made.job]
        assert await seeds.find(run) == made

    on_report(body)


def test_one_on_its_way_is_not_begun_again(on_report):
    async def body(seeds, run, _shelf):
        first = await seeds.accept(run, full=False, enqueue=nothing)
        assert await seeds.accept(run, full=True, enqueue=nothing) == first

    on_report(body)


def test_a_finished_one_gives_way_to_the_next(on_report):
    async def body(seeds, run, _shelf):
        first = await seeds.accept(run, full=False, enqueue=nothing)
        assert await seeds.finish(first.job, headline="42", document=b"{}")
        assert await seeds.document(run) == b"{}"
        second = await seeds.accept(run, full=True, enqueue=nothing)
        assert (second.state, second.headline) == ("queued", None)
        assert await seeds.document(run) is None

    on_report(body)


@pytest.mark.parametrize("end", ["cancelled", "fail"])
def test_what_a_search_that_was_ended_writes_is_void(on_report, end):
    async def body(seeds, run, _shelf):
        job = (await seeds.accept(run, full=False, enqueue=nothing)).job
        assert await (seeds.cancelled(job) if end == "cancelled" else seeds.fail(job, FAILURE))
        assert not await seeds.progress(job, step="seeds", done=1, total=2)
        assert not await seeds.finish(job, headline="42", document=b"{}")
        assert await seeds.document(run) is None
        assert await seeds.unfinished() == []
        found = await seeds.find(run)
        assert found.error == (FAILURE if end == "fail" else None)

    on_report(body)


def test_progress_is_told(on_report):
    async def body(seeds, run, _shelf):
        job = (await seeds.accept(run, full=False, enqueue=nothing)).job
        assert await seeds.progress(job, step="seeds", done=5, total=2**32)
        found = await seeds.find(run)
        assert (found.state, found.step, found.done, found.total) == (
            "running",
            "seeds",
            5,
            2**32,
        )

    on_report(body)


def test_a_run_without_a_report_has_nothing_to_seek(on_shelf):
    async def body(shelf):
        seeds = Seeds(shelf.engine)
        with pytest.raises(NotFound):
            await seeds.accept("0" * 32, full=False, enqueue=nothing)
        file = await shelf.keep(b"weights")
        run = await shelf.runs.accept(file.id, again=False, enqueue=nothing)
        with pytest.raises(NotReady):
            await seeds.accept(run.id, full=False, enqueue=nothing)

    on_shelf(body)


def test_a_search_goes_with_its_run(on_report):
    async def body(seeds, run, shelf):
        await seeds.accept(run, full=False, enqueue=nothing)
        await shelf.runs.delete(run)
        assert await seeds.find(run) is None

    on_report(body)


def test_a_queue_that_refuses_leaves_no_search(on_report):
    def refuse(*_):
        raise RuntimeError

    async def body(seeds, run, _shelf):
        with pytest.raises(RuntimeError):
            await seeds.accept(run, full=False, enqueue=refuse)
        assert await seeds.find(run) is None

    on_report(body)
