"""A copy of everything that the embedded default keeps, taken while it runs, and its way back.

The copy has the form of a data folder: the database and the uploads that it refers to.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from app.config import Settings
from app.errors import DiskFull, Invalid
from app.store import database, tables
from app.store.reserve import is_full

DATABASE: Final = "initscope.sqlite"
BLOBS: Final = "blobs"
EVERY_BLOB: Final = "[0-9a-f][0-9a-f]/*"
NO_LINKS: Final = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What a copy holds."""

    reports: int  # of any kind, ended or on their way
    files: int
    bytes: int  # of the files
    missing: int  # files whose bytes are not in the copy, or only in part


def back_up(settings: Settings, folder: Path) -> Copied:
    """Copy the store into an empty folder, whoever writes meanwhile.

    Uploads are linked where the folder is on the same file system: they never change.

    Raises:
        Invalid: If the store is not SQLite, there is none, or the folder is not empty.
        DiskFull: If there is no room for the copy.
    """
    source = _path(settings)
    if not source.exists():
        raise Invalid(what="The store", expected="one with reports", got=f"nothing at {source}")
    if folder.exists() and any(folder.iterdir()):
        raise Invalid(what="The folder", expected="an empty or a new one", got=str(folder))
    blobs = settings.data_dir / BLOBS
    with _room():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Uploads before the database, for those whose report is deleted meanwhile, and once more
        # after it, for those that came meanwhile: all that the copied database names is there.
        _copy_blobs(blobs, folder / BLOBS)
        _copy_database(f"{source.absolute().as_uri()}?mode=ro", folder / DATABASE)
        _copy_blobs(blobs, folder / BLOBS)
        os.sync()
    return _counted(folder)


def restore(settings: Settings, folder: Path) -> Copied:
    """Make a backup the store of these settings; its jobs go on where they were.

    Raises:
        Invalid: If the store is not SQLite or holds something already, or the folder no backup.
        DiskFull: If there is no room for it.
    """
    target = _path(settings)
    if target.exists():
        raise Invalid(
            what="The data folder", expected="one without a database", got=f"one with {target}"
        )
    if not _is_sound(folder / DATABASE):
        raise Invalid(
            what="The folder", expected="one that `initscope backup` has written", got=str(folder)
        )
    with _room():
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _copy_blobs(folder / BLOBS, settings.data_dir / BLOBS)
        # Last, under its name at once: an interrupted restore leaves no store to serve.
        coming = target.with_name(f"{target.name}.coming")
        coming.unlink(missing_ok=True)
        _copy_database(_still(folder / DATABASE), coming)
        coming.rename(target)
        os.sync()
    database.migrate(settings)
    return _counted(settings.data_dir, target)


def _path(settings: Settings) -> Path:
    url = sa.make_url(settings.database)
    if url.get_backend_name() != "sqlite" or not url.database:
        kind = url.get_backend_name()
        raise Invalid(
            what="The database",
            expected="SQLite (docs/operations.md tells how others are backed up)",
            got=kind,
        )
    return Path(url.database)


def _still(path: Path) -> str:
    """The address of a database that nobody writes, which may lie on a read-only disk."""
    return f"{path.absolute().as_uri()}?immutable=1"


def _copy_database(source: str, target: Path) -> None:
    """One snapshot; in WAL neither readers nor writers wait for it."""
    with (
        contextlib.closing(sqlite3.connect(source, uri=True)) as here,
        contextlib.closing(sqlite3.connect(target)) as there,
    ):
        here.backup(there)
    target.chmod(0o600)


def _copy_blobs(source: Path, target: Path) -> None:
    for blob in source.glob(EVERY_BLOB):
        place = target / blob.parent.name / blob.name
        if place.exists():
            continue
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # it was deleted at this moment
            _copy_blob(blob, place)


def _copy_blob(blob: Path, place: Path) -> None:
    try:
        place.hardlink_to(blob)
    except OSError as problem:
        if problem.errno not in NO_LINKS:
            raise
        coming = place.with_name(f"{place.name}.coming")
        shutil.copy2(blob, coming)
        coming.rename(place)


@contextlib.contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as problem:
        if is_full(problem):
            raise DiskFull from problem
        raise


def _is_sound(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with contextlib.closing(sqlite3.connect(_still(path), uri=True)) as one:
            found = one.execute("PRAGMA quick_check").fetchone()
            one.execute("SELECT count(*) FROM files")
    except sqlite3.DatabaseError:
        return False
    return bool(found == ("ok",))


def _counted(folder: Path, store: Path | None = None) -> Copied:
    every = (tables.runs, tables.propagations, tables.comparisons)
    engine = sa.create_engine(f"sqlite:///{store or folder / DATABASE}")
    try:
        with engine.connect() as connection:
            reports = sum(
                connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                for table in every
            )
            files = connection.execute(sa.select(tables.files.c.sha256, tables.files.c.bytes)).all()
    finally:
        engine.dispose()
    here = [_holds(folder / BLOBS / sha256[:2] / sha256, size) for sha256, size in files]
    return Copied(
        reports=reports,
        files=len(files),
        bytes=sum(size for _, size in files),
        missing=here.count(False),
    )


def _holds(blob: Path, size: int) -> bool:
    return blob.is_file() and blob.stat().st_size == size
