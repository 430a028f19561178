"""What is told of a seed and of each tensor, given the places."""

import dataclasses

import numpy as np
import pytest

from app.core.excuses import EXCUSES
from app.core.origins import Gap, Places, found_seed, origin_of
from app.core.replay import Place
from app.core.targets import Sought

DRAWN = Place(
    offset=0,
    outputs=100,
    drawn="uniform",
    low=-0.5,
    high=0.5,
    count=100,
    equal=100,
    change=0.0,
    bits=200.0,
)
MOVED = dataclasses.replace(DRAWN, equal=3, change=0.02)


def spread(size=100, *, index=0, **facts):
    values = np.random.default_rng(index).uniform(-0.5, 0.5, size).astype(np.float32)
    return Sought(index=index, values=values, bounds=(0.5,), **facts)


def constant(index=0):
    return Sought(index=index, values=np.ones(100, np.float32))


def at(place, *, position=0, seed=42):
    return Places(seed=seed, found_by="state", places={position: place})


def told(tensor, *founds):
    return origin_of(0, [tensor], founds)


def test_the_order_is_that_of_the_stream():
    places = {
        0: dataclasses.replace(DRAWN, offset=200),
        1: dataclasses.replace(DRAWN, offset=0),
        2: dataclasses.replace(DRAWN, offset=100),
    }
    sought = [spread(index=index) for index in (7, 8, 9)]
    found = found_seed(Places(seed=1, found_by="search", places=places), sought)
    assert found.order == (8, 9, 7)
    assert found.gaps == ()


def test_outputs_that_no_tensor_took_are_a_gap_before_the_next():
    places = {0: DRAWN, 1: dataclasses.replace(DRAWN, offset=130)}
    sought = [spread(index=index) for index in (4, 5)]
    found = found_seed(Places(seed=1, found_by="state", places=places), sought)
    assert found.gaps == (Gap(offset=100, outputs=30, before=5),)


def test_tensors_that_share_outputs_leave_no_gap():
    places = {0: DRAWN, 1: DRAWN}
    sought = [spread(index=index) for index in (0, 1)]
    assert found_seed(Places(seed=1, found_by="state", places=places), sought).gaps == ()


def test_an_untouched_tensor_carries_its_place_and_its_law():
    origin = told(spread(), at(DRAWN))
    assert (origin.verdict, origin.seed, origin.stream_offset) == ("from_stream", 42, 0)
    assert (origin.law, origin.low, origin.high, origin.std) == ("uniform", -0.5, 0.5, None)
    assert "bit for bit" in origin.reason


def test_a_normal_tensor_carries_its_mean_and_std():
    place = dataclasses.replace(DRAWN, drawn="small_normal", low=None, high=None, mean=0.0, std=0.1)
    origin = told(spread(), at(place))
    assert (origin.law, origin.mean, origin.std, origin.low) == ("normal", 0.0, 0.1, None)


def test_a_moved_tensor_tells_how_many_values_are_still_the_draws():
    origin = told(spread(), at(MOVED))
    assert (origin.verdict, origin.equal, origin.change) == ("moved", 3, 0.02)
    assert "3 of 100" in origin.reason


def test_rows_of_zeros_are_no_change():
    place = dataclasses.replace(DRAWN, equal=90, zeroed=10)
    origin = told(spread(), at(place))
    assert (origin.verdict, "10 in rows of zeros" in origin.reason) == ("from_stream", True)


def test_a_rounding_of_another_kernel_is_no_change():
    place = dataclasses.replace(DRAWN, equal=99, rounded=1)
    origin = told(spread(), at(place))
    assert (origin.verdict, "rounding" in origin.reason) == ("from_stream", True)


@pytest.mark.parametrize("excuse", ["truncated_normal", "orthogonal"])
def test_a_tensor_made_of_its_draw_cannot_be_replayed_and_keeps_its_place(excuse):
    place = dataclasses.replace(MOVED, change=0.5)
    origin = told(spread(excuse=EXCUSES[excuse]), at(place))
    assert (origin.verdict, origin.seed) == ("cannot_be_replayed", 42)
    assert origin.reason == EXCUSES[excuse]


def test_an_excuse_does_not_hide_a_draw_that_is_there_bit_for_bit():
    assert told(spread(excuse=EXCUSES["sparse"]), at(DRAWN)).verdict == "from_stream"


def test_the_first_seed_that_has_a_place_is_told():
    assert told(spread(), at(DRAWN, seed=1), at(DRAWN, seed=2)).seed == 1


@pytest.mark.parametrize(
    ("tensor", "verdict", "reason"),
    [
        (constant(), "cannot_be_replayed", "every value is 1"),
        (spread(excuse=EXCUSES["dirac"]), "cannot_be_replayed", "Dirac"),
        (spread(5), "cannot_be_replayed", "too few values"),
        (spread(), "not_from_stream", "trained far from its draw"),
    ],
)
def test_a_tensor_without_a_place_says_why(tensor, verdict, reason):
    origin = origin_of(0, [tensor, spread(index=1)], [at(DRAWN, position=1)])
    assert (origin.verdict, reason in origin.reason) == (verdict, True)
    assert origin.seed is None


def test_without_any_seed_no_tensor_is_called_foreign_to_one():
    assert told(spread()).reason == "no seed was found"
