"""The worker processes of tests/jobs, for the long runs."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "jobs"))
_service = import_module("working_service")
with_service, checkpoint = _service.with_service, _service.checkpoint
