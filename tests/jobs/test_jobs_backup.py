"""Backup while jobs run, and the store's second life elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess

import numpy as np
import pytest
import sqlalchemy as sa
from postgresql_server import binaries, postgresql
from working_service import Service

from app.cli import main
from app.errors import Invalid
from app.store import backup
from app.store.backup import Copied

__all__ = ["postgresql"]

LAYERS = 40


@pytest.fixture
def database(postgresql):
    url = postgresql.fresh()
    yield url
    postgresql.drop(url)


async def busy(service, checkpoint):
    """A service with one report, and a run in the middle of its analysis."""
    service.start()
    done = await service.finished(await service.submit(checkpoint(), "done.safetensors"))
    running = await service.submit(checkpoint(LAYERS, 128), "running.safetensors")
    await service.until(running, lambda now: 0 < now.done < LAYERS)
    return done, running


async def finds_both(settings, done, running):
    """Nothing, where the report is there and the other run goes on to its end."""
    second = Service(settings)
    try:
        assert (await second.runs.overview(done.id)).summary.tensors == 3
        second.start()
        ended = await second.finished(await second.runs.run(running.id))
        assert (ended.state, ended.tensors) == ("done", LAYERS)
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
        await finds_both(elsewhere, done, running)

    with_service(body)


def test_the_documented_commands_for_postgresql_do_the_same(
    with_service, checkpoint, database, postgresql, tmp_path
):
    def run(command: str, *arguments: str) -> None:
        subprocess.run([binaries() / command, *arguments], check=True)

    async def body(service):
        done, running = await busy(service, checkpoint)
        folder, other = tmp_path / "backup", tmp_path / "elsewhere"
        blobs = service.settings.data_dir / "blobs"
        shutil.copytree(blobs, folder / "blobs", copy_function=os.link)
        run("pg_dump", "--format=custom", f"--file={folder / 'initscope.dump'}", database)
        await service.submitter.cancel(running.id)
        service.kill_all()
        shutil.copytree(folder / "blobs", other / "blobs")
        restored = postgresql.fresh()
        run("pg_restore", f"--dbname={restored}", "--no-owner", str(folder / "initscope.dump"))
        changed = {"data_dir": other, "database_url": restored, "machine": "other"}
        await finds_both(service.settings.model_copy(update=changed), done, running)
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
