"""Tokens as they are shown at the door, and patience with wrong ones."""

from __future__ import annotations

from typing import Final

from app.errors import TooManyTries
from app.store.access import Access, Token
from app.web.limits import Limit

TRIES: Final = 10  # wrong tokens a minute from one address


class Door:
    """Looks at tokens; an address that shows too many wrong ones is not looked at for a while."""

    def __init__(self) -> None:
        self._tries = Limit(TRIES)

    async def token(self, access: Access, text: str, *, address: str) -> Token | None:
        """The token that a text is, or None.

        Raises:
            TooManyTries: If too many were wrong from this address.
        """
        if self._tries.wait(address) and not access.remembers(text):
            raise TooManyTries(limit=TRIES)
        self._tries.count(address)  # first, so that many at once count, too
        found = await access.token(text)
        if found is not None:
            self._tries.take_back(address)
        return found
