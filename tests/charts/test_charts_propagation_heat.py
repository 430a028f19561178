from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET

import numpy as np
import propagation_models as models
import pytest

from app.charts.propagation_heat import as_svg, heat_map, heat_maps, levels
from app.charts.style import DARK, LIGHT, VARIABLES


def test_there_is_one_heat_map_a_series_and_one_column_a_layer():
    found = heat_maps(models.report(40, dead=36))
    assert [one.name for one in found][:2] == ["Your weights", "PyTorch default"]
    assert {one.shares.shape for one in found} == {(40, 130)}


def test_the_shares_of_a_layer_are_all_of_its_values():
    found = heat_map(models.report(4), "torch_default")
    assert found.shares.sum(axis=1) == pytest.approx(np.ones(4))


def test_what_lies_beyond_the_axis_stands_at_its_two_ends():
    series = models.series("normal(1)", depth=3)
    report = dataclasses.replace(models.report(3), series=(series,))
    shares = heat_map(report, "normal(1)").shares
    assert shares[-1, 0] > 0.1
    assert shares[-1, -1] > 0.1
    assert shares[:, 1:-1].sum(axis=1)[0] > shares[:, 1:-1].sum(axis=1)[-1]


def test_the_largest_values_are_on_top_and_a_collapsed_layer_is_one_dark_line():
    shown = levels(heat_map(models.report(40, dead=36), "checkpoint"))
    last = shown[:, -1]
    assert shown.shape == (66, 40)
    assert (last > 0).sum() == 1
    assert last.max() == 255


def test_a_layer_that_shares_its_pixels_is_not_lost():
    report = models.report(200)
    one = report.series[0]
    odd = models.series("zeros", depth=1).layers[0]
    layers = (*one.layers[:98], odd, *one.layers[99:])
    changed = dataclasses.replace(one, layers=layers)
    shown = levels(heat_map(dataclasses.replace(report, series=(changed,)), one.scheme))
    assert shown.shape == (66, 118)
    assert (shown == 255).any(axis=0).sum() == 1


def test_a_layer_that_was_not_binned_is_not_drawn():
    empty = dataclasses.replace(models.report(4).series[0].layers[0].forward, histogram=())
    found = models.with_layers(models.report(4), 0, forward=empty)
    assert "torch_default" not in [one.scheme for one in heat_maps(found)]


@pytest.mark.parametrize("palette", [LIGHT, DARK, VARIABLES], ids=["light", "dark", "page"])
@pytest.mark.parametrize("depth", [1, 4, 200])
def test_a_heat_map_is_well_formed_with_three_pictures(palette, depth):
    drawn = heat_map(models.report(depth), "lecun_normal")
    tree = ET.fromstring(as_svg(drawn, palette, alone=True))
    assert len(tree.findall(".//{http://www.w3.org/2000/svg}image")) == 3


def test_maps_of_one_page_have_filters_of_their_own():
    drawn = heat_maps(models.report(4))
    texts = [as_svg(one, VARIABLES, place=place) for place, one in enumerate(drawn)]
    assert 'id="heat-hue-1"' in texts[1]
    assert "url(#heat-hue-1)" in texts[1]


def test_a_hostile_name_is_text_and_nothing_else():
    found = models.report(4)
    one = dataclasses.replace(found.series[0], name=models.HOSTILE)
    drawn = heat_maps(dataclasses.replace(found, series=(one,)))[0]
    assert "<img" not in as_svg(drawn, LIGHT, alone=True)
