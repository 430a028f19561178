from __future__ import annotations

import json
import logging

import pytest

from app import logs
from app.config import Settings

TOKEN = "isc_0123456789_" + "x" * 43


@pytest.fixture
def lines(capsys):
    """What the log holds as JSON; pytest's own handlers come back afterwards."""
    root, dbos = logging.getLogger(), logging.getLogger("dbos")
    kept = root.handlers, root.level, dbos.handlers, dbos.propagate
    app = logging.getLogger("app").level
    yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    root.handlers, level, dbos.handlers, dbos.propagate = kept
    root.setLevel(level)
    logging.getLogger("app").setLevel(app)


def failing():
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("app.jobs").exception("A stage failed")


def test_a_line_is_one_object_with_time_level_logger_and_message(lines):
    logs.configure("json")
    logging.getLogger("app.jobs").warning("The disk is %s", "full")
    (line,) = lines()
    assert line.pop("time")
    assert line == {"level": "WARNING", "logger": "app.jobs", "message": "The disk is full"}


def test_a_traceback_stays_on_its_line(lines):
    logs.configure("json")
    failing()
    (line,) = lines()
    assert "ValueError: why" in line["exc_info"]


def test_a_line_names_worker_job_and_run(lines):
    logs.configure("json", worker="local-0")
    with logs.carrying("abc-1-ff-measure-0"):
        failing()
    (line,) = lines()
    assert (line["worker"], line["run"], line["job"]) == ("local-0", "abc", "abc-1-ff-measure-0")


def test_after_its_job_a_worker_logs_of_none(lines):
    logs.configure("json")
    with logs.carrying("abc-1-ff"):
        pass
    failing()
    (line,) = lines()
    assert "job" not in line


def test_the_queue_logs_in_the_same_form(lines):
    logs.configure("json")
    logging.getLogger("dbos").error("lost")
    (line,) = lines()
    assert (line["logger"], line["message"]) == ("dbos", "lost")


def test_a_log_that_is_no_terminal_is_json(lines):
    logs.configure("auto")
    failing()
    assert len(lines()) == 1


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize(
    "text",
    [
        'pass"word/ä',
        "postgresql://me:pass%22word%2F%C3%A4@db/x",
        f"Authorization: Bearer {TOKEN}",
        "authorization: Bearer other-secret",
        TOKEN,
    ],
)
def test_no_secret_is_in_the_log(capsys, lines, tmp_path, form, text):
    (tmp_path / "password").write_text('pass"word/ä\n')
    settings = Settings(
        _env_file=None,
        database_url="postgresql://me@db/x",
        database_password_file=tmp_path / "password",
    )
    logs.configure(form, secrets=settings.secrets)
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("app").exception("It failed: %s", text)
    told = capsys.readouterr().err
    assert "***" in told
    for secret in ("pass", TOKEN, "other-secret"):
        assert secret not in told.replace("password", "")
