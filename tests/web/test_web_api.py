from __future__ import annotations

import pytest

HOSTILE = "<img src=x onerror=alert(1)>"
MISSING = "0" * 32


@pytest.fixture
def report(site):
    run = site.submit()
    tensors = [
        site.tensor(0, "a.weight", count=64),
        site.tensor(1, "a.bias", role="bias", kind="Conv2d", count=8, sign="problem"),
        site.tensor(2, HOSTILE, count=128, status="consistent"),
    ]
    site.finish(run, tensors)
    return run


def test_a_run_of_a_stored_file_is_accepted(site):
    file = site.upload(site.safetensors(w=(2, 2)))
    answer = site.client.post("/api/v1/runs", json={"file": file})
    assert answer.status_code == 202
    assert answer.json() == {"id": file, "url": f"/jobs/{file}", "state": "queued"}


def test_a_run_of_an_unknown_file_is_refused(client):
    answer = client.post("/api/v1/runs", json={"file": MISSING})
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_a_second_order_answers_the_run_on_its_way(site):
    run = site.submit()
    answer = site.client.post("/api/v1/runs", json={"file": run})
    assert (answer.status_code, answer.json()["id"]) == (202, run)


def test_an_order_for_a_finished_report_answers_the_report(site, report):
    answer = site.client.post("/api/v1/runs", json={"file": report})
    assert answer.status_code == 200
    assert answer.json() == {"id": report, "url": f"/m/{report}", "state": "done"}


def test_a_run_on_its_way_tells_its_progress(site):
    run = site.submit()
    document = site.client.get(f"/api/v1/runs/{run}").json()
    assert document["state"] == "queued"
    assert document["progress"] == {"step": "waiting", "done": 0, "total": 0}
    assert document["summary"] is None


def test_a_failed_run_tells_its_error(site):
    run = site.submit()
    site.fail(run, code="truncated", message="The file ends too early.", hint="Again.")
    document = site.client.get(f"/api/v1/runs/{run}").json()
    assert document["state"] == "failed"
    assert document["error"] == {
        "error": "truncated",
        "message": "The file ends too early.",
        "hint": "Again.",
    }


def test_a_finished_run_carries_the_report_without_its_tensors(site, report):
    document = site.client.get(f"/api/v1/runs/{report}").json()
    assert document["schema"] == "initscope.analysis/1"
    assert document["summary"]["tensors"] == 3
    assert document["findings"] == []
    assert document["tensors"] is None


def test_extras_bring_the_tensors_and_only_the_parts_asked_for(site, report):
    document = site.client.get(f"/api/v1/runs/{report}?extra=hist").json()
    assert document["tensors"][0]["histogram"] is None
    assert "candidates" not in document["tensors"][0]
    document = site.client.get(f"/api/v1/runs/{report}?extra=candidates").json()
    assert document["tensors"][0]["candidates"] == []
    assert "histogram" not in document["tensors"][0]


def test_an_unknown_extra_names_the_known_ones(site, report):
    answer = site.client.get(f"/api/v1/runs/{report}?extra=all")
    assert answer.status_code == 422
    assert "expected tensors, hist, candidates, got all" in answer.json()["message"]


def test_nan_is_null_in_json(site, report):
    tensor = site.client.get(f"/api/v1/runs/{report}/tensors/0").json()
    assert tensor["kurtosis"] is None


def test_tensors_are_listed_in_file_order(site, report):
    listing = site.client.get(f"/api/v1/runs/{report}/tensors").json()
    assert [row["name"] for row in listing["tensors"]] == ["a.weight", "a.bias", HOSTILE]
    assert (listing["total"], listing["page"], listing["pages"]) == (3, 1, 1)


@pytest.mark.parametrize(
    ("query", "indices"),
    [
        ("q=BIAS", [1]),
        ("kind=Conv2d", [1]),
        ("kind=biases", [1]),
        ("status=problem", [1]),
        ("status=consistent", [2]),
        ("sort=size", [2, 0, 1]),
        ("q=nothing", []),
        ("page=2", []),
    ],
)
def test_tensors_are_filtered_and_sorted(site, report, query, indices):
    listing = site.client.get(f"/api/v1/runs/{report}/tensors?{query}").json()
    assert [row["index"] for row in listing["tensors"]] == indices


@pytest.mark.parametrize("query", ["sort=beauty", "page=0", "page=x", "q=" + "x" * 201])
def test_a_wrong_query_is_refused(site, report, query):
    answer = site.client.get(f"/api/v1/runs/{report}/tensors?{query}")
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")


def test_a_hostile_name_is_a_plain_string(site, report):
    assert site.client.get(f"/api/v1/runs/{report}/tensors/2").json()["name"] == HOSTILE


@pytest.mark.parametrize("index", [3, 2**31 - 1])
def test_a_tensor_that_is_not_there_is_not_found(site, report, index):
    assert site.client.get(f"/api/v1/runs/{report}/tensors/{index}").status_code == 404


@pytest.mark.parametrize("index", ["-1", "x", "99999999999999999999"])
def test_an_index_that_is_none_is_refused(site, report, index):
    assert site.client.get(f"/api/v1/runs/{report}/tensors/{index}").status_code == 422


def test_tensors_of_a_run_on_its_way_are_not_ready(site):
    run = site.submit()
    answer = site.client.get(f"/api/v1/runs/{run}/tensors")
    assert (answer.status_code, answer.json()["error"]) == (409, "not_ready")


def test_a_cancelled_run_is_cancelled(site):
    run = site.submit()
    answer = site.client.post(f"/api/v1/runs/{run}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")


def test_a_finished_run_cannot_be_cancelled(site, report):
    answer = site.client.post(f"/api/v1/runs/{report}/cancel")
    assert answer.json()["state"] == "done"


def test_a_deleted_run_is_gone_with_its_file(site, report, settings):
    assert site.client.delete(f"/api/v1/runs/{report}").status_code == 204
    assert site.client.get(f"/api/v1/runs/{report}").status_code == 404
    assert [path for path in (settings.data_dir / "blobs").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("path", ["", "/tensors", "/tensors/0", "/events"])
def test_an_unknown_run_is_not_found(client, path):
    answer = client.get(f"/api/v1/runs/{MISSING}{path}")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize("id_", ["x", "0" * 31, "G" * 32, "0" * 33])
def test_an_address_that_is_no_id_holds_no_report(client, id_):
    answer = client.get(f"/api/v1/runs/{id_}")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_events_of_a_finished_run_end_with_its_state(site, report):
    answer = site.client.get(f"/api/v1/runs/{report}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "event: state\n" in answer.text
    assert '"state":"done"' in answer.text


def test_events_are_not_compressed(site, report):
    answer = site.client.get(f"/api/v1/runs/{report}/events", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers


def test_events_start_after_the_one_that_was_seen(site, report):
    first = site.client.get(f"/api/v1/runs/{report}/events").text
    seen = next(line for line in first.splitlines() if line.startswith("id: "))[4:]
    again = site.client.get(f"/api/v1/runs/{report}/events", headers={"Last-Event-ID": seen})
    assert "event:" not in again.text


@pytest.mark.parametrize("path", ["/api/v1/runs", f"/api/v1/runs/{MISSING}/seed"])
@pytest.mark.parametrize("announced", [True, False])
def test_a_json_body_beyond_the_limit_is_refused_with_a_problem(client, path, announced):
    body = b'{"file": "' + b"0" * 2**16 + b'"}'
    headers = {"content-type": "application/json"}
    content = body if announced else iter([body[:1000], body[1000:]])
    answer = client.post(path, content=content, headers=headers)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error"] == "body_too_large"
    assert "expected at most 65,536 bytes" in answer.json()["message"]


def test_a_json_body_at_the_limit_is_read(client):
    body = b'{"file": "' + b"0" * (2**16 - 12) + b'"}'
    answer = client.post("/api/v1/runs", content=body, headers={"content-type": "application/json"})
    assert (len(body), answer.status_code, answer.json()["error"]) == (2**16, 422, "invalid")


def test_the_address_that_browsers_guess_has_an_icon(client):
    answer = client.get("/favicon.ico")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/x-icon")
    assert answer.content.startswith(bytes([0, 0, 1, 0]))


def test_the_schema_names_every_address_of_the_contract(client):
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert {
        "/api/v1/files",
        "/api/v1/runs",
        "/api/v1/runs/{run_id}",
        "/api/v1/runs/{run_id}/tensors",
        "/api/v1/runs/{run_id}/tensors/{index}",
        "/api/v1/runs/{run_id}/events",
        "/api/v1/runs/{run_id}/cancel",
        "/api/v1/schemes",
        "/api/v1/defaults",
    } <= set(paths)


def test_the_documentation_is_vendored(client):
    page = client.get("/api/docs").text
    assert "http://" not in page.replace("http://localhost", "")
    assert "https://" not in page


def test_a_failed_run_is_not_waited_for(site):
    run = site.submit()
    site.fail(run, code="truncated", message="The file ends too early.", hint="Again.")
    for path in ("tensors", "tensors/0"):
        answer = site.client.get(f"/api/v1/runs/{run}/{path}")
        assert (answer.status_code, answer.json()["error"]) == (409, "no_report")
        assert answer.json()["message"] == "There is no report: the analysis has failed."


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"content": b"{bad"}, "expected a JSON document, got something else at character 1."),
        ({"json": []}, "expected a JSON object, sent as content-type: application/json, got []."),
        ({"json": {"file": MISSING, "x": 1}}, "x is not valid: expected no such field, got 1."),
        ({"json": {"file": "zz"}}, "expected text of the form ^[0-9a-f]{32}$, got 'zz'."),
    ],
    ids=["no-json", "no-object", "extra", "no-id"],
)
def test_what_is_wrong_with_an_order_is_told_in_words(client, sent, message):
    headers = {"Content-Type": "application/json"}
    answer = client.post("/api/v1/runs", headers=headers, **sent)
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")
    assert answer.json()["message"].endswith(message)


def test_a_status_that_does_not_exist_is_refused(site, report):
    answer = site.client.get(f"/api/v1/runs/{report}/tensors?status=nonsense")
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")


def test_metrics_count_runs_by_state_and_workers(site, report):
    answer = site.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'initscope_runs{state="done"} 1.0\ninitscope_runs{state="failed"} 0.0' in answer.text
    assert "\ninitscope_workers_alive 0.0\n" in answer.text
