"""`initscope analyze PATH --report FILE`: the report as a file, without a server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.errors import Invalid
from app.jobs.parcels import Concluded
from app.store.documents import TENSOR, inflate, load
from app.web.report_files import whole_file
from app.web.report_markdown import markdown
from app.web.report_views import Findings, document, drawn

KINDS: Final = (".html", ".md")


def expect_kind(path: Path) -> None:
    """Nothing, where the report can be written in what the file's name says.

    Raises:
        Invalid: If it is neither HTML nor Markdown.
    """
    if path.suffix.lower() not in KINDS:
        raise Invalid(what="--report", expected="a file that ends in .html or .md", got=path.name)


def write_report(found: Concluded, path: Path) -> None:
    """Write the report of an analysis to a file.

    Raises:
        Invalid: If the file cannot be written.
    """
    overview = found.overview
    places = {row.index: place for place, row in enumerate(overview.rows)}
    chosen = [places[row.index] for row in drawn(overview.rows)]
    report = document(
        Findings(
            name=overview.source.name,
            sha256=overview.source.sha256,
            overview=overview,
            oddities=tuple(load(TENSOR, inflate(found.reports[place])) for place in chosen),
            signal=None,
            made=datetime.now(UTC),
        )
    )
    text = markdown(report) if path.suffix.lower() == ".md" else whole_file(report)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise Invalid(
            what="--report", expected="a file to write", got=f"{path}: {reason}"
        ) from problem
