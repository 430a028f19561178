"""What a README's badge says of a report."""

from __future__ import annotations

from app.charts.badge import badge
from app.charts.style import SIGN_WORDS
from app.core.report import Overview, Sign
from app.core.schemes import BY_ID
from app.store.facts import Run

NOUNS: dict[Sign, tuple[str, str]] = {
    "problem": ("problem", "problems"),
    "differs": ("differs", "differ"),
    "no_match": ("fits none", "fit none"),
}


def badge_of(run: Run | None, overview: Overview | None) -> str:
    """The badge of a file: its scheme and what differs, or how far its analysis is."""
    if overview is not None:
        summary = overview.summary
        return badge(message_of(overview), summary.status, word=SIGN_WORDS[summary.status])
    if run is not None and run.state == "failed":
        return badge("not readable", "problem", word="failed")
    state = "not analysed" if run is None or run.finished else "in progress"
    return badge(state, "not_judged", word=state)


def message_of(overview: Overview) -> str:
    """The main scheme, and the worst that is not as expected: "PyTorch default · 3 differ"."""
    summary = overview.summary
    known = BY_ID.get(summary.main_scheme or "")
    unmatched = summary.signs.get("no_match", 0)
    if known is None and unmatched:
        return f"{unmatched:,} of {summary.tensors:,} tensors fit no scheme"
    scheme = known.name if known else "not judged"
    order = [summary.status, *(sign for sign in NOUNS if sign != summary.status)]
    for sign in order:
        count = summary.signs.get(sign, 0)
        if sign in NOUNS and count:
            return f"{scheme} · {count:,} {NOUNS[sign][count != 1]}"
    return scheme
