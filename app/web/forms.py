"""What a page's form sends: small, urlencoded, read whole before it is parsed."""

from __future__ import annotations

from fastapi import Request
from starlette.datastructures import QueryParams

from app.errors import BodyTooLarge
from app.web.uploads import Body

FORM_LIMIT = 2**20  # bytes


async def fields(request: Request, *, limit: int = FORM_LIMIT) -> QueryParams:
    """The fields of a form.

    Raises:
        BodyTooLarge: If it has more than `limit` bytes.
    """
    body = Body(request)
    if body.expected is not None and body.expected > limit:
        raise BodyTooLarge(limit=f"{limit:,}", got=f"{body.expected:,}")
    whole = bytearray()
    async for chunk in body.chunks():
        whole += chunk
        if len(whole) > limit:
            raise BodyTooLarge(limit=f"{limit:,}", got=f"at least {len(whole):,}")
    return QueryParams(bytes(whole))
