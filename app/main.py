"""The web application: everything wired together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.gzip import GZipMiddleware
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from app import __version__
from app.architecture.expecting import Expectations
from app.config import Settings
from app.jobs import engine
from app.jobs.ordering import ComparisonOrders
from app.jobs.submit import Submitter
from app.store import database
from app.store.access import Access
from app.store.blobs import Blobs
from app.store.comparisons import Comparisons
from app.store.propagations import Propagations
from app.store.queues import Queues
from app.store.runs import Runs
from app.store.seeds import Seeds
from app.store.visits import Visits
from app.web import (
    api,
    catalogue,
    code,
    code_reader,
    compare,
    drift,
    health,
    home,
    login,
    pages,
    phase,
    problems,
    propagation,
    propagations_api,
    report,
    seeds,
    spec,
    status,
    tensors,
    why,
)
from app.web.access import OPEN_FOLDER, TOLD, Guard
from app.web.addresses import Placed, require_free
from app.web.assets import VersionedFiles, folder
from app.web.deps import Services
from app.web.door import Door
from app.web.headers import Border
from app.web.tracing import Traced

GZIP_LEVEL = 6  # level 9 takes three times as long for 1 % less
GZIP_LEAST_BYTES = 1000  # below one packet it saves nothing
# Theory's matrices are small: on a busy machine threads that wait for each other take the
# prediction of a ResNet-50 from 1 s of CPU to 5.
BLAS_THREADS = 1


def create_app(settings: Settings | None = None) -> FastAPI:
    """The pages and the API.

    Args:
        settings: None reads them from the environment.
    """
    chosen = settings or Settings()
    door = Door()
    app = FastAPI(
        title="initscope",
        summary="Which initialisation drew these weights, and do they keep to its bounds?",
        version=__version__,
        openapi_url=health.SCHEMA_URL,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(chosen, door),
    )
    problems.install(app)
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_LEAST_BYTES, compresslevel=GZIP_LEVEL)
    if chosen.guarded:
        app.add_middleware(Guard, door=door, orders_per_minute=chosen.orders_per_minute)
    app.add_middleware(Border, hosts=[*chosen.allowed_hosts, chosen.host])
    app.add_middleware(Traced)
    app.add_middleware(Placed, below=chosen.prefix)  # the last one added is the outermost
    rooms = (
        *(home, login, pages, tensors, seeds, propagation, phase, spec, why, code, code_reader),
        *(report, drift, compare, api, propagations_api, catalogue, status),
    )
    guarded = [*(room.router for room in rooms), code_reader.api_router, health.metrics_router]
    for router in guarded:
        app.include_router(router, **(TOLD if chosen.guarded else {}))
    app.include_router(health.router)
    every = (route for router in (*guarded, health.router) for route in router.routes)
    own = [route.path for route in every if isinstance(route, APIRoute)]
    require_free(chosen.prefix, [*own, OPEN_FOLDER])
    app.mount("/static", VersionedFiles(directory=folder("static")), name="static")
    return app


def _lifespan(
    settings: Settings, door: Door
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(engine.prepare, settings)
        tables = database.connect(settings)
        blobs = Blobs(settings.data_dir / "blobs", min_free_bytes=settings.min_free_bytes)
        visits = Visits(tables)
        runs = Runs(tables, visits)
        searches = Seeds(tables)
        propagations = Propagations(tables, visits)
        submitter = Submitter(settings, runs, blobs, searches, propagations)
        comparisons = Comparisons(tables, visits)
        orders = ComparisonOrders(settings, comparisons)
        app.state.services = Services(
            settings=settings,
            runs=runs,
            blobs=blobs,
            seeds=searches,
            propagations=propagations,
            submitter=submitter,
            comparisons=comparisons,
            orders=orders,
            queues=Queues(tables),
            expectations=Expectations(),
            access=Access(tables),
            door=door,
            ending=asyncio.Event(),
        )
        try:
            with threadpool_limits(limits=BLAS_THREADS, user_api="blas"):
                async with visits.kept():
                    yield
        finally:
            await orders.close()
            await submitter.close()
            await tables.dispose()

    return lifespan
