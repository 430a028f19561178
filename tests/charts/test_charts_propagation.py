from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
import xml.etree.ElementTree as ET

import propagation_models as models
import pytest

from app.charts import propagation_figures, propagation_svg
from app.charts.propagation import points, short_names
from app.charts.propagation_frame import BOTTOM, HEIGHT, TOP, WIDTH
from app.charts.propagation_layout import GAP, pushed_apart, runs_of, runs_text
from app.charts.propagation_marks import marks
from app.charts.propagation_plots import plot_of, plots
from app.charts.style import DARK, LIGHT, VARIABLES
from app.core.propagation import CHECKPOINT

EVERY = {
    "4 layers": lambda: models.report(4),
    "40 layers": lambda: models.report(40, dead=36),
    "200 layers": lambda: models.report(200, dead=120),
    "1 layer": lambda: models.report(1),
    "tanh": lambda: models.report(12, activation="Tanh"),
}


def drawing(plot, palette=LIGHT):
    return ET.fromstring(propagation_svg.as_svg(plot, palette, alone=True))


def words(plot) -> list[str]:
    return [item.text or "" for item in drawing(plot).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("made", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("palette", [LIGHT, DARK, VARIABLES], ids=["light", "dark", "page"])
def test_every_chart_is_well_formed_and_has_no_number_that_is_none(made, palette):
    for plot in plots(made()):
        text = propagation_svg.as_svg(plot, palette)
        ET.fromstring(text)
        assert not re.search(r"\b(nan|inf)\b", text)


@pytest.mark.parametrize("made", EVERY.values(), ids=EVERY)
def test_nothing_is_drawn_outside_of_the_picture(made):
    for plot in plots(made()):
        for place in plot.labels:
            assert TOP <= place.place <= HEIGHT - BOTTOM
        for line in plot.lines:
            for part in propagation_svg.segments(plot.frame, line.y):
                assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in part)


def test_an_axis_of_depth_counts_operations_with_a_weight():
    found = models.report(4)
    assert len(points(found.series[0])) == 4
    assert plot_of(found, "forward").operations == ("0", "2", "4", "6")


def test_a_network_without_weights_counts_every_operation():
    found = models.with_layers(models.report(4), 0, weighted=False)
    assert len(points(found.series[0])) == 8


def test_exact_zeros_are_marked_and_named():
    plot = plot_of(models.report(40, dead=36), "forward")
    assert [strip.text for strip in plot.strips] == ["Your weights: exactly 0 in layers 36–40"]
    assert "Your weights: exactly 0 in layers 36–40" in words(plot)


def test_marks_of_zeros_reach_both_ends_of_their_stretch():
    plot = plot_of(models.report(200, dead=120), "forward")
    places = propagation_svg.strip_marks(plot.frame, plot.strips[0].runs)
    assert (places[0], places[-1]) == (120, 200)
    pixels = [plot.frame.x(place) for place in places]
    # Marks of 7.2 px: they never lie on each other.
    assert min(b - a for a, b in itertools.pairwise(pixels)) > 7.2


def test_many_series_of_zeros_share_the_last_row():
    found = models.report(6, schemes=("zeros",) * 5)
    rows = plot_of(found, "forward").strips
    assert len(rows) == 3
    assert rows[-1].text == "3 more series: exactly 0 in layers 1–6"


def test_what_is_not_finite_is_marked_at_the_ceiling():
    found = models.report(60, schemes=("normal(1)", "torch_default"), width=64)
    strip = next(one for one in plot_of(found, "forward").strips if not one.zero)
    assert strip.text.startswith("Normal 1: not finite in layers ")
    assert strip.marks_at < HEIGHT / 2


def test_a_zero_beside_values_that_are_not_finite_is_not_told_as_a_zero():
    found = models.report(4, schemes=("torch_default",))
    gradient = dataclasses.replace(
        found.series[0].layers[0].backward, grad_rms_median=0.0, nonfinite=9
    )
    plot = plot_of(models.with_layers(found, 0, backward=gradient), "backward")
    assert [strip.text for strip in plot.strips] == ["PyTorch default: not finite in layers 1–4"]


def test_values_that_are_missing_break_the_line_and_raise_nothing():
    none = dataclasses.replace(
        models.report(4).series[0].layers[0].forward,
        rms_median=None, rms_band=None, input_share=None, input_share_band=None,
    )  # fmt: skip
    found = models.with_layers(models.report(4), 0, forward=none, backward=None)
    plot = plot_of(found, "forward")
    assert plot.lines[0].y == (None,) * 4
    assert all(label.line != 0 for label in plot.labels)
    assert propagation_svg.segments(plot.frame, (1.0, None, 2.0, 3.0))[1][0][0] == plot.frame.x(3)
    linear = plot_of(models.report(4), "dead").frame
    assert len(propagation_svg.segments(linear, (1.0, None, 2.0, 3.0))) == 1


def test_a_network_without_gradients_has_no_backward_chart():
    found = models.report(4, schemes=("torch_default",))
    keys = [plot.key for plot in plots(models.with_layers(found, 0, backward=None))]
    assert keys == ["forward", "share", "dead"]


def test_dead_units_stand_at_the_layer_that_they_follow():
    found = models.report(4, schemes=("torch_default",))
    shares = [layer.forward.dead_fraction for layer in found.series[0].layers if not layer.weighted]
    assert plot_of(found, "dead").lines[0].y == pytest.approx([100 * one for one in shares])


def test_a_saturating_network_is_told_by_its_saturated_values():
    assert "saturated" in [plot.key for plot in plots(models.report(12, activation="Tanh"))]


def test_a_very_long_line_is_thinned_to_what_the_eye_sees():
    line = [(100 + at / 40, 50.0 + at % 7) for at in range(8000)]
    kept = propagation_svg.thinned(line)
    assert len(kept) <= 4 * 201
    assert {y for _, y in kept} >= {50.0, 56.0}
    assert (kept[0], kept[-1]) == (line[0], line[-1])
    assert propagation_svg.thinned(line[:300]) == line[:300]


def test_theory_is_dashed_where_it_is_there_and_absent_where_not():
    found = models.report(4, schemes=("lecun_normal",))
    plain = propagation_svg.as_svg(plot_of(found, "forward"), LIGHT)
    told = models.with_layers(found, 0, theory=models.theory(rms=0.7))
    dashed = propagation_svg.as_svg(plot_of(told, "forward"), LIGHT)
    assert 'stroke-dasharray="6 4"' in dashed
    assert 'stroke-dasharray="6 4"' not in plain


def banded():
    """Theory with a spread of log rms² of 0.8 and a mean of 1.2."""
    found = models.report(4, schemes=("lecun_normal",))
    return models.with_layers(found, 0, theory=models.theory(rms=1.2, sd_log=0.8, grad_rms=1.0))


def test_the_dashed_line_is_the_median_of_networks_of_this_width():
    line = plot_of(banded(), "forward").lines[0]
    assert line.theory == pytest.approx((1.2 * math.exp(-0.16),) * 4)


def test_theorys_band_is_paler_than_the_measured_one_and_has_dashed_edges():
    plot = plot_of(banded(), "forward")
    away = math.exp(1.959963984540054 * 0.4)
    assert plot.lines[0].expected_high == pytest.approx((1.2 * math.exp(-0.16) * away,) * 4)
    assert plot.lines[0].expected_low == pytest.approx((1.2 * math.exp(-0.16) / away,) * 4)
    areas = [
        area.attrib for area in drawing(plot).iter("{http://www.w3.org/2000/svg}path")
        if "fill-opacity" in area.attrib
    ]  # fmt: skip
    assert [area["fill-opacity"] for area in areas] == ["0.07", "0.16"]
    assert "stroke-dasharray" in areas[0]


def test_plotly_draws_the_same_band_of_theory():
    figure = propagation_figures.figure(plot_of(banded(), "forward"))
    areas = [trace["opacity"] for trace in figure["data"] if trace.get("fill") == "toself"]
    assert areas == [0.07, 0.16]
    thin = [trace for trace in figure["data"] if trace.get("line", {}).get("width") == 0.8]
    assert [trace["line"]["dash"] for trace in thin] == ["dash", "dash"]


def test_a_gradient_whose_spread_is_not_known_has_a_line_and_no_band():
    line = plot_of(banded(), "backward").lines[0]
    assert line.theory == (1.0,) * 4
    assert line.expected_low == line.expected_high == ()


def test_a_band_of_many_decades_does_not_flatten_the_lines():
    found = models.report(4, schemes=("lecun_normal",))
    wide = models.with_layers(found, 0, theory=models.theory(rms=1.0, sd_log=8.0))
    low, high = plot_of(wide, "forward").frame.y_range
    # The median is e⁻¹⁶ = 1.1e-7 of the mean; 2 decades below it and what was measured above.
    assert -10 < low < high < 2


def test_the_persons_own_weights_are_ink_three_pixels_wide_and_on_top():
    plot = plot_of(models.report(4, dead=2), "forward")
    own = plot.lines[0]
    assert (own.scheme, own.mark.width, LIGHT.family(own.mark.family)) == (CHECKPOINT, 3, LIGHT.ink)


def test_series_of_one_family_differ_by_marker_and_dash():
    schemes = ("kaiming_normal(fan_in,relu)", "kaiming_uniform(fan_in,relu)", "lecun_normal")
    looks = marks(models.report(2, schemes=schemes).series)
    assert len({(look.family, look.shape, look.hollow, look.dash) for look in looks}) == 3
    assert looks[0].family == looks[1].family


def test_names_at_line_ends_are_short_and_stay_apart():
    schemes = (
        "kaiming_normal(fan_in,relu)",
        "kaiming_normal(fan_out,relu)",
        "xavier_uniform(gain=1)",
    )
    names = short_names(models.report(2, schemes=schemes).series)
    assert len(set(names)) == 3
    assert names[2] == "Xavier uniform"
    assert max(map(len, names)) <= 23


@pytest.mark.parametrize("key", ["forward", "backward", "share", "dead"])
def test_no_two_names_touch(key):
    plot = plot_of(models.report(40, dead=36), key)
    places = sorted(label.place for label in plot.labels)
    assert all(b - a >= GAP - 1e-9 for a, b in itertools.pairwise(places))


def test_places_pushed_apart_stay_in_their_room_and_in_order():
    wanted = [50.0, 50.0, 51.0, 300.0, -20.0]
    found = pushed_apart(wanted, low=0, high=250)
    assert min(range(5), key=lambda at: found[at]) == 4
    assert min(found) >= 0
    assert max(found) <= 250
    assert min(b - a for a, b in itertools.pairwise(sorted(found))) >= GAP - 1e-9


def test_too_many_names_for_the_room_come_closer_and_never_leave_it():
    found = pushed_apart([10.0] * 40, low=0, high=100)
    assert min(found) >= -1e-9
    assert max(found) <= 100 + 1e-9


def test_stretches_of_layers_are_told_in_words():
    assert runs_of([1, 2, 3, 9]) == ((1, 3), (9, 9))
    assert runs_text(((1, 35),)) == "layers 1–35"
    assert runs_text(((3, 3),)) == "layer 3"
    assert runs_text(((1, 1), (3, 3), (5, 5), (7, 7))) == "layers 1, 3, 5 and 1 more stretch"


def test_the_gradient_has_its_names_where_it_ends():
    found = models.report(4)
    assert plot_of(found, "backward").frame.names_left
    assert not plot_of(found, "forward").frame.names_left


def test_the_smallest_normal_of_float16_is_drawn_where_the_axis_reaches_it():
    assert plot_of(models.report(4), "forward").levels == ()
    level = plot_of(models.report(40), "backward").levels[0]
    assert level.value == pytest.approx(6.1e-5, rel=2e-3)


def test_float32_rounding_bounds_the_input_share():
    found = plot_of(models.report(40), "share")
    assert [level.value for level in found.levels] == [1e-7]


def test_a_hostile_name_is_text_and_nothing_else():
    found = models.report(4, schemes=("torch_default",))
    one = dataclasses.replace(found.series[0], name=models.HOSTILE)
    hostile = models.with_layers(dataclasses.replace(found, series=(one,)), 0, name=models.HOSTILE)
    for plot in plots(hostile):
        assert "<img" not in propagation_svg.as_svg(plot, LIGHT)
        assert "<img" not in json.dumps(propagation_figures.figure(plot))


@pytest.mark.parametrize("made", EVERY.values(), ids=EVERY)
def test_plotly_is_given_finite_numbers_and_the_same_ends(made):
    for plot in plots(made()):
        drawn = propagation_figures.figure(plot)
        assert drawn["layout"]["yaxis"]["range"] == list(plot.frame.y_range)
        json.dumps(drawn, allow_nan=False)
        if plot.frame.log:
            numbers = [y for trace in drawn["data"] for y in trace["y"] if y is not None]
            assert all(value > 0 and math.isfinite(value) for value in numbers)
