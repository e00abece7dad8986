"""What an amount is worth in the reference currency: exact, half to even, and never a guess."""

from __future__ import annotations

import io
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.errors import InvalidField, InvalidInput
from paykeel.merchants.rates import (
    LINE_BYTES_MAX,
    PLACES_MAX,
    RATE_MAX,
    REJECTS_MAX,
    ROWS_MAX,
    NewRate,
    RateReject,
    RatesImport,
    check_day,
    check_rate,
    read_rates,
)
from paykeel.money import (
    AMOUNT_MAX,
    REFERENCE_MAX,
    Rate,
    divide_half_even,
    reference_amount,
    tender_currencies,
)

DAY = date(2026, 11, 23)
CURRENCIES = st.sampled_from(sorted(tender_currencies()))
RATES = st.decimals(Decimal("0.000000000001"), RATE_MAX, allow_nan=False, places=PLACES_MAX).filter(
    bool
)


def worth(amount: int, currency: str, reference: str, *rates: Rate, on: date = DAY) -> int | None:
    exponent = tender_currencies()[currency]
    return reference_amount(amount, currency, exponent, reference, {currency: rates}, on)


@given(st.integers(1, AMOUNT_MAX), CURRENCIES, CURRENCIES, RATES)
def test_it_is_the_exact_product_rounded_half_to_even(
    amount: int, currency: str, reference: str, rate: Decimal
) -> None:
    found = worth(amount, currency, reference, Rate(DAY, rate))
    if currency == reference:
        assert found == amount
        return
    shift = tender_currencies()[reference] - tender_currencies()[currency]
    with localcontext() as context:
        context.prec = 80
        exact = (Decimal(amount) * rate).scaleb(shift).quantize(Decimal(1), ROUND_HALF_EVEN)
    assert found == (int(exact) if exact <= REFERENCE_MAX else None)


@given(st.integers(0, 10**30), st.integers(1, 10**20))
def test_a_division_rounds_half_to_even(numerator: int, denominator: int) -> None:
    with localcontext() as context:
        context.prec = 120
        exact = Decimal(numerator) / Decimal(denominator)
        if exact * denominator == numerator:
            assert divide_half_even(numerator, denominator) == int(
                exact.to_integral_value(ROUND_HALF_EVEN)
            )
    found = divide_half_even(numerator, denominator)
    assert abs(2 * (numerator - found * denominator)) <= denominator


def test_halves_go_to_the_even_neighbour() -> None:
    half = Rate(DAY, Decimal("0.5"))
    assert [worth(amount, "USD", "EUR", half) for amount in (1, 3, 5, 7)] == [0, 2, 2, 4]


@pytest.mark.parametrize(
    ("amount", "currency", "reference", "rate", "expected"),
    [
        (98_000, "JPY", "EUR", "0.0058", 56_840),  # 0 places to 2
        (1_250, "KWD", "EUR", "2.99", 374),  # 3 places to 2: 3.7375
        (1_250, "EUR", "JPY", "170.005", 2_125),  # 2 places to 0: 2125.0625
        (10_000, "CLF", "KWD", "12.25", 12_250),  # 4 places to 3
        (1, "JPY", "KWD", "0.0021", 2),  # 0 places to 3: 2.1
    ],
)
def test_places_are_those_of_each_currency(
    amount: int, currency: str, reference: str, rate: str, expected: int
) -> None:
    assert worth(amount, currency, reference, Rate(DAY, Decimal(rate))) == expected


def test_without_a_rate_there_is_no_value_and_not_zero() -> None:
    assert worth(100, "USD", "EUR") is None
    assert reference_amount(100, "USD", 2, "EUR", {"JPY": [Rate(DAY, Decimal(1))]}, DAY) is None
    assert worth(100, "EUR", "EUR") == 100


def test_the_newest_rate_of_that_day_or_before_holds() -> None:
    rates = [Rate(DAY + timedelta(days=days), Decimal(2 + days)) for days in (1, 0, -1)]
    for days, expected in ((-2, None), (-1, 100), (0, 200), (1, 300), (400, 300)):
        assert worth(100, "USD", "EUR", *rates, on=DAY + timedelta(days=days)) == expected


def test_what_no_column_could_hold_has_no_value() -> None:
    assert worth(AMOUNT_MAX, "JPY", "CLF", Rate(DAY, Decimal(99))) == AMOUNT_MAX * 99 * 10**4
    assert worth(AMOUNT_MAX, "JPY", "CLF", Rate(DAY, Decimal(101))) is None


@pytest.mark.parametrize(
    ("given_rate", "code"),
    [
        ("", "rate_malformed"),
        ("0,92", "rate_malformed"),
        ("1e3", "rate_malformed"),
        ("-1", "rate_malformed"),
        ("+1", "rate_malformed"),
        (".5", "rate_malformed"),
        ("NaN", "rate_malformed"),
        ("\u0661", "rate_malformed"),
        ("9" * 13, "rate_malformed"),
        (1.5, "rate_malformed"),
        (True, "rate_malformed"),
        (None, "rate_malformed"),
        (Decimal("NaN"), "rate_malformed"),
        (Decimal("Infinity"), "rate_malformed"),
        (Decimal("1e999999"), "rate_malformed"),
        ("0." + "0" * PLACES_MAX + "1", "rate_wrong_precision"),
        ("0", "rate_out_of_range"),
        ("0.000", "rate_out_of_range"),
        (str(RATE_MAX + 1), "rate_out_of_range"),
        (Decimal("-0.5"), "rate_malformed"),
    ],
)
def test_what_is_no_rate_is_refused(given_rate: object, code: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check_rate(given_rate)
    assert caught.value.code == code


def test_a_rate_is_read_exactly() -> None:
    assert check_rate(" 0.0058 ") == Decimal("0.0058")
    assert check_rate("1." + "0" * 40) == 1
    assert check_rate(str(RATE_MAX)) == RATE_MAX
    assert check_rate(Decimal("1E-12")) == Decimal("0.000000000001")


def test_a_day_is_read_strictly() -> None:
    assert check_day("2026-11-23", DAY) == check_day(DAY, DAY) == DAY
    for wrong in ("20261123", "2026-W48-1", "23.11.2026", "2026-02-30", "", None, 20261123):
        with pytest.raises(InvalidField) as caught:
            check_day(wrong, DAY)
        assert caught.value.code == "day_malformed"
    for wrong in ("1999-12-31", "2027-11-25"):
        with pytest.raises(InvalidField) as caught:
            check_day(wrong, DAY)
        assert caught.value.code == "day_out_of_range"


def read(*lines: str | bytes) -> list[NewRate | RateReject]:
    data = b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    return list(read_rates(io.BytesIO(data), "EUR", DAY))


def test_a_file_is_read_with_its_columns_in_any_order() -> None:
    expected = [NewRate("USD", DAY, Decimal("0.92")), NewRate("JPY", DAY, Decimal("0.0058"))]
    assert read(
        "\ufeff# made up", "rate, currency,effective_on", "", "0.92,USD,2026-11-23",
        '"0.0058","JPY",2026-11-23\r',
    ) == expected  # fmt: skip


def test_each_wrong_line_is_told_of_and_the_others_are_taken() -> None:
    found = read(
        "currency,effective_on,rate",
        "usd,2026-11-23,0.92",
        "EUR,2026-11-23,1",
        "USD,2026-13-23,0.92",
        "USD,2026-11-23,0.92x",
        "USD,2026-11-23",
        "USD,2026-11-23,0.92",
        "USD,2026-11-23,0.93",
        b"\xff\xfe,2026-11-23,1",
        '"USD,2026-11-23,1',
        "x" * (3 * LINE_BYTES_MAX),
        "JPY,2026-11-23,0.0058",
    )
    told = [(one.line, one.field, one.code) for one in found if isinstance(one, RateReject)]
    assert told == [
        (2, "currency", "currency_unknown"),
        (3, "currency", "rate_of_reference"),
        (4, "effective_on", "day_malformed"),
        (5, "rate", "rate_malformed"),
        (6, "", "columns_mismatch"),
        (8, "effective_on", "rate_repeated"),
        (9, "", "csv_malformed"),
        (10, "", "csv_malformed"),
        # The rest of a long line was skipped; it makes no lines of its own.
        (11, "", "line_too_long"),
    ]
    assert [one.currency for one in found if isinstance(one, NewRate)] == ["USD", "JPY"]


@pytest.mark.parametrize("header", ["", "currency,rate", "a,b,c", "currency;effective_on;rate"])
def test_a_header_that_is_none_stops_before_anything_is_taken(header: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(header, "USD,2026-11-23,1")
    assert caught.value.code == "rates_header_malformed"


def test_a_file_is_bounded_and_so_is_what_is_told_of_it() -> None:
    class Endless(io.RawIOBase):
        def __init__(self) -> None:
            self.left = ROWS_MAX + 5

        def readline(self, _size: int | None = -1, /) -> bytes:
            self.left -= 1
            return b"currency,effective_on,rate\n" if self.left > ROWS_MAX + 3 else b"x\n"

    done = RatesImport()

    def read_all() -> None:
        for row in read_rates(Endless(), "EUR", DAY):  # type: ignore[arg-type]
            assert isinstance(row, RateReject)
            done.reject(row)

    with pytest.raises(InvalidInput) as caught:
        read_all()
    assert caught.value.code == "rates_too_many"
    assert (done.rejected, len(done.rejects)) == (ROWS_MAX, REJECTS_MAX)
