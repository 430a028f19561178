"""Whose eyes the store answers: a viewer sees the files they sent, and those of nobody's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import sqlalchemy as sa

from app.store import tables

NOBODY: Final = ""  # the owner of what was sent while everybody was answered: all see it

_OWNED: Final = tables.files.alias("owned")
_VIEWER: ContextVar[str | None] = ContextVar("viewer", default=None)


@contextmanager
def seen_by(viewer: str) -> Iterator[None]:
    """Let the store answer this viewer alone, in the block and in every task begun in it.

    Without it the store answers everything: a worker, or a service that asks for no token.

    Args:
        viewer: Name of an access token; NOBODY sees what is nobody's own.
    """
    earlier = _VIEWER.set(viewer)
    try:
        yield
    finally:
        _VIEWER.reset(earlier)


def owner_here() -> str:
    """Whose a file is that is sent now."""
    return _VIEWER.get() or NOBODY


def seen(*files: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Whether the viewer sees every file that these columns name; one may name none.

    It holds what the viewer is when it is called, so call it for each query.
    """
    viewer = _VIEWER.get()
    if viewer is None:
        return sa.true()
    theirs = sa.select(_OWNED.c.id).where(_OWNED.c.owner.in_((NOBODY, viewer)))
    return sa.and_(*(file.is_(None) | file.in_(theirs) for file in files))
