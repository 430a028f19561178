"""The state of a comparison's page: what its address says, and which rows that leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final
from urllib.parse import urlencode

from app.charts.names import visible
from app.core.movements import Moved
from app.web.selection import LONGEST_QUERY, page_of

MOVEMENTS: Final = ("moved", "barely", "unmoved", "redrawn", "left_law", "all")
SORTS: Final = ("drift", "size", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftView:
    """The query string; an empty field is the default and is left out."""

    to: str
    q: str = ""
    kind: str = ""  # "" shows the weights and what is odd; else a movement, "left_law" or "all"
    sort: str = ""
    page: str = ""
    theme: str = ""

    @property
    def place(self) -> int:
        """The page asked for, from 1."""
        return int(self.page) if self.page else 1

    def query(self, **changes: str) -> str:
        """The query string with some fields changed."""
        changed = replace(self, **changes)
        pairs = [(item.name, getattr(changed, item.name)) for item in fields(DriftView)]
        return f"?{urlencode([(name, value) for name, value in pairs if value])}"


def drift_view(parameters: Mapping[str, str], to: str) -> DriftView:
    """The state an address asks for; what it does not know is the default."""
    kind, sort = (parameters.get(name, "") for name in ("kind", "sort"))
    theme = parameters.get("theme", "")
    return DriftView(
        to=to,
        q=parameters.get("q", "").strip()[:LONGEST_QUERY],
        kind=kind if kind in MOVEMENTS else "",
        sort=sort if sort in SORTS else "",
        page=page_of(parameters.get("page", "")),
        theme=theme if theme in ("light", "dark") else "",
    )


def counted_as(one: Moved, kind: str) -> bool:
    """Whether a tensor stays under a chip."""
    if kind == "":
        return one.pair.weight or one.movement in ("redrawn", "not_compared")
    if kind == "all":
        return True
    return bool(one.left_law) if kind == "left_law" else one.movement == kind


def remaining(moved: Sequence[Moved], view: DriftView) -> list[Moved]:
    """The tensors that the filter leaves, in the order asked for."""
    words = view.q.lower().replace("×", "x").split()
    kind = "all" if view.q and not view.kind else view.kind
    left = [
        one for one in moved if counted_as(one, kind) and all(word in _text(one) for word in words)
    ]
    if view.sort == "drift":
        return sorted(left, key=_drift, reverse=True)
    if view.sort == "size":
        return sorted(left, key=lambda one: -(one.pair.drift.count if one.pair.drift else 0))
    return sorted(left, key=lambda one: one.pair.name) if view.sort == "name" else left


def _text(one: Moved) -> str:
    shape = "x".join(map(str, one.pair.shape))
    laws = f"{one.law_before or ''} {one.law_after or ''}"
    return f"{visible(one.pair.name)} {shape} {one.pair.kind} {laws}".lower()


def _drift(one: Moved) -> float:
    """Of the largest first: what came from nothing has drifted furthest."""
    found = one.pair.drift
    if found is None:
        return -1.0
    return float("inf") if found.relative is None and not found.still else found.relative or 0.0
