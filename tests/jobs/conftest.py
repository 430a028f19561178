"""Real worker processes on a temporary data folder."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest
from working_service import checkpoint, with_service

from app.readers import sandbox

__all__ = ["checkpoint", "with_service"]


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """No test may leave a process behind; what other rooms' tests left is ended first."""
    sandbox.stop()
    yield
    left = psutil.Process().children(recursive=True)
    _, alive = psutil.wait_procs(left, timeout=10)
    assert not alive, alive
