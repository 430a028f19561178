"""JSON bodies: read whole before they are parsed, so only small ones are taken."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message
from typing_extensions import override

from app.errors import BodyTooLarge
from app.web.uploads import Body

JSON_LIMIT = 2**16  # bytes


class JsonRoute(APIRoute):
    """A route that takes JSON of at most `limit` bytes; one without a JSON body is as ever."""

    limit: ClassVar[int] = JSON_LIMIT

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind the limit."""
        handler = super().get_route_handler()
        return handler if self.body_field is None else _limited(handler, self.limit)


def _limited(
    handler: Callable[[Request], Coroutine[Any, Any, Response]], limit: int
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def answer(request: Request) -> Response:
        body = await _whole(request, limit)

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        return await handler(Request(request.scope, replay))

    return answer


async def _whole(request: Request, limit: int) -> bytes:
    body = Body(request)
    if body.expected is not None and body.expected > limit:
        raise BodyTooLarge(limit=f"{limit:,}", got=f"{body.expected:,}")
    whole = bytearray()
    async for chunk in body.chunks():
        whole += chunk
        if len(whole) > limit:
            raise BodyTooLarge(limit=f"{limit:,}", got=f"at least {len(whole):,}")
    return bytes(whole)
