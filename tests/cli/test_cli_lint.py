from __future__ import annotations

import io
import json
import sys

import pytest

from app.cli import main

MISTAKEN = "def f(m):\n    if type(m) == nn.Linear:\n        nn.init.xavier_uniform_(m.weight)\n"


@pytest.fixture
def source(tmp_path):
    file = tmp_path / "init.py"
    file.write_text(MISTAKEN)
    return file


def test_a_mistake_is_told_with_file_line_and_correction(source, capsys):
    assert main(["lint", str(source)]) == 0
    text = capsys.readouterr().out
    assert f"{source}:2: warning: This misses subclasses" in text
    assert "    + isinstance(m, nn.Linear)\n" in text
    assert text.endswith("1 warning, the first in line 2.\n")


@pytest.mark.parametrize(("level", "code"), [("problem", 0), ("warning", 1), ("info", 1)])
def test_the_exit_code_says_whether_a_level_was_reached(source, capsys, level, code):
    assert main(["lint", str(source), "--fail-on", level]) == code
    capsys.readouterr()


def test_one_json_document_is_on_stdout(source, capsys):
    assert main(["lint", str(source), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["code"] for one in found["mistakes"]] == ["type_equals"]


def test_stdin_is_read(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MISTAKEN.encode())))
    assert main(["lint", "-"]) == 0
    assert "-:2: warning" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"def f(:", b"", b"\0\1"])
def test_what_is_no_python_is_refused_in_a_line(tmp_path, capsys, content):
    file = tmp_path / "init.py"
    file.write_bytes(content)
    assert main(["lint", str(file)]) == 2
    assert capsys.readouterr().err.startswith("initscope: The code was not read: ")


def test_a_file_that_is_not_there_is_refused(tmp_path, capsys):
    assert main(["lint", str(tmp_path / "none.py")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_text_cannot_move_the_terminals_cursor(tmp_path, capsys):
    file = tmp_path / "init.py"
    file.write_text("def f(m):\n    if type(m) == nn.Linear: '\u202e\x1b[2J'; m.weight.normal_()\n")
    main(["lint", str(file)])
    assert "\x1b" not in capsys.readouterr().out
