"""Rounding by name, and sharing out without losing a unit."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.refunds.rounding import Rounding, divide, largest_remainder, split

AMOUNTS = st.lists(st.integers(0, 10**12), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("numerator", "expected"), [(4, [1, 1, 1, 1]), (5, [1, 1, 1, 2]), (6, [2, 2, 1, 2])]
)
def test_a_quarter_a_half_and_none(numerator: int, expected: list[int]) -> None:
    assert [divide(numerator, 4, rounding) for rounding in Rounding] == expected


def test_half_even_goes_to_the_even_neighbour() -> None:
    assert [divide(n, 2, Rounding.HALF_EVEN) for n in (1, 3, 5, 7)] == [0, 2, 2, 4]


@given(AMOUNTS, st.integers(1, 10**6), st.sampled_from(Rounding))
def test_shares_add_up_to_one_rounding_of_the_sum(
    parts: list[int], denominator: int, rounding: Rounding
) -> None:
    shares = largest_remainder(parts, denominator, rounding)
    assert sum(shares) == divide(sum(parts), denominator, rounding)
    for share, part in zip(shares, parts, strict=True):
        assert Fraction(part, denominator) - 1 < share < Fraction(part, denominator) + 1


def test_equal_remainders_are_served_in_order() -> None:
    assert largest_remainder([15, 15, 15], 10, Rounding.HALF_UP) == (2, 2, 1)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(0, 250))
def test_more_never_takes_from_a_share(totals: list[int], amount: int) -> None:
    less, more = split(totals, amount), split(totals, amount + 1)
    assert sum(less) == min(amount, sum(totals))
    assert all(before <= after for before, after in zip(less, more, strict=True))
    assert all(share <= total for share, total in zip(more, totals, strict=True))


def test_equal_totals_are_served_in_order() -> None:
    assert [split([3, 3, 3], amount) for amount in (1, 2, 4)] == [(1, 0, 0), (1, 1, 0), (2, 1, 1)]


def test_largest_remainders_alone_would_take_from_a_share() -> None:
    # Two votes for every one: the paradox that `split` avoids.
    totals = [6, 6, 2]
    plain = [
        largest_remainder([total * amount for total in totals], sum(totals), Rounding.DOWN)
        for amount in (10, 11)
    ]
    assert plain[0][2] > plain[1][2]
    assert split(totals, 10)[2] <= split(totals, 11)[2]
