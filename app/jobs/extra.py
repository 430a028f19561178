"""Whether this installation can measure tensors, or only show reports."""

from __future__ import annotations

from importlib.util import find_spec

from app.errors import WorkerExtraMissing


def require_worker_extra() -> None:
    """Do nothing where analyses can run.

    Raises:
        WorkerExtraMissing: If initscope was installed without its worker part.
    """
    if find_spec("numba") is None:
        raise WorkerExtraMissing
