"""How far an analysis is, as the job page words it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from app.store.facts import Failure, Followed, Propagation, Run
from app.web.addresses import at
from app.web.filters import integer, plural

StepState: TypeAlias = Literal["done", "now", "waiting"]

STEPS = (  # the run's step, what the page calls it
    ("waiting", "Wait for a free worker"),
    ("reading the directory", "Read what is in the file"),
    ("measuring", "Measure and match each tensor"),
    ("concluding", "Write the report"),
)
SIGNS: dict[StepState, str] = {"done": "✓", "now": "●", "waiting": "○"}
WORDS: dict[StepState, str] = {"done": ", done", "now": ", now", "waiting": ", to do"}
NO_WORKER = (
    "No worker is alive, so nothing moves. Start one with `initscope worker`; the analysis then "
    "goes on by itself."
)
READ_PERCENT, MEASURED_PERCENT = 4, 96  # where measuring starts and ends on the bar


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    """One of the four lines of the job page."""

    title: str
    state: StepState
    sign: str
    word: str  # what a screen reader hears of the sign
    note: str  # "80 of 161 tensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """The job page's JSON twin: what its script shows at each poll."""

    id: str
    name: str
    bytes: int
    sha256: str
    state: str
    step: str
    done: int
    total: int
    attempt: int
    percent: int | None  # None while it is not known
    line: str
    step_title: str
    steps: tuple[StepLine, ...]
    url: str  # the report
    error: dict[str, str] | None
    notice: str  # why nothing moves, "" while something does


def report_url(run_id: str) -> str:
    """The address of a report's pages."""
    return at(f"/m/{run_id}")


def job_url(run_id: str) -> str:
    """The address of the page that shows how far an analysis is."""
    return at(f"/jobs/{run_id}")


def propagation_url(propagation_id: str) -> str:
    """The address of the page that shows a measurement, or how far it is."""
    return at(f"/m/{propagation_id}/propagation")


def place_of(run: Followed) -> str:
    """Where a person goes to see this run: its report once there is one, its job page before."""
    if isinstance(run, Propagation):
        return propagation_url(run.id)
    return report_url(run.id) if run.state == "done" else job_url(run.id)


def percent(run: Run) -> int | None:
    """How much of the analysis is done, 0 to 99, or 100 when all is; None while it waits."""
    if run.state == "done":
        return 100
    if run.state == "queued" or run.step == "waiting":
        return None
    if run.step == "concluding":
        return MEASURED_PERCENT
    if run.total == 0:
        return READ_PERCENT // 2
    share = min(run.done / run.total, 1)
    return READ_PERCENT + int(share * (MEASURED_PERCENT - READ_PERCENT))


def job_status(run: Run, *, workers: int = 1) -> JobStatus:
    """Everything that the job page shows of `run`.

    Args:
        run: As stored.
        workers: How many are alive.
    """
    now = _place(run)
    return JobStatus(
        id=run.id,
        name=run.name,
        bytes=run.bytes,
        sha256=run.sha256,
        state=run.state,
        step=run.step,
        done=run.done,
        total=run.total,
        attempt=run.attempt,
        percent=percent(run),
        line=_line(run, now),
        step_title=STEPS[min(now, len(STEPS) - 1)][1],
        steps=tuple(_step(run, place, now) for place in range(len(STEPS))),
        url=report_url(run.id),
        error=told(run.error),
        notice=NO_WORKER if workers == 0 and not run.finished else "",
    )


def told(error: Failure | None) -> dict[str, str] | None:
    """Why a job failed, under the names of the API's error body."""
    if error is None:
        return None
    return {"error": error.code, "message": error.message, "hint": error.hint}


def _place(run: Run) -> int:
    if run.state == "done":
        return len(STEPS)
    names = [name for name, _ in STEPS]
    return names.index(run.step) if run.step in names else 0


def _line(run: Run, now: int) -> str:
    if now == len(STEPS):
        return "The report is ready."
    note = _note(run, now)
    return f"{STEPS[now][1]}{f' ({note})' if note else ''} …"


def _note(run: Run, place: int) -> str:
    if STEPS[place][0] != "measuring" or run.total == 0:
        return ""
    return f"{integer(run.done)} of {plural(run.total, 'tensor')}"


def _step(run: Run, place: int, now: int) -> StepLine:
    state: StepState = "done" if place < now else "now" if place == now else "waiting"
    note = _note(run, place) if place <= now else ""
    if state == "done" and not note:
        note = "done"
    return StepLine(
        title=STEPS[place][1], state=state, sign=SIGNS[state], word=WORDS[state], note=note
    )
