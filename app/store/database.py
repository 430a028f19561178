"""The database: engines with the settings that SQLite needs, and its migrations."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.config import Settings
from app.errors import DatabaseAway, DiskFull, InitscopeError, Invalid
from app.store.reserve import is_full

MIGRATIONS = Path(__file__).parent / "migrations"
AWAY: Final = ("08", "57P")  # classes of SQLSTATE: connection exceptions, shutdowns
MIGRATING: Final = 0x696E6974  # advisory locks, which one transaction at a time holds
WRITING: Final = 0x696E6975

# WAL: readers never wait for the writer. FULL: an accepted job survives a power cut, which
# NORMAL does not promise in WAL. The busy time-out rides out the other processes' commits.
PRAGMAS = ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
PAGES_KIB: Final = 256  # for each connection, of which a worker has eight; SQLite's own is 2,000


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """Where the app's tables were, and where they are: "0007", or "base" without any."""

    before: str
    after: str


def connect(settings: Settings) -> AsyncEngine:
    """The asynchronous engine on the app's tables; nothing is opened until the first query."""
    url = sa.make_url(settings.database)
    driver = "sqlite+aiosqlite" if _is_sqlite(url) else "postgresql+psycopg"
    engine = create_async_engine(url.set(drivername=driver), pool_pre_ping=not _is_sqlite(url))
    event.listen(engine.sync_engine, "handle_error", _tell)
    if _is_sqlite(url):
        _speak_sqlite(engine.sync_engine)
    else:
        event.listen(engine.sync_engine, "begin", _take_turns)
    return engine


def reading(engine: AsyncEngine) -> AsyncEngine:
    """The same engine for transactions that only read: on SQLite they never wait for a writer."""
    return engine.execution_options(readonly=True)


def migrate(settings: Settings, revision: str = "head") -> Migrated:
    """Bring the app's tables to a revision; the data folder is made where missing.

    Args:
        settings: Of the app.
        revision: "head" is the newest, "base" none at all. What an earlier one has no place for
            goes, as the undone ones' `downgrade` says.

    Raises:
        Invalid: If there is no such revision, or the tables are at one that a newer product made.
    """
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = _plain(settings)
    try:
        with engine.begin() as connection:
            if not _is_sqlite(engine.url):  # which has one writer at a time anyway
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATING)))
            moved = _move(connection, revision)
            _expect_whole(connection)
            return moved
    finally:
        engine.dispose()


def _move(connection: sa.Connection, revision: str) -> Migrated:
    config = Config()
    config.set_main_option("script_location", MIGRATIONS.as_posix().replace("%", "%%"))
    config.attributes["connection"] = connection
    order = ["base", *_revisions(config)]
    here = MigrationContext.configure(connection).get_current_revision() or "base"
    there = order[-1] if revision == "head" else revision
    if here not in order:
        expected = f"one at {order[-1]}, the newest that this version of initscope knows"
        raise Invalid(what="The database", expected=expected, got=f"one at {here}")
    if there not in order:
        raise Invalid(what="The revision", expected=", ".join(order[1:]), got=there)
    back = order.index(there) < order.index(here)
    (command.downgrade if back else command.upgrade)(config, there)
    return Migrated(before=here, after=there)


def _revisions(config: Config) -> list[str]:
    """The oldest first."""
    scripts = ScriptDirectory.from_config(config)
    return [one.revision for one in scripts.walk_revisions()][::-1]


def _plain(settings: Settings) -> sa.Engine:
    url = sa.make_url(settings.database)
    driver = "sqlite" if _is_sqlite(url) else "postgresql+psycopg"
    engine = sa.create_engine(url.set(drivername=driver))
    event.listen(engine, "handle_error", _tell)
    if _is_sqlite(url):
        _speak_sqlite(engine)
        event.listen(engine, "connect", _let_go)
    return engine


def _let_go(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
    """A table that is made anew is dropped first, and what refers to it must not go with it."""
    connection.execute("PRAGMA foreign_keys=OFF")


def _expect_whole(connection: sa.Connection) -> None:
    """Have a migration undone that left a row referring to nothing."""
    if _is_sqlite(connection.engine.url):
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        assert broken is None, broken  # noqa: S101 - a migration at fault


def _tell(context: sa.ExceptionContext) -> InitscopeError | None:
    """What a driver's error means to a person, where it means something."""
    if is_away(context.original_exception):
        return DatabaseAway()
    return DiskFull() if is_full(context.original_exception) else None


def is_away(error: BaseException) -> bool:
    """Whether a server could not be reached, shut down, or broke the connection off."""
    cause = getattr(error, "orig", None) or error
    if not isinstance(cause, psycopg.OperationalError):
        return False
    return cause.sqlstate is None or cause.sqlstate.startswith(AWAY)


def _is_sqlite(url: sa.URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _speak_sqlite(engine: sa.Engine) -> None:
    """Start transactions ourselves: Python 3.11's driver reads outside of them."""
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)


@event.listens_for(sa.Engine, "connect")
def _keep_few_pages(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
    """Have SQLite cache little, in the queue's engines too: the system has the same pages."""
    if not isinstance(connection, sqlite3.Connection | AsyncAdapt_aiosqlite_connection):
        return
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA cache_size=-{PAGES_KIB}")
    cursor.close()


def _set_pragmas(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    reads = connection.get_execution_options().get("readonly", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _take_turns(connection: sa.Connection) -> None:
    """One writer at a time, as on SQLite: what a transaction has read holds until its end."""
    if not connection.get_execution_options().get("readonly", False):
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITING)))
