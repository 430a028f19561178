"""The database: engines with the settings that SQLite needs, and its migrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.config import Settings
from app.errors import DiskFull
from app.store.reserve import is_full

MIGRATIONS = Path(__file__).parent / "migrations"

# WAL: readers never wait for the writer. FULL: an accepted job survives a power cut, which
# NORMAL does not promise in WAL. The busy time-out rides out the other processes' commits.
PRAGMAS = ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


def connect(settings: Settings) -> AsyncEngine:
    """The asynchronous engine on the app's tables; nothing is opened until the first query."""
    url = sa.make_url(settings.database)
    driver = "sqlite+aiosqlite" if _is_sqlite(url) else "postgresql+psycopg"
    engine = create_async_engine(url.set(drivername=driver))
    event.listen(engine.sync_engine, "handle_error", _tell_of_full_disk)
    if _is_sqlite(url):
        _speak_sqlite(engine.sync_engine)
    return engine


def reading(engine: AsyncEngine) -> AsyncEngine:
    """The same engine for transactions that only read: on SQLite they never wait for a writer."""
    return engine.execution_options(readonly=True)


def migrate(settings: Settings) -> None:
    """Bring the app's tables to the newest revision; the data folder is made where missing."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = sa.make_url(settings.database)
    driver = "sqlite" if _is_sqlite(url) else "postgresql+psycopg"
    engine = sa.create_engine(url.set(drivername=driver))
    if _is_sqlite(url):
        _speak_sqlite(engine)
    try:
        with engine.begin() as connection:
            config = Config()
            config.set_main_option("script_location", MIGRATIONS.as_posix().replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def _tell_of_full_disk(context: sa.ExceptionContext) -> DiskFull | None:
    return DiskFull() if is_full(context.original_exception) else None


def _is_sqlite(url: sa.URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _speak_sqlite(engine: sa.Engine) -> None:
    """Start transactions ourselves: Python 3.11's driver reads outside of them."""
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)


def _set_pragmas(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    reads = connection.get_execution_options().get("readonly", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
