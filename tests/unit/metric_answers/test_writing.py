"""Figures as people read them."""

from __future__ import annotations

import pytest

from paykeel.cli.metrics.writing import (
    ASCII_BLOCKS,
    BLOCKS,
    SPARK_CHARACTERS_MAX,
    duration,
    growth,
    merged,
    money,
    number,
    percent,
    signed,
    spark,
    sums,
)


def test_what_is_unknown_is_a_dash_and_not_a_zero() -> None:
    assert [write(None) for write in (number, percent, signed, growth, duration)] == ["-"] * 5
    assert (percent(0), number(0)) == ("0.00 %", "0")


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0 µs"),
        (999, "999 µs"),
        (1_000, "1.00 ms"),
        (99_960, "100 ms"),
        (999_999, "1,000 ms"),
        (1_000_000, "1.00 s"),
        (59_999_999, "60.0 s"),
        (60_000_000, "1.00 min"),
        (7_200_000_000, "2.00 h"),
        (720_000_000_000, "200 h"),
    ],
)
def test_durations_have_about_three_digits(us: int, text: str) -> None:
    assert duration(us) == text


def test_money_keeps_every_minor_unit() -> None:
    assert money(999_999_999_999_999_999, "EUR") == "9,999,999,999,999,999.99"
    assert money(-5, "EUR") == "-0.05"
    assert sums([]) == ""


def test_a_chart_is_scaled_from_nothing_to_the_largest() -> None:
    assert spark([0, 1, 50, 100]) == "▁▂▅█"
    # One of very many is still seen.
    assert spark([1, 1_000_000]) == "▂█"
    assert spark([0, 0]) == "▁▁"
    assert spark([]) == ""
    assert len(BLOCKS) == len(ASCII_BLOCKS)
    assert spark([0, 8], ASCII_BLOCKS) == "_@"


def test_a_long_chart_is_merged_to_one_line_and_keeps_its_sum() -> None:
    values = list(range(120))
    assert len(merged(values)) == SPARK_CHARACTERS_MAX
    assert sum(merged(values)) == sum(values)
    assert merged([]) == []
    assert merged([4, 2]) == [4, 2]
