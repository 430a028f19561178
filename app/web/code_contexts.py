"""The contexts of the code page and of the reader of init functions."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.report import Level, Sign
from app.web.contexts import Choice, Shell
from app.web.render import Page
from app.web.whatif_contexts import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePage(Shell):
    """The context of code.html."""

    analysed: bool  # whether the file has a layers page
    summary: str  # the plan in a line
    code: str  # "" where there is no network to write it for
    lines: int
    missing: str  # why there is none, "" where there is
    py_url: str
    what_if_url: str
    presets: tuple[Choice, ...]  # plans that are a link away
    before: str  # what the outcomes are laid over
    outcomes: tuple[Outcome, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MistakeRow:
    """One mistake in a pasted function."""

    level: Level
    sign: Sign
    icon: str
    word: str
    code: str
    line: int
    expression: str
    message: str
    correction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingView:
    """The context of _reading.html: what was found in a text."""

    sign: Sign
    icon: str
    headline: str
    about: str  # which functions were read, "" where none was
    mistakes: tuple[MistakeRow, ...]
    wrong_line: int | None  # of a text that is no Python


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderPage(Page):
    """The context of reader.html."""

    text: str
    longest: int  # characters that the address holds
    reading: ReadingView | None
    examples: tuple[Choice, ...]
