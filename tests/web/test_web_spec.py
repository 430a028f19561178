from __future__ import annotations

import re

import pytest

from app.architecture.examples import EXAMPLES
from app.core.graph import Inventory
from app.web.spec_views import _marked, echo_of, normal

MLP = "Linear(784, 512)\nReLU()\n38 x [Linear(512, 512), ReLU()]\nLinear(512, 10)\n"
HOSTILE = "<img src=x onerror=alert(1)>"


def test_what_was_understood_is_told_in_a_line():
    found = echo_of(MLP)
    assert found.headline == "1 + 38 + 1 Linear layers, 10.4 M parameters"
    assert found.runs
    assert len(found.layers) == 79


def test_each_layer_has_its_line_shape_and_parameters():
    first, second = echo_of(MLP).layers[:2]
    assert (first.line, first.kind, first.shape, first.parameters) == (
        "1",
        "Linear",
        "512",
        "401.9 k",
    )
    assert (second.line, second.kind, second.parameters) == ("2", "ReLU", "")


def test_an_empty_text_is_no_mistake():
    assert echo_of(" \n") is None


def test_a_mistake_is_told_with_its_line_between_its_neighbours():
    found = echo_of("Linear(4, 4)\nRelu()\nLinear(4, 4)")
    assert not found.runs
    assert found.line == 2
    assert [(one.number, one.wrong) for one in found.marked] == [(1, False), (2, True), (3, False)]


def test_a_line_that_the_text_does_not_have_is_not_marked():
    assert _marked("one\n", 7) == ()
    assert _marked("one\n", None) == ()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n\n", ""])
def test_line_ends_do_not_make_another_network(end):
    assert normal(f"Linear(4, 4){end}") == "Linear(4, 4)\n"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.id)
def test_every_example_can_be_measured(example):
    assert echo_of(example.text).runs


def page(answer, status: int = 200) -> str:
    assert answer.status_code == status, answer.text[:300]
    return answer.text


def test_the_address_holds_the_text(client):
    text = page(client.get("/spec", params={"net": "Linear(3, 4)"}))
    assert ">Linear(3, 4)</textarea>" in text
    assert "1 Linear layer, 16 parameters" in text


def test_a_form_shows_what_is_understood_without_scripts(client):
    text = page(client.post("/spec", data={"net": "Linear(3, 4)"}))
    assert "1 Linear layer, 16 parameters" in text


def test_a_part_of_the_page_is_answered_as_one_types(client):
    text = page(client.post("/spec/echo", data={"net": "Linear(3, 4)\nRelu()"}))
    assert 'data-wrong="2"' in text
    assert "<html" not in text


def test_the_twin_is_what_was_understood(client):
    assert client.get("/spec.json", params={"net": "Linear(3, 4)"}).json()["runs"] is True
    assert client.get("/spec.json").json() is None


def test_hostile_text_is_escaped(client):
    text = page(client.get("/spec", params={"net": f"</textarea>{HOSTILE}\u202e"}))
    assert "<img" not in text


def test_an_example_is_a_link(client):
    assert 'href="/spec?net=Linear' in page(client.get("/spec"))


def test_measuring_keeps_the_network_and_shows_its_page(client, site):
    answer = client.post("/spec/measure", data={"net": MLP})
    assert answer.status_code == 303
    place = re.fullmatch(r"/m/([0-9a-f]{32})/propagation", answer.headers["location"])
    (found,) = site.call(site.services.propagations.of(place[1]))
    assert (found.name, found.state) == ("1 + 38 + 1 Linear layers", "queued")


def test_an_example_is_measured_on_the_inputs_that_it_is_meant_for(client):
    text = page(client.get("/spec", params={"net": "Linear(2, 2)", "input": "uniform01"}))
    assert 'value="uniform01" selected' in text
    answer = client.post("/spec/measure", data={"net": "Linear(2, 2)", "input": "uniform01"})
    assert answer.headers["location"].endswith("/propagation?input=uniform01")


def test_the_same_network_has_the_same_address(client):
    one = client.post("/spec/measure", data={"net": MLP}).headers["location"]
    assert (
        client.post("/spec/measure", data={"net": MLP.replace("\n", "\r\n")}).headers["location"]
        == one
    )


def test_a_network_that_was_not_understood_is_not_measured(client):
    text = page(client.post("/spec/measure", data={"net": "Relu()"}), 422)
    assert "Relu on line 1" in text
    assert ">Relu()</textarea>" in text


def test_a_network_for_a_checkpoint_is_measured_with_its_weights(client, site):
    weights = site.upload(site.safetensors(w=(2, 2)))
    text = page(client.get("/spec", params={"net": "Linear(2, 2)", "weights": weights}))
    assert f'name="weights" value="{weights}"' in text
    answer = client.post("/spec/measure", data={"net": "Linear(2, 2)", "weights": weights})
    assert answer.headers["location"].startswith(f"/m/{weights}/propagation?")
    (found,) = site.call(site.services.propagations.of(weights))
    assert (found.weights, found.order.checkpoint) == (weights, True)


def test_an_unknown_checkpoint_is_left_out(client):
    text = page(client.get("/spec", params={"net": "Linear(2, 2)", "weights": "0" * 32}))
    assert 'name="weights"' not in text


def test_another_site_cannot_measure(client):
    headers = {"origin": "https://evil.example"}
    assert client.post("/spec/measure", data={"net": MLP}, headers=headers).status_code == 403


def test_a_text_that_is_too_long_is_refused_unread(client):
    answer = client.post("/spec/echo", content=b"net=" + b"a" * 2**21)
    assert answer.status_code == 413


def test_modules_without_their_order_are_an_inventory(client):
    text = "Net(\n  (fc): Linear(in_features=4, out_features=4, bias=True)\n  (act): Weird()\n)"
    found = echo_of(text)
    assert not found.runs
    assert found.hint
    assert Inventory.__name__ not in found.headline
