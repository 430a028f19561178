"""A queue that takes no more says so, and keeps what was sent."""

from __future__ import annotations

import pytest


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"max_queued": 1})


@pytest.fixture
def full(site):
    """The site with one job waiting, and a second file."""
    site.submit(site.safetensors(a=(2, 2)))
    return site.upload(site.safetensors(b=(3, 3)))


def test_an_order_beyond_the_bound_is_refused_with_a_sentence(site, full):
    answer = site.client.post("/api/v1/runs", json={"file": full})
    assert (answer.status_code, answer.json()["error"]) == (429, "queue_full")
    assert answer.json()["message"] == "The queue is full: no more than 1 jobs may wait at once."


def test_a_refused_order_leaves_no_run(site, full):
    site.client.post("/api/v1/runs", json={"file": full})
    assert site.client.get(f"/api/v1/runs/{full}").status_code == 404


def test_a_propagation_is_refused_as_well(site, full):
    body = {"architecture": {"text": "Linear(4, 4)"}}
    answer = site.client.post("/api/v1/propagations", json=body)
    assert (answer.status_code, answer.json()["error"]) == (429, "queue_full")


def test_an_order_that_waits_already_is_answered_again(site, full):
    first = site.submit(site.safetensors(a=(2, 2)))
    assert site.client.get(f"/api/v1/runs/{first}").json()["state"] == "queued"
