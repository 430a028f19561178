"""Settings: one line per field with its unit, default and reason. All are in the README."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, unquote

from platformdirs import user_data_path
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 2**20
GIB = 2**30
PREFIX: Final = re.compile(r"(/[0-9A-Za-z_~-][0-9A-Za-z._~-]*)*")


class Settings(BaseSettings):
    """Read from the environment as `INITSCOPE_<FIELD>`, or from `.env` where the service starts."""

    model_config = SettingsConfigDict(env_prefix="INITSCOPE_", env_file=".env", extra="ignore")

    data_dir: Path = Field(
        default_factory=lambda: user_data_path("initscope"),
        description="Folder for uploads and the embedded database; keep it on a local disk.",
    )
    database_url: str = Field(
        default="",
        description="SQLAlchemy URL; empty means SQLite in the data folder.",
    )
    database_password_file: Path | None = Field(
        default=None, description="File that holds the password for a URL without one."
    )
    host: str = Field(default="127.0.0.1", description="Address the pages and the API listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port; 0 picks a free one.")
    allowed_hosts: list[str] = Field(
        default=["localhost", "127.0.0.1", "[::1]"],
        description="Host headers answered, as a JSON list; the listening host is always one.",
    )
    prefix: str = Field(
        default="",
        description="Path below which a proxy has the service, as /initscope; empty: a whole host.",
    )
    access: Literal["auto", "open", "tokens"] = Field(
        default="auto",
        description="Who is answered: tokens, whoever signs in with one; open, everybody; auto, "
        "everybody on this machine's own address, tokens once it has another, or a prefix.",
    )
    orders_per_minute: int = Field(
        default=120,
        ge=1,
        description="Orders (uploads, analyses, deletions) a minute from one access token.",
    )
    machine: str = Field(
        default="",
        description="This machine in the names of its workers; empty means its host name.",
    )
    workers: int = Field(
        default=2,
        ge=0,
        le=64,
        description="Worker processes `serve` starts; 0: they run elsewhere.",
    )
    threads: int = Field(default=1, ge=1, le=64, description="Threads of one analysis process.")
    max_upload_bytes: int = Field(
        default=20 * GIB, ge=1, description="Largest upload in bytes; larger ones are refused."
    )
    min_free_bytes: int = Field(
        default=1 * GIB, ge=0, description="Disk space in bytes an upload must leave free."
    )
    keep_days: int = Field(
        default=0,
        ge=0,
        le=36500,
        description="Days a report is kept after it was last ordered or looked at; 0: for ever.",
    )
    part_bytes: int = Field(
        default=512 * MIB, ge=1, description="Tensor bytes one part of an analysis reads."
    )
    part_seconds: int = Field(
        default=1800, ge=1, description="Wall-clock seconds one part may take before it is ended."
    )
    inspect_seconds: int = Field(
        default=120, ge=1, description="Wall-clock seconds for reading a file's directory."
    )
    child_memory_bytes: int = Field(
        default=2 * GIB, ge=256 * MIB, description="Memory in bytes of one sandboxed process."
    )
    propagation_memory_bytes: int = Field(
        default=4 * GIB,
        ge=256 * MIB,
        description="Memory in bytes of one propagation; a larger network runs block by block.",
    )
    propagation_seconds: int = Field(
        default=3600, ge=1, description="Wall-clock seconds one propagation may take."
    )
    gpu_multiply_adds: float = Field(
        default=1e12,
        gt=0,
        description="Multiply-adds from which a propagation goes to a GPU worker if one is alive; "
        "a CPU core does so many in about a minute.",
    )
    gpu_tensor_bytes: int = Field(
        default=8 * GIB,
        ge=1,
        description="Bytes from which a tensor's values are counted by a GPU worker if one is "
        "alive; by estimate, smaller ones are done before a GPU has started.",
    )
    log: Literal["auto", "json", "text"] = Field(
        default="auto",
        description="Form of the log on stderr; auto: text on a terminal, else JSON lines.",
    )
    max_queued: int = Field(
        default=1000, ge=1, description="Jobs that may wait at once; more are refused."
    )
    poll_seconds: float = Field(
        default=0.25, gt=0, description="Seconds between a worker's looks at its queue."
    )
    heartbeat_seconds: float = Field(
        default=5.0, gt=0, description="Seconds between a worker's signs of life."
    )

    @field_validator("prefix")
    @classmethod
    def _without_its_last_slash(cls, prefix: str) -> str:
        tidy = prefix.rstrip("/")
        if not PREFIX.fullmatch(tidy):
            raise ValueError("expected a path as /initscope, of letters, digits and . _ ~ -")
        return tidy

    @property
    def guarded(self) -> bool:
        """Whether only those are answered who hold an access token."""
        return self.access == "tokens" or (self.access == "auto" and bool(self.public))

    @property
    def public(self) -> tuple[str, ...]:
        """The names and the path by which others than people on this machine may come in."""
        names = (name for name in (self.host, *self.allowed_hosts) if not is_loopback(name))
        return (*names, self.prefix) if self.prefix else tuple(names)

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        if not self.database_url:
            return f"sqlite:///{self.data_dir / 'initscope.sqlite'}"
        if self.database_password_file is None:
            return self.database_url
        password = quote(self._password(self.database_password_file), safe="")
        scheme, mark, rest = self.database_url.partition("://")
        user, at, place = rest.rpartition("@")
        return f"{scheme}{mark}{user}:{password}{at}{place}" if at else self.database_url

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that no log may show: the database's password as it is and as its URL writes it."""
        file, url = self.database_password_file, self.database_url
        own = () if file is None else (self._password(file), quote(self._password(file), safe=""))
        told = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
        return (*own, told, unquote(told))

    @staticmethod
    def _password(file: Path) -> str:
        return file.read_text().strip()


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
