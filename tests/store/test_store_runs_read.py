from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from carried_runs import Queue, finish, measured, measured_run, overview, tensor

from app.core.report import SCHEMA
from app.errors import NotFound, NotReady
from app.store.documents import TENSOR, inflate, load
from app.store.facts import Part

OnShelf = Callable[[Callable[[Any], Any]], Any]


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
