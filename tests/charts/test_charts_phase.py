from __future__ import annotations

import base64
import json
import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from app.charts.frame import BOTTOM, LEFT, RIGHT, TOP, WIDTH
from app.charts.phase import (
    PLANE_HEIGHT,
    correlation_plot,
    length_plot,
    plane_plot,
)
from app.charts.phase_figures import map_figure, plane_figure
from app.charts.phase_svg import map_svg, plane_svg
from app.charts.style import DARK, LIGHT, VARIABLES
from app.core.meanfield.nonlinear.nonlinearities import nonlinearity
from app.core.meanfield.placement import Placed
from app.core.meanfield.plane.phase import fixed_point

HOSTILE = "<img src=x onerror=alert(1)>"
NAMES = ("Tanh", "ReLU", "GELU", "SELU", "SiLU", "Sigmoid", "Hardshrink", "Identity")
SVG = "{http://www.w3.org/2000/svg}"
PLACED = (
    *(Placed(name=f"{at}.weight", weight=1 / 3, bias=1 / 384) for at in range(39)),
    Placed(name=HOSTILE, weight=1.4, bias=0.01),
    Placed(name="far", weight=1e5, bias=90.0),
)


def plane(name="Tanh", *, here=(1.3, 0.05), placed=PLACED):
    return plane_plot(nonlinearity(name), here=here, placed=placed, sentence="What is seen.")


def maps(name="Tanh", *, weight=1.69, bias=0.0025):
    activation = nonlinearity(name)
    found = fixed_point(activation, weight=weight, bias=bias)
    return (
        length_plot(activation, found, weight=weight, bias=bias, sentence="Size."),
        correlation_plot(activation, found, bias=bias, sentence="Likeness."),
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("palette", [LIGHT, DARK, VARIABLES], ids=["light", "dark", "page"])
def test_every_figure_is_well_formed_and_has_no_number_that_is_none(name, palette):
    texts = [plane_svg(plane(name), palette), *(map_svg(one, palette) for one in maps(name))]
    for text in texts:
        ET.fromstring(text)
        assert not re.search(r"\b(nan|inf)\b", text)


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_json_that_plotly_reads(name):
    for figure in (plane_figure(plane(name)), *(map_figure(one) for one in maps(name))):
        text = json.dumps(figure["data"][1:])
        assert "NaN" not in text
        assert figure["layout"]["meta"]["width"] == WIDTH
        assert figure["config"]["showSendToCloud"] is False


def test_layers_that_share_a_place_are_one_dot_with_their_number():
    dots = plane().dots
    assert [len(dot.names) for dot in dots] == [39, 1, 1]
    assert dots[0].label == "39 layers: 0.weight, 1.weight, 2.weight, 3.weight and 35 more"


def test_a_layer_far_out_stands_at_the_rim_and_is_counted():
    drawn = plane()
    assert drawn.beyond == 1
    assert drawn.dots[-1].sigma_w == drawn.frame.x_range[1]


def test_a_hostile_name_stays_text():
    drawing = plane_svg(plane(), VARIABLES)
    assert HOSTILE not in drawing
    titles = [item.text for item in ET.fromstring(drawing).iter(f"{SVG}title")]
    assert HOSTILE in titles
    assert HOSTILE not in json.dumps(plane_figure(plane())["data"][1:])


def test_nothing_is_drawn_outside_of_the_axes():
    drawing = ET.fromstring(plane_svg(plane(), LIGHT))
    for circle in drawing.iter(f"{SVG}circle"):
        assert LEFT <= float(circle.get("cx")) <= WIDTH - RIGHT
        assert TOP <= float(circle.get("cy")) <= PLANE_HEIGHT - BOTTOM


def test_phases_are_named_in_the_picture_and_not_by_colour_alone():
    words = [item.text for item in ET.fromstring(plane_svg(plane(), LIGHT)).iter(f"{SVG}text")]
    assert {"ordered", "chaotic"} <= set(words)
    assert "explodes" not in words


def test_the_cells_of_the_phases_cover_the_plane_once():
    data = plane_figure(plane("SELU"))["data"]
    maps_of_cells = [trace for trace in data if trace["type"] == "heatmap"]
    tints = [trace for trace in maps_of_cells if isinstance(trace["z"], dict)]
    cells = [np.frombuffer(base64.b64decode(one["z"]["bdata"]), np.uint8) for one in tints]
    assert len(cells) == 3
    assert set(np.sum(cells, axis=0).tolist()) == {1}


def test_the_path_of_sizes_ends_where_they_settle():
    length, _ = maps()
    assert length.path[-1][0] == pytest.approx(length.end[0], abs=2e-2)
    exact = fixed_point(nonlinearity("Tanh"), weight=1.69, bias=0.0025)
    assert length.end[0] == pytest.approx(exact.q)


def test_an_exploding_size_leaves_the_picture_and_has_no_ring():
    length, _ = maps("ReLU", weight=3.0, bias=0.01)
    assert length.end is None
    assert length.path[-1][1] > length.frame.y_range[1]


def test_the_correlation_map_of_relu_is_the_arc_cosine_kernel():
    """At c = 0 it is 1/π, whatever q, where no bias adds to it."""
    _, likeness = maps("ReLU", weight=2.0, bias=0.0)
    assert likeness.curve[0][1] == pytest.approx(1 / math.pi, rel=1e-6)
    assert likeness.curve[-1][1] == pytest.approx(1.0)


def test_where_the_signal_fades_angles_stay():
    _, likeness = maps("GELU", weight=2.0, bias=0.0)
    assert likeness.curve[48][1] == pytest.approx(0.5, abs=1e-3)


def test_a_drawing_of_its_own_has_its_title():
    assert "Phases of Tanh" in plane_svg(plane(), LIGHT, alone=True)
    assert "Phases of Tanh" not in plane_svg(plane(), LIGHT)
