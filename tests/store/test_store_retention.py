from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.core.graph import Inventory
from app.core.propagation import Order
from app.errors import NotFound, UploadInterrupted
from app.store import database
from app.store.comparisons import Comparisons
from app.store.facts import Failure
from app.store.propagations import Asked, Propagations
from app.store.retention import ONE_TURN, Retention
from app.store.runs import Runs
from app.store.seeds import Seeds
from app.store.visits import Kind, Visits

FAILURE = Failure(code="child_lost", message="gone", hint="again")
INVENTORY = Inventory(origin="module text", layers=(), reason="it has no forward")


def nothing(*_) -> None:
    """No queue."""


def later(days: float = 0) -> datetime:
    """A moment after everything that a test has written until now."""
    return datetime.now(UTC) + timedelta(days=days, microseconds=1)


class Old:
    """Reports that have ended, and the sweep."""

    def __init__(self, shelf) -> None:
        self.shelf = shelf
        self.retention = Retention(shelf.engine)
        self.propagations = Propagations(shelf.engine)
        self.comparisons = Comparisons(shelf.engine)

    async def run(self, content: bytes = b"weights") -> str:
        file = await self.shelf.keep(content)
        run = await self.shelf.runs.accept(file.id, again=False, enqueue=nothing)
        assert await self.shelf.attempts.fail(run.job, FAILURE)
        return run.id

    async def measured(self, network: str, weights: str | None = None):
        """A measurement on its way."""
        asked = Asked(network=network, weights=weights, inputs=None, order=Order())
        return await self.propagations.accept(asked, again=False, enqueue=nothing)

    async def files_left(self) -> list[str]:
        """After the hourly look at what nothing refers to."""
        gone = await self.shelf.runs.forget(before=later())
        for sha256 in gone:
            await self.shelf.runs.release(sha256, self.shelf.blobs.delete)
        folder = self.shelf.settings.data_dir / "blobs"
        return sorted(path.name[:32] for path in folder.glob("*/*"))

    async def visited(self, kind: Kind, report: str) -> None:
        """Somebody has looked at a report, and that is written."""
        visits = Visits(self.shelf.engine)
        visits.note(kind, report)
        assert await visits.write() == 1

    async def stays(self, run: str) -> bool:
        return await self.shelf.runs.find(run) is not None


@pytest.fixture
def on_old(on_shelf):
    """Runs a test body with old reports."""
    return lambda body: on_shelf(lambda shelf: body(Old(shelf)))


def test_an_old_report_goes_with_its_file(on_old):
    async def body(old):
        run = await old.run()
        assert await old.retention.sweep(before=later()) == 1
        assert not await old.stays(run)
        assert await old.files_left() == []

    on_old(body)


def test_a_young_report_stays(on_old):
    async def body(old):
        before = later(days=-1)
        run = await old.run()
        assert await old.retention.sweep(before=before) == 0
        assert await old.stays(run)

    on_old(body)


def test_more_reports_than_one_turn_takes_go_in_several(on_old):
    async def body(old):
        for number in range(ONE_TURN + 1):
            await old.run(b"%d" % number)
        assert await old.retention.sweep(before=later()) == ONE_TURN + 1

    on_old(body)


def test_what_a_job_works_on_stays_however_old(on_old):
    async def body(old):
        file = await old.shelf.keep(b"weights")
        run = await old.shelf.runs.accept(file.id, again=False, enqueue=nothing)
        assert await old.retention.sweep(before=later()) == 0
        assert await old.stays(run.id)
        assert await old.files_left() == [file.id]

    on_old(body)


def test_a_report_whose_seed_is_looked_for_stays(on_old, monkeypatch):
    async def body(old):
        run = await old.run()
        # A search wants a report; one that has failed since then has one, too.
        async with old.shelf.engine.begin() as connection:
            await connection.exec_driver_sql("UPDATE runs SET report = job, state = 'done'")
        await Seeds(old.shelf.engine).accept(run, full=False, enqueue=nothing)
        assert await old.retention.sweep(before=later()) == 0
        assert await old.stays(run)

    on_old(body)


def test_a_report_whose_file_was_sent_again_stays(on_old):
    async def body(old):
        run = await old.run()
        before = later()
        await old.shelf.keep(b"weights")
        assert await old.retention.sweep(before=before) == 0
        assert await old.stays(run)

    on_old(body)


def test_a_report_that_somebody_looked_at_since_stays(on_old):
    async def body(old):
        seen, unseen = await old.run(b"seen"), await old.run(b"unseen")
        before = later()
        await old.visited("runs", seen)
        assert await old.retention.sweep(before=before) == 1
        assert await old.stays(seen)
        assert not await old.stays(unseen)
        assert await old.files_left() == [seen]

    on_old(body)


def test_a_comparison_that_somebody_looked_at_since_stays_with_both_files(on_old):
    async def body(old):
        files = [await old.run(content) for content in (b"a", b"b")]
        found = await old.comparisons.accept(*files, enqueue=nothing)
        assert await old.comparisons.fail(found.job, FAILURE)
        before = later()
        await old.visited("comparisons", found.id)
        assert await old.retention.sweep(before=before) == 0
        assert await old.files_left() == sorted(files)

    on_old(body)


def test_a_measurement_that_somebody_looked_at_since_stays_with_its_file(on_old):
    async def body(old):
        file = (await old.shelf.keep(b"layers: []")).id
        found = await old.measured(file)
        assert await old.propagations.fail(found.job, FAILURE)
        before = later()
        await old.visited("propagations", found.id)
        assert await old.retention.sweep(before=before) == 0
        assert await old.files_left() == [file]

    on_old(body)


ROUNDS = 12


def test_a_sweep_at_the_moment_of_an_order_takes_nothing_that_a_job_needs(on_old):
    """Each order is taken whole or refused as of a file that is gone; three sweep meanwhile."""

    async def body(old):
        settings = old.shelf.settings
        other = database.connect(settings)  # another process's way to the same tables
        ordering = Runs(other)
        sweeping = True

        async def sweep() -> None:
            while sweeping:
                await old.retention.sweep(before=later())
                await old.files_left()

        async def order(number: int) -> str | None:
            try:
                file = await old.run(b"%d" % number)
                run = await ordering.accept(file, again=True, enqueue=nothing)
            except (NotFound, UploadInterrupted):
                return None
            return run.id

        sweepers = [asyncio.create_task(sweep()) for _ in range(3)]
        orders = await asyncio.gather(*(order(number) for number in range(ROUNDS)))
        sweeping = False
        await asyncio.gather(*sweepers)
        taken = sorted(run for run in orders if run is not None)
        assert [(await old.shelf.runs.run(run)).state for run in taken] == ["queued"] * len(taken)
        assert await old.files_left() == taken
        await other.dispose()

    on_old(body)


@pytest.mark.parametrize("role", ["network", "weights"])
def test_a_report_that_a_measurement_is_about_stays_until_that_goes(on_old, role):
    async def body(old):
        run, other = await old.run(), (await old.shelf.keep(b"layers: []")).id
        files = {"network": other} | {role: run}
        found = await old.measured(**files)
        assert await old.retention.sweep(before=later()) == 0
        assert await old.stays(run)
        assert await old.propagations.fail(found.job, FAILURE)
        assert await old.retention.sweep(before=later()) == 2
        assert not await old.stays(run)

    on_old(body)


def test_a_report_that_a_comparison_is_about_stays_until_that_goes(on_old):
    async def body(old):
        first, second = await old.run(b"a"), await old.run(b"b")
        found = await old.comparisons.accept(first, second, enqueue=nothing)
        assert await old.retention.sweep(before=later()) == 0
        assert await old.comparisons.fail(found.job, FAILURE)
        assert await old.retention.sweep(before=later()) == 3
        assert await old.comparisons.find(found.id) is None
        assert await old.files_left() == []

    on_old(body)


def test_a_network_that_nobody_measures_any_more_goes_with_its_file(on_old):
    async def body(old):
        file = (await old.shelf.keep(b"layers: []")).id
        found = await old.measured(file)
        assert await old.propagations.understood(found.job, INVENTORY, parcel=b"{}")
        assert await old.propagations.fail(found.job, FAILURE)
        assert await old.retention.sweep(before=later()) == 1
        with pytest.raises(NotFound):
            await old.propagations.propagation(found.id)
        assert await old.files_left() == []

    on_old(body)


def test_the_file_of_a_measurement_that_stays_is_kept(on_old):
    async def body(old):
        file = (await old.shelf.keep(b"layers: []")).id
        await old.measured(file)
        assert await old.retention.sweep(before=later()) == 0
        assert await old.files_left() == [file]

    on_old(body)
