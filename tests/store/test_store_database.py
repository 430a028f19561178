from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from app.config import Settings
from app.store import database, tables

SQLITE = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


def test_the_migrations_make_exactly_the_tables(settings):
    database.migrate(settings)
    engine = sa.create_engine(settings.database)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
    engine.dispose()


def test_the_migrations_make_the_tables_of_measurements_and_seeds(settings):
    database.migrate(settings)
    engine = database.connect(settings)

    async def names():
        async with engine.connect() as connection:
            found = await connection.run_sync(lambda c: sa.inspect(c).get_table_names())
        await engine.dispose()
        return found

    assert {"networks", "propagations", "seeds"} <= set(asyncio.run(names()))


@SQLITE
def test_migrating_twice_changes_nothing(settings):
    database.migrate(settings)
    before = (settings.data_dir / "initscope.sqlite").read_bytes()
    database.migrate(settings)
    assert (settings.data_dir / "initscope.sqlite").read_bytes() == before


@SQLITE
def test_the_file_is_in_wal_mode(settings):
    database.migrate(settings)
    with sqlite3.connect(settings.data_dir / "initscope.sqlite") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


@SQLITE
def test_a_connection_caches_few_pages(settings):
    async def body() -> int:
        engine = database.connect(settings)
        async with engine.connect() as connection:
            found = await connection.exec_driver_sql("PRAGMA cache_size")
        await engine.dispose()
        return found.scalar()

    database.migrate(settings)
    assert asyncio.run(body()) == -256


def test_the_data_folder_is_its_owners_alone(settings):
    database.migrate(settings)
    assert settings.data_dir.stat().st_mode & 0o077 == 0


COUNT = """
import asyncio, sys
import sqlalchemy as sa
from app.config import Settings
from app.store import database

async def main():
    folder, url = sys.argv[1:]
    engine = database.connect(Settings(_env_file=None, data_dir=folder, database_url=url))
    for _ in range(25):
        async with engine.begin() as connection:
            now = (await connection.execute(sa.text("SELECT n FROM counter"))).scalar_one()
            await connection.execute(sa.text("UPDATE counter SET n = :n"), {"n": now + 1})
    await engine.dispose()

asyncio.run(main())
"""


def test_four_processes_that_read_and_then_write_lose_no_update(settings):
    database.migrate(settings)
    engine = sa.create_engine(settings.database)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(sa.text("INSERT INTO counter VALUES (0)"))
    command = [sys.executable, "-c", COUNT, str(settings.data_dir), settings.database_url]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT n FROM counter")).scalar() == 100
    engine.dispose()


def test_a_reader_sees_the_state_before_an_open_write(settings):
    database.migrate(settings)

    async def body() -> tuple[int, int]:
        engine = database.connect(settings)
        count = sa.select(sa.func.count()).select_from(tables.files)
        row = {"sha256": "", "name": "", "bytes": 2**40, "format": ""}
        now = datetime.now(UTC)
        async with engine.begin() as writer:
            await writer.execute(sa.insert(tables.files).values(id="a", created_at=now, **row))
            async with database.reading(engine).connect() as reader:
                during = (await reader.execute(count)).scalar_one()
        async with database.reading(engine).connect() as reader:
            after = (await reader.execute(count)).scalar_one()
        await engine.dispose()
        return during, after

    assert asyncio.run(body()) == (0, 1)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=30))])
def test_a_moment_comes_back_aware_and_in_utc(settings, zone):
    database.migrate(settings)
    moment = datetime(2026, 11, 21, 23, 59, 59, 123456, tzinfo=zone)

    async def body() -> datetime:
        engine = database.connect(settings)
        row = {"sha256": "", "name": "", "bytes": 1, "format": ""}
        async with engine.begin() as connection:
            insert = sa.insert(tables.files).values(id="a", created_at=moment, **row)
            await connection.execute(insert)
            found = await connection.execute(sa.select(tables.files.c.created_at))
            result: datetime = found.scalar_one()
        await engine.dispose()
        return result

    came = asyncio.run(body())
    assert came == moment
    assert came.tzinfo is UTC


def test_a_postgresql_url_is_spoken_through_psycopg(tmp_path):
    settings = Settings(
        _env_file=None, data_dir=tmp_path, database_url="postgresql://user:pw@host/name"
    )
    engine = database.connect(settings)
    assert engine.url.drivername == "postgresql+psycopg"
