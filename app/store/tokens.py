"""Access tokens as text: drawn, taken apart, hashed and checked."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

ID_BYTES: Final = 5
SECRET_BYTES: Final = 32
TEXT: Final = re.compile(r"isc_([0-9a-f]{10})_([0-9A-Za-z_-]{43})")

# A secret of 256 random bits cannot be guessed from any hash; Argon2id at OWASP's least cost
# keeps a copied database worthless, and a verification within 19 MiB and some 30 ms.
HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A new token; `text` is shown once and kept nowhere."""

    id: str
    text: str
    hash: str


def draw() -> Drawn:
    """A new token: `isc_<id>_<secret>`, the id told apart from others, the secret not guessed."""
    token, secret = secrets.token_hex(ID_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    text = f"isc_{token}_{secret}"
    return Drawn(id=token, text=text, hash=HASHER.hash(text))


def id_in(text: str) -> str | None:
    """The id in a token's text; None where the text is no token."""
    found = TEXT.fullmatch(text)
    return None if found is None else found[1]


def matches(text: str, kept: str) -> bool:
    """Whether a text is the token behind a hash; it takes its time and memory."""
    try:
        return HASHER.verify(kept, text)
    except (VerificationError, InvalidHashError):
        return False
