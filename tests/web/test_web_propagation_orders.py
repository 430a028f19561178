"""The propagation page: ordering a measurement, and what becomes of it."""

from __future__ import annotations

import re
from urllib.parse import quote

import propagation_models as models
import pytest
from measurements import TEXT, Measurements, page
from starlette.datastructures import QueryParams

from app.core.graph import Inventory, InventoryLayer
from app.store.facts import Failure
from app.web.propagation_choices import Choices


@pytest.fixture
def measured(site):
    return Measurements(site)


def test_without_a_measurement_the_page_offers_one(client, site):
    file = site.upload(TEXT, name="net.yaml")
    text = page(client, f"/m/{file}/propagation")
    assert "Not measured yet." in text
    assert re.search(r'formmethod="post">\s+Measure\s', text)


def test_a_file_with_weights_offers_its_own_and_chooses_them(client, site):
    file = site.upload(site.safetensors(w=(2, 2)))
    text = page(client, f"/m/{file}/propagation")
    assert re.search(r'name="own" value="1" checked', text)


def test_measuring_keeps_the_choices_in_the_address_and_queues_an_order(client, site):
    file = site.upload(TEXT, name="net.yaml")
    form = {"schemes": ["zeros", "torch_default"], "seeds": "2", "act": "Tanh"}
    answer = client.post(f"/m/{file}/propagation", data=form)
    assert answer.status_code == 303
    assert answer.headers["location"].endswith(
        "?act=Tanh&schemes=zeros&schemes=torch_default&seeds=2"
    )
    found = site.call(site.services.propagations.of(file))
    assert [(one.state, one.order.activation) for one in found] == [("queued", "Tanh")]


def test_another_site_cannot_order_a_measurement(client, site):
    file = site.upload(TEXT, name="net.yaml")
    headers = {"origin": "https://evil.example"}
    assert client.post(f"/m/{file}/propagation", headers=headers).status_code == 403


def test_a_measurement_on_its_way_shows_how_far_it_is_and_stays_usable(client, measured):
    address = measured.finish(models.report(4))
    four = Choices(seeds=4)
    _, going = measured.order(four)
    told = measured.store.progress(going.job, step="measuring", done=3, total=32)
    assert measured.site.call(told)
    text = page(client, address + four.query())
    assert "Carrying inputs through the network: 3 of 32 …" in text
    assert "Below is an earlier measurement" in text
    assert "data-figure" in text
    status = client.get(f"{address}/status.json{four.query()}").json()
    assert (status["state"], status["percent"]) == ("running", 9.4)


def test_a_measurement_can_be_stopped(client, measured):
    file, _ = measured.order()
    answer = client.post(f"/m/{file}/propagation/cancel")
    assert answer.status_code == 303
    assert "The measurement was cancelled." in page(client, f"/m/{file}/propagation")


def test_a_measurement_can_be_deleted_with_the_file_that_nothing_else_needs(client, measured):
    address = measured.finish(models.report(2))
    assert client.post(f"{address}/delete").headers["location"] == "/"
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(("what", "field"), [("inputs", "input"), ("weights", "weights")])
def test_a_file_of_inputs_or_weights_joins_the_choices(client, site, what, field):
    network = site.upload(TEXT, name="net.yaml")
    sent = {"file": ("<b>batch.npy", b"\x93NUMPY", "application/octet-stream")}
    answer = client.post(f"/m/{network}/propagation/{what}?seeds=2", files=sent)
    query = QueryParams(answer.headers["location"].partition("?")[2])
    assert query["seeds"] == "2"
    assert site.call(site.services.runs.file(query[field])).name == "<b>batch.npy"
    text = page(client, answer.headers["location"])
    assert "<b>" not in text
    assert ("&lt;b&gt;batch.npy" in text) == (what == "inputs")


def test_measured_networks_are_listed_at_the_start(client, measured):
    address = measured.finish(models.report(2), name=models.HOSTILE)
    text = page(client, "/")
    assert "<img" not in text
    (found,) = client.get("/.json").json()["networks"]
    assert client.get(found["url"]).headers["location"] == address


def test_a_measurement_that_failed_says_why(client, measured):
    file, found = measured.order()
    failure = Failure(code="too_large", message="It needs 40 GB.", hint="Make it smaller.")
    assert measured.site.call(measured.store.fail(found.job, failure))
    text = page(client, f"/m/{file}/propagation")
    assert "It needs 40 GB." in text
    assert "Make it smaller." in text


def test_a_network_that_cannot_run_shows_its_inventory_and_a_network_to_edit(client, measured):
    file, found = measured.order(content=b"\x80\x02state", name="state.pt")
    layer = InventoryLayer(path="fc", kind="Linear", text="512, 10", parameters=5130)
    inventory = Inventory(
        origin="pickled module",
        layers=(layer,),
        reason="names and shapes do not say how they are used",
        suggestion="Linear(512, 10)\n</textarea><b>",
    )
    assert measured.site.call(measured.store.understood(found.job, inventory, parcel=b"{}"))
    failure = Failure(code="cannot_run", message="Said twice.", hint="")
    assert measured.site.call(measured.store.fail(found.job, failure))
    text = page(client, f"/m/{file}/propagation")
    assert "names and shapes do not say how they are used" in text
    assert "Edit and measure" in text
    assert "&lt;/textarea&gt;" in text
    assert "Said twice." not in text


def test_a_bare_state_dict_is_never_run_but_suggests_a_network(client, site):
    run = site.submit(site.safetensors(w=(4, 4)))
    weight = site.tensor(0, "fc.weight")
    bias = site.tensor(1, "fc.bias", shape=(4,), role="bias")
    site.finish(run, [weight, bias])
    text = page(client, f"/m/{run}/propagation")
    assert "Edit and measure" in text
    assert "Linear(4, 4)" in text
    assert f'name="weights" value="{run}"' in text
    assert 'formmethod="post"' not in text
    assert site.call(site.services.propagations.of(run)) == []


def test_the_suggested_network_can_be_edited(client):
    text = "# Suggested\n- Linear(4, 4)\n"
    assert "1 Linear layer" in page(client, f"/spec?net={quote(text)}")
