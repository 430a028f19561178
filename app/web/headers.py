"""The border of every request: known hosts only, no orders from other sites, strict headers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders

from app.errors import CrossSite
from app.web.addresses import root
from app.web.problems import Problem, problem_of, respond

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSP = (
    "default-src 'none'; script-src 'self'; style-src-elem 'self'; "
    "style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cache-Control": "no-cache",
}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITE = frozenset({"same-origin", "none"})  # values of Sec-Fetch-Site that may give orders
ANY_HOST = "*"
HTTPS_ALONE = "max-age=31536000"  # seconds: for a year browsers ask this host over HTTPS alone


def host_name(host: str) -> str:
    """The host without its port: "LOCALHOST:8000" → "localhost", "[::1]:80" → "[::1]"."""
    text = host.strip().lower()
    if text.startswith("["):
        return text[: text.find("]") + 1]
    return f"[{text}]" if text.count(":") > 1 else text.partition(":")[0]


def foreign_origin(headers: Headers) -> str | None:
    """The site that a browser sent this request from, when it is not this one.

    Programs send neither header and pass; a browser always sends one with an order.
    """
    origin = headers.get("origin")
    site = headers.get("sec-fetch-site")
    if site is not None:
        return None if site in OWN_SITE else origin or "another site"
    if origin is None or urlsplit(origin).netloc == headers.get("host"):
        return None
    return origin


def has_host_to_itself(scope: Scope) -> bool:
    """Whether the service may tell browsers to ask its host over HTTPS alone, on every port.

    It was asked over HTTPS, at HTTPS' own port and not below a path: else the host may have
    other services that answer over HTTP.
    """
    host = Headers(scope=scope).get("host", "").strip().lower()
    bare = host_name(host) == host
    return scope["scheme"] == "https" and bare and not root()


class Border:
    """ASGI middleware that refuses foreign hosts and sites and sends the headers of HEADERS."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str]) -> None:
        self.app = app
        self.hosts = frozenset(ANY_HOST if host == ANY_HOST else host_name(host) for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        alone = has_host_to_itself(scope)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if alone:
                    headers["Strict-Transport-Security"] = HTTPS_ALONE
            await send(message)

        problem = self._refusal(scope)
        handler = self.app if problem is None else respond(Request(scope), problem)
        await handler(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if ANY_HOST not in self.hosts and host_name(host) not in self.hosts:
            return Problem(
                status=421,
                code="unknown_host",
                message=f"This service does not answer for the host {host_name(host)!r}.",
                hint="Open its own address, or add the host to INITSCOPE_ALLOWED_HOSTS.",
            )
        if scope["method"] in SAFE_METHODS:
            return None
        foreign = foreign_origin(headers)
        return None if foreign is None else problem_of(CrossSite(origin=foreign))
