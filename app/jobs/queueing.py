"""Putting jobs on the queue, in the transaction that writes their rows."""

from __future__ import annotations

import sqlalchemy as sa
from dbos import DBOSClient

from app.jobs import engine
from app.store.facts import Run
from app.store.queues import turn_of


def enqueue(client: DBOSClient, connection: sa.Connection, run: Run) -> None:
    """Put a run's job on the queue inside the caller's transaction."""
    _put(client, connection, run.job, workflow=engine.ANALYSIS, queue=engine.ANALYSES)


def enqueue_propagation(client: DBOSClient, connection: sa.Connection, job: str) -> None:
    """Put a measurement's job on the queue inside the caller's transaction."""
    # It only hands out work, as an analysis does.
    _put(client, connection, job, workflow=engine.PROPAGATION, queue=engine.ANALYSES)


def enqueue_comparison(client: DBOSClient, connection: sa.Connection, job: str) -> None:
    """Put a comparison's job on the queue inside the caller's transaction."""
    _put(client, connection, job, workflow=engine.COMPARISON, queue=engine.PARTS)


def enqueue_seed(client: DBOSClient, connection: sa.Connection, job: str) -> None:
    """Put a search's job on the queue inside the caller's transaction."""
    _put(client, connection, job, workflow=engine.SEED, queue=engine.PARTS)


def _put(
    client: DBOSClient, connection: sa.Connection, job: str, *, workflow: str, queue: str
) -> None:
    turn = turn_of(connection, job)
    client.enqueue_in_transaction(
        connection,
        {
            "queue_name": queue,
            "workflow_name": workflow,
            "workflow_id": job,
            "app_version": engine.VERSION,
            "queue_partition_key": turn["owner"],
            "priority": turn["rank"],
        },
        job,
        turn,
    )
