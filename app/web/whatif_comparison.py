"""A plan beside what it is laid over: both predicted, both in one report, and their charts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.architecture.branches import branches
from app.architecture.expecting import Expectations, Expected, Setting, is_quick, kept_in
from app.architecture.planning import planned
from app.charts.propagation import SignalPlot
from app.charts.propagation_marks import Mark
from app.charts.style import Family
from app.charts.whatif import comparison_plots, looks, plan_family
from app.core.graph import Graph
from app.core.kept import Kept
from app.core.meanfield.drawn import drawn_moments
from app.core.meanfield.predict import Prediction
from app.core.meanfield.step import NoRule, WeightMoments
from app.core.plans import PLAN, Plan
from app.core.propagation import Series
from app.web.whatif_controls import Anatomy, anatomy
from app.web.whatif_series import Side, laid_over, predicted_series
from app.web.whatif_subjects import Subject
from app.web.whatif_words import before_name

BEFORE: Final = "Before"
AFTER: Final = "After"
MOST_SERIES: Final = 8  # in memory: a plan is asked for by its page, its charts and its tables
MOST_NETWORKS: Final = 16  # of which it is kept what every plan is asked with


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A plan beside what it is laid over, ready to be shown."""

    before: Side
    after: Side
    before_expected: Expected
    after_expected: Expected
    quick: bool  # whether theory is calculated at once; else it comes with the measurement
    marks: tuple[Mark, ...]
    plots: tuple[SignalPlot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Theory:
    """What answers for a page: the network, what it is made of, and the predictions kept."""

    graph: Graph
    anatomy: Anatomy
    stream: tuple[str, ...]  # names of the sums along its residual stream; none without one
    quick: bool  # whether theory answers within about a second
    expectations: Expectations


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What every plan for one network is asked with, as in `Theory`."""

    anatomy: Anatomy
    stream: tuple[str, ...]
    quick: bool


_KNOWN: Final[Kept[Graph, _Known]] = Kept(MOST_NETWORKS)
_SERIES: Final[Kept[Expected, Series]] = Kept(MOST_SERIES)


def theory_of(subject: Subject, expectations: Expectations) -> Theory | None:
    """What answers for a page; None where its network is not known, or cannot run."""
    network = subject.network
    if not isinstance(network, Graph):
        return None
    known = _KNOWN.of(network, lambda: _known(network))
    return Theory(
        graph=network,
        anatomy=known.anatomy,
        stream=known.stream,
        quick=known.quick,
        expectations=expectations,
    )


def _known(network: Graph) -> _Known:
    joins = branches(network)
    return _Known(
        anatomy=anatomy(network, branches=sum(bool(one.ends) for one in joins)),
        stream=tuple(one.add for one in joins),
        quick=is_quick(network),
    )


def compared(subject: Subject, theory: Theory, *, whole: bool = False) -> Compared:
    """What theory, and where there is one a measurement, says of both.

    Args:
        subject: What the address asks for.
        theory: What answers.
        whole: Whether every operation is told of, or those along the depth alone.
    """
    kept = None if whole else frozenset(theory.stream)
    before, old = _side(subject, theory, Plan(base=subject.before), kept, which=BEFORE)
    after, new = _side(subject, theory, subject.wish.plan, kept, which=AFTER)
    report = laid_over(before, after, batch=subject.wish.batch, law=subject.wish.input)
    marks = looks(report.series, _plan_hue(subject, theory.anatomy))
    predicted = [at for at, side in enumerate((before, after)) if side.measured is None]
    return Compared(
        before=before,
        after=after,
        before_expected=old,
        after_expected=new,
        quick=theory.quick,
        marks=marks,
        plots=comparison_plots(report, marks=marks, predicted=predicted),
    )


def _side(
    subject: Subject, theory: Theory, plan: Plan, kept: frozenset[str] | None, *, which: str
) -> tuple[Side, Expected]:
    scheme = PLAN if which == AFTER else subject.before
    found = _expected(subject, theory, plan, scheme=scheme)
    told = "" if which == AFTER else f" ({before_name(subject.before)})"
    name = f"{which}{told}"
    series = _SERIES.of(
        found,
        lambda: predicted_series(
            found.planned.graph,
            found.prediction,
            scheme=scheme,
            name=name,
            weights=_moments(found, subject.own),
            kept=kept,
        ),
        which=(scheme, name, kept),
    )
    measured = subject.measured.get(scheme)
    return Side(predicted=series, measured=measured, stops=found.prediction.stops), found


def predicted(subject: Subject, theory: Theory, plan: Plan) -> Expected:
    """What theory expects of the network under any plan, kept for the next time."""
    with np.errstate(all="ignore"):  # a plan may have the signal explode or vanish
        return theory.expectations.of(
            theory.graph,
            plan,
            key=(subject.net, subject.own_job),
            own=subject.own,
            setting=Setting(input=subject.wish.input, batch=subject.wish.batch),
        )


def _expected(subject: Subject, theory: Theory, plan: Plan, *, scheme: str) -> Expected:
    """Theory at once where it is quick; else what a measurement has kept of it."""
    if theory.quick:
        return predicted(subject, theory, plan)
    measured = subject.measured.get(scheme)
    kept = Prediction(nodes={}) if measured is None else kept_in(measured)
    return Expected(planned=planned(theory.graph, plan), prediction=kept)


def _moments(found: Expected, own: Mapping[str, WeightMoments]) -> dict[str, WeightMoments]:
    try:
        return drawn_moments(found.planned.recipe, own)
    except NoRule:
        return {}


def _plan_hue(subject: Subject, found: Anatomy) -> Family:
    """The hue of the scheme that the plan draws most weights from."""
    plan = subject.wish.plan
    main = max(found.weights, key=lambda kind: found.weights[kind], default=None)
    choice = plan.choices.get(main) if main else None
    return plan_family(subject.before, (choice.scheme if choice else None) or plan.base)
