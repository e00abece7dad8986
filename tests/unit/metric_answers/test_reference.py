"""Money in the reference currency: the day's rate, one rounding, and nothing guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from paykeel.metrics.periods import Period
from paykeel.metrics.reading import Counted
from paykeel.metrics.reference import DatedRate, Rates, converted, in_reference, round_half_even

DAY = datetime(2026, 11, 20, tzinfo=UTC)


def money(place: int, currency: str, captured: int, refunded: int = 0) -> Counted:
    return Counted(
        place, "payment.succeeded", "", "agent", currency, "g", "", 1, 0, captured, refunded
    )


def dated(currency: str, *rates: tuple[str, str]) -> list[DatedRate]:
    return [DatedRate(currency, date.fromisoformat(day), Decimal(rate)) for day, rate in rates]


RATES = Rates(
    "EUR",
    {
        "JPY": dated("JPY", ("2026-11-01", "0.0058"), ("2026-11-21", "0.0061")),
        "KWD": dated("KWD", ("2026-11-22", "3.1")),
    },
)


def test_a_rate_holds_until_a_later_one_and_knows_exponents() -> None:
    # 1 JPY is 0.0058 EUR, and JPY has no decimal places: 0.58 cents.
    assert RATES.on("JPY", date(2026, 11, 20)) == Fraction(58, 100)
    assert RATES.on("JPY", date(2026, 11, 30)) == Fraction(61, 100)
    assert RATES.on("KWD", date(2026, 11, 23)) == Fraction(31, 100)
    assert RATES.on("KWD", date(2026, 11, 21)) is None
    assert RATES.on("JPY", date(2026, 10, 31)) is None
    assert RATES.on("EUR", date(2026, 1, 1)) == 1


def test_a_period_is_cut_where_a_rate_begins() -> None:
    period = Period(DAY, DAY + timedelta(days=3))
    assert RATES.cuts(period) == [DAY + timedelta(days=days) for days in (0, 1, 2, 3)]


def test_money_is_converted_by_its_day_and_the_rest_is_listed() -> None:
    cuts = [DAY + timedelta(days=days) for days in (0, 1, 2, 3)]
    pieces = [
        [money(0, "JPY", 1_000), money(0, "KWD", 5_000, 1_000)],
        [money(1, "JPY", 1_000, 500), money(1, "EUR", 10)],
        [money(2, "KWD", 1_000)],
    ]
    whole, without = converted(RATES, cuts, pieces)
    # JPY 580 + 610, EUR 10, KWD 310; given back JPY 305.
    assert (whole.gross, whole.refunds, whole.net) == (1_510, 305, 1_205)
    assert without == [
        {
            "currency": "KWD",
            "exponent": 3,
            "since": "2026-11-20T00:00:00.000000Z",
            "until": "2026-11-21T00:00:00.000000Z",
            "gross": 5_000,
            "refunds": 1_000,
            "net": 4_000,
        }
    ]


def test_it_is_rounded_once_for_each_currency() -> None:
    rates = Rates("EUR", {"JPY": dated("JPY", ("2026-11-01", "0.0050"))})
    cuts = [DAY + timedelta(days=days) for days in range(4)]
    # Half a cent on each of three days: 1.5 cents is 2, and three halves rounded would be 0.
    whole, _ = converted(rates, cuts, [[money(place, "JPY", 1)] for place in range(3)])
    assert whole.gross == 2


def test_the_period_before_is_told_beside_it() -> None:
    cuts = [DAY, DAY + timedelta(days=1), DAY + timedelta(days=2)]
    told = in_reference(RATES, cuts, [[money(0, "JPY", 1_000)], [money(1, "JPY", 1_000)]], cuts[1])
    assert (told["currency"], told["gross"], told["before"]["gross"]["value"]) == ("EUR", 610, 580)
    assert told["not_converted"] == told["not_converted_before"] == []


@given(st.integers(0, 10**18), st.integers(1, 10**9))
def test_rounding_is_half_to_even(numerator: int, denominator: int) -> None:
    value = Fraction(numerator, denominator)
    assert round_half_even(value) == round(value)
