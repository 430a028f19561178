"""`initscope worker`: one worker process, beside a service that runs elsewhere."""

from __future__ import annotations

from argparse import Namespace

from app.config import Settings
from app.errors import Invalid
from app.jobs import worker
from app.jobs.extra import require_worker_extra


def run(asked: Namespace, settings: Settings) -> int:
    """Work until told to end.

    Raises:
        Invalid: If asked for a queue or a device that no job of this version uses.
        WorkerExtraMissing: If this installation cannot run analyses.
    """
    for what, came in (("--queue", asked.queue), ("--device", asked.device)):
        if came != "cpu":
            expected = "cpu (analyses need no other in this version)"
            raise Invalid(what=what, expected=expected, got=came)
    require_worker_extra()
    return worker.main(settings, with_parent=False)
