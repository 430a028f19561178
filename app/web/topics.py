"""The explanations behind /why/{topic}: what each says, in the reader's own numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from app.charts.lines import LinePlot
from app.web.contexts import Fact
from app.web.laws import Derivation
from app.web.numbers import Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """One rule in the table of an explanation."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTable:
    """Rules side by side."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[RuleRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where a claim comes from."""

    text: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What one topic says: the answer first, then why, then the evidence."""

    answer: str
    paragraphs: tuple[str, ...]
    derivations: tuple[Derivation, ...] = ()
    points: tuple[Fact, ...] = ()
    table: RuleTable | None = None
    plot: LinePlot | None = None
    sources: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One question that people ask about initialisation."""

    id: str
    title: str
    question: str
    explain: Callable[[Numbers], Explanation]
    deep: bool = False  # the depth of the network matters


def fans_query(fan_in: int | None, fan_out: int | None) -> str:
    """The query string with a tensor's own fans; empty where they are unknown."""
    known = {name: n for name, n in (("fan_in", fan_in), ("fan_out", fan_out)) if n}
    return f"?{urlencode(known)}" if known else ""
