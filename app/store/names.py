"""File names as uploaders give them: hostile text that is shown, never used as a path."""

from __future__ import annotations

import unicodedata

MAX_CHARACTERS = 200


def tidy(name: str) -> str:
    """The last part of a name without control or direction characters, at most 200 characters.

    Args:
        name: Anything, with the separators of any system.

    Returns:
        At least one character: "unnamed" where nothing is left.
    """
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    shown = "".join(
        character for character in last if not unicodedata.category(character).startswith("C")
    ).strip()
    if len(shown) > MAX_CHARACTERS:
        half = MAX_CHARACTERS // 2 - 1
        shown = f"{shown[:half]}…{shown[-half:]}"
    return shown or "unnamed"
