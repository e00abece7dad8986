"""Shares and their intervals, held by published values and by properties."""

from __future__ import annotations

from decimal import Decimal, localcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.metrics.formulas import (
    FORMULAS,
    SAMPLE_COUNT_MIN,
    Rate,
    compared,
    formula_table,
    growth_bp,
    share_bp,
    wilson_bp,
)

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"

#: Newcombe 1998, table I (method 3, the score interval without a correction), and textbook values.
PUBLISHED = [
    (81, 263, "0.2553", "0.3662"),
    (15, 148, "0.0624", "0.1605"),
    (0, 20, "0.0000", "0.1611"),
    (1, 29, "0.0061", "0.1718"),
    (8, 10, "0.4902", "0.9433"),
    (10, 10, "0.7225", "1.0000"),
]


@pytest.mark.parametrize(("successes", "trials", "low", "high"), PUBLISHED)
def test_the_interval_is_the_published_one(
    successes: int, trials: int, low: str, high: str
) -> None:
    found = wilson_bp(successes, trials)
    assert found is not None
    # Rounded outwards: at most one basis point beyond what is published.
    assert 0 <= int(Decimal(low) * 10_000) - found[0] <= 1
    assert 0 <= found[1] - int(Decimal(high) * 10_000) <= 1


@given(st.integers(1, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_the_formula_rounded_outwards(drawn: tuple[int, int]) -> None:
    successes, trials = drawn
    with localcontext() as context:
        context.prec = 60
        k, n, z2 = Decimal(successes), Decimal(trials), Decimal("3.841458820694124")
        root = (z2 * z2 + 4 * z2 * k * (n - k) / n).sqrt()
        low = (2 * k + z2 - root) / (2 * (n + z2)) * 10_000
        high = (2 * k + z2 + root) / (2 * (n + z2)) * 10_000
    found = wilson_bp(successes, trials)
    share = share_bp(successes, trials)
    assert found is not None
    assert share is not None
    assert found[0] <= share <= found[1]
    assert 0 <= low - found[0] < Decimal("1.01") or found[0] == 0
    assert 0 <= found[1] - high < Decimal("1.01") or found[1] == 10_000


def test_nothing_to_divide_by_is_no_share() -> None:
    assert (share_bp(0, 0), wilson_bp(0, 0), growth_bp(5, 0)) == (None, None, None)
    document = Rate(numerator=0, denominator=0).document(Rate(numerator=1, denominator=2))
    assert document["rate_bp"] is None
    assert document["wilson_low_bp"] is None
    assert document["before"] == {
        "rate_bp": 5_000,
        "numerator": 1,
        "denominator": 2,
        "change_bp": None,
    }


def test_a_share_rounds_half_to_even() -> None:
    assert [share_bp(part, 20_000) for part in (1, 3, 5)] == [0, 2, 2]


def test_a_small_sample_is_said_to_be_one() -> None:
    few = Rate(numerator=1, denominator=SAMPLE_COUNT_MIN - 1).document()
    enough = Rate(numerator=1, denominator=SAMPLE_COUNT_MIN).document()
    assert (few["sample_small"], enough["sample_small"]) == (True, False)


def test_a_part_is_never_more_than_its_whole() -> None:
    for part, whole in ((3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="no share"):
            Rate(numerator=part, denominator=whole)


def test_growth_has_the_sign_of_the_change() -> None:
    assert compared(90, 100) == {"value": 100, "change": -10, "growth_bp": -1_000}
    # From a loss of 100 to a gain of 50 it went up, by one and a half times what it was.
    assert growth_bp(50, -100) == 15_000
    assert growth_bp(-150, -100) == -5_000


def test_the_page_has_the_formulas_of_the_code() -> None:
    assert formula_table() in PAGE.read_text(encoding="utf-8")
    assert all(FORMULAS.values())
