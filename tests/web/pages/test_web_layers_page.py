"""The layers page, its queries, its twins and its fingerprint."""

from __future__ import annotations

import csv
import io
import re

import pytest
from page_tags import page
from sample_models import HOSTILE, model, overview

from app.web import csvs
from app.web.selection import View, shown, view_of


def test_the_layers_page_says_the_verdict_first(client, run, report):
    text = client.get(f"/m/{run}").text
    assert text.index(report.summary.headline) < text.index("<svg") < text.index("data-tensors")


def test_direction_marks_and_line_breaks_are_shown_as_signs(client, run):
    text = client.get(f"/m/{run}").text
    assert "\u202e" not in text
    assert "a⟨U+202E⟩b" in text


def test_data_in_a_script_element_cannot_end_it(client, run):
    text = client.get(f"/m/{run}").text
    data = re.search(r'id="heat-data">(.*?)</script>', text, re.DOTALL)[1]
    assert "<" not in data
    assert r"\u003cimg" in data


def test_weights_and_exceptions_are_shown_at_first(client, run):
    assert page(client, f"/m/{run}").seen() == list(range(0, 40, 2))


@pytest.mark.parametrize(
    ("query", "indices"),
    [
        ("?status=problem", [34]),
        ("?status=differs", [10, 12, 20, 24]),
        ("?kind=biases&q=blocks.1.", [5, 7]),
        ("?q=kaiming+96x96", [10, 12]),
        ("?q=%3Cimg", [0]),
        ("?finding=2", [10, 12, 20, 24]),
        ("?finding=99&q=blocks.9.", [36, 37, 38, 39]),
        ("?sort=deviation&status=differs", [20, 10, 12, 24]),
        ("?q=nothing+of+the+kind", []),
    ],
)
def test_the_server_honours_the_query(client, run, query, indices):
    seen = page(client, f"/m/{run}{query}").seen()
    assert sorted(seen) == sorted(indices)
    assert "sort=" not in query or set(seen[1:3]) == {10, 12}


def test_no_match_offers_to_clear_the_filter(client, run):
    text = client.get(f"/m/{run}?q=zzz").text
    assert "No tensor matches." in text


@pytest.mark.parametrize(
    "query",
    ["?page=-1", "?page=x", "?range=9", "?view=pie", "?unit=metre", "?status=<b>", "?finding=²"],
)
def test_a_nonsense_query_is_the_default(client, run, query):
    assert page(client, f"/m/{run}{query}").seen() == list(range(0, 40, 2))


def test_defaults_are_left_out_of_links():
    assert view_of({"view": "heat", "kind": "", "page": "1"}).query() == ""
    assert View(status="differs").query(status="") == ""


def test_ridges_are_off_above_sixty_weight_tensors_and_say_why(client, put):
    tags = page(client, f"/m/{put(model(200))}?view=ridge")
    off = [a for a in tags.all("span") if a.get("aria-disabled")]
    assert [a["title"] for a in off] == [
        "Ridges show at most 60 weight tensors; this file has 100."
    ]


def test_above_three_thousand_rows_there_are_pages_of_five_hundred(client, put):
    run = put(model(3100), "large.safetensors")
    first, last = page(client, f"/m/{run}?kind=all"), page(client, f"/m/{run}?kind=all&page=7")
    assert len(first.rows()) == 500
    assert last.seen() == list(range(3000, 3100))


def test_up_to_three_thousand_rows_are_all_in_the_page(client, put):
    assert len(page(client, f"/m/{put(model(600))}").rows()) == 600


def test_a_finding_on_one_tensor_opens_it(client, run):
    links = [a.get("href") for a in page(client, f"/m/{run}").all("a")]
    assert f"/m/{run}/t/34" in links
    assert f"/m/{run}?finding=2#tensors" in links


def test_the_twin_of_the_layers_page_has_every_row(client, run, report):
    body = client.get(f"/m/{run}.json").json()
    assert body["schema"] == report.schema
    assert [row["name"] for row in body["rows"]] == [item.name for item in report.tensors]
    assert "profiles" not in body["rows"][0]
    assert "profiles" in client.get(f"/m/{run}.json?extra=hist").json()["rows"][0]


def test_the_twin_honours_the_same_query(client, run):
    body = client.get(f"/m/{run}.json?status=problem").json()
    assert [row["index"] for row in body["rows"]] == [34]


def test_no_cell_of_the_csv_is_a_formula(client, run):
    answer = client.get(f"/m/{run}.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows[16]["name"] == "'=cmd|'/c calc'!A1.weight"
    assert rows[0]["name"] == HOSTILE
    assert float(rows[0]["min"]) < 0


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@a", "\t=1", "\r=1"])
def test_text_that_a_spreadsheet_would_run_is_quoted(cell):
    assert csvs.harmless(cell) == f"'{cell}"


def test_negative_numbers_stay_numbers():
    assert csvs.harmless(-1.5) == -1.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_fingerprint_has_a_picture_and_a_drawing(client, run, theme):
    png = client.get(f"/m/{run}/fingerprint.png?theme={theme}")
    assert png.headers["content-type"] == "image/png"
    assert png.content[:4] == b"\x89PNG"
    svg = client.get(f"/m/{run}/fingerprint.svg?theme={theme}")
    assert svg.headers["content-type"] == "image/svg+xml"


def test_the_recipe_names_what_breaks_it(client, run):
    text = client.get(f"/m/{run}").text
    assert "PyTorch default on 14 of 20 linear layers" in text
    assert "and 3 more" in text


def test_the_filter_looks_through_name_shape_kind_and_scheme(report):
    rows = overview(report).rows
    for words in ("linear 96x96", "linear 96×96 kaiming", "BLOCKS.2."):
        assert shown(rows, View(q=words)), words
