"""Facts that are found once for each thing."""

from app.core.kept import Kept


class Counted:
    """Gives a fresh list each time, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> list[int]:
        self.times += 1
        return [self.times]


def asked(kept: Kept[list[int], list[int]], *things: list[int]) -> Counted:
    find = Counted()
    for thing in things:
        kept.of(thing, find)
    return find


def test_a_fact_is_found_once():
    thing: list[int] = []
    assert asked(Kept(2), thing, thing, thing).times == 1


def test_equal_things_are_not_the_same_thing():
    assert asked(Kept(2), [1], [1]).times == 2


def test_a_thing_has_several_facts():
    kept, thing = Kept(4), object()
    assert kept.of(thing, lambda: "one", which=1) == "one"
    assert kept.of(thing, lambda: "two", which=2) == "two"
    assert kept.of(thing, lambda: "another", which=1) == "one"


def test_what_was_asked_for_longest_ago_gives_way():
    one, two, three = [1], [2], [3]
    kept: Kept[list[int], list[int]] = Kept(2)
    find = asked(kept, one, two, one, three)  # two gives way to three
    kept.of(one, find)
    assert find.times == 3
    kept.of(two, find)
    assert find.times == 4


def test_no_thing_takes_the_place_of_one_that_is_gone():
    # CPython gives a freed object's identity to the next of its size: a kept thing is not freed.
    kept: Kept[object, int] = Kept(3)
    facts = [kept.of(object(), lambda number=number: number) for number in range(100)]
    assert facts == list(range(100))
