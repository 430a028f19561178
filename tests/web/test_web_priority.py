"""How urgent an order is: one more word in the API's orders."""

from __future__ import annotations

import pytest


@pytest.fixture
def bodies(site):
    """The body of each kind of order, by its address."""
    first, second = (site.upload(site.safetensors(w=shape)) for shape in ((2, 2), (3, 3)))
    return {
        "/api/v1/runs": {"file": first},
        "/api/v1/propagations": {"architecture": {"text": "input: [4]\nlayers: [Linear(4, 4)]"}},
        "/api/v1/comparisons": {"before": first, "after": second},
    }


def priorities(site) -> list[str]:
    async def found() -> list[str]:
        services = site.services
        runs = await services.runs.recent()
        measured = await services.propagations.recent()
        compared = [one for run in runs for one in await services.comparisons.of(run.file)]
        return [one.priority for one in (*runs, *measured, *compared)]

    return site.call(found())


@pytest.mark.parametrize(("word", "priority"), [({}, "normal"), ({"priority": "low"}, "low")])
def test_every_order_says_how_urgent_it_is(site, bodies, word, priority):
    for address, body in bodies.items():
        assert site.client.post(address, json=body | word).status_code == 202, address
    assert priorities(site) == [priority] * 3


def test_no_order_is_more_urgent_than_usual(site, bodies):
    for address, body in bodies.items():
        answer = site.client.post(address, json=body | {"priority": "high"})
        assert answer.status_code == 422, address
        assert answer.json()["error"] == "invalid"


def test_an_upload_on_the_page_goes_ahead_of_the_same_order_by_a_program(site, bodies):
    body = bodies["/api/v1/runs"]
    site.client.post("/api/v1/runs", json=body | {"priority": "low"})
    site.client.post("/api/v1/runs", json=body)
    assert priorities(site) == ["normal"]
