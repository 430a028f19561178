"""`initscope worker`: one worker process, beside a service that runs elsewhere."""

from __future__ import annotations

import re
from argparse import Namespace
from typing import Final

from app.config import Settings
from app.errors import Invalid
from app.jobs import worker
from app.jobs.extra import require_worker_extra
from app.jobs.measuring import Measuring
from app.jobs.stages import load_for

DEVICE: Final = re.compile(r"cpu|cuda(:[0-9]{1,3})?")


def run(asked: Namespace, settings: Settings) -> int:
    """Work until told to end.

    Raises:
        Invalid: If asked for a device that is none, or that this machine does not have.
        WorkerExtraMissing: If this installation cannot run analyses.
    """
    if not DEVICE.fullmatch(asked.device):
        raise Invalid(what="--device", expected="cpu, cuda or cuda:0", got=asked.device)
    require_worker_extra()
    load_for(asked.device)
    Measuring(settings, device=asked.device).find_device()
    worker.main(settings, with_parent=False, queue=asked.queue, device=asked.device)
