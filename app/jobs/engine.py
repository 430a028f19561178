"""The durable queue: DBOS Transact on the app's own database."""

from __future__ import annotations

import logging
from typing import Final

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer
from dbos import error as dbos_error

from app.config import Settings
from app.store import database
from app.store.database import is_away
from app.store.reserve import is_full

NAME: Final = "initscope"

# Bump when the order of a workflow's steps changes: jobs that another version left unfinished
# are then submitted from scratch at start, instead of failing on their replay.
VERSION: Final = "3"

ANALYSES: Final = "analyses"
PARTS: Final = "parts"
GPU: Final = "gpu"  # parts for a worker that has one
CANCELLED: Final = (
    dbos_error.DBOSAwaitedWorkflowCancelledError,
    dbos_error.DBOSWorkflowCancelledError,
)

ANALYSIS: Final = "analysis"  # workflow names
PART: Final = "part"
SEED: Final = "seed"
PROPAGATION: Final = "propagation"
COMPARISON: Final = "comparison"


def prepare(settings: Settings) -> None:
    """Bring the app's tables and the queue's to the newest form; WAL is on before both."""
    database.migrate(settings)
    DBOS.migrate(queue_url(settings))


def queue_url(settings: Settings) -> str:
    """The database of the queue: the app's own, so that a job and its row commit together."""
    url = sa.make_url(settings.database)
    driver = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg"
    return url.set(drivername=driver).render_as_string(hide_password=False)


def client(settings: Settings) -> DBOSClient:
    """The queue as seen by a process that runs no jobs; `prepare` must have run."""
    return DBOSClient(
        system_database_url=queue_url(settings),
        serializer=DBOSPortableJSONSerializer(),
        application_name=NAME,
        lazy=True,
    )


def config(settings: Settings, *, executor: str) -> DBOSConfig:
    """The settings of a worker process.

    Args:
        settings: Of the app.
        executor: The worker's name, stable over restarts: at start it takes up its own jobs.
    """
    return DBOSConfig(
        name=NAME,
        system_database_url=queue_url(settings),
        application_version=VERSION,
        executor_id=executor,
        serializer=DBOSPortableJSONSerializer(),
        console_log_level="ERROR",
        log_level="ERROR",
        run_migrations=False,
        scheduler_polling_interval_sec=3600,  # nothing is scheduled
        notification_listener_polling_interval_sec=60,  # nothing listens
    )


def tell_the_unexpected() -> None:
    """Keep the queue from reporting with a traceback what others tell in a sentence.

    Jobs that were called off, a database that is away, and a full disk.
    """
    logging.getLogger("dbos").addFilter(_unexpected)


def _unexpected(record: logging.LogRecord) -> bool:
    problem = record.exc_info[1] if record.exc_info else None
    if problem is None:
        return True
    return not (isinstance(problem, CANCELLED) or is_away(problem) or is_full(problem))
