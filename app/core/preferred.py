"""A tensor's own report told in the words of its model: the recipe's scheme is named first."""

from __future__ import annotations

from dataclasses import replace

from app.core.report import Candidate, RecipeLine, TensorReport
from app.core.schemes import BY_ID
from app.core.sentences import choice_lines, fits

DRAWN = frozenset({"uniform", "positive_uniform", "normal", "truncated_normal", "orthogonal"})


def preferred(report: TensorReport, line: RecipeLine | None) -> TensorReport:
    """The report with the line's scheme first among those that could have drawn the tensor.

    Args:
        report: From `judgement.judge`, or from an earlier call.
        line: Of the recipe that explains the tensor; None leaves the report as it is.
    """
    surviving = [c for c in report.candidates if c.rejected_by is None]
    own = next((c for c in surviving if line is not None and line.scheme in c.ids), None)
    if own is None or line is None or own.law not in DRAWN:
        return report
    first = _first(own, line.scheme)
    others = (_renamed(c, own.ids[0], line.scheme) for c in surviving if c is not own)
    survivors = (first, *others)
    refused = tuple(c for c in report.candidates if c.rejected_by is not None)
    found = replace(
        report,
        candidates=(*survivors, *refused),
        schemes=tuple(i for c in survivors for i in c.ids),
    )
    return reworded(report, found, surviving[0], first)


def _first(candidate: Candidate, scheme: str) -> Candidate:
    """The candidate with one of its ids, and its name, first."""
    name = BY_ID[scheme].name
    return replace(
        candidate,
        ids=(scheme, *(i for i in candidate.ids if i != scheme)),
        names=(name, *(n for n in candidate.names if n != name)),
    )


def _renamed(candidate: Candidate, old: str, new: str) -> Candidate:
    """The candidate with another's first id where it is listed as inseparable."""
    alike = tuple(new if i == old else i for i in candidate.inseparable_from)
    return replace(candidate, inseparable_from=alike)


def reworded(
    before: TensorReport, after: TensorReport, old: Candidate, new: Candidate
) -> TensorReport:
    """The later report, with the earlier one's words told anew where its laws have changed.

    Args:
        before: Whose sentence and remarks name `old` first.
        after: With the candidates that are left now.
        old: The best surviving candidate of `before`.
        new: That of `after`.
    """
    if before.status != "consistent":
        return after
    n = before.count - before.nonfinite
    said = choice_lines([c for c in before.candidates if c.rejected_by is None], n)
    says = choice_lines([c for c in after.candidates if c.rejected_by is None], n)
    at = next((i for i, r in enumerate(before.remarks) if r in said), len(before.remarks))
    kept = [r for r in before.remarks if r not in said]
    sentence = fits(new) if before.sentence == fits(old) else before.sentence
    return replace(after, sentence=sentence, remarks=(*kept[:at], *says, *kept[at:]))
