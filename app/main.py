"""The web application: everything wired together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from app import __version__
from app.config import Settings
from app.jobs import engine
from app.jobs.submit import Submitter
from app.store import database
from app.store.blobs import Blobs
from app.store.propagations import Propagations
from app.store.runs import Runs
from app.store.seeds import Seeds
from app.web import (
    api,
    catalogue,
    health,
    home,
    pages,
    problems,
    propagation,
    propagations_api,
    seeds,
    spec,
    tensors,
    why,
)
from app.web.assets import VersionedFiles, folder
from app.web.deps import Services
from app.web.headers import Border

GZIP_LEVEL = 6  # level 9 takes three times as long for 1 % less
GZIP_LEAST_BYTES = 1000  # below one packet it saves nothing


def create_app(settings: Settings | None = None) -> FastAPI:
    """The pages and the API.

    Args:
        settings: None reads them from the environment.
    """
    chosen = settings or Settings()
    app = FastAPI(
        title="initscope",
        summary="Which initialisation drew these weights, and do they keep to its bounds?",
        version=__version__,
        openapi_url=health.SCHEMA_URL,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(chosen),
    )
    problems.install(app)
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_LEAST_BYTES, compresslevel=GZIP_LEVEL)
    app.add_middleware(Border, hosts=[*chosen.allowed_hosts, chosen.host])
    for room in (
        *(home, pages, tensors, seeds, propagation, spec, why),
        *(api, propagations_api, catalogue, health),
    ):
        app.include_router(room.router)
    app.mount("/static", VersionedFiles(directory=folder("static")), name="static")
    return app


def _lifespan(settings: Settings) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(engine.prepare, settings)
        tables = database.connect(settings)
        blobs = Blobs(settings.data_dir / "blobs", min_free_bytes=settings.min_free_bytes)
        runs = Runs(tables)
        searches = Seeds(tables)
        propagations = Propagations(tables)
        submitter = Submitter(settings, runs, blobs, searches, propagations)
        app.state.services = Services(
            settings=settings,
            runs=runs,
            blobs=blobs,
            seeds=searches,
            propagations=propagations,
            submitter=submitter,
        )
        try:
            yield
        finally:
            await submitter.close()
            await tables.dispose()

    return lifespan
