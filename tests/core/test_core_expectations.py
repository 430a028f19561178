"""Measured sizes held against theory's band, and the mean that tells nothing."""

from __future__ import annotations

import dataclasses
import math

import pytest

from app.core.expectations import OWN_ERROR, held
from app.core.passage import verdict_of
from app.core.propagation import CHECKPOINT, Backward, Forward, Layer, Series, Theory

NONE = dict.fromkeys(("mean", "std", "grad_rms", "input_share"))


def layer(place, measured, *, theory=1.0, sd_log=0.2):
    return Layer(
        name=f"layers.{place}",
        op="aten.linear.default",
        kind="Linear",
        module=f"layers.{place}",
        shape=(2, 8),
        weighted=True,
        forward=Forward(
            mean=0.0, std=measured, rms=measured, rms_median=measured, rms_band=None,
            input_share=0.9, input_share_band=None, zero_fraction=0.0, dead_fraction=None,
            saturated_fraction=None, nonfinite=0, histogram=(0,) * 130,
        ),
        backward=Backward(grad_rms=1.0, grad_rms_median=1.0, grad_rms_band=None, nonfinite=0),
        theory=Theory(**NONE, rms=theory, sd_log=sd_log),
    )  # fmt: skip


def said(layers, *, seeds=8, scheme="torch_default"):
    series = Series(scheme=scheme, name="A", layers=tuple(layers), verdict=None)
    return verdict_of(series, seeds=seeds)


def of_theory(layers, **how):
    return [line for line in said(layers, **how).lines if "theory" in line.lower()]


def test_a_network_inside_its_band_is_not_remarked_on():
    assert of_theory([layer(i, 1.0) for i in range(9)]) == []


def test_a_signal_beyond_the_band_is_told_from_the_layer_where_it_begins():
    found = of_theory([layer(i, 1.0 if i < 3 else 1.8) for i in range(9)])
    assert len(found) == 1
    # The median lies exp(−.2²/4) = .990 below the mean, so 1.8 is ×1.82.
    assert found[0].startswith(
        "From layer 4 (layers.3) on, the signal is ×1.82 what theory expects of this network at "
        "layer 9 (layers.8)."
    )


def test_a_single_layer_beyond_the_band_is_told_alone():
    found = of_theory([layer(i, 1.9 if i == 4 else 1.0) for i in range(9)])
    assert found[0].startswith("At layer 5 (layers.4), the signal is ×1.92")


def test_a_remark_does_not_turn_a_steady_series_into_a_warning():
    assert said([layer(i, 1.8) for i in range(9)]).level == "info"


def test_more_layers_allow_each_of_them_more():
    """One layer at 3.5 sd of a single network: chance of 1 in 2,149, above 1 in 1,000 / 40."""
    away = math.exp(3.5 * 0.4 / 2 - 0.4**2 / 4) * OWN_ERROR
    alone = [layer(0, away, sd_log=0.4)]
    among = [layer(i, away if i == 20 else 0.96, sd_log=0.4) for i in range(40)]
    assert of_theory(alone, seeds=1) != []
    assert of_theory(among, seeds=1) == []


def test_the_median_of_more_networks_is_held_to_a_narrower_band():
    layers = [layer(i, 1.6, sd_log=0.3) for i in range(3)]
    assert of_theory(layers, seeds=1) == []
    assert of_theory(layers, seeds=16) != []


def test_inputs_do_not_make_one_checkpoint_many_networks():
    layers = [layer(i, 1.6, sd_log=0.3) for i in range(3)]
    assert of_theory(layers, seeds=16, scheme=CHECKPOINT) == []


def test_a_hairline_band_leaves_theory_its_own_error():
    assert of_theory([layer(i, 1.05, sd_log=0.0) for i in range(3)]) == []
    assert of_theory([layer(i, 1.15, sd_log=0.0) for i in range(3)]) != []


def test_a_spread_too_large_for_its_expansion_is_not_held_against_data():
    assert of_theory([layer(i, 40.0, sd_log=1.2) for i in range(3)]) == []


def of_mean(q, spreads):
    pairs = enumerate(zip(q, spreads, strict=True))
    layers = [layer(i, 0.5, theory=math.sqrt(one), sd_log=sd) for i, (one, sd) in pairs]
    return next((line for line in said(layers).lines if "mean over networks" in line), "")


def test_a_mean_that_few_networks_carry_is_told_with_its_median():
    """At sd 1.78, Φ(.89) = 81 % lie below the mean; the median is e^(−.792) of it."""
    found = of_mean([0.3] * 6, [0.1, 0.3, 0.6, 1.0, 1.4, 1.78])
    assert found.startswith("From layer 5 (layers.4) on, the mean over networks says little")
    assert "81 % of networks end below it; their median is 0.2481, the mean 0.5477." in found


def test_a_fall_that_steepens_is_named_as_what_spreads_the_networks():
    """log .95 = −.0513 and log .5 = −.693: differences grow ×13.5."""
    found = of_mean([2.0, 1.9, 1.7, 1.2, 0.6, 0.3], [0.1, 0.3, 0.6, 1.0, 1.4, 1.78])
    assert "q changes by ×0.950 a layer at first and by ×0.500 at the end" in found
    assert "grow ×13.5 on the way" in found


def test_where_differences_grow_a_spread_of_1_is_enough_to_be_told():
    found = of_mean([2.0, 1.9, 1.7, 1.2, 0.6, 0.3], [0.1, 0.2, 0.3, 0.5, 0.8, 1.1])
    assert found.startswith("From layer 6 (layers.5) on, the mean over networks says little")


def test_a_mean_below_three_of_four_networks_is_left_alone():
    assert of_mean([0.3] * 6, [0.1, 0.2, 0.3, 0.5, 0.9, 1.3]) == ""


@pytest.mark.parametrize("missing", [None, 0.0, math.nan])
def test_layers_without_a_size_are_left_out(missing):
    whole = [layer(i, 1.0) for i in range(4)]
    gap = dataclasses.replace(whole[1].forward, rms_median=missing)
    layers = [whole[0], dataclasses.replace(whole[1], forward=gap), *whole[2:]]
    assert of_theory(layers) == []


def test_what_theory_says_is_told_apart_from_the_other_lines():
    found = said([layer(i, 1.8) for i in range(9)])
    assert len(found.theory) == 1
    assert set(found.theory) < set(found.lines)


def test_a_band_is_held_where_layers_multiply_and_ends_where_differences_grow():
    spreads = [0.1, 0.3, 0.6, 1.0, 1.4, 1.8]
    steady = [layer(i, 0.5, theory=0.5, sd_log=sd) for i, sd in enumerate(spreads)]
    sizes = zip((2.0, 1.9, 1.7, 1.2, 0.6, 0.3), spreads, strict=True)
    falling = [layer(i, 0.5, theory=math.sqrt(q), sd_log=sd) for i, (q, sd) in enumerate(sizes)]
    assert held(steady) == (True,) * 6
    assert held(falling) == (True,) * 4 + (False,) * 2


FALLING = (2.0, 1.9, 1.7, 1.2, 0.6, 0.3)  # q of a fall that steepens
BACK = (0.1, 0.3, 0.6, 1.1, 1.2, 0.9)  # its spread, which comes out small at the end


def test_a_spread_that_was_too_large_is_not_trusted_when_it_comes_out_small_again():
    pairs = zip(FALLING, BACK, strict=True)
    falling = [layer(i, 0.5, theory=math.sqrt(q), sd_log=sd) for i, (q, sd) in enumerate(pairs)]
    assert held(falling) == (True,) * 3 + (False,) * 3


def test_nothing_is_held_against_theory_beyond_the_end_of_its_band():
    def measured(factors):
        sizes = enumerate(zip(FALLING, BACK, factors, strict=True))
        return [
            layer(i, math.sqrt(q) * times, theory=math.sqrt(q), sd_log=sd)
            for i, (q, sd, times) in sizes
        ]

    assert not any("expects" in line for line in of_theory(measured([1, 1, 1, 1, 1, 9])))
    assert any("expects" in line for line in of_theory(measured([1, 9, 1, 1, 1, 1])))
