"""Every request has an id, which its answer and every line of the log about it bear."""

from __future__ import annotations

import logging
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders

from app import logs

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(logs.ACCESS)

HEADER: Final = "X-Request-ID"
GIVEN: Final = re.compile(r"[0-9A-Za-z._-]{1,64}")
# Asked every few seconds by what watches the service, or by every page: no news.
QUIET: Final = ("/healthz", "/readyz", "/metrics", "/static")
UNKNOWN: Final = "unknown"  # no address of this service: whatever it was is not repeated


class Traced:
    """ASGI middleware: takes a proxy's X-Request-ID or draws one, and logs."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one request and tell what became of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = scope["request_id"] = _id_of(Headers(scope=scope))
        logs.asked(request_id)
        # The routes know GET; the server sends no body to who asked for the head alone.
        asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        began = time.perf_counter()
        status = HTTPStatus.INTERNAL_SERVER_ERROR.value

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self.app(asked, receive, with_id)
        finally:
            ms = 1000 * (time.perf_counter() - began)
            _tell(scope["method"], _route(asked), status, ms)


def _id_of(headers: Headers) -> str:
    given = headers.get(HEADER, "")
    return given if GIVEN.fullmatch(given) else uuid4().hex


def _tell(method: str, route: str, status: int, ms: float) -> None:
    level = logging.INFO if status < HTTPStatus.INTERNAL_SERVER_ERROR else logging.WARNING
    if route.startswith(QUIET) and status == HTTPStatus.OK:
        level = logging.DEBUG
    facts = {"method": method, "route": route, "status": status, "ms": round(ms, 1)}
    log.log(level, "%s %s %d", method, route, status, extra=facts)


def _route(scope: Scope) -> str:
    """The address with names in place of what was asked for: /m/{run_id}."""
    return str(getattr(scope.get("route"), "path", "")) or UNKNOWN
