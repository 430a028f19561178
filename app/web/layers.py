"""A report's overview as the layers page shows it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import repeat

from app.charts.fingerprint import Fingerprint, fingerprint
from app.charts.names import parted, shortened, visible
from app.charts.profiles import columns, overflow, profiles, step_path
from app.charts.style import SIGN_ICONS, SIGN_WORDS, Family, family
from app.core.report import Overview, Sign, TensorRow
from app.store.facts import Run, SeedSearch
from app.web import filters
from app.web.addresses import at
from app.web.contexts import About, Choice, Fact, LayersPage, Paging, Row
from app.web.picture import picture, row_ticks, unit_of
from app.web.recipes import recipe_rows, seed_line
from app.web.selection import (
    PAGE_ROWS,
    WHOLE,
    View,
    class_of,
    deviation,
    shown,
    weights_of,
)
from app.web.wording import dtypes, exact, finding_lines, layer_kind, verdict

SPARK_HEIGHT = 24  # units of the small histogram
LONGEST_NAME = 140
FULL_BAR = 3.0  # factors of two at which the deviation bar reaches its end
ORDER: tuple[Sign, ...] = ("problem", "differs", "no_match", "as_expected", "not_judged")
CLASS_NAMES = (("weights", "Weights"), ("biases", "Biases and norms"), ("buffers", "Buffers"))


def drawn_for(overview: Overview, view: View) -> Fingerprint:
    """The heat map in the unit and on the axis that the address asks for."""
    return fingerprint(
        weights_of(overview.rows), unit=unit_of(overview, view), half_width=view.half_width
    )


def layers_page(
    run: Run, overview: Overview, view: View, *, search: SeedSearch | None = None
) -> LayersPage:
    """The context of layers.html for this state of the page."""
    drawn = drawn_for(overview, view)
    left = shown(overview.rows, view, overview.findings)
    whole = len(overview.rows) <= WHOLE
    paging = None if whole else _paging(view, len(left))
    query = view.query(page="", theme="")
    return LayersPage(
        title=visible(run.name),
        json_url=at(f"/m/{run.id}.json{query}"),
        id=run.id,
        file=visible(run.name),
        current="layers",
        verdict=verdict(
            overview.summary.status,
            overview.summary.headline,
            lines=finding_lines(run.id, overview.findings),
            facts=_facts(overview, run.owner),
        ),
        recipe=recipe_rows(run.id, overview),
        seed=seed_line(search),
        family=overview.summary.family or "",
        picture=picture(overview, view, drawn=drawn),
        chips=_status_chips(overview, view),
        kinds=_kind_chips(overview, view),
        sorts=_sorts(view),
        hidden_fields=_kept(view),
        q=view.q,
        only=",".join(str(row.index) for row in left) if view.finding else "",
        clear=view.query(q="", status="", kind="", finding="", page="") or "?",
        filtered=bool(view.q or view.status or view.kind or view.finding),
        png_query=View(unit=view.unit, range=view.range).query(),
        csv_url=at(f"/m/{run.id}.csv{query}"),
        rows=_rows(overview, view, left, paging, drawn=drawn),
        shown=len(left),
        total=len(overview.rows),
        whole=whole,
        paging=paging,
        row_ticks=row_ticks(drawn.half_width),
        about=_about(overview),
        stale=run.stale,
    )


def _facts(overview: Overview, owner: str) -> tuple[Fact, ...]:
    summary = overview.summary
    facts = [
        Fact(name="tensors", value=filters.integer(summary.tensors)),
        Fact(name="parameters", value=filters.count(summary.parameters)),
        Fact(name="dtype", value=dtypes(summary.dtypes)),
        Fact(name="size", value=filters.size(overview.source.bytes)),
        Fact(name="format", value=overview.source.format),
        Fact(name="checked", value="all values"),
    ]
    if summary.buffer_tensors:
        facts.insert(2, Fact(name="buffers", value=filters.count(summary.buffers)))
    if owner:
        facts.append(Fact(name="sent by", value=owner))
    return tuple(facts)


def _about(overview: Overview) -> About:
    summary = overview.summary
    return About(
        sha256=overview.source.sha256,
        format=overview.source.format,
        notes=tuple(visible(note) for note in (*summary.format_notes, *summary.computed)),
        globals=tuple(shortened(name, LONGEST_NAME) for name in summary.globals),
        metadata=tuple(
            Fact(name=shortened(name, LONGEST_NAME), value=shortened(value, 2 * LONGEST_NAME))
            for name, value in summary.metadata.items()
        ),
    )


def _status_chips(overview: Overview, view: View) -> tuple[Choice, ...]:
    counts = {sign: sum(row.sign == sign for row in overview.rows) for sign in ORDER}
    return tuple(
        Choice(
            label=SIGN_WORDS[sign],
            icon=SIGN_ICONS[sign],
            count=filters.integer(counts[sign]),
            current=view.status == sign,
            value=sign,
            href=view.query(status="" if view.status == sign else sign, page="", finding="") or "?",
        )
        for sign in ORDER
        if counts[sign] or view.status == sign
    )


def _kind_chips(overview: Overview, view: View) -> tuple[Choice, ...]:
    classes = [class_of(row) for row in overview.rows]
    found = [("", "Weights and exceptions", len(shown(overview.rows, View())))]
    found += [("all", "All", len(classes))]
    found += [(value, label, classes.count(value)) for value, label in CLASS_NAMES]
    return tuple(
        Choice(
            label=label,
            count=filters.integer(count),
            current=view.kind == value and not view.finding,
            value=value,
            href=view.query(kind=value, page="", finding="") or "?",
        )
        for value, label, count in found
        if count or view.kind == value
    )


def _sorts(view: View) -> tuple[Choice, ...]:
    names = (("", "#"), ("size", "Values"), ("scheme", "Scheme"))
    return tuple(
        Choice(
            label=label,
            href=view.query(sort=value, page="") or "?",
            current=view.sort == value,
            value=value,
        )
        for value, label in (*names, ("deviation", "Std ÷ default std"))
    )


def _kept(view: View) -> tuple[Fact, ...]:
    names = ("status", "kind", "sort", "view", "unit", "range", "theme")
    return tuple(
        Fact(name=name, value=getattr(view, name)) for name in names if getattr(view, name)
    )


def _paging(view: View, rows: int) -> Paging:
    pages = max(1, math.ceil(rows / PAGE_ROWS))
    page = min(view.place, pages)
    return Paging(
        page=page,
        pages=pages,
        previous=view.query(page=str(page - 1) if page > 2 else "") or "?" if page > 1 else None,
        next=view.query(page=str(page + 1)) if page < pages else None,
    )


def _rows(
    overview: Overview,
    view: View,
    left: Sequence[TensorRow],
    paging: Paging | None,
    *,
    drawn: Fingerprint,
) -> tuple[Row, ...]:
    """The lines printed: every row with those filtered out hidden, or one page of the rest."""
    if paging is not None:
        start = (paging.page - 1) * PAGE_ROWS
        return tuple(_lines(left[start : start + PAGE_ROWS], drawn, hidden=frozenset()))
    kept = {row.index for row in left}
    rest = [row for row in overview.rows if row.index not in kept]
    hidden = frozenset(row.index for row in rest)
    return tuple(_lines(_merged(left, rest, view), drawn, hidden=hidden))


def _merged(left: Sequence[TensorRow], rest: list[TensorRow], view: View) -> list[TensorRow]:
    both = [*left, *rest]
    return both if view.sort else sorted(both, key=lambda row: row.index)


def _lines(rows: Sequence[TensorRow], drawn: Fingerprint, *, hidden: frozenset[int]) -> list[Row]:
    unpacked = profiles(rows, unit=drawn.unit)
    heights = columns(unpacked, half_width=drawn.half_width).tolist() if rows else []
    low, high = overflow(unpacked, half_width=drawn.half_width) if rows else ([], [])
    known = unpacked.known.tolist()
    parts = zip(rows, heights, low, high, known, repeat(hidden), strict=False)
    return [_line(*part) for part in parts]


def _line(
    row: TensorRow,
    heights: list[float],
    low: bool,
    high: bool,
    known: bool,
    hidden: frozenset[int],
) -> Row:
    words = _words(row, known=known)
    prefix, leaf = parted(shortened(row.name, LONGEST_NAME))
    return Row(
        index=row.index,
        sign=row.sign,
        icon=SIGN_ICONS[row.sign],
        word=SIGN_WORDS[row.sign],
        prefix=prefix,
        leaf=leaf or "(no name)",
        group=shortened(row.group, LONGEST_NAME),
        kind=_kind(row),
        kind_title=f"{layer_kind(row.kind)}, {row.kind_certainty}: {row.role.replace('_', ' ')}",
        shape=filters.shape(row.shape),
        count=row.count,
        size=filters.count(row.count),
        path="" if words else step_path(heights, tall=SPARK_HEIGHT),
        words=words,
        low=low and not words,
        high=high and not words,
        family=_family(row),
        scheme=row.scheme_name,
        ratio="" if row.std_ratio is None else f"×{filters.number(row.std_ratio, 3)}",
        bar=_bar(row),
        deviation=round(deviation(row), 4),
        kind_class=class_of(row),
        hidden=row.index in hidden,
    )


def _kind(row: TensorRow) -> str:
    if row.kind == "unknown":
        plain = row.role in {"weight", "bias", "unknown"}
        return "unknown layer" if plain else row.role.replace("_", " ")
    kind = layer_kind(row.kind)
    return f"{kind}?" if row.kind_certainty == "inferred" else kind


def _family(row: TensorRow) -> Family:
    if row.constant is not None or row.sign == "not_judged":
        return "constant"
    return family(row.scheme)


def _words(row: TensorRow, *, known: bool) -> str:
    """What stands in the histogram's place, "" where it is drawn."""
    if row.count == 0:
        return "empty"
    if row.constant is not None:
        return f"all {exact(row.constant)}"
    if row.nonfinite == row.count:
        return "no finite value"
    if row.min == row.max:
        return f"all {exact(row.min)}"
    if not known or row.role.startswith("norm"):
        return f"{filters.number(row.min, 3)} to {filters.number(row.max, 3)}"
    return ""


def _bar(row: TensorRow) -> tuple[float, float] | None:
    ratio = row.std_ratio
    if ratio is None or ratio <= 0:
        return None
    reach = 50 * max(-1.0, min(1.0, math.log2(ratio) / FULL_BAR))
    return (50 + min(reach, 0), abs(reach))
