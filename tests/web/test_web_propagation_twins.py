"""The propagation page: its figures and numbers as files."""

from __future__ import annotations

import csv
import dataclasses
import io
import xml.etree.ElementTree as ET
from urllib.parse import quote

import propagation_models as models
import pytest
from measurements import Measurements

from app.web.propagation_choices import SCHEMES


@pytest.fixture
def measured(site):
    return Measurements(site)


@pytest.mark.parametrize("key", ["forward", "backward", "share", "dead"])
def test_every_chart_has_a_drawing_and_numbers_of_its_own(client, measured, key):
    address = measured.finish(models.report(4))
    drawing = client.get(f"{address}/{key}.svg?theme=dark")
    assert drawing.headers["content-type"] == "image/svg+xml"
    ET.fromstring(drawing.text)
    rows = list(csv.reader(io.StringIO(client.get(f"{address}/{key}.csv").text)))
    assert rows[0][:3] == ["layer", "operation", "torch_default"]
    assert len(rows) == 5


@pytest.mark.parametrize("scheme", ["torch_default", "kaiming_normal(fan_in,relu)"])
def test_every_heat_map_has_a_drawing_and_numbers_of_its_own(client, measured, scheme):
    address = f"{measured.finish(models.report(4))}/heat/{quote(scheme, safe='')}"
    ET.fromstring(client.get(f"{address}.svg").text)
    rows = list(csv.reader(io.StringIO(client.get(f"{address}.csv").text)))
    assert (len(rows), len(rows[0])) == (5, 132)


def test_a_scheme_with_a_slash_has_a_heat_map_too(client, measured):
    report = models.report(2, schemes=("torch_default",))
    one = dataclasses.replace(report.series[0], scheme="normal(1/24)")
    address = measured.finish(dataclasses.replace(report, series=(one,)))
    assert client.get(f"{address}/heat/normal%281%2F24%29.svg").status_code == 200


def test_a_chart_that_is_not_there_is_not_found(client, measured):
    address = measured.finish(models.report(2))
    assert client.get(f"{address}/saturated.svg").status_code == 404
    assert client.get(f"{address}/heat/zeros.svg").status_code == 404


def test_the_twin_is_the_document_and_its_histograms_are_asked_for(client, measured):
    address = measured.finish(models.report(2))
    document = client.get(f"{address}.json").json()
    assert document["schema"] == "initscope.propagation/1"
    assert "histogram" not in document["series"][0]["layers"][0]["forward"]
    whole = client.get(f"{address}.json?extra=hist").json()
    assert len(whole["series"][0]["layers"][0]["forward"]["histogram"]) == 130


def test_the_csv_has_a_row_for_each_operation_of_each_series(client, measured):
    rows = list(
        csv.DictReader(io.StringIO(client.get(measured.finish(models.report(3)) + ".csv").text))
    )
    assert len(rows) == 4 * 6
    assert {row["scheme"] for row in rows} == set(SCHEMES)


def test_a_formula_for_a_name_is_no_formula_in_the_csv(client, measured):
    found = models.with_layers(models.report(2), 0, name="=cmd()")
    address = measured.finish(found)
    assert "'=cmd()" in client.get(f"{address}.csv").text
    assert "'=cmd()" in client.get(f"{address}/forward.csv").text
