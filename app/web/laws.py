"""A law on a page: its line among the candidates, and its derivation."""

from __future__ import annotations

from dataclasses import dataclass

from app.charts.style import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRow:
    """One law in the candidates table."""

    id: str
    href: str
    name: str
    others: tuple[str, ...]  # further names of the same law at this shape
    formula: str
    family: Family
    dotted: bool  # a uniform is solid, a normal dotted
    ratio: str
    p_value: str
    fits: bool
    result: str
    reason: str
    picked: bool
    drawn: bool  # the law has a density that the figure can show


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    """One line of a derivation."""

    symbol: str
    expression: str
    value: str  # "" where the expression says it all


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """Why a law has these numbers at this shape."""

    title: str
    call: str
    formula: str
    steps: tuple[StepLine, ...]
    remark: str
    source: str
