from __future__ import annotations

import re

import pytest

from app.cli import REFUSED, main


@pytest.fixture(autouse=True)
def _place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INITSCOPE_DATA_DIR", str(tmp_path / "data"))


def test_a_new_token_is_shown_once_and_alone_on_stdout(capsys):
    assert main(["token", "add", "ann"]) == 0
    shown = capsys.readouterr().out
    assert re.fullmatch(r"isc_[0-9a-f]{10}_[\w-]{43}\n", shown)
    assert main(["token", "list"]) == 0
    listed = capsys.readouterr().out
    assert listed.startswith("ann  made ")
    assert shown.strip() not in listed


def test_a_removed_token_is_listed_no_more(capsys):
    main(["token", "add", "ann"])
    assert main(["token", "remove", "ann"]) == 0
    capsys.readouterr()
    main(["token", "list"])
    assert capsys.readouterr().out.startswith("There is no token.")


@pytest.mark.parametrize("arguments", [["add", "a b"], ["remove", "nobody"]])
def test_a_name_that_does_not_do_is_one_line_and_exit_2(capsys, arguments):
    assert main(["token", *arguments]) == REFUSED
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("access", "host"), [("auto", "0.0.0.0"), ("auto", "example.org"), ("tokens", "127.0.0.1")]
)
def test_serve_refuses_to_start_where_nobody_holds_a_token(capsys, monkeypatch, access, host):
    monkeypatch.setenv("INITSCOPE_ACCESS", access)
    assert main(["serve", "--host", host, "--workers", "0"]) == REFUSED
    told = capsys.readouterr().err
    assert "initscope token add NAME" in told
    assert "INITSCOPE_ACCESS=open" in told
