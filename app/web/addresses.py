"""Where the service answers: at the root of a host, or below a path of a host shared with others.

Every address that leaves the service, on a page, in JSON or in a header, begins with `root()`.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from app.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

_root: ContextVar[str] = ContextVar("root", default="")


def root() -> str:
    """The path below which this request's service answers: "/initscope"; "" at a host's root."""
    return _root.get()


def at(path: str) -> str:
    """The address of a path of this service, as a browser asks for it: "/m/…" → "/initscope/m/…".

    Args:
        path: Begins with a slash.
    """
    return root() + path


def path_of(scope: Scope) -> str:
    """The path of this service that a request asks for, whatever it answers below."""
    below: str = scope.get("app_root_path", scope.get("root_path", ""))
    path: str = scope["path"]
    return path.removeprefix(below)


class Placed:
    """ASGI middleware that makes the service answer below a path.

    The proxy before it may leave the path on or take it off: both are the same request here, with
    the path in `root_path` and before `path`, as ASGI has it.
    """

    def __init__(self, app: ASGIApp, *, below: str) -> None:
        self.app = app
        self._below = below

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one request."""
        if scope["type"] in ("http", "websocket"):
            below = self._below or scope.get("root_path", "")  # the server may know it, too
            _root.set(below)  # never back: what answers a failure stands outside of here
            _place(scope, below)
        await self.app(scope, receive, send)


def require_free(below: str, paths: Iterable[str]) -> None:
    """Nothing, where a path to answer below cannot be taken for one of the service's own.

    Raises:
        Invalid: If it begins as one of `paths` does: "/m" before "/m/…" could be either.
    """
    begin = f"{below}/".split("/")[1]
    if begin and begin in {path.split("/")[1] for path in paths}:
        wanted = "a path that does not begin as one of the service's own does"
        raise Invalid(what="INITSCOPE_PREFIX", expected=wanted, got=repr(below))


def _place(scope: Scope, below: str) -> None:
    path, raw = scope["path"], scope.get("raw_path")
    scope["root_path"] = below
    if path == below:
        path, raw = "/", b"/"
    if not path.startswith(f"{below}/"):
        scope["path"] = below + path
        scope["raw_path"] = None if raw is None else below.encode("ascii") + raw
