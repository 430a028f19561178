"""What the bits of a tensor settle among the laws that its values leave open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from app.core.preferred import reworded
from app.core.proofs import Told
from app.core.report import Candidate, TensorReport
from app.core.sentences import choice_lines, fits
from app.core.wording import number

ULPS: Final = 2.0**-21  # relative: a law's number and what torch rounded it to
CHANCE: Final = 1e-9  # p of a draw's test below which its values were copied or put together
JUDGED: Final = frozenset({"consistent", "unlisted_scale", "not_at_init"})


def settled(report: TensorReport, told: Told | None) -> TensorReport:
    """A report with its certificate, whose laws agree with it.

    Where the bits prove a draw, the odds against it are 2**-40: a law that they name was drawn
    though a test excluded it, and a law that they contradict was not though all tests let it pass.

    Args:
        report: From `judgement.judge`.
        told: From `proofs.certificate_of`.
    """
    report = replace(report, certificate=told)
    if told is None or told["verdict"] != "bit_exact_draw" or report.status not in JUDGED:
        return report
    before = [one for one in report.candidates if one.rejected_by is None]
    if report.status == "consistent" and not before:  # its blocks fit, each on its own
        return report
    own = [one for one in report.candidates if _named(one, told)]
    refused = [one for one in before if one not in own and _contradicted(one, told)]
    after = [one for one in before if one not in refused]
    restored = [one for one in own if one not in before and (one.p_value or 0.0) > CHANCE]
    if not refused and not restored and before:
        return report
    kept = [*(replace(one, rejected_by=None, reason=None) for one in restored), *after]
    return _with(report, kept, refused, told)


def _named(candidate: Candidate, told: Told) -> bool:
    """Whether a law is the one that the bits prove; without a std, any normal that fits."""
    scale = told["bound"] if told["law"] == "uniform" else told["std"]
    if candidate.law != told["law"]:
        return False
    if not isinstance(scale, float):
        return candidate.rejected_by is None
    known = candidate.bound if told["law"] == "uniform" else candidate.std
    return bool(known) and math.isclose(known or 0.0, scale, rel_tol=ULPS)


def _contradicted(candidate: Candidate, told: Told) -> bool:
    """A truncated normal of few values may have cut none: a normal's bits do not exclude it."""
    return told["law"] == "uniform" or candidate.law != "truncated_normal"


def _excluded(candidate: Candidate, told: Told) -> Candidate:
    return replace(candidate, rejected_by="bits", reason=f"the bits are those of {_law(told)}")


def _law(told: Told) -> str:
    """The proved law in words."""
    bound, std = told["bound"], told["std"]
    if isinstance(bound, float):
        return f"a uniform draw on ±{number(bound)}"
    return f"a normal draw with std {number(std)}" if isinstance(std, float) else "a normal draw"


def _with(
    report: TensorReport, kept: Sequence[Candidate], refused: Sequence[Candidate], told: Told
) -> TensorReport:
    """The report whose surviving laws are `kept`, in its own words."""
    gone = {one.ids for one in (*kept, *refused)}
    first = [replace(one, inseparable_from=()) for one in kept]
    found = replace(
        report,
        candidates=(
            *first,
            *(_excluded(one, told) for one in refused),
            *(one for one in report.candidates if one.ids not in gone),
        ),
        schemes=tuple(i for one in kept for i in one.ids),
    )
    if not first:
        return replace(found, status="unlisted_scale", **_unlisted(report, told))
    if report.status == "consistent":
        return reworded(report, found, report.candidates[0], first[0])
    why = next(one.reason for one in report.candidates if one.ids == first[0].ids)
    remarks = (
        f"A chance that its bits rule out: by the values alone, {why}.",
        *choice_lines(first),
    )
    return replace(found, status="consistent", sentence=fits(first[0]), remarks=remarks)


def _unlisted(report: TensorReport, told: Told) -> dict[str, Any]:
    if report.status == "unlisted_scale":
        return {}
    remarks = (f"Its bits are those of {_law(told)}, at a scale of no listed scheme.",)
    return {"sentence": "No listed scheme fits.", "remarks": remarks}
