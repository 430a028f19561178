"""Facts of a report in the words of its pages."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from app.charts.names import shortened
from app.charts.style import SIGN_ICONS, SIGN_WORDS
from app.core.layers import LINEAR
from app.core.report import Finding, Sign
from app.core.schemes import BY_ID
from app.web import filters
from app.web.addresses import at
from app.web.contexts import Fact, FindingLine, Verdict

Certificate: TypeAlias = Mapping[str, str | int | float | None]

LINES = 6  # findings shown at once
LONGEST_LABEL = 60
LONGEST_MESSAGE = 600
COUNTED = re.compile(r"\d[\d,]* (?:\w+ )?tensors?\b")
LEVELS = {"problem": 0, "warning": 1, "info": 2}


def scheme_name(scheme: str | None) -> str:
    """A scheme id as a person reads it."""
    known = BY_ID.get(scheme or "")
    return known.name if known else scheme or "no scheme"


def layer_kind(kind: str) -> str:
    """A torch.nn class as a person knows it: attention's out_proj is a Linear by another name."""
    return "Linear" if kind in LINEAR else kind


def tensor_url(run: str, index: int) -> str:
    """The address of one tensor's page: by index, as names are hostile and may repeat."""
    return at(f"/m/{run}/t/{index}")


def finding_lines(run: str, findings: Sequence[Finding]) -> tuple[FindingLine, ...]:
    """The findings, worst first; one about a single tensor opens it, others set the filter."""
    placed = sorted(enumerate(findings, start=1), key=lambda item: LEVELS[item[1].level])
    return tuple(_line(run, place, finding) for place, finding in placed)


def _line(run: str, place: int, finding: Finding) -> FindingLine:
    label, rest = _parted(finding)
    link = None
    if len(finding.indices) == 1:
        link = tensor_url(run, finding.indices[0])
    elif finding.indices:
        link = at(f"/m/{run}?finding={place}#tensors")
    return FindingLine(
        level=finding.level,
        link=link,
        label=shortened(label, LONGEST_LABEL),
        message=shortened(rest, LONGEST_MESSAGE),
    )


def _parted(finding: Finding) -> tuple[str, str]:
    """What the line's link reads, and the rest of its sentence."""
    if not finding.indices:
        return "", finding.message
    opening = COUNTED.match(finding.message)
    for label in (finding.tensors[0], opening[0] if opening else ""):
        if label and finding.message.startswith(label):
            return label, finding.message[len(label) :]
    if len(finding.indices) == 1:
        return finding.tensors[0], f": {finding.message}"
    return filters.plural(len(finding.indices), "tensor"), f": {finding.message}"


def verdict(
    sign: Sign, headline: str, *, lines: Sequence[FindingLine], facts: Sequence[Fact]
) -> Verdict:
    """The box at the head of a report's page."""
    return Verdict(
        sign=sign,
        icon=SIGN_ICONS[sign],
        word=SIGN_WORDS[sign],
        headline=shortened(headline, LONGEST_MESSAGE),
        lines=tuple(lines[:LINES]),
        further=tuple(lines[LINES:]),
        facts=tuple(facts),
    )


def certified(certificate: Certificate | None) -> tuple[str, ...]:
    """What the bits of a tensor prove, in a sentence; nothing where they prove nothing."""
    told = certificate or {}
    reason = told.get("reason")
    why = f": {reason}" if reason else ""
    if told.get("verdict") == "refuted":
        return (f"No untouched draw of torch's CPU generator ({_law(told)}){why}.",)
    if told.get("verdict") != "bit_exact_draw":
        return ()
    sentence = f"Bit-exact untouched draw of torch's CPU generator ({_law(told)})"
    seed, offset = told.get("seed"), told.get("stream_offset")
    if isinstance(seed, int):
        sentence += f": torch.manual_seed({seed})"
        if isinstance(offset, int):
            sentence += f", {offset:,} outputs into its stream"
        return (f"{sentence}.",)
    return (f"{sentence}{why}.",)


def _law(certificate: Certificate) -> str:
    """The certificate's law, at its scale where that is told: "U(±0.04419)", "normal law"."""
    bound, std = certificate.get("bound"), certificate.get("std")
    if isinstance(bound, float):
        return f"U(±{exact(bound)})"
    if isinstance(std, float):
        return f"N(0, {exact(std)}²)"
    return f"{certificate.get('law')} law"


def exact(value: float | None) -> str:
    """A value that is often a whole number: "1", "512", "0.02", "0.04419"."""
    if value is None or not math.isfinite(value) or not 1e-4 <= abs(value) < 1e6:
        return filters.number(value)
    return f"{value:.4g}".replace("-", filters.MINUS) if abs(value) < 1e4 else f"{value:,.0f}"


def dtypes(counts: dict[str, int]) -> str:
    """The dtypes of a file, the commonest first: "float32", "float32 and 3 others"."""
    names = sorted(counts, key=lambda name: (-counts[name], name))
    if len(names) < 3:
        return ", ".join(names)
    return f"{names[0]} and {len(names) - 1} others"
