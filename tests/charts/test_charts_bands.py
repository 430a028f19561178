from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import orjson
import pytest
from sample_models import HOSTILE

from app.charts import bands, figures
from app.charts.style import DARK
from app.charts.units import unit_band, unit_spread
from app.charts.worm import POINTS, quantile, shares_allowed, worm
from app.core.distributions import Normal, TruncatedNormal, Uniform
from app.core.report import Candidate, UnitSpread
from app.core.sketch import sketch

LAWS = {
    "uniform": Uniform(bound=0.1),
    "normal": Normal(std=0.1),
    "truncated_normal": TruncatedNormal(parent=0.1),
}


def candidate(law, name: str = "a law") -> Candidate:
    return Candidate(
        ids=(law.law,),
        names=(name,),
        law=law.law,
        formula="",
        bound=law.bound,
        std=law.std,
        value=None,
        std_ratio=None,
        outside=False,
        p_value=None,
        log_likelihood=None,
        rejected_by=None,
        reason=None,
    )


def drawn(law, size: int, seed: int = 1, dtype: str = "float32"):
    p = np.random.default_rng(seed).uniform(size=size)
    return sketch(quantile(law, p).astype(dtype), dtype=dtype)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_a_quantile_is_the_inverse_of_the_distribution(law):
    p = np.linspace(0.001, 0.999, 99)
    assert law.cdf(quantile(law, p)) == pytest.approx(p, abs=1e-12)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize("size", [300, 200_000])
def test_a_fresh_draw_stays_in_the_band(law, size):
    plot = worm(drawn(law, size), candidate(law))
    # Pointwise 99 %: the whole line leaves it somewhere more often, but never for long.
    assert plot.within >= 0.9 * len(plot.x)
    assert len(plot.x) <= POINTS


def test_a_draw_of_another_law_leaves_the_band():
    plot = worm(drawn(LAWS["normal"], 20_000), candidate(LAWS["uniform"]))
    assert plot.within < 0.2 * len(plot.x)


def test_the_difference_is_the_exact_one_in_units_of_the_law():
    values = np.linspace(-0.2, 0.2, 2001)  # a uniform on twice the bound
    plot = worm(sketch(values, dtype="float64"), candidate(LAWS["uniform"]))
    # x = 2·expected, so measured - expected is expected itself, within one step: 0.0002 of 0.1.
    assert plot.y == pytest.approx(plot.x, abs=2.1e-3)


def test_half_precision_rounding_alone_does_not_leave_the_band():
    plot = worm(drawn(LAWS["uniform"], 100_000, dtype="float16"), candidate(LAWS["uniform"]))
    assert plot.within >= 0.9 * len(plot.x)


def test_the_interval_covers_the_share_that_it_says():
    below = np.arange(1.0, 100)
    low, high = shares_allowed(below, 100)
    shares = np.array([0.3, 0.5, 0.8])  # at which none and all of 100 have no chance
    # P(low <= p <= high) over binomial counts: at least 99 % for Clopper-Pearson.
    for share in shares:
        chance = np.array(
            [math.comb(100, k) * share**k * (1 - share) ** (100 - k) for k in range(1, 100)]
        )
        assert chance[(low <= share) & (share <= high)].sum() >= 0.99


@pytest.mark.parametrize("values", [np.full(100, 0.5), np.zeros(0), np.full(5, np.nan)])
def test_values_that_are_alike_or_none_have_no_line(values):
    found = sketch(values.astype(np.float32), dtype="float32")
    assert worm(found, candidate(LAWS["normal"])) is None


def test_one_value_far_out_is_seen():
    values = np.append(np.random.default_rng(2).uniform(-0.1, 0.1, 9999), 5.0)
    plot = worm(sketch(values.astype(np.float32), dtype="float32"), candidate(LAWS["uniform"]))
    assert max(plot.y) > 10
    assert plot.y_range[1] > 10


def spread(stds, count: int, **more) -> UnitSpread:
    stds = tuple(map(float, stds))
    return UnitSpread(
        **{"units": len(stds), "count": count, "means": (0.0,) * len(stds), "stds": stds, **more}
    )


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_a_whole_fresh_layer_lies_in_the_band_99_times_in_100(law):
    rng, inside = np.random.default_rng(3), 0
    for _ in range(300):
        rows = quantile(law, rng.uniform(size=(40, 64)))
        plot = unit_spread(spread(rows.std(axis=1), 64), item=candidate(law))
        inside += plot.within == 40
    # 297 of 300 expected with a std of 1.7; five below is 3 std.
    assert inside >= 291


def test_the_band_of_a_normal_is_chi_square():
    low, high = unit_band(kurtosis=3.0, count=2, units=1)
    # Two values: s² is χ² of one degree; P(χ² < 3.93e-5) = P(χ² > 7.879) = 0.005.
    assert (2 * low**2, 2 * high**2) == pytest.approx((3.927e-5, 7.879), rel=1e-3)


def test_dead_units_are_named():
    stds = np.full(64, 0.1)
    stds[[7, 9]] = 0.0
    plot = unit_spread(spread(stds, 256), item=candidate(LAWS["normal"]))
    assert "2 units lie outside the band: 7 (×0), 9 (×0)." in plot.caption


def test_units_of_a_part_keep_their_own_numbers():
    plot = unit_spread(spread(np.full(96, 0.1), 32), item=candidate(LAWS["normal"]), rows=(32, 64))
    assert (plot.x[0], plot.x[-1], len(plot.x)) == (32, 63, 32)


def test_places_of_thinned_units_are_used():
    thin = spread((0.1, 0.1, 0.0), 32, units=9000, places=(0, 4500, 8999))
    plot = unit_spread(thin, item=candidate(LAWS["normal"]))
    assert plot.x == (0, 4500, 8999)
    assert "3 of 9,000 units are drawn" in plot.caption


@pytest.mark.parametrize("found", [spread([0.1], 99), spread([0.1, 0.1], 1)])
def test_one_unit_or_one_value_has_no_spread(found):
    assert unit_spread(found, item=candidate(LAWS["normal"])) is None


def plots(name: str = "a law"):
    law = LAWS["normal"]
    yield worm(drawn(law, 5000), candidate(law, name))
    yield unit_spread(spread(np.linspace(0.09, 0.11, 50), 100), item=candidate(law, name))


@pytest.mark.parametrize("alone", [False, True])
def test_the_drawings_are_well_formed_and_named(alone):
    for plot in plots(HOSTILE):
        text = bands.as_svg(plot, DARK, alone=alone)
        root = ET.fromstring(text)
        assert (root.get("role"), "<img" in root.get("aria-label")) == ("img", True)
        assert "<img" not in text
        assert not re.search(r"\b(nan|inf)\b", text)


def test_two_drawings_of_a_page_do_not_share_a_clip():
    clips = [re.search(r'clipPath id="([\w-]+)"', bands.as_svg(plot, DARK))[1] for plot in plots()]
    assert len(set(clips)) == 2


def test_plotly_gets_the_band_first_and_then_the_same_points():
    for plot in plots():
        sent = orjson.loads(orjson.dumps(figures.banded(plot)))
        shade, measured = sent["data"]
        assert shade["fill"] == "toself"
        assert measured["y"] == pytest.approx(list(plot.y), rel=1e-5)
        assert sent["config"]["showSendToCloud"] is False
