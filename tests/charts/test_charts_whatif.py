from __future__ import annotations

import dataclasses

import propagation_models as models
import pytest

from app.charts.propagation_figures import figure
from app.charts.propagation_svg import as_svg
from app.charts.style import LIGHT
from app.charts.whatif import THEORY_DASH, comparison_plots, looks, plan_family
from app.core.propagation import CHECKPOINT

KAIMING = "kaiming_normal(fan_in,relu)"


@pytest.fixture(scope="module")
def report():
    before = models.series("torch_default", depth=12)
    after = dataclasses.replace(models.series(KAIMING, depth=12), scheme="plan", name="After")
    return dataclasses.replace(models.report(12), series=(before, after))


def charts(report, predicted=()):
    marks = looks(report.series, "kaiming")
    return comparison_plots(report, marks=marks, predicted=predicted)


def test_a_predicted_line_is_dashed_and_a_measured_one_is_solid(report):
    for plot in charts(report, predicted=(1,)):
        assert [line.mark.dash for line in plot.lines] == ["", THEORY_DASH]


def test_the_spread_of_a_predicted_line_is_that_of_single_networks(report):
    forward = charts(report, predicted=(1,))[0]
    assert all(value is None for value in forward.lines[1].low)
    assert any(value is not None for value in forward.lines[1].expected_low)
    assert not forward.lines[0].expected_low


def test_every_dash_has_a_name_for_plotly(report):
    drawn = figure(charts(report, predicted=(0, 1))[0])
    dashes = {part["line"].get("dash") for part in drawn["data"] if part.get("name")}
    assert dashes == {"dash"}


def test_a_drawing_is_the_same_lines(report):
    text = as_svg(charts(report, predicted=(0, 1))[0], LIGHT)
    assert text.count(f'stroke-dasharray="{THEORY_DASH}"') >= 2


@pytest.mark.parametrize(
    ("before", "scheme", "family"),
    [
        ("torch_default", KAIMING, "kaiming"),
        ("torch_default", "torch_default", "kaiming"),
        (KAIMING, KAIMING, "xavier"),
        (KAIMING, CHECKPOINT, "xavier"),
        (CHECKPOINT, "torch_default", "pytorch"),
        (CHECKPOINT, CHECKPOINT, "kaiming"),
    ],
)
def test_a_plan_never_has_the_hue_of_what_it_is_laid_over(before, scheme, family):
    assert plan_family(before, scheme) == family


def test_own_weights_are_drawn_in_ink(report):
    own = dataclasses.replace(report.series[0], scheme=CHECKPOINT)
    first, second = looks((own, report.series[1]), "pytorch")
    assert (first.family, first.shape, second.family) == ("no_match", "none", "pytorch")
