"""A comparison as data: the document of the API, the page's JSON twin, the table as CSV."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.core.comparison import SCHEMA, ComparisonReport
from app.core.movements import Comparison, Moved
from app.core.report import Sign
from app.store.facts import Compared, State
from app.web import csvs
from app.web.deps import ID_PATTERN
from app.web.drift_subjects import compare_url
from app.web.progress import told
from app.web.schemas import Urgency

FileId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
NUMBERS = (
    *("count", "unchanged", "nonfinite_before", "nonfinite_after", "relative", "step", "cosine"),
    *("correlation", "max_change", "mean_before", "mean_after", "std_before", "std_after"),
)


class NewComparison(BaseModel):
    """The order to compare two stored files."""

    model_config = ConfigDict(extra="forbid")

    before: FileId = Field(description="The id that POST /files answered.")
    after: FileId = Field(description="That of the other file.")
    priority: Urgency = "normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedFile:
    """One of the two files."""

    id: str
    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonDocument:
    """A comparison: its state, and once there is one, the result."""

    id: str
    url: str
    state: State
    progress: dict[str, Any]
    error: dict[str, str] | None
    before: ComparedFile
    after: ComparedFile
    created_at: datetime
    finished_at: datetime | None
    schema: str | None = None
    headline: str | None = None
    status: Sign | None = None
    findings: tuple[dict[str, Any], ...] | None = None
    tensors: tuple[dict[str, Any], ...] | None = None
    missing: tuple[str, ...] | None = None
    added: tuple[str, ...] | None = None
    reshaped: tuple[dict[str, Any], ...] | None = None
    prefixes: tuple[str, str] | None = None
    by_order: bool | None = None
    left_out: int | None = None


def comparison_document(
    found: Compared, report: ComparisonReport | None, judged: Comparison | None
) -> ComparisonDocument:
    """A comparison with what is known of its result."""
    result = {} if report is None or judged is None else result_of(report, judged)
    return ComparisonDocument(
        id=found.id,
        url=compare_url(found.before, found.after),
        state=found.state,
        progress={"step": found.step, "done": found.done, "total": found.total},
        error=told(found.error),
        before=ComparedFile(
            id=found.before,
            name=found.before_name,
            bytes=found.before_bytes,
            sha256=found.before_sha256,
        ),
        after=ComparedFile(
            id=found.after,
            name=found.after_name,
            bytes=found.after_bytes,
            sha256=found.after_sha256,
        ),
        created_at=found.created_at,
        finished_at=found.finished_at,
        **result,
    )


def result_of(report: ComparisonReport, judged: Comparison) -> dict[str, Any]:
    """The result alone, as the command line prints it, too."""
    return {
        "schema": SCHEMA,
        "headline": judged.headline,
        "status": judged.sign,
        "findings": tuple(asdict(one) for one in judged.remarks),
        "tensors": tuple(tensor_of(one) for one in judged.moved),
        "missing": report.missing,
        "added": report.added,
        "reshaped": tuple(asdict(one) for one in report.reshaped),
        "prefixes": report.prefixes,
        "by_order": report.by_order,
        "left_out": report.left_out,
    }


def tensor_of(one: Moved) -> dict[str, Any]:
    """One tensor: its numbers and what they mean in one object."""
    pair = asdict(one.pair)
    numbers = pair.pop("drift") or dict.fromkeys(NUMBERS)
    meaning = asdict(one)
    del meaning["pair"]
    return {**pair, **meaning, **numbers}


def table(judged: Comparison) -> str:
    """The table of the page, every tensor, every number."""
    head = ("before", "after", "name", "shape", "dtype_before", "dtype_after", "compared_as")
    tail = ("movement", "left_law", "law_before", "law_after")
    return csvs.table((*head, *NUMBERS, *tail), (_line(one) for one in judged.moved))


def _line(one: Moved) -> tuple[csvs.Cell, ...]:
    pair, drift = one.pair, one.pair.drift
    shape = "x".join(map(str, pair.shape)) or "scalar"
    head = (pair.before, pair.after, pair.name, shape, *pair.dtypes, pair.compared_as)
    numbers = tuple(getattr(drift, name) if drift else None for name in NUMBERS)
    return (*head, *numbers, one.movement, one.left_law, one.law_before, one.law_after)
