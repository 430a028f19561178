"""The state of the layers page: what its address says, and which rows that leaves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from urllib.parse import urlencode

from app.charts.names import visible
from app.charts.style import EXCEPTIONS, SIGN_ICONS
from app.core.comparison import is_weight
from app.core.report import Finding, TensorRow

PAGE_ROWS = 500
WHOLE = 3000  # rows up to which the page holds all of them
KINDS = ("weights", "biases", "buffers", "all")
SORTS = ("size", "scheme", "deviation")
VIEWS = ("heat", "ridge")
UNITS = ("scheme", "bound")
RANGES = ("1.5", "3", "6")
LONGEST_QUERY = 200
BUFFER_ROLES = frozenset({"running_mean", "running_var", "num_batches_tracked", "buffer"})


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The query string of the layers page; an empty field is the default and is left out."""

    q: str = ""
    status: str = ""
    kind: str = ""  # "" shows the weights and whatever is not as expected
    finding: str = ""  # place of a finding in the report, counted from 1
    sort: str = ""
    view: str = ""
    unit: str = ""
    range: str = ""
    page: str = ""
    theme: str = ""

    @property
    def place(self) -> int:
        """The page asked for, from 1."""
        return int(self.page) if self.page else 1

    @property
    def half_width(self) -> float | None:
        """The axis asked for, units; None for the one that fits."""
        return float(self.range) if self.range else None

    def query(self, **changes: str) -> str:
        """The query string with some fields changed: "?status=differs", or "" for the defaults."""
        changed = replace(self, **changes)
        pairs = [(item.name, getattr(changed, item.name)) for item in fields(View)]
        text = urlencode([(name, value) for name, value in pairs if value])
        return f"?{text}" if text else ""


def _one_of(value: str, known: Sequence[str], *, default: str = "") -> str:
    return value if value in known and value != default else ""


def page_of(text: str) -> str:
    """The number of a page behind the first as an address says it, "" for any other text."""
    return text if text.isascii() and text.isdigit() and len(text) < 8 and int(text) > 1 else ""


def view_of(parameters: Mapping[str, str]) -> View:
    """The state an address asks for; what it does not know is the default."""
    finding = parameters.get("finding", "")
    return View(
        q=parameters.get("q", "").strip()[:LONGEST_QUERY],
        status=_one_of(parameters.get("status", ""), tuple(SIGN_ICONS)),
        kind=_one_of(parameters.get("kind", ""), KINDS),
        finding=finding if finding.isascii() and finding.isdigit() and len(finding) < 7 else "",
        sort=_one_of(parameters.get("sort", ""), SORTS),
        view=_one_of(parameters.get("view", ""), VIEWS, default="heat"),
        unit=_one_of(parameters.get("unit", ""), UNITS),
        range=_one_of(parameters.get("range", ""), RANGES),
        page=page_of(parameters.get("page", "")),
        theme=_one_of(parameters.get("theme", ""), ("light", "dark")),
    )


def class_of(row: TensorRow) -> str:
    """What the chips count a row as: "weights", "biases" (norms too) or "buffers"."""
    if row.parameter is False or row.role in BUFFER_ROLES:
        return "buffers"
    weight = is_weight(role=row.role, parameter=row.parameter, axes=len(row.shape))
    return "weights" if weight else "biases"


def weights_of(rows: Iterable[TensorRow]) -> list[TensorRow]:
    """The weight tensors in model order, those that share another's values left out."""
    return [row for row in rows if class_of(row) == "weights" and row.count > 0]


def searched_text(row: TensorRow) -> str:
    """What the filter box looks through: name, shape, kind and scheme."""
    shape = "x".join(map(str, row.shape))
    return f"{visible(row.name)} {shape} {row.kind} {row.scheme_name}".lower()


def _matches_class(row: TensorRow, view: View) -> bool:
    if view.kind in {"weights", "biases", "buffers"}:
        return class_of(row) == view.kind
    if view.kind == "all" or view.status or view.finding or view.q:
        return True
    return class_of(row) == "weights" or row.sign in EXCEPTIONS


def _only(view: View, findings: Sequence[Finding]) -> frozenset[int] | None:
    place = int(view.finding) if view.finding else 0
    return frozenset(findings[place - 1].indices) if 0 < place <= len(findings) else None


def shown(
    rows: Sequence[TensorRow], view: View, findings: Sequence[Finding] = ()
) -> list[TensorRow]:
    """The rows that the filter leaves, in the order asked for."""
    words = view.q.lower().replace("×", "x").split()
    only = _only(view, findings)
    left = [
        row
        for row in rows
        if (not view.status or row.sign == view.status)
        and (only is None or row.index in only)
        and _matches_class(row, view)
        and (not words or all(word in searched_text(row) for word in words))
    ]
    return ordered(left, view.sort)


def deviation(row: TensorRow) -> float:
    """Distance of the spread from the default's, in factors of two; -1 where it is not known."""
    ratio = row.std_ratio
    return abs(math.log2(ratio)) if ratio is not None and ratio > 0 else -1.0


def ordered(rows: Sequence[TensorRow], sort: str) -> list[TensorRow]:
    """Rows in model order, by size, by largest deviation, or by scheme."""
    if sort == "size":
        return sorted(rows, key=lambda row: (-row.count, row.index))
    if sort == "deviation":
        return sorted(rows, key=lambda row: (-deviation(row), row.index))
    if sort == "scheme":
        return sorted(rows, key=lambda row: (row.scheme_name, row.index))
    return sorted(rows, key=lambda row: row.index)
