"""What a comparison says: which tensors moved, which never did, which left their law."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from app.core.comparison import ComparisonReport, Pair
from app.core.drift import Drift
from app.core.report import Level, Overview, Sign, TensorRow
from app.core.wording import counted

Movement: TypeAlias = Literal["unmoved", "barely", "moved", "redrawn", "not_compared"]

BARELY: Final = 0.01  # of its own std that a tensor's values move by, rms
UNRELATED: Final = 5.0  # standard errors, 1/√n each, within which a correlation counts as none
LEAST_VALUES: Final = 625  # so that a correlation of 0.2 is told from none
NAMED: Final = 3  # tensors that a sentence names
UNTELLING: Final = frozenset({"too_small", "not_judged"})  # statuses


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One tensor's numbers with what they mean."""

    pair: Pair
    movement: Movement
    left_law: bool | None  # consistent with a scheme before, not with it after; None: not known
    law_before: str | None  # as a person reads it; None where nobody analysed the file
    law_after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A sentence about some of the tensors."""

    level: Level
    code: str
    message: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The verdict on two checkpoints."""

    headline: str
    sign: Sign
    remarks: tuple[Remark, ...]  # worst first
    moved: tuple[Moved, ...]  # in the order of the first file


def concluded(
    report: ComparisonReport, before: Overview | None, after: Overview | None
) -> Comparison:
    """What the numbers mean.

    Args:
        report: The numbers.
        before: The analysis of the first file, None where there is none.
        after: That of the second.
    """
    laws = tuple({row.index: row for row in one.rows} if one else {} for one in (before, after))
    moved = tuple(_moved(pair, laws[0], laws[1]) for pair in report.pairs)
    remarks = sorted(_remarks(report, moved), key=lambda one: _LEVELS[one.level])
    return Comparison(
        headline=_headline([one for one in moved if one.pair.weight] or list(moved)),
        sign=_sign(moved, remarks),
        remarks=tuple(remarks),
        moved=moved,
    )


_LEVELS: Final[dict[Level, int]] = {"problem": 0, "warning": 1, "info": 2}


def _moved(pair: Pair, before: Mapping[int, TensorRow], after: Mapping[int, TensorRow]) -> Moved:
    old, new = before.get(pair.before), after.get(pair.after)
    return Moved(
        pair=pair,
        movement=movement(pair, new),
        left_law=_left_law(old, new),
        law_before=old.scheme_name if old else None,
        law_after=new.scheme_name if new else None,
    )


def movement(pair: Pair, after: TensorRow | None) -> Movement:
    """Whether a tensor stayed, moved, or looks drawn anew.

    Drawn anew looks one whose values are consistent with a fresh draw and have nothing to do with
    those before: Pearson's correlation of n independent pairs lies within 5/√n of 0.
    """
    found = pair.drift
    if found is None or found.count == 0:
        return "not_compared"
    if found.still:
        return "unmoved"
    if after is not None and after.status == "consistent" and _unrelated(found):
        return "redrawn"
    if found.step is not None and found.step < BARELY:
        return "barely"
    return "moved"


def _unrelated(found: Drift) -> bool:
    known = found.correlation is not None and found.count >= LEAST_VALUES
    return known and abs(found.correlation or 0.0) <= UNRELATED / math.sqrt(found.count)


def _left_law(old: TensorRow | None, new: TensorRow | None) -> bool | None:
    if old is None or new is None or new.status in UNTELLING:
        return None
    if old.status != "consistent":
        return None if old.status in UNTELLING else False
    return not set(old.schemes) & set(new.schemes)


def _headline(weights: Sequence[Moved]) -> str:
    counts = {kind: sum(one.movement == kind for one in weights) for kind in _KINDS}
    known = len(weights) - counts["not_compared"]
    noun = "weight tensor" if all(one.pair.weight for one in weights) else "tensor"
    if known == 0:
        return "The two files share no tensor that could be compared."
    still = [one.pair.name for one in weights if one.movement == "unmoved"]
    every = f"{'the' if known == 1 else 'all'} {counted(known, noun)}"
    are = "is" if known == 1 else "are"
    if len(still) == known:
        return f"Nothing moved: {every} {are} as before."
    if counts["redrawn"] == known:
        drawn = "consistent with a new draw, unrelated to what was before"
        return f"A fresh start: {every} {are} {drawn}."
    moved = known - len(still)
    text = f"{moved:,} of {counted(known, noun)} moved" if still else _capital(f"{every} moved")
    if counts["redrawn"]:
        text += f", {counts['redrawn']:,} of them as if drawn anew"
    if still:
        text += f"; {len(still):,} never did: {_listed(still)}"
    return f"{text}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_KINDS: Final[tuple[Movement, ...]] = ("unmoved", "barely", "moved", "redrawn", "not_compared")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _remarks(report: ComparisonReport, moved: Sequence[Moved]) -> Iterable[Remark]:
    yield from _of_values(moved)
    yield from _of_movement(moved)
    yield from _of_laws(moved)
    yield from _of_names(report)


def _remark(level: Level, code: str, names: Sequence[str], message: str) -> Remark:
    return Remark(level=level, code=code, message=message, names=tuple(names))


def _of_values(moved: Sequence[Moved]) -> Iterable[Remark]:
    broken = [
        one.pair.name
        for one in moved
        if one.pair.drift and one.pair.drift.nonfinite_after > one.pair.drift.nonfinite_before
    ]
    if broken:
        text = f"{counted(len(broken), 'tensor')} became NaN or infinite in places"
        yield _remark("problem", "became_nonfinite", broken, f"{text}: {_listed(broken)}.")


def _of_movement(moved: Sequence[Moved]) -> Iterable[Remark]:
    names = {kind: [one.pair.name for one in moved if one.movement == kind] for kind in _KINDS}
    if names["redrawn"]:
        text = f"{counted(len(names['redrawn']), 'tensor')} as if drawn anew"
        why = "unrelated to the values before and consistent with a fresh draw"
        cure = "If they should have been kept, they may not have been loaded."
        yield _remark(
            "warning",
            "redrawn",
            names["redrawn"],
            f"{text}: {why}: {_listed(names['redrawn'])}. {cure}",
        )
    if names["unmoved"] and len(names["unmoved"]) < len(moved):
        text = f"{counted(len(names['unmoved']), 'tensor')} never moved, weights or not"
        cure = "They may be frozen, without gradient, or not in the optimizer."
        yield _remark(
            "warning", "unmoved", names["unmoved"], f"{text}: {_listed(names['unmoved'])}. {cure}"
        )
    if names["barely"]:
        text = f"{counted(len(names['barely']), 'tensor')} moved by less than 1 % of the own std"
        yield _remark("info", "barely", names["barely"], f"{text}: {_listed(names['barely'])}.")


def _of_laws(moved: Sequence[Moved]) -> Iterable[Remark]:
    weights = [one for one in moved if one.pair.weight]
    left = [one.pair.name for one in weights if one.left_law]
    if left:
        text = f"{counted(len(left), 'weight tensor')} left the law that could have drawn them"
        yield _remark("info", "left_law", left, f"{text}: {_listed(left)}.")
    kept = [
        one.pair.name
        for one in weights
        if one.left_law is False
        and one.movement in ("moved", "barely")
        and one.law_before == one.law_after
        and one.law_before != "no scheme fits"
    ]
    if kept:
        text = f"{counted(len(kept), 'weight tensor')} moved, yet still fit the scheme of before"
        yield _remark("info", "kept_law", kept, f"{text}: {_listed(kept)}.")


def _of_names(report: ComparisonReport) -> Iterable[Remark]:
    if report.missing:
        text = f"{counted(len(report.missing), 'tensor')} of the first file not in the second"
        yield _remark("warning", "missing", report.missing, f"{text}: {_listed(report.missing)}.")
    if report.added:
        text = f"{counted(len(report.added), 'tensor')} of the second file not in the first"
        yield _remark("warning", "added", report.added, f"{text}: {_listed(report.added)}.")
    if report.reshaped:
        names = [one.name for one in report.reshaped]
        text = f"{counted(len(names), 'tensor')} of another shape in the second file"
        yield _remark("warning", "reshaped", names, f"{text}: {_listed(names)}.")
    if report.by_order:
        text = "The names differ; the tensors were joined by their order, last names and shapes."
        yield _remark("warning", "by_order", (), text)
    for place, prefix in zip(("first", "second"), report.prefixes, strict=True):
        if prefix:
            text = f"The {place} file's names were read without their beginning “{prefix}”."
            yield _remark("info", "prefix", (), text)
    yield from _of_dtypes(report.pairs)


def _of_dtypes(pairs: Sequence[Pair]) -> Iterable[Remark]:
    rounded: dict[tuple[str, str, str], list[str]] = {}
    for pair in pairs:
        if pair.compared_as is not None:
            rounded.setdefault((*pair.dtypes, pair.compared_as), []).append(pair.name)
    for (old, new, common), names in rounded.items():
        text = f"{counted(len(names), 'tensor')} went from {old} to {new}"
        how = f"values that are equal after rounding to {common} count as unchanged"
        yield _remark("info", "rounded", names, f"{text}: {how}.")
    odd = [pair.name for pair in pairs if pair.drift is None]
    if odd:
        text = f"{counted(len(odd), 'tensor')} hold no plain numbers and were not compared"
        yield _remark("info", "not_compared", odd, f"{text}: {_listed(odd)}.")


def _sign(moved: Sequence[Moved], remarks: Sequence[Remark]) -> Sign:
    if all(one.movement == "not_compared" for one in moved):
        return "not_judged"
    levels = {one.level for one in remarks}
    if "problem" in levels:
        return "problem"
    return "differs" if "warning" in levels else "as_expected"
