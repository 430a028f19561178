"""Settings: one line per field with its unit, default and reason. All are in the README."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_data_path
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 2**20
GIB = 2**30


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
    host: str = Field(default="127.0.0.1", description="Address the pages and the API listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port; 0 picks a free one.")
    allowed_hosts: list[str] = Field(
        default=["localhost", "127.0.0.1", "[::1]"],
        description="Host headers answered, as a JSON list; the listening host is always one.",
    )
    workers: int = Field(default=2, ge=1, le=64, description="Worker processes `serve` starts.")
    threads: int = Field(default=1, ge=1, le=64, description="Threads of one analysis process.")
    max_upload_bytes: int = Field(
        default=20 * GIB, ge=1, description="Largest upload in bytes; larger ones are refused."
    )
    min_free_bytes: int = Field(
        default=1 * GIB, ge=0, description="Disk space in bytes an upload must leave free."
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
    poll_seconds: float = Field(
        default=0.25, gt=0, description="Seconds between a worker's looks at its queue."
    )
    heartbeat_seconds: float = Field(
        default=5.0, gt=0, description="Seconds between a worker's signs of life."
    )

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.data_dir / 'initscope.sqlite'}"
