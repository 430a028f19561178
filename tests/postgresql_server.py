"""A PostgreSQL server that the tests start themselves, as an ordinary user, on a socket alone."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
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


class OwnServer(Server):
    """A server that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"postgresql://tests@/postgres?host={folder}")
        self._folder = folder
        started(folder)

    def kill(self) -> None:
        """SIGKILL the postmaster and everything that it started, as a crash of the machine."""
        pid = int((self._folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        postmaster = psutil.Process(pid)
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family)

    def start(self) -> None:
        """Start again after a kill; what was committed is recovered from its log."""
        control(self._folder, "start")

    def stop(self) -> None:
        """End, if it runs."""
        control(self._folder, "stop", check=False)


def binaries() -> Path | None:
    """The folder of Debian's newest PostgreSQL, or of the one on the path."""
    every = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = str(every[-1]) if every else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def started(folder: Path) -> Callable[[], None]:
    """Start a server in an empty folder; what is returned stops it."""
    if os.getuid() == 0:
        shutil.chown(folder, ORDINARY)
    _run(folder, "initdb", "-U", "tests", "-A", "trust", "-E", "UTF8", "-N")
    control(folder, "start")
    return lambda: control(folder, "stop")


def control(folder: Path, order: str, *, check: bool = True) -> None:
    """Start the server of a folder, or stop it without a farewell."""
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    how = {"start": ("-o", options, "-l", str(folder / "log")), "stop": ("-m", "immediate")}
    _run(folder, "pg_ctl", "-w", *how[order], order, check=check)


def _run(folder: Path, program: str, *arguments: str, check: bool = True) -> None:
    bin_ = binaries()
    assert bin_ is not None
    subprocess.run(
        [str(bin_ / program), "-D", str(folder / "data"), *arguments],
        user=ORDINARY if os.getuid() == 0 else None,
        check=check,
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )


@contextlib.contextmanager
def home() -> Iterator[Path]:
    """An empty folder for a server; without PostgreSQL here, tests on it are left out."""
    if binaries() is None or (os.getuid() == 0 and not _known(ORDINARY)):
        pytest.skip("PostgreSQL was not found: install it, or set INITSCOPE_TEST_DATABASE_URL")
    folder = Path(tempfile.mkdtemp(prefix="initscope-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A server for the session; without PostgreSQL here, tests on it are left out."""
    given = os.environ.get("INITSCOPE_TEST_DATABASE_URL")
    if given:
        yield Server(given)
        return
    with home() as folder:
        stop = started(folder)
        try:
            yield Server(f"postgresql://tests@/postgres?host={folder}")
        finally:
            stop()


@pytest.fixture
def own_postgresql() -> Iterator[OwnServer]:
    """A server for one test, which may kill it."""
    with home() as folder:
        server = OwnServer(folder)
        try:
            yield server
        finally:
            server.stop()


def _known(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
