"""A PostgreSQL server that the tests start themselves, as an ordinary user, on a socket alone."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

ORDINARY = "nobody"  # whom root becomes: PostgreSQL does not run as root
_numbers = itertools.count(1)


class Server:
    """A running server; `INITSCOPE_TEST_DATABASE_URL` names one that exists already."""

    def __init__(self, url: str) -> None:
        self._url = url

    def fresh(self) -> str:
        """The URL of a new, empty database."""
        name = f"initscope_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        address, _, question = self._url.partition("?")
        return f"{address.rpartition('/')[0]}/{name}{'?' if question else ''}{question}"

    def drop(self, url: str) -> None:
        """Remove a database of `fresh` and every connection to it."""
        name = url.partition("?")[0].rpartition("/")[2]
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def binaries() -> Path | None:
    """The folder of Debian's newest PostgreSQL, or of the one on the path."""
    every = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = str(every[-1]) if every else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def started(folder: Path) -> Callable[[], None]:
    """Start a server in an empty folder; what is returned stops it."""
    bin_ = binaries()
    assert bin_ is not None
    user = ORDINARY if os.getuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"

    def run(*command: str) -> None:
        subprocess.run(command, user=user, check=True, cwd=folder, stdout=subprocess.DEVNULL)

    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    run(str(bin_ / "initdb"), "-D", str(data), "-U", "tests", "-A", "trust", "-E", "UTF8", "-N")
    control = str(bin_ / "pg_ctl")
    run(control, "-D", str(data), "-w", "-o", options, "-l", str(folder / "log"), "start")
    return lambda: run(control, "-D", str(data), "-w", "-m", "immediate", "stop")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A server for the session; without PostgreSQL here, tests on it are left out."""
    given = os.environ.get("INITSCOPE_TEST_DATABASE_URL")
    if given:
        yield Server(given)
        return
    if binaries() is None or (os.getuid() == 0 and not _known(ORDINARY)):
        pytest.skip("PostgreSQL was not found: install it, or set INITSCOPE_TEST_DATABASE_URL")
    folder = Path(tempfile.mkdtemp(prefix="initscope-"))
    folder.chmod(0o755)
    stop = started(folder)
    try:
        yield Server(f"postgresql://tests@/postgres?host={folder}")
    finally:
        stop()
        shutil.rmtree(folder, ignore_errors=True)


def _known(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
