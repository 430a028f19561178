"""What the store hands out: frozen facts, never rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

from app.core import propagation
from app.core.propagation import Order
from app.core.report import SCHEMA, Sign
from app.errors import NoReport, NotReady

State: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]
Priority: TypeAlias = Literal["normal", "low"]

ID_LENGTH = 32  # hex digits of the sha256 that make an address


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An upload that lies complete and flushed in the blob folder."""

    sha256: str  # 64 hex digits
    bytes: int
    path: Path

    def id(self, owner: str) -> str:
        """The address of these bytes.

        Args:
            owner: Whose they are: each owner's have an address of their own, so that nobody
                meets another's upload of the same bytes. "" is nobody in particular.
        """
        if not owner:
            return self.sha256[:ID_LENGTH]
        return hashlib.sha256(f"{owner}\0{self.sha256}".encode()).hexdigest()[:ID_LENGTH]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A stored upload."""

    id: str
    sha256: str
    owner: str  # name of the access token that it was sent with, "" where none was asked for
    name: str  # as the uploader gave it, control characters stripped: hostile text
    bytes: int
    format: str  # "" where nobody has looked inside
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a run has no report: an error of app.errors, as it was told."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One analysis of one file and how far it is."""

    id: str  # the file's id: same bytes, same address
    file: str
    name: str
    bytes: int
    sha256: str
    state: State
    step: str  # "waiting", "reading the directory", "measuring", "concluding"
    done: int  # tensors measured
    total: int  # tensors in the file; 0 until the directory is read
    attempt: int  # 1 for the first analysis, one more each time it is analysed again
    job: str  # the workflow that carries this attempt
    error: Failure | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    reported: bool  # a report can be shown, of this attempt or of an earlier one
    schema: str | None  # of the report that is kept
    headline: str | None
    status: Sign | None
    tensors: int | None
    owner: str = ""  # name of the access token that its file was sent with
    priority: Priority = "normal"

    @property
    def finished(self) -> bool:
        """Nothing more will happen to it by itself."""
        return self.state in ("done", "failed", "cancelled")

    def expect_report(self) -> None:
        """Nothing, where there is a report.

        Raises:
            NotReady: If it is still to come.
            NoReport: If the analysis ended without one.
        """
        if self.reported:
            return
        if self.finished:
            raise NoReport(state="failed" if self.state == "failed" else "been cancelled")
        raise NotReady(state=self.state)

    @property
    def stale(self) -> bool:
        """The report was written by an older product and can be made again."""
        return self.schema is not None and self.schema != SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedSearch:
    """The search for the seed behind one run's file, and how far it is."""

    run: str
    job: str  # the workflow that carries it
    sha256: str  # of the file
    name: str
    full: bool  # all 2**32 seeds, where no quicker way finds one
    state: State
    step: str  # as the search names it
    done: int
    total: int
    headline: str | None  # of its result
    error: Failure | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def finished(self) -> bool:
        """Nothing more will happen to it by itself."""
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Propagation:
    """One measurement of a network and how far it is."""

    id: str  # of its order: same order, same address
    network: str  # id of the network's file
    weights: str | None  # id of the file whose own weights are a series
    inputs: str | None  # id of the file that holds the inputs
    order: Order
    name: str  # of the network's file
    sha256: str  # of the network's file
    weights_sha256: str | None
    inputs_sha256: str | None
    state: State
    step: str  # "waiting", "understanding", "measuring"
    done: int
    total: int  # 0 until the network is understood
    attempt: int  # 1 for the first measurement, one more each time it is made again
    job: str  # the workflow that carries this attempt
    error: Failure | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    reported: bool  # a report can be shown, of this attempt or of an earlier one
    schema: str | None  # of the report that is kept
    headline: str | None
    owner: str = ""  # name of the access token that the network was sent with
    priority: Priority = "normal"

    @property
    def finished(self) -> bool:
        """Nothing more will happen to it by itself."""
        return self.state in ("done", "failed", "cancelled")

    @property
    def stale(self) -> bool:
        """The report was written by an older product and can be made again."""
        return self.schema is not None and self.schema != propagation.SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One comparison of two files and how far it is."""

    id: str  # of the pair: same files in the same order, same address
    before: str  # id of the first file
    after: str  # id of the second
    before_name: str
    after_name: str
    before_sha256: str
    after_sha256: str
    before_bytes: int
    after_bytes: int
    job: str  # the workflow that carries it
    state: State
    step: str  # "waiting", "comparing"
    done: int  # tensors
    total: int  # 0 until both files are read
    error: Failure | None
    created_at: datetime
    finished_at: datetime | None
    reported: bool
    priority: Priority = "normal"

    @property
    def finished(self) -> bool:
        """Nothing more will happen to it by itself."""
        return self.state in ("done", "failed", "cancelled")


Followed: TypeAlias = Run | Propagation
"""What has a progress that can be followed, and an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some of a file's tensors, measured together in one child process."""

    number: int
    tensors: int
    todo: bytes  # JSON: what the child is told


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a part found out about one tensor."""

    index: int
    report: bytes  # JSON of a TensorReport, plain or documents.Deflated
    sketch: bytes | None  # packed; None where its values cannot be measured
