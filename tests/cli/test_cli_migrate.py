from __future__ import annotations

import pytest

from app.cli import REFUSED, main
from app.config import Settings
from app.jobs import slots
from app.store import database


@pytest.fixture(autouse=True)
def settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INITSCOPE_DATA_DIR", str(tmp_path / "data"))
    return Settings(_env_file=None, data_dir=tmp_path / "data")


def test_it_tells_where_the_database_was_and_is(capsys):
    assert main(["migrate"]) == 0
    assert main(["migrate", "0006"]) == 0
    assert main(["migrate"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "The database is at 0008; it was empty.",
        "The database is at 0006; it was at 0008.",
        "The database is at 0008; it was at 0006.",
    ]


def test_it_refuses_while_a_worker_lives(settings, capsys):
    main(["migrate"])
    slot = slots.claim(settings.data_dir / slots.FOLDER, slots.place(settings))
    assert main(["migrate", "0007"]) == REFUSED
    told = capsys.readouterr().err
    assert "stop it first" in told
    assert "local-0" in told
    slot.leave()
    assert main(["migrate", "0007"]) == 0


@pytest.mark.parametrize("revision", ["0", "0009", "head~1", "heads"])
def test_a_revision_that_is_none_is_one_line_and_exit_2(revision, capsys):
    assert main(["migrate", revision]) == REFUSED
    assert capsys.readouterr().err.count("\n") == 1


def test_an_older_product_names_the_revision_that_it_knows(settings, capsys, monkeypatch):
    main(["migrate"])
    revisions = database._revisions
    monkeypatch.setattr(database, "_revisions", lambda config: revisions(config)[:-1])
    assert main(["token", "list"]) == REFUSED
    assert "expected one at 0007" in capsys.readouterr().err
