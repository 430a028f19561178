from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.web import filters

NOW = datetime(2026, 5, 3, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (1000, "1.0 k"), (262_144, "262.1 k"), (999_960, "1.0 M")],
)
def test_counts_are_written_in_thousands(value, text):
    assert filters.count(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (41_600_000, "41.6 MB"), (102_549_120, "102.5 MB"), (20 * 2**30, "21.5 GB")],
)
def test_sizes_are_written_in_powers_of_a_thousand(value, text):
    assert filters.size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.044194, "0.04419"),
        (-0.5, "−0.5000"),
        (1.5e-9, "1.500 × 10⁻⁹"),
        (-2e10, "−2.000 × 10¹⁰"),
        (123456.0, "123456"),
        (float("inf"), "∞"),
        (float("nan"), "–"),
        (None, "–"),
    ],
)
def test_measured_values_keep_four_digits(value, text):
    assert filters.number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (1, "100 %"), (0.1234, "12.3 %"), (1e-9, "< 0.001 %"), (0.9999966, "> 99.99 %")],
)
def test_some_is_never_none_and_most_is_never_all(share, text):
    assert filters.percent(share) == text


@pytest.mark.parametrize("share", [1 - 10**-k for k in range(1, 16)])
def test_less_than_all_never_reads_as_a_hundred(share):
    assert not filters.percent(share).startswith("100")


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=5), "5 h ago"),
        (timedelta(days=5), "5 days ago"),
        (timedelta(seconds=-5), "just now"),
    ],
)
def test_time_passed_is_told_in_one_unit(passed, text):
    assert filters.ago(NOW - passed, now=NOW) == text


def test_a_moment_names_its_zone():
    assert filters.moment(NOW) == "3 May 2026, 14:05 UTC"


def test_a_moment_from_the_database_is_in_utc():
    assert filters.isoformat(NOW.replace(tzinfo=None)) == "2026-05-03T14:05:00+00:00"


@pytest.mark.parametrize(("axes", "text"), [((512, 784), "512 × 784"), ((), "scalar")])
def test_shapes_are_written_with_a_times_sign(axes, text):
    assert filters.shape(axes) == text


def test_one_is_no_plural():
    assert filters.plural(1, "tensor") == "1 tensor"
    assert filters.plural(2000, "tensor") == "2,000 tensors"
