"""The pieces of a text of calls, with their lines."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.errors import NotANetwork

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f]+|\#[^\n]*)
      |(?P<line>\n)
      |(?P<number>[+-]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
      |(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)
      |(?P<text>'[^'\n]{0,200}'|"[^"\n]{0,200}")
      |(?P<mark>[()\[\],=×*;:→<>{}/+-])""",
    re.VERBOSE,
)
_LONGEST = 24  # characters of a number


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text and its line."""

    kind: str
    text: str
    line: int


def tokens(text: str, *, line: int = 1) -> list[Token]:
    """The pieces of a text; spaces and comments are left out."""
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotANetwork(
                reason=f"line {line} has {text[at : at + 20].splitlines()[0]!r}, which no layer "
                "contains; expected calls such as Linear(512, 512)."
            )
        kind, piece = str(match.lastgroup), match.group()
        if kind != "space":
            found.append(Token(kind, piece, line))
        line += kind == "line"
        at = match.end()
    found.append(Token("end", "", line))
    return found


def number_of(token: Token) -> int | float:
    """The value of a number's token."""
    text = token.text.replace("_", "")
    if len(text) > _LONGEST:
        raise NotANetwork(
            reason=f"line {token.line} has a number of {len(text)} characters; expected at most "
            f"{_LONGEST}."
        )
    if re.fullmatch(r"[+-]?[0-9]+", text):
        return int(text)
    return float(text)
