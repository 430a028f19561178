"""`initscope serve`: pages, API and worker processes with one command."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from argparse import Namespace
from importlib import import_module
from typing import TYPE_CHECKING

import uvicorn
from typing_extensions import override

from app import heap
from app.config import Settings
from app.errors import Invalid, NoToken
from app.jobs import engine
from app.jobs.extra import require_worker_extra
from app.jobs.supervisor import Supervisor
from app.store import database
from app.store.access import Access, Token

if TYPE_CHECKING:
    from fastapi import FastAPI

# Longer than browsers and proxies keep an idle connection (nginx: 60): none then sends a request
# into one that is just being closed here.
KEEP_ALIVE_SECONDS = 75
HERE = "127.0.0.1,::1"  # whose X-Forwarded headers are believed: a proxy on this machine
OPEN_STREAM_SECONDS = 2  # an event stream that is still open may end by itself so long


def run(_asked: Namespace, settings: Settings) -> int:
    """Serve until told to end.

    Raises:
        WorkerExtraMissing: If this installation cannot run analyses.
        NoToken: If only holders of an access token are answered, and nobody holds one.
        Invalid: If the address cannot be listened on.
    """
    heap.share()
    if settings.workers:
        require_worker_extra()
    engine.prepare(settings)
    if settings.guarded and not asyncio.run(_tokens(settings)):
        raise NoToken(host=(*settings.public, settings.host)[0])
    listener = _listen(settings)
    # uvicorn raises the signal that ended it once more; by then the workers must be stopped.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    with listener:
        asyncio.run(_serve(settings, listener))
    return 0


async def _tokens(settings: Settings) -> list[Token]:
    tables = database.connect(settings)
    try:
        return await Access(tables).all()
    finally:
        await tables.dispose()


async def _serve(settings: Settings, listener: socket.socket) -> None:
    # main and cli are siblings, the two places that wire; neither imports the other.
    app: FastAPI = import_module("app.main").create_app(settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=OPEN_STREAM_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        server_header=False,
        forwarded_allow_ips=os.environ.get("FORWARDED_ALLOW_IPS", HERE),
    )
    supervisor = Supervisor(settings)
    supervisor.start()
    try:
        await _Server(config, app, listener, below=settings.prefix).serve(sockets=[listener])
    finally:
        await supervisor.stop()


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, app: FastAPI, listener: socket.socket, *, below: str
    ) -> None:
        super().__init__(config)
        self._app = app
        self._listener = listener
        self._below = below

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams, which never end by themselves, then everything else."""
        self._app.state.services.ending.set()
        await super().shutdown(sockets)

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and print the address once it answers."""
        await super().startup(sockets)
        if self.started:
            gc.freeze()  # what is loaded stays: to look through it all for garbage takes 80 ms
            host, port = self._listener.getsockname()[:2]
            name = f"[{host}]" if ":" in host else host
            sys.stdout.write(f"initscope is at http://{name}:{port}{self._below}\n")
            sys.stdout.flush()


def _listen(settings: Settings) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as problem:
        where = f"{settings.host}:{settings.port} ({os.strerror(problem.errno or 0)})"
        raise Invalid(
            what="The address", expected="one that is free here, see --host and --port", got=where
        ) from problem
    # asyncio sets it only on sockets that name their protocol; without it every answer in two
    # parts waits 40 ms for an acknowledgement. Accepted connections inherit it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
