"""What a measured series means: one sentence, its numbers, and what else it shows."""

import pytest

from app.core.passage import LOST, comparison, verdict_of
from app.core.propagation import Backward, Forward, Layer, ParameterGradient, Series
from app.core.trends import change, factor_per_layer


def layer(place, *, rms=1.0, share=0.9, gradient=1.0, **told):
    forward = {"dead_fraction": None, "saturated_fraction": None, "nonfinite": 0} | {
        k: told.pop(k) for k in tuple(told) if k.endswith("fraction") or k == "nonfinite"
    }
    return Layer(
        name=f"layers.{place}",
        op=told.pop("op", "aten.linear.default"),
        kind="Linear",
        module=f"layers.{place}",
        shape=(2, 8),
        weighted=told.pop("weighted", True),
        forward=Forward(
            mean=0.0, std=rms, rms=rms, rms_median=rms, rms_band=(rms, rms), input_share=share,
            input_share_band=None, zero_fraction=0.0, histogram=(0,) * 130, **forward,
        ),
        backward=Backward(
            grad_rms=gradient, grad_rms_median=gradient, grad_rms_band=None, nonfinite=0
        ),
    )  # fmt: skip


def series(layers, name="A scheme", gradients=()):
    bare = Series(
        scheme="torch_default", name=name, layers=tuple(layers), verdict=None, gradients=gradients
    )
    return Series(
        scheme=bare.scheme, name=name, layers=bare.layers, verdict=verdict_of(bare),
        gradients=gradients,
    )  # fmt: skip


def verdict(layers, **how):
    return series(layers, **how).verdict


def test_a_network_that_keeps_its_signal_is_steady():
    found = verdict([layer(i, rms=1 + 0.01 * i) for i in range(20)])
    assert (found.level, found.code) == ("info", "steady")
    assert found.message == (
        "The signal stays between 1 and 1.19; the gradient changes by ×1.00 a layer."
    )


def test_outputs_that_no_longer_depend_on_the_input_are_told_first():
    bias = ParameterGradient(name="layers.0.bias", grad_rms=1.0, rms=0.02)
    layers = [layer(i, rms=0.028, share=0.4**i, gradient=0.408 ** (39 - i)) for i in range(40)]
    found = verdict(layers, gradients=(bias,))
    assert (found.code, found.limit) == ("input_lost", LOST)
    assert found.message == "Outputs no longer depend on the input."
    assert found.lines[0].startswith("The size looks steady at 0.028, but it is all bias")
    assert "The gradient falls by ×0.408 a layer" in found.lines[1]


def test_without_biases_the_same_output_for_every_input_is_not_blamed_on_them():
    found = verdict([layer(i, share=0.0) for i in range(3)])
    assert "it is the same for every input" in found.lines[0]


@pytest.mark.parametrize(("step", "code"), [(0.5, "vanishing_signal"), (2.0, "exploding_signal")])
def test_a_signal_that_leaves_its_size_is_told_by_its_factor_a_layer(step, code):
    found = verdict([layer(i, rms=step**i) for i in range(12)])
    assert found.code == code
    assert found.measured == pytest.approx(step)


@pytest.mark.parametrize(
    ("step", "code"), [(0.5, "vanishing_gradient"), (2.0, "exploding_gradient")]
)
def test_a_gradient_is_told_by_its_factor_towards_the_input(step, code):
    found = verdict([layer(i, gradient=step ** (19 - i)) for i in range(20)])
    assert found.code == code
    assert found.measured == pytest.approx(step)


def test_a_layer_of_zeros_is_named_with_the_layers_it_cuts_off():
    layers = [layer(i, gradient=0.0 if i < 35 else 1.0) for i in range(40)]
    zero = ParameterGradient(name="layers.35.weight", grad_rms=1.0, rms=0.0)
    found = verdict(layers, gradients=(zero,))
    assert found.message == (
        "No gradient reaches layers 1 to 35: layer 36 (layers.35) is all zeros."
    )


def test_a_gradient_that_underflows_is_not_called_blocked():
    layers = [layer(i, gradient=0.0 if i < 3 else 1e-40 * 1e10 ** (i - 3)) for i in range(8)]
    found = verdict(layers)
    assert found.code == "vanishing_gradient"
    assert found.lines[0] == ("It is exactly 0 in layers 1 to 3, below what the dtype can hold.")


def test_a_signal_of_exactly_0_is_a_problem():
    found = verdict([layer(0), layer(1, rms=0.0, share=None)])
    assert (found.level, found.code) == ("problem", "zero_signal")


def test_overflow_is_told_alone():
    found = verdict([layer(0), layer(1, nonfinite=12, share=0.0)])
    assert found.code == "nonfinite"
    assert len(found.lines) == 1


def test_minus_infinity_of_a_mask_is_no_overflow():
    mask = layer(1, nonfinite=12, op="aten.masked_fill.Scalar", weighted=False)
    assert verdict([layer(0), mask, layer(2)]).code == "steady"


def test_units_that_are_0_for_every_input_are_counted():
    found = verdict([layer(0), layer(1, dead_fraction=0.75, weighted=False), layer(2)])
    assert (found.level, found.code, found.measured) == ("warning", "dead_units", 0.75)


def test_saturated_values_are_counted():
    found = verdict([layer(0), layer(1, saturated_fraction=0.9, weighted=False), layer(2)])
    assert (found.code, found.measured) == ("saturated", 0.9)


def test_a_series_without_layers_has_no_verdict():
    assert verdict([]) is None


def test_the_only_scheme_that_keeps_both_is_named():
    good = series([layer(i) for i in range(9)], name="Kaiming normal")
    bad = series([layer(i, rms=0.3**i) for i in range(9)], name="Normal 0.01")
    assert comparison([good, bad]) == (
        "Only Kaiming normal keeps both the signal and the gradient at this depth."
    )
    assert comparison([bad, bad]).startswith("None of them")
    assert comparison([good, good]).startswith("All of them")


def test_a_factor_is_the_slope_of_the_logarithms():
    assert factor_per_layer([8.0, None, 2.0, 0.0, 0.5]) == pytest.approx(0.5)
    assert factor_per_layer([1.0]) is None
    assert change(0.5, 4) == pytest.approx(0.125)
    assert change(None, 4) == 1.0


def test_a_size_that_falls_is_not_called_steady():
    found = verdict([layer(i, rms=0.5**i, share=0.1**i) for i in range(20)])
    assert found.lines[0].startswith("The size is 1.907e-06, but")


def test_a_share_is_never_rounded_up_to_all():
    found = verdict([layer(i, share=0.99999) for i in range(3)])
    assert found.lines[0].startswith("99.999")


def test_several_schemes_that_keep_both_are_listed():
    good = [series([layer(i) for i in range(9)], name=name) for name in ("A", "B", "C")]
    bad = series([layer(i, rms=0.3**i) for i in range(9)], name="D")
    assert comparison([*good, bad]).startswith("A, B and C keep both")
