from __future__ import annotations

import dataclasses

import pytest

from app.core.comparison import SCHEMA, ComparisonReport, Pair, Reshaped, is_weight
from app.core.drift import Drift
from app.core.movements import concluded
from app.core.report import Overview, Source, Summary, TensorRow

STILL = Drift(
    count=10_000,
    unchanged=10_000,
    nonfinite_before=0,
    nonfinite_after=0,
    relative=0.0,
    step=0.0,
    cosine=1.0,
    correlation=1.0,
    max_change=0.0,
    mean_before=0.0,
    mean_after=0.0,
    std_before=0.1,
    std_after=0.1,
)
MOVED = dataclasses.replace(
    STILL, unchanged=0, relative=0.2, step=0.2, cosine=0.98, correlation=0.98, max_change=0.3
)
BARELY = dataclasses.replace(MOVED, relative=0.004, step=0.004, cosine=0.999, correlation=0.999)
UNRELATED = dataclasses.replace(MOVED, relative=1.41, step=1.41, cosine=0.001, correlation=0.001)


def pair(index: int, drift: Drift | None, **changes) -> Pair:
    facts = {
        "name": f"{index}.weight",
        "before": index,
        "after": index,
        "shape": (100, 100),
        "dtypes": ("float32", "float32"),
        "compared_as": None,
        "kind": "Linear",
        "role": "weight",
        "weight": True,
        "drift": drift,
    }
    return Pair(**{**facts, **changes})


def report(*pairs: Pair, **changes) -> ComparisonReport:
    facts = {
        "schema": SCHEMA,
        "pairs": pairs,
        "reshaped": (),
        "missing": (),
        "added": (),
        "prefixes": ("", ""),
        "by_order": False,
        "left_out": 0,
    }
    return ComparisonReport(**{**facts, **changes})


def analysed(*rows: tuple[str, tuple[str, ...]]) -> Overview:
    """An overview whose rows have these statuses and schemes."""
    base = {field.name: None for field in dataclasses.fields(TensorRow)}
    made = tuple(
        TensorRow(
            **{
                **base,
                "index": index,
                "name": f"{index}.weight",
                "status": status,
                "schemes": schemes,
                "scheme_name": schemes[0] if schemes else "no scheme fits",
            }
        )
        for index, (status, schemes) in enumerate(rows)
    )
    summary = Summary(**{field.name: None for field in dataclasses.fields(Summary)})
    source = Source(name="a", format="", bytes=0, sha256="")
    return Overview(schema="", source=source, summary=summary, findings=(), rows=made)


FRESH = ("consistent", ("torch_default",))
TRAINED = ("not_at_init", ())


def codes(found) -> dict[str, tuple[str, ...]]:
    return {remark.code: remark.names for remark in found.remarks}


def test_the_headline_counts_what_moved_and_names_what_never_did():
    found = concluded(report(pair(0, MOVED), pair(1, STILL), pair(2, MOVED)), None, None)
    assert found.headline == "2 of 3 weight tensors moved; 1 never did: 1.weight."
    assert found.sign == "differs"


def test_nothing_moved():
    found = concluded(report(pair(0, STILL), pair(1, STILL)), None, None)
    assert found.headline.startswith("Nothing moved: all 2 weight tensors")
    assert (found.sign, found.remarks) == ("as_expected", ())


def test_everything_moved():
    found = concluded(report(pair(0, MOVED), pair(1, MOVED)), None, None)
    assert found.headline == "All 2 weight tensors moved."


def test_a_tensor_that_fits_a_fresh_draw_and_is_unrelated_was_drawn_anew():
    found = concluded(
        report(pair(0, UNRELATED), pair(1, MOVED)),
        analysed(TRAINED, FRESH),
        analysed(FRESH, TRAINED),
    )
    assert [one.movement for one in found.moved] == ["redrawn", "moved"]
    assert codes(found)["redrawn"] == ("0.weight",)
    assert found.headline == "All 2 weight tensors moved, 1 of them as if drawn anew."


def test_an_unrelated_tensor_that_fits_no_draw_only_moved():
    found = concluded(report(pair(0, UNRELATED)), None, analysed(TRAINED))
    assert found.moved[0].movement == "moved"


def test_few_values_do_not_tell_a_new_draw():
    few = dataclasses.replace(UNRELATED, count=624)
    found = concluded(report(pair(0, few)), None, analysed(FRESH))
    assert found.moved[0].movement == "moved"


def test_all_drawn_anew_is_a_fresh_start():
    found = concluded(report(pair(0, UNRELATED)), analysed(FRESH), analysed(FRESH))
    assert found.headline.startswith("A fresh start")


def test_a_small_step_is_hardly_a_move():
    found = concluded(report(pair(0, BARELY)), None, None)
    assert found.moved[0].movement == "barely"
    assert codes(found)["barely"] == ("0.weight",)


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [
        (FRESH, TRAINED, True),
        (FRESH, FRESH, False),
        (FRESH, ("consistent", ("normal(0.02)",)), True),
        (TRAINED, TRAINED, False),
        (FRESH, ("too_small", ()), None),
        (("too_small", ()), TRAINED, None),
    ],
)
def test_whether_a_tensor_left_its_law(before, after, left):
    found = concluded(report(pair(0, MOVED)), analysed(before), analysed(after))
    assert found.moved[0].left_law is left


def test_without_an_analysis_nothing_is_said_of_laws():
    found = concluded(report(pair(0, MOVED)), analysed(FRESH), None)
    assert found.moved[0].left_law is None


def test_values_that_became_nan_are_a_problem():
    broken = dataclasses.replace(MOVED, nonfinite_after=3)
    found = concluded(report(pair(0, broken)), None, None)
    assert (found.sign, found.remarks[0].code) == ("problem", "became_nonfinite")


def test_a_cast_is_told():
    cast = pair(0, STILL, dtypes=("float32", "bfloat16"), compared_as="bfloat16")
    found = concluded(report(cast), None, None)
    assert "after rounding to bfloat16" in found.remarks[0].message


def test_what_only_one_file_holds_is_told():
    odd = Reshaped(name="c", before=(1,), after=(2,))
    found = concluded(
        report(pair(0, MOVED), missing=("a",), added=("b",), reshaped=(odd,)), None, None
    )
    assert {"missing", "added", "reshaped"} <= set(codes(found))


def test_no_common_tensor_is_not_judged():
    found = concluded(report(missing=("a",), added=("b",)), None, None)
    assert found.headline == "The two files share no tensor that could be compared."
    assert found.sign == "not_judged"


def test_quantised_tensors_are_not_compared():
    found = concluded(report(pair(0, None, note="codes"), pair(1, MOVED)), None, None)
    assert found.moved[0].movement == "not_compared"
    assert "not_compared" in codes(found)


def test_files_without_weights_are_told_by_their_tensors():
    bias = pair(0, STILL, role="bias", weight=False)
    found = concluded(report(bias), None, None)
    assert found.headline.startswith("Nothing moved: the 1 tensor")


@pytest.mark.parametrize(
    ("role", "parameter", "axes", "weight"),
    [
        ("weight", True, 2, True),
        ("bias", True, 1, False),
        ("norm_weight", True, 1, False),
        ("unknown", None, 2, True),
        ("unknown", None, 1, False),
        ("running_mean", None, 1, False),
        ("weight", False, 2, False),
    ],
)
def test_what_counts_as_a_weight(role, parameter, axes, weight):
    assert is_weight(role=role, parameter=parameter, axes=axes) is weight
