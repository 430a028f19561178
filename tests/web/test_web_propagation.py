"""The propagation page: what it shows of a measurement."""

from __future__ import annotations

import dataclasses

import propagation_models as models
import pytest
from measurements import Measurements, page

from app.core.propagation import CHECKPOINT
from app.web.propagation_choices import Choices


@pytest.fixture
def measured(site):
    return Measurements(site)


def test_the_page_asks_of_the_depth_and_answers_for_the_own_weights_first(client, measured):
    own = Choices(own=True)
    address = measured.finish(models.report(40, dead=36), own) + own.query()
    text = page(client, address)
    assert "Does the signal survive 40 layers?" in text
    assert "Your weights: No gradient reaches the first layers." in text
    assert "Started fresh: only Kaiming normal keeps both the signal and the gradient" in text


def test_every_series_has_a_card_with_three_numbers(client, measured):
    text = page(client, measured.finish(models.report(40)))
    assert text.count("series-card f-") == 4
    assert text.count("input share at 40") == 4
    assert "&lt; 0.0001 %" in text


def test_every_operation_stands_in_the_page(client, measured):
    text = page(client, measured.finish(models.report(200)))
    assert text.count('class="o-name"') == 401  # with the heading
    assert "data-figure" in text


def test_zeros_are_told_in_the_page(client, measured):
    own = Choices(own=True)
    text = page(client, measured.finish(models.report(40, dead=36), own) + own.query())
    assert "Your weights: exactly 0 in layers 36–40" in text


def test_numbers_that_are_missing_are_dashes(client, measured):
    found = models.with_layers(models.report(4), 0, backward=None)
    text = page(client, measured.finish(found))
    assert "<span>–</span>" in text


def test_hostile_names_are_escaped_everywhere(client, measured):
    found = models.report(3)
    one = dataclasses.replace(found.series[0], name=models.HOSTILE, notes=(models.HOSTILE,))
    hostile = dataclasses.replace(
        found,
        series=(one, *found.series[1:]),
        notes=(models.HOSTILE,),
        join={"unused": (models.HOSTILE,), "missing": ("a\u202eb",)},
    )
    hostile = models.with_layers(hostile, 0, name=models.HOSTILE, kind=models.HOSTILE)
    address = measured.finish(hostile, name=models.HOSTILE)
    text = page(client, address)
    assert "<img" not in text
    assert "\u202e" not in text
    for twin in ("/forward.svg", "/heat/torch_default.svg"):
        assert "<img" not in client.get(address + twin).text


def test_theory_is_explained_where_it_is_drawn_and_nowhere_else(client, measured):
    plain = models.report(3)
    assert "theory" not in page(client, measured.finish(plain))
    told = models.with_layers(plain, 0, theory=models.theory(rms=0.7))
    shown = page(client, measured.finish(told))
    assert "Dashed: theory." in shown
    assert "theory, infinite width" in shown
    banded = models.with_layers(plain, 0, theory=models.theory(rms=0.7, sd_log=0.3))
    assert "95 % of networks of this width, by theory" in page(client, measured.finish(banded))


def test_a_departure_from_theory_stands_on_its_card_and_once(client, measured):
    found = models.report(3)
    told = dataclasses.replace(
        found.series[1].verdict, lines=("Aside.", "Off theory."), theory=("Off theory.",)
    )
    series = (found.series[0], dataclasses.replace(found.series[1], verdict=told))
    shown = page(client, measured.finish(dataclasses.replace(found, series=series)))
    assert shown.count("Off theory.") == 1
    assert '<p class="small break series-line">Off theory.</p>' in shown


def test_what_did_not_fit_is_listed(client, measured):
    found = dataclasses.replace(
        models.report(2), join={"missing": ("fc.weight",)}, notes=("ran by blocks of 3 layers",)
    )
    text = page(client, measured.finish(found))
    assert "Not in the file, so drawn: 1 parameter." in text
    assert "fc.weight" in text
    assert "ran by blocks of 3 layers" in text


def test_a_report_without_series_is_a_page_all_the_same(client, measured):
    empty = dataclasses.replace(models.report(2), series=())
    page(client, measured.finish(empty))


def test_a_network_from_a_text_has_no_layers_page(client, measured):
    text = page(client, measured.finish(models.report(2)))
    assert ">Layers</a>" not in text
    assert CHECKPOINT not in [line for line in text.splitlines() if "series-card" in line]
