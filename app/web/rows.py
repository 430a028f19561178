"""Tensors of a report as the API's visitor asks for them, a page at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from app.core.report import TensorRow
from app.web.selection import PAGE_ROWS, class_of, ordered, searched_text
from app.web.wording import layer_kind

Sort: TypeAlias = Literal["order", "size", "scheme", "deviation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """One page of the rows that were asked for."""

    total: int  # rows that match
    page: int  # from 1
    pages: int
    rows: tuple[TensorRow, ...]


def select(
    rows: Sequence[TensorRow],
    *,
    q: str = "",
    kind: str = "",
    status: str = "",
    sort: Sort = "order",
    page: int = 1,
) -> Selection:
    """The page of matching rows, found and sorted as on the layers page.

    Args:
        rows: Of a report, in file order.
        q: Every word of it must occur in name, shape, kind or scheme; case does not matter.
        kind: A torch.nn class name, or "weights", "biases", "buffers".
        status: A status or a sign.
        sort: File order, values (most first), scheme, or distance of the std from its default.
        page: From 1; one past the end is empty.
    """
    words = q.lower().replace("×", "x").split()
    found = [row for row in rows if _matches(row, words, kind=kind, status=status)]
    start = (page - 1) * PAGE_ROWS
    return Selection(
        total=len(found),
        page=page,
        pages=max(math.ceil(len(found) / PAGE_ROWS), 1),
        rows=tuple(ordered(found, sort)[start : start + PAGE_ROWS]),
    )


def _matches(row: TensorRow, words: Sequence[str], *, kind: str, status: str) -> bool:
    if kind and kind not in {row.kind, layer_kind(row.kind), class_of(row)}:
        return False
    if status and status not in {row.status, row.sign}:
        return False
    text = searched_text(row)
    return all(word in text for word in words)
