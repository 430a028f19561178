from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import pytest

from app.core.distributions import truncated_std
from app.web.explanations import TOPICS

IDS = [topic.id for topic in TOPICS]
AWKWARD = ("", "?n=1", "?fan_in=27&fan_out=64", "?n=16777216&layers=1000", "?n=3&layers=1")


@pytest.mark.parametrize("query", AWKWARD)
@pytest.mark.parametrize("topic", IDS)
def test_every_topic_is_explained_at_any_size(client, topic, query):
    page = client.get(f"/why/{topic}{query}")
    assert page.status_code == 200
    assert "nan" not in page.text.lower().replace("finance", "")
    body = client.get(f"/why/{topic}.json{query}").json()
    assert body["topic"] == topic
    assert body["answer"].endswith(".")
    assert body["sources"]


def test_the_topics_that_people_ask_for_are_there():
    wanted = {"sqrt5", "kaiming", "xavier", "lecun", "biases", "truncation", "orthogonal", "zero"}
    assert wanted <= set(IDS)


def test_sqrt5_is_told_in_the_readers_own_numbers(client):
    text = client.get("/why/sqrt5?fan_in=512").text
    for number in ("0.04419", "0.02552", "6 times more", "issues/15314"):
        assert number in text
    assert "0.1021" in client.get("/why/sqrt5?fan_in=96").text


def test_one_number_stands_for_both_fans(client):
    numbers = client.get("/why/xavier.json?n=64").json()["numbers"]
    assert (numbers["fan_in"], numbers["fan_out"]) == (64, 64)


def test_a_kaiming_layer_keeps_its_signal_and_a_default_one_does_not(client):
    rows = client.get("/why/kaiming.json?fan_in=300&fan_out=100").json()["table"]["rows"]
    forward = {row["name"]: row["cells"][2] for row in rows}
    assert forward["Kaiming normal (fan_in, relu)"] == "×1"
    assert forward["PyTorch default"] == f"×{math.sqrt(1 / 6):.3g}"


def test_the_truncation_is_the_one_that_the_laws_have(client):
    text = client.get("/why/truncation").text
    assert f"{0.02 * truncated_std(2.0):.4g}" in text


def test_a_normal_draws_singular_values_integrate_to_one(client):
    plot = client.get("/why/orthogonal.json?fan_in=100&fan_out=400").json()["plot"]
    x, y = plot["lines"][0]["x"], plot["lines"][0]["y"]
    area = sum((b - a) * (u + v) / 2 for a, b, u, v in zip(x, x[1:], y, y[1:], strict=False))
    # Trapezoids over 160 steps; the square-root edges cost about h^1.5, below 0.01.
    assert area == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("topic", [topic for topic in IDS if topic != "zero"])
def test_the_picture_is_a_file_too(client, topic):
    answer = client.get(f"/why/{topic}.svg?theme=dark")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert ET.fromstring(answer.text).get("role") == "img"


def test_a_topic_without_a_picture_has_no_file(client):
    assert client.get("/why/zero.svg").status_code == 404


@pytest.mark.parametrize("topic", ["nothing", "<script>alert(1)<", "a" * 500, "\u202e"])
def test_an_unknown_topic_lists_the_topics(client, topic):
    for address in (f"/why/{topic}", f"/why/{topic}.json"):
        answer = client.get(address, headers={"accept": "application/json"})
        assert answer.status_code == 404
        assert "orthogonal" in answer.json()["message"]
        assert len(answer.json()["message"]) < 300


@pytest.mark.parametrize(("asked", "found"), [("relu", "kaiming"), ("glorot", "xavier")])
def test_another_name_leads_to_the_topic(client, asked, found):
    answer = client.get(f"/why/{asked}?n=64")
    assert (answer.status_code, answer.headers["location"]) == (308, f"/why/{found}?n=64")


@pytest.mark.parametrize("query", ["n=0", "fan_in=-1", "fan_in=x", "layers=1001", "n=1e9"])
def test_impossible_numbers_are_refused(client, query):
    answer = client.get(f"/why/sqrt5?{query}", headers={"accept": "application/json"})
    assert answer.status_code == 422


def test_every_explanation_leads_to_the_others_with_the_same_numbers(client):
    text = client.get("/why/zero?fan_in=27&fan_out=64").text
    for topic in IDS:
        assert f"/why/{topic}?fan_in=27&amp;fan_out=64" in text
