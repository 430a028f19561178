"""What a comparison's address is about: two files, their laws, the comparison and its job."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from app.core.comparison import ComparisonReport
from app.core.movements import Comparison, concluded
from app.errors import NotFound
from app.store.facts import Compared, File, Run
from app.web.addresses import at
from app.web.deps import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """One of two files, and its analysis, if anybody asked for one."""

    file: File
    run: Run | None

    @property
    def id(self) -> str:
        """Of the file."""
        return self.file.id

    @property
    def reported(self) -> bool:
        """Whether its laws are known."""
        return self.run is not None and self.run.reported


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftSubject:
    """Everything that the store knows of two files beside each other."""

    before: Half
    after: Half
    compared: Compared | None
    report: ComparisonReport | None
    comparison: Comparison | None
    workers: int


def compare_url(before: str, after: str, twin: str = "") -> str:
    """The address of two files beside each other, or of a twin of that page."""
    return at(f"/m/{before}/compare{twin}?to={after}")


async def drift_subject(before: str, after: str, services: Services) -> DriftSubject:
    """What is known of two files.

    Raises:
        NotFound: If one of them is not stored.
    """
    first, second = await _half(before, services), await _half(after, services)
    found = await services.comparisons.between(before, after)
    report = None if found is None else await services.comparisons.report(found.id)
    told = None
    if report is not None:
        told = await verdict_on(report, first.run, second.run, services)
    return DriftSubject(
        before=first,
        after=second,
        compared=found,
        report=report,
        comparison=told,
        workers=await services.submitter.workers_alive(),
    )


async def _half(file: str, services: Services) -> Half:
    return Half(file=await services.runs.file(file), run=await services.runs.find(file))


async def verdict_on(
    report: ComparisonReport, before: Run | None, after: Run | None, services: Services
) -> Comparison:
    """What a report means beside the analyses of both files, as far as there are any."""
    laws = [
        await services.runs.overview(run.id) if run is not None and run.reported else None
        for run in (before, after)
    ]
    return await run_in_threadpool(concluded, report, laws[0], laws[1])


async def expected(before: str, after: str, services: Services) -> DriftSubject:
    """The same where there is a result.

    Raises:
        NotFound: If there is none.
    """
    subject = await drift_subject(before, after, services)
    if subject.comparison is None:
        raise NotFound(what="comparison")
    return subject
