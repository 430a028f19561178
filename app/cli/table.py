"""A report as text for a terminal."""

from __future__ import annotations

from app.cli.terminal import plain, plain_name
from app.core.report import Finding, Overview, Sign, TensorRow
from app.core.wording import counted

SIGNS: dict[Sign, str] = {
    "as_expected": "✓",
    "differs": "≠",
    "no_match": "~",
    "problem": "✕",
    "not_judged": "–",
}
HEADINGS = ("", "tensor", "shape", "scheme", "std ÷ default")


def table(report: Overview) -> str:
    """The headline, the findings and one line for each tensor."""
    source, summary = report.source, report.summary
    head = [
        f"{SIGNS[summary.status]} {plain(summary.headline)}",
        f"  {plain(source.name)} · {source.format} · {source.bytes:,} bytes",
        f"  {counted(summary.tensors, 'tensor')} · {counted(summary.parameters, 'parameter')}"
        f" · {summary.buffers:,} values in buffers",
        *(f"  {plain(note)}" for note in (*summary.format_notes, *summary.computed)),
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
    return f"{finding.level}: {plain(finding.message)}"


def _row(tensor: TensorRow) -> tuple[str, ...]:
    shape = "×".join(str(size) for size in tensor.shape) or "scalar"
    name = plain_name(f"{tensor.group}: {tensor.name}" if tensor.group else tensor.name)
    return (SIGNS[tensor.sign], name, shape, plain(tensor.scheme_name), _ratio(tensor))


def _ratio(tensor: TensorRow) -> str:
    return "" if tensor.std_ratio is None else f"{tensor.std_ratio:.4g}"
