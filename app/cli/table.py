"""A report as text for a terminal."""

from __future__ import annotations

from app.core.report import Finding, Overview, Sign, TensorRow

SIGNS: dict[Sign, str] = {
    "as_expected": "✓",
    "differs": "≠",
    "no_match": "~",
    "problem": "✕",
    "not_judged": "–",
}
HEADINGS = ("", "tensor", "shape", "scheme", "std ÷ default")
LONGEST_NAME = 60  # characters; the middle of a longer one is left out


def table(report: Overview) -> str:
    """The headline, the findings and one line for each tensor."""
    source, summary = report.source, report.summary
    head = [
        f"{SIGNS[summary.status]} {_plain(summary.headline)}",
        f"  {_plain(source.name)} · {source.format} · {source.bytes:,} bytes",
        f"  {summary.tensors:,} tensors · {summary.parameters:,} parameters"
        f" · {summary.buffers:,} values in buffers",
        *(f"  {_plain(note)}" for note in summary.format_notes),
    ]
    findings = [_finding(finding) for finding in report.findings]
    rows = [HEADINGS, *(_row(tensor) for tensor in report.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    blocks = [head, findings, lines]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _finding(finding: Finding) -> str:
    return f"{finding.level}: {_plain(finding.message)}"


def _row(tensor: TensorRow) -> tuple[str, ...]:
    shape = "×".join(str(size) for size in tensor.shape) or "scalar"
    return (SIGNS[tensor.sign], _name(tensor), shape, _plain(tensor.scheme_name), _ratio(tensor))


def _name(tensor: TensorRow) -> str:
    name = _plain(f"{tensor.group}: {tensor.name}" if tensor.group else tensor.name)
    if len(name) <= LONGEST_NAME:
        return name
    half = LONGEST_NAME // 2 - 1
    return f"{name[:half]}…{name[-half:]}"


def _ratio(tensor: TensorRow) -> str:
    return "" if tensor.std_ratio is None else f"{tensor.std_ratio:.4g}"


def _plain(text: str) -> str:
    """Hostile text without what would move a terminal's cursor or turn its lines around."""
    return "".join(character if character.isprintable() else "�" for character in text)
