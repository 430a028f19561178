"""A worker process as the service starts it: `python -m app.jobs`, ended by its standard input."""

from __future__ import annotations

from app.config import Settings
from app.jobs.worker import main

if __name__ == "__main__":
    main(Settings(), with_parent=True)
