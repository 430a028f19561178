"""The door: where access tokens are asked for, nothing is answered without one."""

from __future__ import annotations

import math
import re
from ipaddress import IPv4Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

from fastapi import Request, Security
from fastapi.responses import RedirectResponse
from fastapi.security import APIKeyCookie, HTTPBearer
from starlette.datastructures import MutableHeaders

from app.errors import InitscopeError, NotSignedIn, TooManyOrders
from app.store.viewers import NOBODY, seen_by
from app.web.addresses import at, path_of
from app.web.deps import services
from app.web.headers import SAFE_METHODS
from app.web.limits import Limit
from app.web.problems import problem_of, respond, wants_page
from app.web.render import SIGNED_IN
from app.web.schemas import ErrorBody

if TYPE_CHECKING:
    from fastapi.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from app.store.access import Token
    from app.web.door import Door

COOKIE: Final = "initscope_session"
LOGIN: Final = "/login"
LOGOUT: Final = "/logout"
SEE_OTHER: Final = 303
IPV6_PREFIX: Final = 64  # bits; below it whoever has the network draws addresses as they like
NO_WEBSOCKET: Final = 1008  # policy violation; no route speaks it

OPEN: Final = frozenset({LOGIN, "/healthz", "/readyz", "/favicon.ico"})
OPEN_FOLDER: Final = "/static/"
BEARER: Final = re.compile(r"bearer\b *(.*)", re.IGNORECASE)
# A path of this service: no other host after // or /\, which browsers read as the same, and no
# tab or line break, which they leave out.
LOCAL: Final = re.compile(r"/(?![/\\])[!-\[\]-~]*")

# How a guarded route is told in the schema; it is the Guard that looks at what was sent.
TOLD: Final[dict[str, Any]] = {
    "dependencies": [
        Security(
            HTTPBearer(
                scheme_name="token",
                description="An access token, as `initscope token add NAME` prints it.",
                auto_error=False,
            )
        ),
        Security(
            APIKeyCookie(
                name=COOKIE,
                scheme_name="session",
                description="The cookie of a browser that signed in; orders of other sites with it "
                "are refused.",
                auto_error=False,
            )
        ),
    ],
    "responses": {
        401: {"model": ErrorBody, "description": "No access token, or one that is not valid."},
        429: {"model": ErrorBody, "description": "Too many wrong tokens, or too many orders."},
    },
}


class Guard:
    """ASGI middleware: API by `Authorization: Bearer`, pages by a session's cookie.

    What is answered behind it is what the caller may see.
    """

    def __init__(self, app: ASGIApp, *, door: Door, orders_per_minute: int) -> None:
        self.app = app
        self._door = door
        self._orders = Limit(orders_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": NO_WEBSOCKET})
            return
        request = Request(scope)
        try:
            answer = await self._refusal(request)
        except InitscopeError as error:
            answer = respond(request, problem_of(error))
        with seen_by(scope.get(SIGNED_IN, NOBODY)):
            await (answer or self.app)(scope, receive, _private(scope, send))

    async def _refusal(self, request: Request) -> Response | None:
        if is_open(path_of(request.scope)):
            return None
        found = await self._caller(request)
        if found is None:
            return _turned_away(request)
        request.scope[SIGNED_IN] = found.name
        return self._slowed(request, found) if request.method not in SAFE_METHODS else None

    async def _caller(self, request: Request) -> Token | None:
        access = services(request).access
        shown = bearer(request)
        if shown is not None:
            return await self._door.token(access, shown, address=address_of(request))
        cookie = request.cookies.get(COOKIE)
        return await access.signed_in(cookie) if cookie else None

    def _slowed(self, request: Request, caller: Token) -> Response | None:
        if path_of(request.scope) == LOGOUT:
            return None
        seconds = self._orders.wait(caller.id)
        if not seconds:
            self._orders.count(caller.id)
            return None
        problem = problem_of(TooManyOrders(limit=self._orders.most))
        return respond(request, problem, headers={"Retry-After": str(math.ceil(seconds))})


def is_open(path: str) -> bool:
    """Whether a path is answered to everybody: it shows nothing of anybody's."""
    return path in OPEN or path.startswith(OPEN_FOLDER)


def bearer(request: Request) -> str | None:
    """The token that a program sends; None where it sends none (a proxy may send its own kind)."""
    found = BEARER.match(request.headers.get("authorization", "").strip())
    return None if found is None else found[1]


def address_of(request: Request) -> str:
    """Where a request came from: an address; of IPv6 the network, which is one caller's."""
    host = request.client.host if request.client else ""
    try:
        known = ip_address(host)
    except ValueError:
        return host
    if isinstance(known, IPv4Address):
        return host
    return str(known.ipv4_mapped or ip_network((int(known), IPV6_PREFIX), strict=False))


def local(place: str) -> str:
    """A place of this service to go on to; the start page where it is another one's."""
    told = unquote(place)
    safe = LOCAL.fullmatch(place) and not told.startswith(("//", "/\\"))
    return place if safe and place.startswith(at("/")) else at("/")


def _turned_away(request: Request) -> Response:
    if wants_page(request):
        place = at("/") if request.method not in SAFE_METHODS else _place(request)
        return RedirectResponse(at(f"{LOGIN}?next={quote(place, safe='/')}"), SEE_OTHER)
    got = "one that is not valid" if bearer(request) else "none"
    headers = {"WWW-Authenticate": 'Bearer realm="initscope"'}
    return respond(request, problem_of(NotSignedIn(got=got)), headers=headers)


def _place(request: Request) -> str:
    query = request.url.query
    return quote(request.url.path) + (f"?{query}" if query else "")


def _private(scope: Scope, send: Send) -> Send:
    """What a caller is answered is kept by nobody on the way."""

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start" and not is_open(path_of(scope)):
            headers = MutableHeaders(scope=message)
            kept = headers.get("cache-control", "no-cache").replace("public", "private")
            headers["Cache-Control"] = kept if "no-store" in kept else _once(f"private, {kept}")
            headers.add_vary_header("Cookie")
            headers.add_vary_header("Authorization")
        await send(message)

    return marked


def _once(told: str) -> str:
    return ", ".join(dict.fromkeys(part.strip() for part in told.split(",")))
