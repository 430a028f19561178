from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from app.core.graph import Inventory
from app.core.meanfield.step import WeightMoments
from app.core.propagation import SCHEMA, Architecture, Order, PropagationReport
from app.errors import NotFound
from app.store import database, tables
from app.store.comparisons import Comparisons
from app.store.propagations import Asked, Propagations
from app.store.seeds import Seeds
from app.store.viewers import NOBODY, seen_by

WEIGHTS = b"the same bytes"
INVENTORY = Inventory(origin="module text", layers=(), reason="it has no forward")
NETWORK = Architecture(
    id="0" * 32, name="net", origin="spec", parameters=1, operations=1, layers=1, inputs=((4,),)
)
REPORT = PropagationReport(
    schema=SCHEMA,
    architecture=NETWORK,
    input={"law": "normal"},
    seeds=2,
    batch=4,
    device="cpu",
    series=(),
)


MOMENTS = {"0.weight": WeightMoments(mean=0.5, second=0.3)}


def unqueued(_connection, _job) -> None:
    """Nothing carries these jobs."""


def asked(network: str, **files: str | None) -> Asked:
    return Asked(**{"network": network, "weights": None, "inputs": None, "order": Order(), **files})


async def sent_by(shelf, viewer: str, content: bytes = WEIGHTS, name: str = "model.pt"):
    with seen_by(viewer):
        file = await shelf.keep(content, name)
        return file, await shelf.runs.accept(file.id, again=False, enqueue=unqueued)


def test_equal_bytes_of_two_people_are_two_files_under_their_own_names(on_shelf):
    async def body(shelf):
        ann, _ = await sent_by(shelf, "ann", name="anns.pt")
        bob, _ = await sent_by(shelf, "bob", name="bobs.pt")
        everybodys = await shelf.keep(WEIGHTS, "old.pt")
        return ann, bob, everybodys

    files = on_shelf(body)
    assert len({file.id for file in files}) == 3
    assert len({file.sha256 for file in files}) == 1
    assert [file.name for file in files] == ["anns.pt", "bobs.pt", "old.pt"]


def test_a_persons_equal_bytes_are_one_file(on_shelf):
    async def body(shelf):
        return (await sent_by(shelf, "ann"))[0], (await sent_by(shelf, "ann"))[0]

    first, again = on_shelf(body)
    assert first == again


def test_a_viewer_finds_their_own_and_nobodys_but_not_anothers(on_shelf):
    async def body(shelf):
        ann, _ = await sent_by(shelf, "ann")
        bob, _ = await sent_by(shelf, "bob")
        old = await shelf.keep(b"sent before tokens were asked for")
        await shelf.runs.accept(old.id, again=False, enqueue=unqueued)
        with seen_by("ann"):
            seen = [run.id for run in await shelf.runs.recent()]
            with pytest.raises(NotFound):
                await shelf.runs.file(bob.id)
            assert await shelf.runs.find(bob.id) is None
            assert await shelf.runs.file(ann.id) == ann
            assert await shelf.runs.file(old.id) == old
        with seen_by(NOBODY):
            assert [run.id for run in await shelf.runs.recent()] == [old.id]
        assert len(await shelf.runs.recent()) == 3
        return seen, {ann.id, old.id}

    seen, allowed = on_shelf(body)
    assert set(seen) == allowed


def test_a_viewer_changes_nothing_of_anothers(on_shelf):
    async def body(shelf):
        _, run = await sent_by(shelf, "bob")
        with seen_by("ann"):
            for order in (
                shelf.runs.accept(run.file, again=True, enqueue=unqueued),
                shelf.runs.cancel(run.id),
                shelf.runs.delete(run.id),
                shelf.runs.overview(run.id),
                shelf.runs.tensor(run.id, 0),
                Seeds(shelf.engine).accept(run.id, full=False, enqueue=unqueued),
            ):
                with pytest.raises(NotFound):
                    await order
        return run, await shelf.runs.run(run.id)

    before, after = on_shelf(body)
    assert before == after


def test_the_blob_goes_with_the_last_owners_file(on_shelf):
    async def body(shelf):
        told = []
        for viewer in ("ann", "bob"):
            await sent_by(shelf, viewer)
        for viewer in ("ann", "bob"):
            with seen_by(viewer):
                run = (await shelf.runs.recent())[0]
                await shelf.runs.release(await shelf.runs.delete(run.id), shelf.blobs.delete)
            told.append(shelf.blobs.path(run.sha256).exists())
        return told

    assert on_shelf(body) == [True, False]


def test_a_measurement_is_seen_by_who_sees_all_of_its_files(on_shelf):
    async def body(shelf):
        everybodys = await shelf.keep(b"a network that was there before")
        weights, _ = await sent_by(shelf, "ann")
        kept = Propagations(shelf.engine)
        order = asked(everybodys.id, weights=weights.id)
        with seen_by("ann"):
            mine = await kept.accept(order, again=False, enqueue=unqueued)
            assert await kept.find(mine.id) == mine
            assert await kept.of(everybodys.id) == await kept.recent() == [mine]
        with seen_by("bob"):
            assert await kept.find(mine.id) is None
            assert await kept.of(everybodys.id) == await kept.recent() == []
            for what in (kept.delete(mine.id), kept.accept(order, again=False, enqueue=unqueued)):
                with pytest.raises(NotFound):
                    await what
        return await kept.propagation(mine.id) == mine

    assert on_shelf(body)


def test_nothing_that_is_kept_of_anothers_measurement_is_told(on_shelf):
    async def body(shelf):
        file, _ = await sent_by(shelf, "ann")
        kept = Propagations(shelf.engine)
        with seen_by("ann"):
            order = asked(file.id, weights=file.id)
            made = await kept.accept(order, again=False, enqueue=unqueued)
        await kept.understood(made.job, INVENTORY, parcel=b"{}")
        await kept.finish(made.job, REPORT, headline="Measured.", moments=MOMENTS)
        told = []
        for viewer in ("ann", "bob"):
            with seen_by(viewer):
                document = await kept.document(made.id)
                moments = await kept.moments(file.id, file.id)
                facts = (document, await kept.network(file.id), moments)
                told.append([fact is not None for fact in facts])
        return told

    assert on_shelf(body) == [[True] * 3, [False] * 3]


def test_a_comparison_is_seen_by_who_sees_both_files(on_shelf):
    async def body(shelf):
        everybodys = await shelf.keep(b"a file that was there before")
        mine, _ = await sent_by(shelf, "ann")
        kept = Comparisons(shelf.engine)
        with seen_by("ann"):
            made = await kept.accept(everybodys.id, mine.id, enqueue=unqueued)
            assert await kept.of(everybodys.id) == [made]
        await kept.finish(made.job, document=b"{}")
        with seen_by("bob"):
            assert await kept.find(made.id) is None
            assert await kept.between(everybodys.id, mine.id) is None
            assert await kept.report(made.id) is None
            assert await kept.of(everybodys.id) == []
            for what in (
                kept.delete(made.id),
                kept.accept(everybodys.id, mine.id, enqueue=unqueued),
            ):
                with pytest.raises(NotFound):
                    await what
        return await kept.find(made.id) is not None

    assert on_shelf(body)


def test_a_task_begun_in_a_viewers_request_sees_as_they_do(on_shelf):
    async def body(shelf):
        await sent_by(shelf, "bob")
        with seen_by("ann"):
            task = asyncio.create_task(shelf.runs.recent())
        return await task, await shelf.runs.recent()

    inside, outside = on_shelf(body)
    assert (len(inside), len(outside)) == (0, 1)


def test_files_that_were_there_before_owners_stay_with_all_that_refers_to_them(settings):
    settings.data_dir.mkdir(parents=True)
    engine = sa.create_engine(settings.database.replace("postgresql:", "postgresql+psycopg:"))
    at_six(engine)
    now = datetime.now(UTC)
    file = {"id": "a", "sha256": "b", "name": "n", "bytes": 1, "format": "", "created_at": now}
    run = {"id": "a", "file": "a", "name": "n", "state": "done", "step": "", "done": 1, "total": 1}
    run |= {"attempt": 1, "job": "j", "created_at": now}
    network = {"file": "a", "graph": b"{}", "created_at": now}
    with engine.begin() as connection:
        for table, row in (("files", file), ("runs", run), ("networks", network)):
            columns = [sa.column(name) for name in row]
            connection.execute(sa.insert(sa.table(table, *columns)).values(row))
    database.migrate(settings)
    with engine.connect() as connection:
        assert connection.execute(sa.select(tables.files.c.id, tables.files.c.owner)).all() == [
            ("a", "")
        ]
        assert connection.execute(sa.select(tables.runs.c.file)).all() == [("a",)]
        assert connection.execute(sa.select(tables.networks.c.file)).all() == [("a",)]
    engine.dispose()


def at_six(engine: sa.Engine) -> None:
    """The tables as they were before files had owners."""
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", database.MIGRATIONS.as_posix())
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
