from __future__ import annotations

import pytest

from app.core.comparison import SCHEMA, ComparisonReport
from app.errors import NotFound
from app.store import documents
from app.store.comparisons import Comparisons, comparison_id
from app.store.facts import Failure

FAILURE = Failure(code="child_lost", message="gone", hint="again")
REPORT = ComparisonReport(
    schema=SCHEMA,
    pairs=(),
    reshaped=(),
    missing=("a",),
    added=(),
    prefixes=("", "module."),
    by_order=False,
    left_out=2,
)


def nothing(*_) -> None:
    """No queue."""


@pytest.fixture
def on_pair(on_shelf):
    """Runs a test body with comparisons and two stored files."""

    def start(body):
        async def whole(shelf):
            files = [(await shelf.keep(content, f"{content}.pt")).id for content in (b"a", b"b")]
            return await body(Comparisons(shelf.engine), *files, shelf)

        return on_shelf(whole)

    return start


def test_a_comparison_is_queued_with_its_job(on_pair):
    queued = []

    async def body(comparisons, first, second, _shelf):
        made = await comparisons.accept(first, second, enqueue=lambda _c, job: queued.append(job))
        assert queued == [made.job]
        assert (made.id, made.state) == (comparison_id(first, second), "queued")
        assert (made.before_sha256[:32], made.after_sha256[:32]) == (first, second)
        assert await comparisons.between(first, second) == made
        assert await comparisons.active(made.job) == made

    on_pair(body)


def test_the_other_way_round_is_another_comparison(on_pair):
    async def body(comparisons, first, second, _shelf):
        await comparisons.accept(first, second, enqueue=nothing)
        assert await comparisons.between(second, first) is None

    on_pair(body)


def test_what_is_found_comes_back(on_pair):
    async def body(comparisons, first, second, _shelf):
        made = await comparisons.accept(first, second, enqueue=nothing)
        assert await comparisons.finish(made.job, document=documents.dump(REPORT))
        assert await comparisons.report(made.id) == REPORT
        found = await comparisons.find(made.id)
        assert (found.state, found.reported) == ("done", True)

    on_pair(body)


def test_one_on_its_way_or_done_is_not_begun_again(on_pair):
    async def body(comparisons, first, second, _shelf):
        made = await comparisons.accept(first, second, enqueue=nothing)
        assert (await comparisons.accept(first, second, enqueue=nothing)).job == made.job
        await comparisons.finish(made.job, document=documents.dump(REPORT))
        assert (await comparisons.accept(first, second, enqueue=nothing)).job == made.job

    on_pair(body)


def test_a_failed_one_is_begun_again(on_pair):
    async def body(comparisons, first, second, _shelf):
        made = await comparisons.accept(first, second, enqueue=nothing)
        assert await comparisons.fail(made.job, FAILURE)
        assert (await comparisons.find(made.id)).error == FAILURE
        again = await comparisons.accept(first, second, enqueue=nothing)
        assert (again.state, again.error) == ("queued", None)
        assert again.job != made.job

    on_pair(body)


@pytest.mark.parametrize("end", ["cancelled", "fail"])
def test_what_one_that_was_ended_writes_is_void(on_pair, end):
    async def body(comparisons, first, second, _shelf):
        job = (await comparisons.accept(first, second, enqueue=nothing)).job
        ended = comparisons.cancelled(job) if end == "cancelled" else comparisons.fail(job, FAILURE)
        assert await ended
        assert not await comparisons.progress(job, done=1, total=2)
        assert not await comparisons.finish(job, document=b"{}")
        assert await comparisons.unfinished() == []

    on_pair(body)


def test_a_restarted_one_has_a_new_job(on_pair):
    queued = []

    async def body(comparisons, first, second, _shelf):
        made = await comparisons.accept(first, second, enqueue=nothing)
        assert await comparisons.restart(made.job, lambda _c, job: queued.append(job))
        assert await comparisons.unfinished() == queued
        assert queued != [made.job]
        assert not await comparisons.restart(made.job, nothing)

    on_pair(body)


def test_a_file_that_is_not_there_cannot_be_compared(on_pair):
    async def body(comparisons, first, _second, _shelf):
        with pytest.raises(NotFound):
            await comparisons.accept(first, "0" * 32, enqueue=nothing)

    on_pair(body)


def test_it_goes_with_either_of_its_files(on_pair):
    async def body(comparisons, first, second, shelf):
        await shelf.runs.accept(second, again=False, enqueue=nothing)
        made = await comparisons.accept(first, second, enqueue=nothing)
        await shelf.runs.delete(second)
        assert await comparisons.find(made.id) is None

    on_pair(body)


def test_deleting_it_leaves_the_files(on_pair):
    async def body(comparisons, first, second, shelf):
        made = await comparisons.accept(first, second, enqueue=nothing)
        await comparisons.delete(made.id)
        assert await comparisons.of(first) == []
        assert (await shelf.runs.file(first)).id == first
        with pytest.raises(NotFound):
            await comparisons.delete(made.id)

    on_pair(body)


def test_a_queue_that_refuses_leaves_no_comparison(on_pair):
    def refuse(*_):
        raise RuntimeError

    async def body(comparisons, first, second, _shelf):
        with pytest.raises(RuntimeError):
            await comparisons.accept(first, second, enqueue=refuse)
        assert await comparisons.of(first) == []

    on_pair(body)
