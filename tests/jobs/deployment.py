"""A real service on a temporary data folder: replicas and workers, spoken to over HTTP alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
import sqlalchemy as sa

from app.config import Settings
from app.jobs.engine import queue_url
from app.jobs.supervisor import environment

__all__ = ["Deployment", "Replica", "database", "deployed", "deployment"]

ROOT = Path(__file__).parents[2]
INITSCOPE = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"
PATIENCE_SECONDS = 120  # a deadline for a loaded machine, never a duration that is waited for
ENDED = ("done", "failed", "cancelled")


class Replica:
    """One `initscope serve`, and what a visitor does there."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.address = process.stdout.readline().strip().rpartition(" ")[2]
        self.port = int(self.address.rpartition(":")[2])
        self.client = httpx2.Client(base_url=self.address, timeout=PATIENCE_SECONDS)

    def upload(self, content: bytes, name: str = "model.safetensors") -> str:
        """The id of the run that an upload has ordered."""
        answer = self.client.post("/upload", params={"name": name}, content=content)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def run(self, run: str) -> dict[str, Any]:
        """A run as the API tells it."""
        answer = self.client.get(f"/api/v1/runs/{run}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def asked(self, method: str, path: str, **given: Any) -> tuple[int, dict[str, Any]]:
        """The status and the document of any answer."""
        answer = self.client.request(method, path, **given)
        return answer.status_code, dict(answer.json())

    def events(self, run: str, *, last_seen: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
        """The id and the data of each event, to the run's end."""
        headers = {"Last-Event-ID": last_seen} if last_seen else {}
        with self.client.stream("GET", f"/api/v1/runs/{run}/events", headers=headers) as answer:
            assert answer.status_code == 200, answer.read()
            id_ = ""
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    id_ = line[4:]
                elif line.startswith("data: "):
                    yield id_, json.loads(line[6:])

    def finished(self, run: str) -> dict[str, Any]:
        """A run once nothing more will happen to it."""
        for _ in self.events(run):
            pass
        return self.run(run)

    def until(self, run: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """A run once it is as wanted, or has ended."""
        for _, told in self.events(run):
            if wanted(told) or told["state"] in ENDED:
                return told
        raise AssertionError(self.run(run))

    def half_an_upload(self, content: bytes, share: float = 0.5) -> socket.socket:
        """The connection of an upload of which only so much was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS)
        head = f"POST /upload?name=half.safetensors HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
        connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode())
        connection.sendall(content[: int(share * len(content))])
        return connection

    def tensors(self, run: str) -> list[dict[str, Any]]:
        """A report's rows."""
        answer = self.client.get(f"/api/v1/runs/{run}/tensors")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["tensors"])


class Deployment:
    """Processes that share one database and one data folder, and can be killed."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.settings = settings
        self._log = log
        self.replicas: list[Replica] = []
        self._processes: list[subprocess.Popen[str]] = []

    def replica(self, *, workers: int = 0, port: int = 0) -> Replica:
        """Start `initscope serve` and wait until it answers."""
        asked = ("serve", "--port", str(port), "--workers", str(workers))
        replica = Replica(self._started(*asked, stdout=subprocess.PIPE))
        self.replicas.append(replica)
        return replica

    def worker(self) -> subprocess.Popen[str]:
        """Start `initscope worker`."""
        return self._started("worker", stdout=subprocess.DEVNULL)

    def kill(self, process: subprocess.Popen[str]) -> None:
        """SIGKILL a process and see that what it started ends with it."""
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        _, alive = psutil.wait_procs(family, timeout=PATIENCE_SECONDS)
        assert not alive, alive
        self._processes.remove(process)

    def child(self) -> psutil.Process | None:
        """A sandboxed child at work, or None."""
        for process in self._processes:
            for below in psutil.Process(process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if self._is_child(below):
                        return below
        return None

    def told(self) -> str:
        """The log of all processes."""
        return self._log.read_text() if self._log.exists() else ""

    def under_way(self) -> list[Path]:
        """What lies in the folder of uploads that is not all there."""
        return list((self.settings.data_dir / "blobs").glob("upload-*"))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database holds."""
        engine = sa.create_engine(queue_url(self.settings))
        try:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(sa.text(query))]
        finally:
            engine.dispose()

    def until(self, is_so: Callable[[], object]) -> None:
        """Return once something is so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            assert time.monotonic() < deadline, self.told()[-4000:]
            time.sleep(0.02)

    def close(self) -> None:
        """Kill everything."""
        for replica in self.replicas:
            replica.client.close()
        for process in list(self._processes):
            self.kill(process)

    def _started(self, *asked: str, stdout: int) -> subprocess.Popen[str]:
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", INITSCOPE, *asked],
                cwd=ROOT,
                env=os.environ | environment(self.settings) | {"PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    @staticmethod
    def _is_child(process: psutil.Process) -> bool:
        """A child and its fork server have the same command line; the server's parent's differs."""
        parent = process.parent()
        return parent is not None and process.cmdline() == parent.cmdline() != []


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database: "" is SQLite in the data folder."""
    if request.param == "sqlite":
        yield ""
        return
    server = request.getfixturevalue("postgresql")
    url = server.fresh()
    yield url
    server.drop(url)


@contextmanager
def deployed(folder: Path, **values: Any) -> Iterator[Deployment]:
    """A deployment that ends with the block; settings as keyword arguments."""
    chosen: dict[str, Any] = {
        "poll_seconds": 0.1,
        "heartbeat_seconds": 0.5,
        "part_bytes": 1,  # one tensor a part
        "min_free_bytes": 0,
        "log": "text",
    }
    settings = Settings(_env_file=None, data_dir=folder / "data", **(chosen | values))
    made = Deployment(settings, folder / "log")
    try:
        yield made
    finally:
        made.close()
        sys.stderr.write(made.told())  # which a failure shows


@pytest.fixture
def deployment(tmp_path: Path) -> Callable[..., Any]:
    """Makes a deployment in the test's folder."""
    return partial(deployed, tmp_path)


def seen_once(told: list[tuple[str, dict[str, Any]]]) -> None:
    """See that whoever followed a run saw one attempt that went forward to one end."""
    assert {id_.partition(".")[0] for id_, _ in told} == {"1"}, told
    counts = [data["done"] for _, data in told]
    assert counts == sorted(counts), told
    assert [data["state"] in ENDED for _, data in told] == [False] * (len(told) - 1) + [True]
    assert (told[-1][1]["state"], told[-1][1]["error"]) == ("done", None), told[-1]
