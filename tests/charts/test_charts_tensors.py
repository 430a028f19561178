from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import orjson
import pytest
from sample_models import HOSTILE, model

from app.charts import figures, histogram
from app.charts.densities import curve_points, distribution
from app.charts.style import DARK, VARIABLES
from app.charts.tensors import drawable, figure
from app.core.distributions import TruncatedNormal
from app.core.report import Candidate

SVG = "{http://www.w3.org/2000/svg}"


def law(kind: str, *, bound: float | None, std: float) -> Candidate:
    return Candidate(
        ids=(kind,),
        names=(kind,),
        law=kind,
        formula="",
        bound=bound,
        std=std,
        value=None,
        std_ratio=1.0,
        outside=False,
        p_value=None,
        log_likelihood=None,
        rejected_by=None,
        reason=None,
    )


@pytest.fixture(scope="module")
def reports():
    return model(40, names={10: HOSTILE}).tensors


@pytest.mark.parametrize(
    "candidate",
    [
        law("uniform", bound=0.1, std=0.1 / math.sqrt(3)),
        law("positive_uniform", bound=0.2, std=0.2 / math.sqrt(12)),
        law("normal", bound=None, std=0.1),
        law("truncated_normal", bound=0.2, std=TruncatedNormal(parent=0.1).std),
    ],
    ids=lambda item: item.law,
)
def test_the_area_under_a_density_is_one(candidate):
    x, y = curve_points(candidate, (-0.6, 0.6))
    # Trapezoids over 161 points of a bell: error h²·max|f''|/12·width, below 1e-3 here.
    assert np.trapezoid(y, x) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("cut", [0.5, 1.0, 2.0, 3.0, 5.0])
def test_a_truncated_normal_is_found_again_from_its_bound_and_std(cut):
    drawn = TruncatedNormal(parent=0.3, cut=cut)
    found = distribution(law("truncated_normal", bound=drawn.bound, std=drawn.std))
    assert found.bound == pytest.approx(drawn.bound)
    # The std of a narrow cut hardly depends on the parent, so it is the std that must agree.
    assert found.std == pytest.approx(drawn.std, rel=1e-6)


def test_a_draw_from_0_on_has_no_density_below():
    x, y = curve_points(law("positive_uniform", bound=0.2, std=0.2 / math.sqrt(12)), (-0.1, 0.3))
    assert [h for at, h in zip(x, y, strict=True) if at < 0] == [0.0]
    assert max(y) == pytest.approx(5.0)


def test_a_constant_has_no_density():
    with pytest.raises(ValueError, match="no density"):
        distribution(law("constant", bound=1.0, std=0.0))


def test_the_measured_area_is_one(reports):
    drawn = figure(reports[0])
    assert np.dot(drawn.density, np.diff(drawn.edges)) == pytest.approx(1)


def test_the_law_that_fits_is_drawn_thick(reports):
    assert figure(reports[10]).picked == "kaiming_normal(fan_in,relu)"


def test_a_law_asked_for_by_any_of_its_names_is_drawn_thick(reports):
    assert figure(reports[10], scheme="kaiming_normal(fan_out,relu)").picked == (
        "kaiming_normal(fan_in,relu)"
    )


def test_an_unknown_law_leaves_the_best_one(reports):
    assert figure(reports[10], scheme="<b>").picked == "kaiming_normal(fan_in,relu)"


def test_the_default_is_always_beside_another_law(reports):
    drawn = figure(reports[10])
    assert len(drawn.dotted) == 3
    assert "torch_default" in {curve.id for curve in drawn.dotted}


def test_the_bound_is_marked_on_both_sides(reports):
    assert [mark.x for mark in figure(reports[0]).marks] == pytest.approx(
        [-1 / math.sqrt(96), 1 / math.sqrt(96)]
    )


def test_a_bound_far_outside_the_values_does_not_flatten_the_picture(reports):
    default = replace(reports[0].default, bound=50.0)
    drawn = figure(replace(reports[0], default=default))
    assert drawn.marks == ()
    assert drawn.x_range[1] < 1


def test_a_constant_tensor_has_no_figure(reports):
    assert figure(reports[34]) is None


def test_laws_without_a_curve_are_not_drawn(reports):
    assert {item.law for item in drawable(reports[0].candidates)} <= {
        "uniform",
        "positive_uniform",
        "normal",
        "truncated_normal",
    }


@pytest.mark.parametrize("log", [False, True])
def test_the_drawing_is_well_formed_and_named(reports, log):
    report = replace(reports[10], sentence="a < b & <img src=x onerror=alert(1)>")
    text = histogram.as_svg(figure(report), DARK, log=log)
    root = ET.fromstring(text)
    assert root.get("role") == "img"
    assert "a < b" in root.get("aria-label")
    assert not list(root.iter(f"{SVG}img"))
    assert "nan" not in text


def test_a_file_of_its_own_names_its_lines(reports):
    drawn = figure(reports[10])
    alone = histogram.as_svg(drawn, DARK, alone=True)
    assert all(curve.name in alone for curve in (drawn.chosen, *drawn.dotted))
    assert drawn.dotted[0].name not in histogram.as_svg(drawn, DARK)


def test_every_number_of_the_drawing_is_finite_for_tiny_and_huge_weights(reports):
    for scale in (1e-30, 1e30):
        shown = replace(
            reports[0].histogram, edges=tuple(e * scale for e in reports[0].histogram.edges)
        )
        report = replace(reports[0], histogram=shown, default=None, candidates=())
        text = histogram.as_svg(figure(report), DARK)
        assert not re.search(r"\b(nan|inf)\b", text)


def test_plotly_gets_no_way_to_send_data_out():
    assert figures.CONFIG == {
        "displayModeBar": False,
        "displaylogo": False,
        "showSendToCloud": False,
        "plotlyServerURL": "",
        "responsive": True,
    }


def test_plotly_gets_the_same_bins_and_curves(reports):
    drawn = figure(reports[10])
    sent = orjson.loads(orjson.dumps(figures.plotly(drawn, log=False)))
    assert sent["data"][0]["y"] == pytest.approx(list(drawn.density), rel=1e-5)
    assert [trace["meta"]["id"] for trace in sent["data"][1:]] == [c.id for c in drawn.curves]


def test_plotly_colours_are_the_pages_own_variables(reports):
    text = orjson.dumps(figures.plotly(figure(reports[10]), log=False)).decode()
    assert VARIABLES.measured in text
    assert not re.search(r"#[0-9a-fA-F]{6}", text)
