from __future__ import annotations

import contextlib
import sqlite3

import pytest

BROWSER = {"Accept": "text/html,application/xhtml+xml"}


def test_a_missing_page_is_told_to_a_program_as_json(client):
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert answer.json() == {
        "ok": False,
        "error": "not_found",
        "message": "There is no page at this address.",
        "hint": "It may have been deleted. Upload the file again to see its report.",
    }


def test_a_missing_page_is_told_to_a_person_as_a_page(client):
    answer = client.get("/nowhere", headers=BROWSER)
    assert answer.status_code == 404
    assert "<h1>There is no page at this address.</h1>" in answer.text


@pytest.mark.parametrize("path", ["/api/v1/runs/" + "0" * 32, "/jobs/" + "0" * 32 + ".json"])
def test_data_addresses_answer_json_even_to_a_browser(client, path):
    answer = client.get(path, headers=BROWSER)
    assert (answer.status_code, answer.json()["ok"]) == (404, False)


def test_a_wrong_method_names_the_right_one(client):
    answer = client.get("/api/v1/files")
    assert (answer.status_code, answer.json()["error"]) == (405, "method_not_allowed")
    assert answer.json()["message"] == "GET is not answered at this address, POST is."
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "file is not valid: expected a value, got nothing."),
        (b'{"file": 3}', "file is not valid: expected a valid string, got 3."),
        (b"no json", "is not valid"),
        (b'{"file": "' + b"0" * 32 + b'", "more": 1}', "more is not valid"),
    ],
)
def test_a_wrong_body_is_told_by_what_was_expected_and_what_came(client, body, message):
    answer = client.post("/api/v1/runs", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")
    assert message in answer.json()["message"]


def test_a_long_wrong_value_is_cut_in_the_answer(client):
    answer = client.post("/api/v1/runs", json={"file": "x" * 5000})
    assert len(answer.json()["message"]) < 300


def test_a_json_body_without_end_is_not_read(client):
    answer = client.post("/api/v1/runs", content=b'"' + b"x" * 2**17)
    assert answer.status_code == 413


def test_an_unexpected_failure_tells_nothing_of_the_inside(client, settings):
    with contextlib.closing(sqlite3.connect(settings.data_dir / "initscope.sqlite")) as database:
        database.execute("DROP TABLE runs")
    answer = client.get("/.json")
    assert (answer.status_code, answer.json()["error"]) == (500, "failed")
    assert "runs" not in answer.text


def test_a_hostile_path_is_shown_escaped(client):
    answer = client.get("/jobs/<img src=x onerror=alert(1)>", headers=BROWSER)
    assert answer.status_code in {404, 422}
    assert "<img" not in answer.text
