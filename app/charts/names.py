"""Tensor names are hostile text: how they are shown without acting on what surrounds them."""

from __future__ import annotations

import re

BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
UNSHOWN = re.compile(f"[\x00-\x1f\x7f-\x9f\ufffe\uffff\u2028\u2029{BIDI}]")
PICTURES = 0x2400  # Unicode's pictures of the 32 control characters
COMMON = {"\n": "↵", "\r": "←", "\t": "⇥"}  # signs that most fonts have
DELETE = 0x7F


def _shown(match: re.Match[str]) -> str:
    if match[0] in COMMON:
        return COMMON[match[0]]
    code = ord(match[0])
    if code < 0x20:
        return chr(PICTURES + code)
    return "\u2421" if code == DELETE else f"⟨U+{code:04X}⟩"


def visible(name: str) -> str:
    """The name with line breaks, controls and direction marks as signs one can see."""
    return UNSHOWN.sub(_shown, name)


def shortened(name: str, limit: int) -> str:
    """The visible name in at most `limit` characters, cut in the middle."""
    text = visible(name)
    if len(text) <= limit:
        return text
    head = (limit - 1) // 3
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def tail(name: str, limit: int) -> str:
    """The end of the visible name, which tells tensors apart, in at most `limit` characters."""
    text = visible(name)
    return text if len(text) <= limit else f"…{text[len(text) - limit + 1 :]}"


def headed(name: str, limit: int) -> str:
    """The beginning of the visible text in at most `limit` characters."""
    text = visible(name)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def parted(name: str) -> tuple[str, str]:
    """The prefix, to be shown grey, and the last two parts: ("layer1.0.", "conv1.weight")."""
    parts = name.split(".")
    leaf = ".".join(parts[-2:])
    return name[: len(name) - len(leaf)], leaf
