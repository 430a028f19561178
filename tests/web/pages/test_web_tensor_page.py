"""The page of one tensor, its figures and its twins."""

from __future__ import annotations

import csv
import io

import pytest
from page_tags import page


def test_the_tensor_page_says_verdict_figure_candidates_and_derivation(client, run):
    text = client.get(f"/m/{run}/t/10").text
    places = [
        text.index(part)
        for part in (
            "Fits Kaiming normal",
            "Weights against the candidate laws",
            "Candidates",
            "Why these numbers?",
            "√3·std = 1/√96",
            "Statistics",
        )
    ]
    assert places == sorted(places)


def test_the_law_asked_for_is_marked(client, run):
    tags = page(client, f"/m/{run}/t/10?scheme=xavier_uniform(gain%3D1)")
    picked = [a["data-scheme"] for a in tags.all("tr") if a.get("class") == "picked"]
    assert picked == ["xavier_uniform(gain=1)"]


def test_neighbours_end_at_the_ends(client, run):
    rels = [
        {a.get("rel") for a in page(client, f"/m/{run}/t/{at}").all("a")} - {None}
        for at in (0, 20, 39)
    ]
    assert rels == [{"next"}, {"prev", "next"}, {"prev"}]


def test_a_constant_tensor_is_told_in_words(client, run):
    assert "Every value is 0, so there is nothing to draw." in client.get(f"/m/{run}/t/34").text


def test_the_tensors_twins_hold_the_same_numbers(client, run, report):
    body = client.get(f"/m/{run}/t/10.json").json()
    assert body["std"] == report.tensors[10].std
    rows = list(csv.DictReader(io.StringIO(client.get(f"/m/{run}/t/10.csv").text)))
    assert [float(row["count"]) for row in rows] == list(report.tensors[10].histogram.counts)
    drawn = client.get(f"/m/{run}/t/10/hist.svg?theme=dark&logy=1")
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert "#0f1216" in drawn.text


def test_every_figure_is_drawn_against_the_law_asked_for(client, run):
    tags = page(client, f"/m/{run}/t/10?scheme=xavier_uniform(gain%3D1)")
    names = [attributes.get("data-figure") for attributes in tags.all("figure")]
    assert names == ["hist", "qq", "units"]
    text = client.get(f"/m/{run}/t/10?scheme=xavier_uniform(gain%3D1)").text
    assert text.count("Against Xavier uniform:") == 2


def test_the_script_gets_the_same_figures_as_the_page(client, run):
    body = client.get(f"/m/{run}/t/10/figures.json?scheme=torch_default").json()
    assert body["scheme"] == "torch_default"
    assert set(body["figures"]) == {"hist", "qq", "units"}
    drawn = client.get(f"/m/{run}/t/10?scheme=torch_default").text
    assert all(figure["svg"] in drawn for figure in body["figures"].values())


@pytest.mark.parametrize("key", ["qq", "units"])
def test_the_figures_are_files_too(client, run, key):
    drawn = client.get(f"/m/{run}/t/10/{key}.svg?scheme=torch_default&theme=dark")
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert "PyTorch default" in drawn.text
    rows = list(csv.DictReader(io.StringIO(client.get(f"/m/{run}/t/10/{key}.csv").text)))
    assert len(rows) > 90
    assert all(float(row["band_low"]) < float(row["band_high"]) for row in rows)


@pytest.mark.parametrize("key", ["qq.svg", "units.csv", "other.svg"])
def test_a_constant_tensor_has_no_such_figures(client, run, key):
    assert client.get(f"/m/{run}/t/34/{key}").status_code in {404, 422}
    assert client.get(f"/m/{run}/t/34/figures.json").json() == {"scheme": None, "figures": {}}


def test_why_is_asked_with_the_tensors_own_fans(client, run):
    links = [a.get("href") for a in page(client, f"/m/{run}/t/10").all("a")]
    assert "/why/sqrt5?fan_in=96&fan_out=96" in links


def test_a_constant_tensor_has_no_drawing(client, run):
    answer = client.get(f"/m/{run}/t/34/hist.svg")
    assert answer.status_code == 404


@pytest.mark.parametrize("index", ["40", "-1", "99999999999999999999", "x"])
def test_an_unknown_tensor_is_no_page(client, run, index):
    assert client.get(f"/m/{run}/t/{index}").status_code in {404, 422}
