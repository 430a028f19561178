from __future__ import annotations


def test_it_says_that_it_lives(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_it_is_ready_once_a_worker_lives(site):
    site.sign_of_life()
    assert site.client.get("/readyz").json() == {"status": "ok"}


def test_it_is_not_ready_while_no_worker_lives(client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["error"]) == (503, "no_worker")
    assert "in the last 20 seconds" in answer.json()["message"]
