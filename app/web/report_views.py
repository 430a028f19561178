"""A report from what an analysis and a measurement found, for paper, files and mail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from markupsafe import Markup

from app import __version__
from app.charts import histogram, propagation_svg
from app.charts.names import shortened, visible
from app.charts.propagation import short_names
from app.charts.propagation_marks import marks
from app.charts.propagation_plots import plots
from app.charts.style import EXCEPTIONS, SIGN_ICONS, SIGN_WORDS, VARIABLES
from app.charts.tensors import figure
from app.core.propagation import PropagationReport
from app.core.report import Overview, Sign, TensorReport, TensorRow
from app.web import filters
from app.web.contexts import Fact, Verdict
from app.web.layers import ORDER, drawn_for
from app.web.picture import picture
from app.web.propagation_words import card_facts, intro, question, sign_of, verdict_box
from app.web.report_contexts import (
    Alike,
    Document,
    Heat,
    Oddity,
    SignalCard,
    SignalChart,
    SignalPart,
    TensorLine,
)
from app.web.selection import View, weights_of
from app.web.wording import dtypes, exact, finding_lines, layer_kind, verdict

LONGEST_NAME: Final = 140
LONGEST_SENTENCE: Final = 400
DRAWN: Final = 6  # tensors that stand out and get a histogram, about 6 kB each
OF_ONE_KIND: Final = 2  # of them that stand out for the same reason
REASONS: Final = 40  # told of the others
NAMED: Final = 12  # tensors of one reason that are named
MOST_ROWS: Final = 3000  # lines of the table; about 130 bytes each
CHARTS: Final = ("forward", "backward", "share")
BESIDE: Final = 1  # laws dotted beside the one that fits, in a histogram


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Everything that a report is made of; what is not known is None."""

    name: str  # of the file
    sha256: str
    overview: Overview | None  # None for a network without weights
    oddities: tuple[TensorReport, ...]  # those of `drawn`
    signal: PropagationReport | None
    inputs: str = ""  # name of the file that the inputs came from
    seed: str = ""
    owner: str = ""  # name of the access token that it was sent with
    made: datetime | None


def standing_out(rows: Sequence[TensorRow]) -> list[TensorRow]:
    """The tensors that are not as expected, worst first; of one kind the largest first."""
    found = [row for row in rows if row.sign in EXCEPTIONS]
    return sorted(found, key=lambda row: (-EXCEPTIONS.index(row.sign), -row.count, row.index))


def drawn(rows: Sequence[TensorRow]) -> list[TensorRow]:
    """Those that stand out and are drawn: few for each reason, so that each reason is seen."""
    seen: Counter[tuple[Sign, str]] = Counter()
    chosen: list[TensorRow] = []
    for row in standing_out(rows):
        seen[row.sign, row.sentence] += 1
        if seen[row.sign, row.sentence] <= OF_ONE_KIND and len(chosen) < DRAWN:
            chosen.append(row)
    return chosen


def document(found: Findings) -> Document:
    """The report of an analysis, of a measurement, or of both."""
    overview = found.overview
    shown = [] if overview is None else drawn(overview.rows)
    rows = () if overview is None else overview.rows
    return Document(
        name=shortened(found.name, LONGEST_NAME),
        identity=_identity(found),
        verdict=_verdict(found),
        recipe=tuple(visible(line.text) for line in overview.summary.recipe) if overview else (),
        heat=None if overview is None else _heat(overview),
        oddities=tuple(_oddity(row, found.oddities) for row in shown),
        alike=_alike(rows, {row.index for row in shown}),
        seed=visible(found.seed),
        signal=None if found.signal is None else _signal(found.signal, found),
        counts=_counts(rows),
        rows=tuple(_line(row) for row in rows[:MOST_ROWS]),
        total=len(rows),
        made=filters.moment(found.made),
        version=__version__,
    )


def _identity(found: Findings) -> tuple[Fact, ...]:
    facts = [Fact(name="sha256", value=found.sha256)]
    if found.overview is not None:
        source, summary = found.overview.source, found.overview.summary
        facts += [
            Fact(name="format", value=visible(source.format)),
            Fact(name="size", value=f"{filters.size(source.bytes)}, {dtypes(summary.dtypes)}"),
        ]
    if found.owner:
        facts.append(Fact(name="sent by", value=found.owner))
    return (
        *facts,
        Fact(name="made", value=f"{filters.moment(found.made)} by initscope {__version__}"),
    )


def _verdict(found: Findings) -> Verdict:
    overview = found.overview
    if overview is not None:
        summary = overview.summary
        facts = [
            Fact(name="tensors", value=filters.integer(summary.tensors)),
            Fact(name="parameters", value=filters.count(summary.parameters)),
            Fact(name="checked", value="all values"),
        ]
        lines = finding_lines("", overview.findings)
        return verdict(summary.status, summary.headline, lines=lines, facts=facts)
    if found.signal is not None:
        return verdict_box(found.signal)
    return verdict("not_judged", "Nothing is measured of this network yet.", lines=(), facts=())


def _heat(overview: Overview) -> Heat | None:
    view = View()
    if not weights_of(overview.rows):
        return None
    made = picture(overview, view, drawn=drawn_for(overview, view))
    if made is None:
        return None
    return Heat(
        heading=made.heading,
        caption=made.caption,
        sentence=made.sentence,
        height=made.height,
        bins=made.bins,
        mask=made.mask,
        marks=made.marks,
        constants=made.constants,
        bounds=made.bounds,
        ticks=made.ticks,
    )


def _oddity(row: TensorRow, reports: Sequence[TensorReport]) -> Oddity:
    full = next((one for one in reports if one.index == row.index), None)
    return Oddity(
        sign=row.sign,
        icon=SIGN_ICONS[row.sign],
        word=SIGN_WORDS[row.sign],
        name=shortened(row.name, LONGEST_NAME) or "(no name)",
        shape=filters.shape(row.shape),
        scheme=visible(row.scheme_name),
        sentence=shortened(row.sentence, LONGEST_SENTENCE),
        svg=None if full is None else _histogram(full),
    )


def _alike(rows: Sequence[TensorRow], told: Collection[int]) -> tuple[Alike, ...]:
    """Those that are not drawn, by their reasons."""
    reasons: dict[tuple[Sign, str], list[str]] = {}
    for row in standing_out(rows):
        if row.index not in told:
            reasons.setdefault((row.sign, row.sentence), []).append(row.name)
    return tuple(
        Alike(
            sign=sign,
            icon=SIGN_ICONS[sign],
            word=SIGN_WORDS[sign],
            sentence=shortened(sentence, LONGEST_SENTENCE),
            names=tuple(shortened(name, LONGEST_NAME) or "(no name)" for name in names[:NAMED]),
            further=max(0, len(names) - NAMED),
        )
        for (sign, sentence), names in sorted(reasons.items(), key=_weight)[:REASONS]
    )


def _weight(reason: tuple[tuple[Sign, str], list[str]]) -> tuple[int, int]:
    """The worst first; of those that are as bad what is true of most tensors."""
    (sign, _), names = reason
    return -EXCEPTIONS.index(sign), -len(names)


def _histogram(full: TensorReport) -> Markup | None:
    if full.structure is not None and full.structure.kind == "constant":
        return None
    whole = figure(replace(full, sentence=visible(full.sentence)))
    if whole is None:
        return None
    slim = replace(
        whole,
        curves=tuple(
            replace(curve, beside=curve.beside[:BESIDE]) if curve is whole.chosen else curve
            for curve in whole.curves
        ),
    )
    text = histogram.as_svg(slim, VARIABLES)
    own = f"plot-{full.index}"  # each drawing of a page clips to an area of its own
    text = text.replace('id="plot"', f'id="{own}"').replace("url(#plot)", f"url(#{own})")
    return Markup(text)  # noqa: S704 - svg.py escapes every name


def _signal(report: PropagationReport, found: Findings) -> SignalPart:
    return SignalPart(
        question=question(report),
        intro=intro(report, inputs=found.inputs),
        verdict=None if found.overview is None else verdict_box(report),
        cards=_cards(report),
        charts=tuple(
            SignalChart(
                title=plot.title,
                note=plot.note,
                caption=plot.caption,
                svg=Markup(propagation_svg.as_svg(plot, VARIABLES)),  # noqa: S704 - escaped
            )
            for plot in plots(report)
            if plot.key in CHARTS
        ),
    )


def _cards(report: PropagationReport) -> tuple[SignalCard, ...]:
    found = []
    looks = zip(report.series, short_names(report.series), marks(report.series), strict=True)
    for one, label, mark in looks:
        if not one.layers:
            continue
        sign, icon, word = sign_of(one)
        found.append(
            SignalCard(
                name=label,
                family=mark.family,
                sign=sign,
                icon=icon,
                word=word,
                message=visible(one.verdict.message) if one.verdict else "Measured.",
                facts=card_facts(one),
            )
        )
    return tuple(found)


def _counts(rows: Sequence[TensorRow]) -> tuple[Fact, ...]:
    counts: dict[Sign, int] = {sign: sum(row.sign == sign for row in rows) for sign in ORDER}
    return tuple(
        Fact(name=f"{SIGN_ICONS[sign]} {SIGN_WORDS[sign]}", value=filters.integer(count))
        for sign, count in counts.items()
        if count
    )


def _line(row: TensorRow) -> TensorLine:
    name = f"{row.group}: {row.name}" if row.group else row.name
    return TensorLine(
        place=row.index,
        sign=row.sign,
        icon=SIGN_ICONS[row.sign],
        word=SIGN_WORDS[row.sign],
        name=shortened(name, LONGEST_NAME) or "(no name)",
        kind="" if row.kind == "unknown" else layer_kind(row.kind),
        shape=filters.shape(row.shape),
        size=filters.count(row.count),
        scheme=visible(row.scheme_name),
        std="" if row.constant is not None else exact(row.std),
        ratio="" if row.std_ratio is None else f"×{filters.number(row.std_ratio, 3)}",
    )
