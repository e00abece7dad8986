"""Histograms of durations: exact places, exact sums, and percentiles that are nearly right."""

from __future__ import annotations

import math
import re
from collections import Counter
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.metrics.histogram import (
    BOUNDS_US,
    PLACE_MAX,
    Histogram,
    bounds,
    mean,
    merge,
    place_of,
    quantile,
)

#: Up to somewhat more than what the last place begins with.
DURATIONS = st.integers(0, 2**40) | st.integers(0, 10_000)
SAMPLES = st.lists(DURATIONS, min_size=1, max_size=60)


def histogram_of(durations: list[int]) -> Histogram:
    return Histogram(Counter(map(place_of, durations)), sum(durations))


def test_each_bound_is_the_whole_part_of_a_power_of_the_eighth_root_of_two() -> None:
    assert len(BOUNDS_US) == PLACE_MAX
    for place, bound in enumerate(BOUNDS_US):
        assert bound**8 <= 2**place < (bound + 1) ** 8


@given(st.integers(1, 2**45))
def test_a_duration_is_in_its_place_by_whole_numbers_alone(us: int) -> None:
    place = place_of(us)
    if place < PLACE_MAX:
        assert us**8 <= 2**place
    if place > 0:
        assert us**8 > 2 ** (place - 1)


@pytest.mark.parametrize("doubling", range(38))
def test_what_is_as_long_as_a_bound_is_below_it(doubling: int) -> None:
    assert place_of(2**doubling) == doubling * 8
    assert place_of(2**doubling + 1) > doubling * 8


def test_the_ends_hold_what_is_outside() -> None:
    assert place_of(0) == place_of(1) == 0
    assert place_of(BOUNDS_US[-1]) == PLACE_MAX - 1
    assert place_of(BOUNDS_US[-1] + 1) == place_of(2**60) == PLACE_MAX


def test_bounds_follow_each_other() -> None:
    assert bounds(0) == (0.0, 1.0)
    low, high = bounds(160)
    assert low == pytest.approx(2**19.875)
    assert high == 2.0**20
    for place in range(PLACE_MAX):
        assert bounds(place)[1] == bounds(place + 1)[0]
    for wrong in (-1, PLACE_MAX + 1):
        with pytest.raises(ValueError, match="no place"):
            bounds(wrong)


@given(SAMPLES, st.floats(0, 1))
def test_a_quantile_is_wrong_by_one_eighth_root_at_most(durations: list[int], q: float) -> None:
    short = [min(us, 2**37) for us in durations]
    true = sorted(short)[max(math.ceil(q * len(short)) - 1, 0)]
    found = quantile(histogram_of(short), q)
    assert found is not None
    if true <= 1:
        assert 0 <= found <= 1
    else:
        assert true / 1.0906 <= found <= true * 1.0906


@given(st.lists(SAMPLES, max_size=5))
def test_what_is_merged_is_what_was_measured_together(parts: list[list[int]]) -> None:
    together = [us for part in parts for us in part]
    merged = merge(map(histogram_of, parts))
    assert merged == histogram_of(together)
    assert merged.count == len(together)
    assert mean(merged) == (sum(together) / len(together) if together else None)


def test_of_nothing_there_is_neither_an_average_nor_a_percentile() -> None:
    assert mean(Histogram()) is None
    assert quantile(Histogram(), 0.5) is None
    assert quantile(Histogram({7: 0}), 0.5) is None


@pytest.mark.parametrize("wrong", [-0.1, 1.1])
def test_a_share_is_between_nothing_and_all(wrong: float) -> None:
    with pytest.raises(ValueError, match="share"):
        quantile(Histogram({8: 1}, 2), wrong)


def test_the_middle_of_a_place_is_its_geometric_mean() -> None:
    low, high = bounds(80)
    assert quantile(Histogram({80: 100}, 0), 0.5) == pytest.approx(math.sqrt(low * high))
    assert quantile(Histogram({80: 1, 90: 1}, 0), 1.0) == pytest.approx(bounds(90)[1])


def test_the_bounds_of_the_migration_are_those_of_the_code() -> None:
    """Its recount cannot ask the code, which may have moved on when it runs."""
    sql = files("paykeel.db").joinpath("migrations", "0009_metrics.sql").read_text("utf-8")
    (listed,) = re.findall(r"ARRAY\[([\d,\s]+)\]::bigint\[\]", sql)
    assert tuple(map(int, listed.split(","))) == BOUNDS_US
