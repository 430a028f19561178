"""What holds on every page of a report."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from page_tags import Tags, page

from app.web import contexts
from app.web.render import TEMPLATES


def test_a_hostile_name_is_shown_and_makes_no_tag(client, run):
    for address in (f"/m/{run}", f"/m/{run}?view=ridge", f"/m/{run}/t/0"):
        text = client.get(address).text
        assert "&lt;img" in text
        assert Tags(text).all("img") == []


def test_no_page_has_a_script_or_a_handler_of_its_own(client, run):
    for address in (f"/m/{run}", f"/m/{run}?view=ridge", f"/m/{run}/t/0", f"/m/{run}/t/34"):
        tags = page(client, address)
        scripts = [a for a in tags.all("script") if a.get("type") != "application/json"]
        assert all("src" in attributes for attributes in scripts)
        assert not [a for _, attributes in tags.found for a in attributes if a.startswith("on")]


def test_an_unknown_report_is_no_page(client):
    assert client.get(f"/m/{'0' * 32}").status_code == 404


def test_a_report_that_is_not_ready_leads_to_its_job(client, site):
    run = site.submit()
    answer = client.get(f"/m/{run}", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/jobs/{run}")
    assert client.get(f"/m/{run}.json").json()["error"] == "not_ready"


def test_every_page_links_its_twin(client, run):
    for address in (f"/m/{run}", f"/m/{run}/t/3"):
        links = [a for a in page(client, address).all("link") if a.get("rel") == "alternate"]
        assert [a["href"] for a in links] == [f"{address}.json"]
        assert client.get(links[0]["href"]).status_code == 200


def test_the_theme_asked_for_is_in_force_before_any_script(client, run):
    assert page(client, f"/m/{run}?theme=dark").all("html")[0]["data-theme"] == "dark"
    assert "data-theme" not in page(client, f"/m/{run}?theme=pink").all("html")[0]


@pytest.mark.parametrize(
    ("template", "context"),
    [("layers.html", contexts.LayersPage), ("tensor.html", contexts.TensorPage)],
)
def test_a_template_uses_every_field_of_its_context(template, context):
    folder = Path(TEMPLATES.loader.searchpath[0])
    names = [template, "report.html", "base.html"]
    text = "".join((folder / name).read_text("utf-8") for name in names)
    unused = [
        item.name
        for item in dataclasses.fields(context)
        if not re.search(rf"\b{item.name}\b", text)
    ]
    assert unused == []


def test_the_pages_say_where_large_tensors_were_computed(client, put, report):
    said = "no GPU worker was alive: computed on the CPU, slower"
    summary = dataclasses.replace(report.summary, computed=(f"1 large tensor: {said}.",))
    first = dataclasses.replace(report.tensors[0], computed=said)
    run = put(dataclasses.replace(report, summary=summary, tensors=(first, *report.tensors[1:])))
    assert f"1 large tensor: {said}." in client.get(f"/m/{run}").text
    assert said in client.get(f"/m/{run}/t/0").text
