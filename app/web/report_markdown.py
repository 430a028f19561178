"""A report as Markdown, short enough for a README or the comment of a pull request."""

from __future__ import annotations

import re
from typing import Final

from app.charts.names import headed, shortened
from app.web.report_contexts import Document, SignalPart

MOST_REASONS: Final = 12
MOST_NAMES: Final = 4
MOST_LINES: Final = 6
LONGEST_NAME: Final = 90
LONGEST: Final = 300
# What a forge makes links of in plain text: addresses, people, issues, commits.
LINKED: Final = re.compile(r"@|#\d|\bgh-\d|\bwww\.|://|\b[0-9a-f]{7,40}\b", re.IGNORECASE)


def code(text: str, limit: int = LONGEST_NAME) -> str:
    """Hostile text as a code span, which ends nowhere but where it should.

    Its fence is longer than any run of backticks in it, so nothing inside of it is Markdown,
    HTML, a link or a mention.
    """
    shown = shortened(text, limit) or "(no name)"
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    space = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{space}{shown}{space}{fence}"


def prose(text: str) -> str:
    """A sentence that may hold hostile names, escaped; one that would link stands as code."""
    shown = headed(" ".join(text.split()), LONGEST)
    if LINKED.search(shown):
        return code(shown, LONGEST)
    return re.sub(r"([\\`*_{}\[\]<>#|~&$^])", r"\\\1", shown)


def markdown(report: Document) -> str:
    """The short report: verdict, counts, what stands out, the signal, the seed."""
    box = report.verdict
    blocks = [
        f"### initscope: {code(report.name)}",
        f"**{box.icon} {box.word}**: {prose(box.headline)}",
        "\n".join(f"- {prose(line.label + line.message)}" for line in box.lines[:MOST_LINES]),
        _counts(report),
        "\n".join(f"- {prose(line)}" for line in report.recipe[:MOST_LINES]),
        _oddities(report),
        "" if report.signal is None else _signal(report.signal),
        f"**Seed**: {prose(report.seed)}" if report.seed else "",
        _foot(report),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _counts(report: Document) -> str:
    if not report.counts:
        return ""
    head = "| " + " | ".join(fact.name for fact in report.counts) + " |"
    rule = "|" + " ---: |" * len(report.counts)
    return "\n".join([head, rule, "| " + " | ".join(fact.value for fact in report.counts) + " |"])


def _oddities(report: Document) -> str:
    """What stands out by its reasons, each with the tensors that it is true of."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in report.oddities:
        reasons.setdefault((one.icon, one.sentence), []).append(one.name)
    more: dict[tuple[str, str], int] = {}
    for several in report.alike:
        key = (several.icon, several.sentence)
        reasons.setdefault(key, []).extend(several.names)
        more[key] = several.further
    lines = [_reason(*key, names, more.get(key, 0)) for key, names in reasons.items()]
    if not lines:
        return ""
    rest = len(lines) - MOST_REASONS
    shown = lines[:MOST_REASONS] + ([f"- and {rest:,} more reasons"] if rest > 0 else [])
    return "\n".join(["#### What stands out", "", *shown])


def _reason(icon: str, sentence: str, names: list[str], further: int) -> str:
    shown = ", ".join(code(name) for name in names[:MOST_NAMES])
    rest = len(names) + further - MOST_NAMES
    more = f" and {rest:,} more" if rest > 0 else ""
    return f"- {icon} {shown}{more}: {prose(sentence)}"


def _signal(signal: SignalPart) -> str:
    box, lines = signal.verdict, ["#### Propagation"]
    if box is not None:
        lines += ["", f"**{box.icon} {box.word}**: {prose(box.headline)}"]
    if signal.cards:
        heads = ["weights", *(fact.name for fact in signal.cards[0].facts)]
        lines += ["", "| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    for card in signal.cards:
        cells = [f"{card.icon} {_cell(card.name)}", *(_cell(fact.value) for fact in card.facts)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Of a table, where a bar would end the cell even inside of code."""
    return prose(text).replace("\\|", "¦").replace("|", "¦")


def _foot(report: Document) -> str:
    facts = " · ".join(f"{fact.value} {fact.name}" for fact in report.verdict.facts[:2])
    sha256 = report.identity[0].value
    parts = [part for part in (facts, f"sha256 `{sha256[:16]}…`", report.made) if part]
    return f"<sub>{' · '.join(parts)} · initscope {report.version}</sub>"
