"""Parameter names as regular expressions that hostile text cannot leave."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations

MOST_OPEN = 3  # numbers of a name that an expression leaves open
MOST_SOUGHT = 40  # expressions that are sought for one list; behind them stand names


def patterns(wanted: Sequence[str], every: Collection[str]) -> tuple[str, ...]:
    r"""Expressions that match the wanted names of a network and no other.

    Args:
        wanted: Names, in order.
        every: All names of the network.

    Returns:
        In the order of the names; numbers between dots are `\d+` where that adds no other name.
    """
    found: list[str] = []
    left, chosen = list(wanted), frozenset(wanted)
    while left and len(found) < MOST_SOUGHT:
        general = _general(left[0])
        pattern = next((one for one in general if _matched(one, every) <= chosen), None)
        found.append(pattern or re.escape(left[0]))
        left = [name for name in left[1:] if not re.fullmatch(found[-1], name)]
    return (*found, *map(re.escape, left))


def _matched(pattern: str, every: Collection[str]) -> frozenset[str]:
    return frozenset(name for name in every if re.fullmatch(pattern, name))


def _general(name: str) -> Iterator[str]:
    """Expressions for a name, those first that leave the most of its numbers open."""
    parts = name.split(".")
    numbers = [at for at, part in enumerate(parts) if part.isascii() and part.isdecimal()]
    for many in range(min(len(numbers), MOST_OPEN), 0, -1):
        for open_ in combinations(numbers, many):
            told = (r"\d+" if at in open_ else re.escape(part) for at, part in enumerate(parts))
            yield r"\.".join(told)


def quoted(pattern: str) -> str:
    """An expression as a Python literal."""
    plain = pattern.isprintable() and '"' not in pattern and not pattern.endswith("\\")
    return f'r"{pattern}"' if plain else repr(pattern)


def inert(text: str) -> str:
    """Text of a file for a comment or a docstring: one line, without quotes or backslashes."""
    kept = (c if c.isprintable() and c not in '\\"' else "\N{REPLACEMENT CHARACTER}" for c in text)
    return "".join(kept)
