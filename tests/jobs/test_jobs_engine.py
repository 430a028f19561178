from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

from app.config import Settings
from app.jobs import engine

ROOT = Path(__file__).parents[2]
PREPARE = """
import sys
from app.config import Settings
from app.jobs import engine
engine.prepare(Settings(_env_file=None, data_dir=sys.argv[1]))
"""


def test_several_processes_may_prepare_the_same_folder_at_once(tmp_path):
    command = [sys.executable, "-c", PREPARE, str(tmp_path / "data")]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    connection = sqlite3.connect(tmp_path / "data" / "initscope.sqlite")
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert {"runs", "workflow_status"} <= tables


def test_the_queue_lies_in_the_apps_own_database(tmp_path):
    settings = Settings(_env_file=None, data_dir=tmp_path)
    assert engine.queue_url(settings) == f"sqlite:///{tmp_path}/initscope.sqlite"


def test_the_queue_speaks_postgresql_through_psycopg_and_keeps_the_password(tmp_path):
    url = "postgresql://user:secret@host/name"
    settings = Settings(_env_file=None, data_dir=tmp_path, database_url=url)
    assert engine.queue_url(settings) == "postgresql+psycopg://user:secret@host/name"


def test_the_queues_connections_to_sqlite_cache_few_pages(tmp_path):
    settings = Settings(_env_file=None, data_dir=tmp_path)
    queue = sa.create_engine(engine.queue_url(settings))
    with queue.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA cache_size").scalar() == -256
    queue.dispose()
