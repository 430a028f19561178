"""Which explanations a tensor's page leads to, with that tensor's own fans."""

from __future__ import annotations

from app.core.report import Candidate, TensorReport
from app.web.addresses import at
from app.web.contexts import Choice
from app.web.explanations import TOPICS
from app.web.topics import fans_query


def why_links(report: TensorReport, picked: Candidate | None) -> tuple[Choice, ...]:
    """Links to the topics that the tensor's default, law or structure is about."""
    query = fans_query(report.fan_in, report.fan_out)
    return tuple(
        Choice(label=topic.title, href=at(f"/why/{topic.id}{query}"), current=False, value=topic.id)
        for topic in TOPICS
        if topic.id in _about(report, picked)
    )


def _about(report: TensorReport, picked: Candidate | None) -> set[str]:
    found = set()
    if report.default is not None and "√5" in (report.default.remark or ""):
        found |= {"sqrt5", "kaiming"}
    if "bias" in report.role:
        found.add("biases")
    if report.structure is not None and report.structure.value == 0:
        found.add("zero")
    if picked is None:
        return found
    words = " ".join(picked.ids)
    named = ("kaiming", "xavier", "lecun", "orthogonal")
    found |= {word for word in named if word in words}
    if picked.law == "truncated_normal":
        found.add("truncation")
    return found
