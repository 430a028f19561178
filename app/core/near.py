"""Names that exist, offered in place of one that does not."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

NEAR: Final = 5  # names offered


def near(name: str, known: Sequence[str]) -> str:
    """`, such as …` with the names most like it, or that hold it; "" where there are none.

    Args:
        name: As a person wrote it; its first 200 characters count.
        known: All names that there are.
    """
    plain = {one.lower(): one for one in reversed(known)}
    wanted = name.lower()[:200]
    alike = get_close_matches(wanted, list(plain), NEAR, 0.5)
    within = [one for one in reversed(plain) if wanted and wanted in one]
    found = list(dict.fromkeys((*alike, *within)))[:NEAR]
    return f", such as {', '.join(plain[one] for one in found)}" if found else ""
