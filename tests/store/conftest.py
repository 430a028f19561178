"""An empty database and blob folder for each test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from postgresql_server import Server

from app.config import Settings
from app.store import database
from app.store.attempts import Attempts
from app.store.blobs import Blobs
from app.store.facts import File
from app.store.runs import Runs

Result = TypeVar("Result")


class Shelf:
    """The whole store on a temporary folder."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine = database.connect(settings)
        self.runs = Runs(self.engine)
        self.attempts = Attempts(self.engine)
        self.blobs = Blobs(settings.data_dir / "blobs")

    async def keep(self, content: bytes, name: str = "model.pt") -> File:
        received = await self.blobs.receive(stream(content), limit=2**30)
        return await self.runs.add_file(received, name=name)


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Every test of the store runs on both databases."""
    if request.param == "sqlite":
        yield Settings(_env_file=None, data_dir=tmp_path / "data")
        return
    server: Server = request.getfixturevalue("postgresql")
    url = server.fresh()
    yield Settings(_env_file=None, data_dir=tmp_path / "data", database_url=url)
    server.drop(url)


@pytest.fixture
def on_shelf(settings: Settings) -> Callable[[Callable[[Shelf], Awaitable[Result]]], Result]:
    """Runs an asynchronous test body with an open, empty store."""
    database.migrate(settings)

    async def run(body: Callable[[Shelf], Awaitable[Result]]) -> Result:
        shelf = Shelf(settings)
        try:
            return await body(shelf)
        finally:
            await shelf.engine.dispose()

    return lambda body: asyncio.run(run(body))
