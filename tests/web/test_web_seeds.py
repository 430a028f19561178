from __future__ import annotations

import orjson
import pytest

from app.store.facts import Failure

HOSTILE = "<img src=x onerror=alert(1)>\u202e.weight"


def origin(index: int, name: str, verdict: str, **more) -> dict[str, object]:
    return {
        "index": index,
        "name": name,
        "group": "",
        "shape": [4, 4],
        "dtype": "float32",
        "verdict": verdict,
        "reason": "every value is the draw's, bit for bit",
        "seed": None,
        "stream_offset": None,
        "outputs": None,
        "law": None,
        **more,
    }


FROM = {"seed": 42, "outputs": 16, "law": "uniform"}
DOCUMENT = {
    "schema": "initscope.seed/1",
    "seeds": [
        {
            "seed": 42,
            "found_by": "search",
            "order": [1, 0],
            "gaps": [{"offset": 16, "outputs": 1024, "before": 0}],
        }
    ],
    "tensors": [
        origin(0, HOSTILE, "moved", **FROM, stream_offset=1040),
        origin(1, "b.weight", "from_stream", **FROM, stream_offset=0),
        origin(2, "c.weight", "cannot_be_replayed"),
    ],
    "left_out": 1,
    "seeds_tried": 1000,
    "seeds_in_all": 2**32,
}


@pytest.fixture
def run(site):
    made = site.submit()
    site.finish(made, [site.tensor(0, HOSTILE), site.tensor(1, "b"), site.tensor(2, "c")])
    return made


@pytest.fixture
def search(site, client, run):
    """A search on its way; gives the store's side of it and its job."""
    assert client.post(f"/m/{run}/seed").status_code == 303
    seeds = site.services.seeds
    return seeds, site.call(seeds.find(run)).job


def finish(site, search, document=DOCUMENT, headline="torch.manual_seed(42) drew 2 of 3 tensors."):
    seeds, job = search
    assert site.call(seeds.finish(job, headline=headline, document=orjson.dumps(document)))


def test_the_layers_page_offers_the_search(client, run):
    text = client.get(f"/m/{run}").text
    assert f'action="/m/{run}/seed"' in text
    assert "Find the seed" in text


def test_nothing_is_sought_until_somebody_asks(client, run):
    assert client.get(f"/m/{run}/seed.json").json() is None
    assert client.get(f"/api/v1/runs/{run}").json()["seed"] is None
    assert "Nobody has looked" in client.get(f"/m/{run}/seed").text


def test_a_search_on_its_way_shows_how_far_it_is(client, site, run, search):
    seeds, job = search
    assert site.call(seeds.progress(job, step="seeds", done=2**30, total=2**32))
    text = client.get(f"/m/{run}/seed").text
    assert "Trying seeds: 1,073,741,824 of 4,294,967,296" in text
    assert 'value="25.0"' in text
    assert "Stop" in text
    assert "Looking for the seed" in client.get(f"/m/{run}").text


def test_what_was_found_is_listed_in_the_order_of_drawing(client, site, run, search):
    finish(site, search)
    text = client.get(f"/m/{run}/seed").text
    assert text.index(f"/m/{run}/t/1") < text.index(f"/m/{run}/t/0") < text.index(f"/m/{run}/t/2")
    for part in ("moved since", "the draw itself", "cannot be replayed", "1,024 outputs before"):
        assert part in text
    assert "torch.manual_seed(42) drew 2 of 3 tensors." in client.get(f"/m/{run}").text


def test_a_hostile_name_makes_no_tag(client, site, run, search):
    finish(site, search)
    text = client.get(f"/m/{run}/seed").text
    assert "<img" not in text
    assert "\u202e" not in text


def test_the_run_document_holds_the_result(client, site, run, search):
    finish(site, search)
    seed = client.get(f"/api/v1/runs/{run}").json()["seed"]
    assert (seed["state"], seed["result"]) == ("done", DOCUMENT)


def test_all_seeds_are_offered_where_none_was_found(client, site, run, search):
    none = DOCUMENT | {"seeds": [], "tensors": [origin(0, "a", "not_from_stream")]}
    finish(site, search, none, "No seed was found that drew any of 1 tensor.")
    text = client.get(f"/m/{run}/seed").text
    assert "Try all 2³² seeds" in text
    assert "1,000 of 4,294,967,296 seeds were tried." in text


def test_a_failed_search_says_why_and_can_be_repeated(client, site, run, search):
    seeds, job = search
    failure = Failure(code="out_of_memory", message="It needs <more>.", hint="")
    assert site.call(seeds.fail(job, failure))
    text = client.get(f"/m/{run}/seed").text
    assert "It needs &lt;more&gt;." in text
    assert "Find the seed" in text
    assert client.get(f"/m/{run}/seed.json").json()["error"]["error"] == "out_of_memory"


def test_a_search_can_be_stopped(client, run, search):
    answer = client.post(f"/m/{run}/seed/cancel")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/m/{run}/seed")
    assert "The search was stopped." in client.get(f"/m/{run}/seed").text


def test_the_api_orders_and_stops_a_search(client, run):
    answer = client.post(f"/api/v1/runs/{run}/seed", json={"full": True})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert answer.json()["full"] is True
    stopped = client.post(f"/api/v1/runs/{run}/seed/cancel")
    assert (stopped.status_code, stopped.json()["state"]) == (200, "cancelled")


@pytest.mark.parametrize(
    "address", ["/m/{}/seed", "/m/{}/seed.json", "/api/v1/runs/{}/seed/cancel"]
)
def test_an_unknown_run_has_no_seed(client, address):
    known = address.format("0" * 32)
    answer = client.post(known) if "cancel" in known else client.get(known)
    assert answer.status_code == 404


def test_a_run_without_a_report_has_nothing_to_seek(client, site):
    queued = site.submit()
    assert client.post(f"/api/v1/runs/{queued}/seed", json={}).status_code == 409
    answer = client.get(f"/m/{queued}/seed", headers={"accept": "text/html"})
    assert answer.headers["location"] == f"/jobs/{queued}"


def test_another_site_orders_no_search(client, run):
    answer = client.post(f"/m/{run}/seed", headers={"origin": "http://evil.example"})
    assert answer.status_code == 403
