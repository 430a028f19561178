from __future__ import annotations

import re

import pytest

BROWSER = {"Accept": "text/html"}
HOSTILE = "<img src=x onerror=alert(1)>.pt"


def test_the_start_page_says_what_may_be_dropped_and_how_much(client):
    page = client.get("/").text
    assert ".safetensors, or a .pt" in page
    assert "Up to 4.2 MB" in page


def test_the_start_page_works_without_scripts(client):
    page = client.get("/").text
    assert 'method="post" action="/upload" enctype="multipart/form-data"' in page
    assert '<input type="file" name="file" required>' in page


def test_an_empty_list_says_what_will_be_there(client):
    assert "No reports yet." in client.get("/").text


def test_a_report_is_listed_with_its_headline_and_sign(site):
    run = site.submit(name="resnet.safetensors")
    site.finish(run, [site.tensor(0, "w")])
    page = site.client.get("/").text
    assert f'href="/m/{run}">resnet.safetensors</a>' in page
    assert "Too few values to tell." in page
    assert 'aria-label="not judged"' in page


def test_the_start_page_has_its_data_as_json(site):
    run = site.submit()
    recent = site.client.get("/.json").json()["recent"]
    assert [(one["id"], one["state"], one["url"]) for one in recent] == [
        (run, "queued", f"/jobs/{run}")
    ]


def test_a_hostile_file_name_is_escaped(site):
    run = site.submit(name=HOSTILE)
    for path in ("/", f"/jobs/{run}"):
        page = site.client.get(path).text
        assert "<img" not in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_the_job_page_shows_four_steps(site):
    page = site.client.get(f"/jobs/{site.submit()}").text
    assert re.findall(r'data-step="(\w+)"', page) == ["now", "waiting", "waiting", "waiting"]


def test_the_job_page_counts_the_tensors(site):
    run = site.submit()
    job = site.job(run)
    site.call(site.attempts.step(job, "measuring"))
    status = site.client.get(f"/jobs/{run}.json").json()
    assert [step["state"] for step in status["steps"]] == ["done", "done", "now", "waiting"]
    assert status["url"] == f"/m/{run}"


def test_the_job_page_refreshes_itself_without_scripts(site):
    page = site.client.get(f"/jobs/{site.submit()}").text
    assert '<meta http-equiv="refresh" content="2">' in page


def test_a_failed_job_shows_message_and_hint_and_offers_another_try(site):
    run = site.submit()
    site.fail(run, code="truncated", message="Ends <b>early</b>.", hint="Send it again.")
    page = site.client.get(f"/jobs/{run}").text
    assert "Ends &lt;b&gt;early&lt;/b&gt;." in page
    assert "Send it again." in page
    assert f'action="/jobs/{run}/again"' in page
    assert "refresh" not in page


def test_a_finished_job_leads_to_its_report(site):
    run = site.submit()
    site.finish(run, [site.tensor(0, "w")])
    answer = site.client.get(f"/jobs/{run}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/m/{run}")


def test_a_job_can_be_cancelled_and_started_again(site):
    run = site.submit()
    answer = site.client.post(f"/jobs/{run}/cancel")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/jobs/{run}")
    assert "The analysis was cancelled." in site.client.get(f"/jobs/{run}").text
    site.client.post(f"/jobs/{run}/again")
    assert site.client.get(f"/jobs/{run}.json").json()["state"] == "queued"


def test_a_report_analysed_again_stays_to_be_seen(site):
    run = site.submit()
    site.finish(run, [site.tensor(0, "w")])
    answer = site.client.post(f"/jobs/{run}/again")
    assert answer.headers["location"] == f"/jobs/{run}"
    assert "Open the earlier report" in site.client.get(f"/jobs/{run}").text


def test_a_deleted_report_leaves_the_list(site):
    run = site.submit()
    answer = site.client.post(f"/jobs/{run}/delete")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert site.client.get("/.json").json()["recent"] == []
    assert site.client.get(f"/jobs/{run}").status_code == 404


def test_deleting_is_never_a_link(client):
    assert client.get(f"/jobs/{'0' * 32}/delete").status_code == 405


@pytest.mark.parametrize("name", ["mlp", "mlp-dead"])
def test_an_example_is_drawn_and_analysed_like_any_file(client, name):
    answer = client.post(f"/examples/{name}", headers=BROWSER)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/jobs/")


def test_an_unknown_example_is_not_found(client):
    assert client.post("/examples/nothing").status_code == 404


def test_the_job_page_says_when_no_worker_is_alive(site):
    run = site.submit()
    assert "No worker is alive, so nothing moves." in site.client.get(f"/jobs/{run}").text


def test_the_job_page_says_nothing_of_workers_while_one_is_alive(site):
    run = site.submit()
    site.sign_of_life()
    assert "No worker is alive" not in site.client.get(f"/jobs/{run}").text
    assert site.client.get(f"/jobs/{run}.json").json()["notice"] == ""
