"""Puts the repository root and tests/ on the path, so that tests share what stands there."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
for folder in (HERE, HERE.parent):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from postgresql_server import own_postgresql, postgresql  # noqa: E402 - found by the path above

__all__ = ["own_postgresql", "postgresql"]
