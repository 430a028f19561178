"""`initscope token`: who may come in."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace

from app.config import Settings
from app.store import database
from app.store.access import Access, Token


def run(asked: Namespace, settings: Settings) -> int:
    """Add a token, list them or remove one.

    Raises:
        Invalid: If a new name is not one or is taken, or no token to remove has it.
    """
    database.migrate(settings)
    sys.stdout.write(asyncio.run(_done(asked, settings)))
    return 0


async def _done(asked: Namespace, settings: Settings) -> str:
    engine = database.connect(settings)
    access = Access(engine)
    try:
        match asked.action:
            case "add":
                text = await access.add(asked.name)
                sys.stderr.write("Shown this once; sign in with it on the pages, or send it as\n")
                sys.stderr.write("Authorization: Bearer TOKEN.\n")
                return f"{text}\n"
            case "remove":
                await access.remove(asked.name)
                return f"The token {asked.name} is gone; who came in with it is signed out.\n"
            case _:
                return _listed(await access.all())
    finally:
        await engine.dispose()


def _listed(tokens: list[Token]) -> str:
    if not tokens:
        return "There is no token. `initscope token add NAME` makes one.\n"
    width = max(len(token.name) for token in tokens)
    return "".join(f"{token.name:<{width}}  {_told(token)}\n" for token in tokens)


def _told(token: Token) -> str:
    used = f"used {token.used_at:%Y-%m-%d %H:%M}" if token.used_at else "never used"
    return f"made {token.created_at:%Y-%m-%d %H:%M}  {used} UTC"
