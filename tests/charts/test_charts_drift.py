from __future__ import annotations

from xml.etree import ElementTree

from app.charts.drift import as_svg, drift_plot
from app.charts.fingerprint import SHARED_HEIGHT
from app.charts.style import LIGHT
from app.core.comparison import Pair
from app.core.drift import Drift
from app.core.movements import Moved


def moved(size: float | None, movement: str = "moved") -> Moved:
    drift = Drift(
        count=4,
        unchanged=4 if movement == "unmoved" else 0,
        nonfinite_before=0,
        nonfinite_after=0,
        relative=size,
        **dict.fromkeys(
            (
                "step",
                "cosine",
                "correlation",
                "max_change",
                "mean_before",
                "mean_after",
                "std_before",
                "std_after",
            )
        ),
    )
    pair = Pair(
        name="a",
        before=0,
        after=0,
        shape=(4,),
        dtypes=("float32", "float32"),
        compared_as=None,
        kind="Linear",
        role="weight",
        weight=True,
        drift=drift,
    )
    return Moved(pair=pair, movement=movement, left_law=None, law_before=None, law_after=None)


def test_the_axis_holds_every_drift_and_its_own_size():
    plot = drift_plot([moved(3e-5), moved(40.0)], "")
    assert plot.low <= 3e-5 < 40.0 <= plot.high
    assert plot.low < 1 < plot.high


def test_a_drift_beyond_all_numbers_ends_with_the_axis():
    plot = drift_plot([moved(1.7e308), moved(0.1)], "")
    assert plot.high < 1e11
    assert "H960" in as_svg(plot, LIGHT)


def test_nothing_compared_has_no_picture():
    assert drift_plot([moved(None, "not_compared")], "") is None


def test_a_drift_from_zero_reaches_the_end():
    plot = drift_plot([moved(None), moved(0.1)], "")
    drawn = as_svg(plot, LIGHT)
    assert "H960" in drawn


def test_one_that_never_moved_among_thousands_keeps_its_mark():
    rows = [moved(0.1)] * 5000
    rows[3210] = moved(0.0, "unmoved")
    plot = drift_plot(rows, "")
    assert len(plot.rows) == SHARED_HEIGHT
    assert sum(still for _, _, still in plot.rows) == 1
    assert LIGHT.differs in as_svg(plot, LIGHT)


def test_one_drawn_anew_among_thousands_is_seen():
    rows = [moved(0.1)] * 5000
    rows[3210] = moved(1.4, "redrawn")
    assert sum(kind == "redrawn" for _, kind, _ in drift_plot(rows, "").rows) == 1


def test_the_picture_is_sound_and_says_what_it_shows():
    drawn = ElementTree.fromstring(as_svg(drift_plot([moved(0.1)], "<All> moved."), LIGHT))
    assert drawn.attrib["aria-label"] == "<All> moved."


def test_only_still_tensors_still_have_an_axis():
    assert drift_plot([moved(0.0, "unmoved")], "").low > 0
