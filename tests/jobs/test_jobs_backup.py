"""Backup while jobs run, and the store's second life elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from postgresql_server import binaries
from working_service import Service

from app.cli import main
from app.errors import Invalid
from app.store import backup
from app.store.backup import Copied

LAYERS = 20
OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture
def database(postgresql):
    url = postgresql.fresh()
    yield url
    postgresql.drop(url)


async def busy(service, checkpoint):
    """A service with one report, a run in the middle of its analysis, and a job that waits."""
    service.start()
    done = await service.finished(await service.submit(checkpoint(), "done.safetensors"))
    running = await service.submit(checkpoint(LAYERS, 128), "running.safetensors")
    await service.until(running, lambda now: 0 < now.done < LAYERS)
    await service.submitter.seek(done.id, full=False)  # waits for the other run's parts
    return done, running


async def finds_all(settings, done, running):
    """Nothing, where the report is there, the run goes on to its end, and what waited is done."""
    second = Service(settings)
    try:
        assert (await second.runs.overview(done.id)).summary.tensors == 3
        second.start()
        ended = await second.finished(await second.runs.run(running.id))
        assert (ended.state, ended.tensors) == ("done", LAYERS)
        await second.eventually("SELECT state FROM seeds", ("done",))
    finally:
        await second.close()


def test_a_backup_under_way_holds_the_reports_and_lets_the_jobs_go_on(
    with_service, checkpoint, tmp_path
):
    async def body(service):
        done, running = await busy(service, checkpoint)
        copied = backup.back_up(service.settings, tmp_path / "backup")
        assert (copied.reports, copied.files, copied.missing) == (2, 2, 0)
        await service.submitter.cancel(running.id)
        service.kill_all()
        elsewhere = service.settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
        assert backup.restore(elsewhere, tmp_path / "backup") == copied
        await finds_all(elsewhere, done, running)

    with_service(body)


def documented(heading: str) -> list[str]:
    """The blocks of commands below a heading of the operators' book."""
    _, _, after = OPERATIONS.read_text().partition(f"### {heading}\n")
    text = re.split(r"(?m)^#+ ", after)[0]
    return re.findall(r"(?m)(?:^    .+\n)+", text)


def run(commands: str, backup_folder: Path, data_folder: Path, url: str = "") -> None:
    """What an operator does who types them."""
    here = commands.replace("/backup/2026-11-22", str(backup_folder))
    path = f"{binaries()}:{os.environ['PATH']}"
    told = {"DATABASE": url, "INITSCOPE_DATA_DIR": str(data_folder), "PATH": path}
    subprocess.run(["sh", "-eu", "-c", here], check=True, env=os.environ | told)


def test_the_documented_commands_for_postgresql_do_the_same(
    with_service, checkpoint, database, postgresql, tmp_path
):
    async def body(service):
        done, running = await busy(service, checkpoint)
        take, bring_back, *_ = documented("PostgreSQL")
        run(take, tmp_path / "backup", service.settings.data_dir, database)
        await service.submitter.cancel(running.id)
        service.kill_all()
        other, restored = tmp_path / "elsewhere", postgresql.fresh()
        run(bring_back, tmp_path / "backup", other, restored)
        changed = {"data_dir": other, "database_url": restored, "machine": "other"}
        await finds_all(service.settings.model_copy(update=changed), done, running)
        postgresql.drop(restored)

    with_service(body, database_url=database)


@pytest.fixture
def stored(with_service, checkpoint, tmp_path, monkeypatch):
    """A data folder with one file, which the commands find."""

    async def body(service):
        file = await service.keep(checkpoint(), "a.safetensors")
        return file, service.settings

    file, settings = with_service(body)
    monkeypatch.setenv("INITSCOPE_DATA_DIR", str(settings.data_dir))
    monkeypatch.chdir(tmp_path)
    return file, settings


def test_the_commands_tell_what_they_copied(stored, tmp_path, monkeypatch, capsys):
    assert main(["backup", "kept"]) == 0
    monkeypatch.setenv("INITSCOPE_DATA_DIR", str(tmp_path / "second"))
    assert main(["restore", "kept"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.partition(" holds ")[2].partition(" of ")[0] for line in told] == (
        ["0 reports and 1 files"] * 2
    )


def test_nothing_is_written_over(stored, capsys):
    assert main(["backup", "kept"]) == 0
    assert main(["backup", "kept"]) == 2
    assert main(["restore", "kept"]) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_what_is_no_backup_is_refused(stored, tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / backup.DATABASE).write_bytes(np.arange(999).tobytes())
    monkeypatch.setenv("INITSCOPE_DATA_DIR", str(tmp_path / "second"))
    assert main(["restore", "folder"]) == 2
    assert not (tmp_path / "second").exists()


def test_another_database_is_pointed_to_the_documents(stored, tmp_path):
    _, settings = stored
    other = settings.model_copy(update={"database_url": "postgresql://me@nowhere/x"})
    with pytest.raises(Invalid, match=r"docs/operations\.md"):
        backup.back_up(other, tmp_path / "kept")


def test_an_upload_that_was_lost_before_is_told(stored, tmp_path):
    file, settings = stored
    (blob,) = (settings.data_dir / "blobs").glob(f"*/{file}*")
    blob.unlink()
    copied = backup.back_up(settings, tmp_path / "kept")
    assert isinstance(copied, Copied)
    assert copied.missing == 1


def test_on_another_file_system_uploads_are_copied(stored, tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(18, "Invalid cross-device link")

    _, settings = stored
    monkeypatch.setattr("pathlib.Path.hardlink_to", refused)
    copied = backup.back_up(settings, tmp_path / "kept")
    assert (copied.files, copied.missing) == (1, 0)


def test_a_copy_is_whole_sqlite(stored, tmp_path):
    backup.back_up(stored[1], tmp_path / "kept")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'kept' / backup.DATABASE}")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    engine.dispose()


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="sqlite3's own program is not here")
def test_the_documented_commands_for_sqlite_write_what_restore_reads(stored, tmp_path):
    file, settings = stored
    _, by_hand = documented("The embedded default (SQLite)")
    run(by_hand, tmp_path / "kept", settings.data_dir)
    elsewhere = settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    copied = backup.restore(elsewhere, tmp_path / "kept")
    assert (copied.files, copied.missing) == (1, 0)
    assert list((elsewhere.data_dir / "blobs").glob(f"*/{file}*"))
