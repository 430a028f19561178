"""What the processes of a service hold at a moment, and whether it grew from look to look."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import psutil
import psycopg
from scipy.stats import theilslopes

from benchmarks._service import Running

MIB: Final = 2**20
EMBEDDED: Final = "initscope.sqlite"
COMPUTE: Final = "app.jobs.warming"  # what only the server of the torch runs has loaded

# Growth from the first third to the last that is none: a browser's connection is open or is not,
# and Python's table of interned strings is made anew once, of 2¹⁷ places: 1.9 MiB.
SLACK: Final = {
    "MiB": 4.0,
    "peak MiB": 30.0,
    "descriptors": 4.0,
    "threads": 4.0,
    "connections": 4.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One moment."""

    seconds: float  # since the first
    held: dict[str, float]  # "web, MiB" → what it held


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One figure over all looks."""

    name: str
    first: float  # median of the first third, of a peak its highest
    last: float  # the same of the last third
    hourly: float  # Theil-Sen slope: the median of all pairs', which no single peak moves

    @property
    def flat(self) -> bool:
        """Whether it grew by no more than allocators and browsers come and go."""
        return self.last - self.first <= SLACK[self.name.rpartition(", ")[2]]

    def line(self) -> str:
        """The table's row."""
        grown = self.last - self.first
        return (
            f"{self.name:<34} {self.first:7.1f} → {self.last:7.1f}  {grown:+6.1f}  "
            f"{self.hourly:+8.1f} an hour  {'flat' if self.flat else 'GROWS'}"
        )


def held(running: Running) -> dict[str, float]:
    """What each process that stays holds; the sandboxed children are counted in their largest.

    Raises:
        psutil.NoSuchProcess: If one of them ended meanwhile.
    """
    web = psutil.Process(running.pid)
    found = _of(web, "web")
    connections = _opened(web)
    children = [0.0]
    for number, worker in enumerate(workers(running)):
        found |= _of(worker, f"worker {number}")
        connections += _opened(worker)
        for server in worker.children():
            which = "compute" if COMPUTE in " ".join(server.cmdline()) else "closed"
            found[f"worker {number}, {which} server, MiB"] = _private(server)
            children += _children(server)
    found["largest child, peak MiB"] = max(children)
    found["database, connections"] = _sessions(running) if running.database else connections
    return found


def workers(running: Running) -> list[psutil.Process]:
    """The worker processes of a service, oldest first."""
    children = psutil.Process(running.pid).children()
    found = [child for child in children if "app.jobs" in child.cmdline()]
    return sorted(found, key=lambda one: one.create_time())


def trends(looks: Sequence[Look]) -> list[Trend]:
    """How each figure went that the first look knew, in its order."""
    third = max(1, len(looks) // 3)
    found = []
    for name in looks[0].held:
        known = [(look.seconds / 3600, look.held[name]) for look in looks if name in look.held]
        values = [value for _, value in known]
        slope = theilslopes(values, [hours for hours, _ in known]).slope if len(known) > 2 else 0.0
        middle = max if name.endswith(" peak MiB") else median
        first, last = middle(values[:third]), middle(values[-third:])
        found.append(Trend(name=name, first=first, last=last, hourly=float(slope)))
    return found


def write(looks: Sequence[Look], path: Path) -> None:
    """Every look as a row of a CSV file."""
    names = list(looks[0].held)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["seconds", *names])
        table.writerows([look.seconds, *map(look.held.get, names)] for look in looks)


def _of(process: psutil.Process, name: str) -> dict[str, float]:
    return {
        f"{name}, MiB": _private(process),
        f"{name}, descriptors": process.num_fds(),
        f"{name}, threads": process.num_threads(),
    }


def _private(process: psutil.Process) -> float:
    """Memory that is no file's and nobody else's: a mapped upload is neither growth nor a leak."""
    memory = process.memory_info()
    return float(memory.rss - getattr(memory, "shared", 0)) / MIB


def _children(server: psutil.Process) -> list[float]:
    """Of those that are still there when it comes to them."""
    found = []
    for child in server.children():
        with suppress(psutil.NoSuchProcess):
            found.append(_private(child))
    return found


def _opened(process: psutil.Process) -> int:
    return sum(file.path.endswith(EMBEDDED) for file in process.open_files())


def _sessions(running: Running) -> int:
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    with psycopg.connect(running.database) as connection:
        row = connection.execute(asked).fetchone()
    return row[0] - 1 if row else 0
