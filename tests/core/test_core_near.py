"""Names offered in place of one that does not exist."""

from app.core.near import NEAR, near

KNOWN = ("ReLU", "LeakyReLU", "GELU", "kaiming_normal(fan_in,relu)", "kaiming_normal(fan_out,relu)")


def test_a_name_in_another_case_is_the_first_that_is_offered():
    assert near("relu", KNOWN).startswith(", such as ReLU")


def test_names_that_hold_what_was_written_are_offered():
    assert "kaiming_normal(fan_in,relu)" in near("kaiming", KNOWN)


def test_nothing_is_offered_where_nothing_is_like_it():
    assert near("zzzz", KNOWN) == ""


def test_an_empty_name_is_like_nothing():
    assert near("", KNOWN) == ""


def test_no_more_are_offered_than_help():
    many = tuple(f"scheme{number}" for number in range(40))
    assert near("scheme", many).count(",") == NEAR
