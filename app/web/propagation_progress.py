"""How far a measurement is: for its page, and for the page's script."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from app.store.facts import Propagation
from app.web import filters
from app.web.progress import NO_WORKER
from app.web.propagation_contexts import Going

STEPS = {
    "waiting": "Waiting for a free worker",
    "understanding": "Reading the network",
    "measuring": "Carrying inputs through the network",
}


def on_its_way(
    found: Propagation | None, *, workers: int, status_url: str, cancel_url: str
) -> Going | None:
    """A measurement that has not ended, None where there is none.

    Args:
        found: The measurement.
        workers: How many are alive.
        status_url: Where the page's script asks how far it is.
        cancel_url: Where it is called off.
    """
    if found is None or found.finished:
        return None
    return Going(
        line=step_of(found),
        percent=percent_of(found),
        notice=NO_WORKER.replace("the analysis", "it") if workers == 0 else "",
        status_url=status_url,
        cancel_url=cancel_url,
    )


def status_document(found: Propagation | None, told: Going | None) -> dict[str, Any] | None:
    """What the page's script reads; None where nobody asked for a measurement.

    Args:
        found: The measurement.
        told: What its page says while it is on its way.
    """
    if found is None:
        return None
    return {
        "state": found.state,
        "step": found.step,
        "done": found.done,
        "total": found.total,
        "percent": told.percent if told else None,
        "line": told.line if told else "",
        "notice": told.notice if told else "",
        "error": None if found.error is None else asdict(found.error),
    }


def step_of(found: Propagation) -> str:
    """How far a measurement is, in a sentence."""
    step = STEPS.get(found.step, found.step or "Starting")
    if not found.total:
        return f"{step} …"
    return f"{step}: {filters.integer(found.done)} of {filters.integer(found.total)} …"


def percent_of(found: Propagation) -> float | None:
    """How much of the measurement is done; None while it is not known."""
    if not found.total or found.step != "measuring":
        return None
    return round(100 * min(found.done / found.total, 1), 1)
