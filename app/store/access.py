"""Who may come in: access tokens by hash, and the sessions of browsers signed in with one."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import Invalid
from app.store import tables, tokens
from app.store.database import reading

SESSION: Final = timedelta(days=14)
USE_NOTED: Final = timedelta(hours=1)  # a use is written down at most so often
NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._@-]{0,39}")
REMEMBERED: Final = 1024  # verified tokens; each costs Argon2 once a process
AT_ONCE: Final = 2  # verifications: 19 MiB each, whoever asks

TOKENS, SESSIONS = tables.tokens.c, tables.sessions.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token, without its secret."""

    id: str
    name: str  # of the person or program that holds it
    created_at: datetime
    used_at: datetime | None  # to the hour


class Access:
    """Tokens and sessions; neither can be found again from what is kept."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._reads = reading(engine)
        self._known: OrderedDict[bytes, str] = OrderedDict()  # digest of a text: its hash
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def add(self, name: str) -> str:
        """The text of a new token, which nobody can be shown again.

        Raises:
            Invalid: If the name is not one, or is taken.
        """
        if NAME.fullmatch(name) is None:
            wanted = "1 to 40 letters, digits or . _ @ -, a letter or digit first"
            raise Invalid(what="The name", expected=wanted, got=repr(name[:80]))
        drawn = await asyncio.to_thread(tokens.draw)
        row = {"id": drawn.id, "name": name, "hash": drawn.hash, "created_at": datetime.now(UTC)}
        taken = sa.select(TOKENS.id).where(TOKENS.name == name)
        async with self._engine.begin() as connection:
            if (await connection.execute(taken)).first() is not None:
                wanted = "one that no token has; remove that token first"
                raise Invalid(what="The name", expected=wanted, got=repr(name))
            await connection.execute(sa.insert(tables.tokens), row)
        return drawn.text

    async def all(self) -> list[Token]:
        """Every token by name."""
        query = _TOKEN.order_by(TOKENS.name)
        async with self._reads.connect() as connection:
            return [Token(**row) for row in (await connection.execute(query)).mappings()]

    async def remove(self, name: str) -> None:
        """Forget a token and sign out everybody who came in with it.

        Raises:
            Invalid: If there is none of this name.
        """
        async with self._engine.begin() as connection:
            gone = await connection.execute(sa.delete(tables.tokens).where(TOKENS.name == name))
        if not gone.rowcount:
            wanted = "that of a token, see `initscope token list`"
            raise Invalid(what="The name", expected=wanted, got=repr(name[:80]))

    def remembers(self, text: str) -> bool:
        """Whether a text was found to be a token before, so that asking again costs little."""
        return _digest(text) in self._known

    async def token(self, text: str) -> Token | None:
        """The token that a text is; None where it is none, or was removed."""
        token = tokens.id_in(text)
        if token is None:
            return None
        query = _TOKEN.add_columns(TOKENS.hash).where(TOKENS.id == token)
        async with self._reads.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            return None
        facts: dict[str, Any] = dict(row)
        if not await self._verified(text, facts.pop("hash")):
            return None
        found = Token(**facts)
        await self._note_use(found)
        return found

    async def sign_in(self, token: Token, *, instead_of: str = "", alone: bool = False) -> str:
        """The secret of a new session; the browser's earlier one and all old ones end.

        Args:
            token: Who signs in.
            instead_of: The secret of the browser's earlier session.
            alone: Whether every other session of this token ends, too.
        """
        value, now = secrets.token_urlsafe(32), datetime.now(UTC)
        row = {"id": _key(value), "token": token.id, "created_at": now, "expires_at": now + SESSION}
        ended = (SESSIONS.id == _key(instead_of)) | (SESSIONS.expires_at < now)
        if alone:
            ended |= SESSIONS.token == token.id
        async with self._engine.begin() as connection:
            await connection.execute(sa.delete(tables.sessions).where(ended))
            await connection.execute(sa.insert(tables.sessions), row)
        return value

    async def signed_in(self, value: str) -> Token | None:
        """The token that a session was begun with; None where it has ended."""
        here = (SESSIONS.id == _key(value)) & (SESSIONS.expires_at > datetime.now(UTC))
        query = _TOKEN.join(tables.sessions).where(here)
        async with self._reads.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else Token(**row)

    async def sign_out(self, value: str) -> None:
        """End a session; one that has ended is fine."""
        here = SESSIONS.id == _key(value)
        async with self._engine.begin() as connection:
            await connection.execute(sa.delete(tables.sessions).where(here))

    async def _verified(self, text: str, kept: str) -> bool:
        digest = _digest(text)
        if self._known.get(digest) == kept:
            self._known.move_to_end(digest)
            return True
        async with self._turns:
            if not await asyncio.to_thread(tokens.matches, text, kept):
                return False
        self._known[digest] = kept
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return True

    async def _note_use(self, token: Token) -> None:
        now = datetime.now(UTC)
        if token.used_at is not None and now - token.used_at < USE_NOTED:
            return
        change = sa.update(tables.tokens).where(TOKENS.id == token.id).values(used_at=now)
        async with self._engine.begin() as connection:
            await connection.execute(change)


_TOKEN = sa.select(*(column for column in TOKENS if column.name != "hash"))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _key(value: str) -> str:
    """A session's row; 256 random bits need no slow hash."""
    return hashlib.sha256(value.encode()).hexdigest()
