"""The What if page from what the store holds and what theory says."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from markupsafe import Markup

from app.architecture import advice
from app.charts.names import shortened, visible
from app.charts.style import Family
from app.core.graph import Inventory
from app.core.plans import Plan
from app.core.propagation import CHECKPOINT
from app.web import filters
from app.web.addresses import at
from app.web.propagation_contexts import Card, Going, Remark
from app.web.propagation_progress import on_its_way
from app.web.propagation_views import (
    LONGEST_NAME,
    inventory_view,
    measurement_problem,
)
from app.web.propagation_words import card_facts, sign_of
from app.web.whatif_changes import changes, outcomes
from app.web.whatif_comparison import Compared, Theory, compared, predicted
from app.web.whatif_contexts import PlanForm, Shown, SuggestionLink, Suggestions, WhatIfPage
from app.web.whatif_controls import OWN_NAME, Anatomy, base_name, plan_form
from app.web.whatif_drawings import chart_views, mark_views
from app.web.whatif_series import Side
from app.web.whatif_subjects import Subject
from app.web.whatif_words import answer, plan_words, stop_words, unreached
from app.web.wording import verdict

UNREAD: Final = (
    "Nobody has read this network yet: it takes a worker, which also measures it. Then theory "
    "answers here at once."
)
UNKNOWN: Final = (
    "Theory knows nothing of your weights yet: it takes their moments from the first measurement."
)
SLOW: Final = (
    "Theory takes more than a second for this network, so it is calculated with the measurement "
    "and kept."
)
SUGGESTING: Final = "suggest"  # field of the address
THEORY: Final = "By theory."
MEASURED: Final = "Measured."
UNREACHED: Final = "Nothing: theory does not reach all of this network."
NOTHING_BETTER: Final = (
    "Nothing: of the changes that it knows, none brings signal and gradient nearer to 1 than this "
    "plan does."
)
LAWS: Final = {"normal": "N(0, 1) inputs", "uniform01": "Inputs uniform in 0 to 1 (torch.rand)"}


def whatif_page(subject: Subject, theory: Theory | None, *, suggesting: bool = False) -> WhatIfPage:
    """The context of compare.html.

    Args:
        subject: What the address asks for.
        theory: None of a network that cannot run, or that nobody has read.
        suggesting: As `shown` has it.
    """
    inventory = subject.network if isinstance(subject.network, Inventory) else None
    query = subject.wish.query
    return WhatIfPage(
        title=f"What if · {visible(subject.name)}",
        json_url=None if theory is None else f"{subject.address}.json{query}",
        id=subject.id,
        file=visible(subject.name),
        current="compare",
        analysed=subject.analysed,
        intro="" if theory is None else _intro(subject),
        form=None if theory is None else _form(subject, theory.anatomy),
        shown=None if theory is None else shown(subject, theory, suggesting=suggesting),
        inventory=inventory_view(inventory),
        going=going(subject) if theory is None else None,
        problem=measurement_problem(subject.measurement) if theory is None else None,
        missing=UNREAD if subject.network is None else "",
        measure_url=subject.address + query,
    )


def _intro(subject: Subject) -> str:
    """What the lines are of."""
    return (
        f"{LAWS[subject.wish.input]}, {subject.wish.batch:,} at a time, in train mode. Theory "
        "answers at once from the network's graph; a measurement draws the networks and puts its "
        "lines beside."
    )


def _form(subject: Subject, found: Anatomy) -> PlanForm:
    return plan_form(
        subject.wish,
        found,
        address=subject.address,
        before=subject.before,
        has_weights=subject.has_weights,
    )


def shown(subject: Subject, theory: Theory, *, suggesting: bool = False) -> Shown:
    """The context of _whatif.html: what theory and measurement say of the plan.

    Args:
        subject: What the address asks for.
        theory: What answers.
        suggesting: Whether suggestions are calculated, too; they take several plans' time.
    """
    found = compared(subject, theory)
    query = subject.wish.query
    same = subject.wish.plan == Plan(base=subject.before)
    sign, sentence, lines = answer(found.before, found.after, same=same)
    made = changes(found.before_expected.planned, found.after_expected.planned, own=subject.own)
    return Shown(
        query=query,
        said=sentence,
        verdict=verdict(sign, sentence, lines=tuple(lines), facts=()),
        cards=_cards(subject, found),
        charts=chart_views(found.plots, f"{subject.address}/chart", query),
        changes=made.lines,
        further=made.further,
        same=_stay(made.same),
        outcomes=outcomes(found.before, found.after, stream=theory.stream),
        measured=any(side.measured for side in (found.before, found.after)),
        suggestions=suggestions(subject, theory) if suggesting and found.quick else None,
        suggestions_url=f"{subject.address}/suggestions{query}" if found.quick else "",
        suggesting_url=f"{subject.address}{query}{'&' if query else '?'}{SUGGESTING}=1",
        remarks=_remarks(subject, found),
        going=going(subject),
        problem=measurement_problem(subject.measurement),
        measure_url=subject.address + query,
        measure_label=_measure_label(subject),
        base_name=base_name(subject.wish.plan),
        json_url=f"{subject.address}.json{query}",
        csv_url=f"{subject.address}.csv{query}",
        code_url=at(f"/m/{subject.id}/code{query}"),
    )


def suggestions(subject: Subject, theory: Theory) -> Suggestions:
    """The context of _suggestions.html: what theory finds better than the plan."""
    found = advice.suggestions(subject.wish.plan, lambda plan: predicted(subject, theory, plan))
    stops = predicted(subject, theory, subject.wish.plan).prediction.stops
    return Suggestions(
        none=UNREACHED if stops else NOTHING_BETTER,
        links=tuple(
            SuggestionLink(
                title=visible(one.title),
                sentence=visible(one.sentence),
                href=subject.address + replace(subject.wish, plan=one.plan).query,
            )
            for one in found
        ),
    )


def _stay(groups: int) -> str:
    """How many groups of parameters are as before, in a sentence; "" for none."""
    one = "group of equal parameters stays as it is."
    return filters.plural(groups, one, "groups of equal parameters stay as they are.") * bool(
        groups
    )


def _measure_label(subject: Subject) -> str:
    found = subject.measurement
    if found is not None and not found.finished:
        return ""
    return "Measure again" if found is not None and found.reported else "Measure it"


def _cards(subject: Subject, found: Compared) -> tuple[Card, ...]:
    sides = (found.before, found.after)
    drawn = mark_views(found.marks)
    words = (_before_words(subject), plan_words(subject.wish.plan))
    return tuple(
        _card(side, words[at], mark=drawn[at], family=found.marks[at].family)
        for at, side in enumerate(sides)
    )


def _before_words(subject: Subject) -> str:
    if subject.before == CHECKPOINT:
        return f"{OWN_NAME}, as they are in the file"
    return plan_words(Plan(base=subject.before))


def _card(side: Side, words: str, *, mark: Markup, family: Family) -> Card:
    series = side.told
    how = THEORY if side.measured is None else MEASURED
    sign, icon, word = sign_of(series)
    told = series.verdict
    return Card(
        name=shortened(side.predicted.name, LONGEST_NAME),
        label=side.predicted.name,
        family=family,
        mark=mark,
        sign=sign,
        icon=icon,
        word=word,
        message=visible(told.message) if told else unreached(side),
        line=visible(f"{words}. {how}"),
        notes=tuple(visible(line) for line in (told.lines if told else ())),
        facts=card_facts(series) if series.layers else (),
    )


def _remarks(subject: Subject, found: Compared) -> tuple[Remark, ...]:
    own = CHECKPOINT in (subject.before, subject.wish.plan.base)
    said = [UNKNOWN] if own and not subject.own else []
    said += [] if found.quick else [SLOW]
    said += _stops(found)
    said += [f"After: {note}." for note in found.after_expected.planned.notes]
    return tuple(Remark(level="info", text=visible(text)) for text in said if text)


def _stops(found: Compared) -> list[str]:
    before, after = stop_words(found.before.stops), stop_words(found.after.stops)
    if before == after:
        return [before]
    return [f"{which}: {told}" for which, told in (("Before", before), ("After", after)) if told]


def going(subject: Subject) -> Going | None:
    """The measurement on its way, None where none is."""
    query = subject.wish.query
    return on_its_way(
        subject.measurement,
        workers=subject.workers,
        status_url=f"{subject.address}/measurement.json{query}",
        cancel_url=f"{subject.address}/measurement/cancel{query}",
    )
