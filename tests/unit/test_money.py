"""Amounts are whole minor units of a tender currency, or they are refused with a code of their own.

Figures are in minor units throughout.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.errors import InvalidField
from paykeel.money import (
    AMOUNT_MAX,
    Money,
    check_amount,
    exponent_of,
    parse_major,
    tender_currencies,
)

#: One currency for each exponent there is, and their exponents.
SAMPLES = {"JPY": 0, "EUR": 2, "KWD": 3, "CLF": 4}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (True, "amount_boolean"),
        (False, "amount_boolean"),
        (12.5, "amount_float"),
        (12.0, "amount_float"),
        (float("nan"), "amount_float"),
        ("1250", "amount_not_integer"),
        (None, "amount_not_integer"),
        ([1250], "amount_not_integer"),
        (b"1250", "amount_not_integer"),
        (0, "amount_zero"),
        (-1, "amount_negative"),
        (-(10**30), "amount_negative"),
        (AMOUNT_MAX + 1, "amount_too_large"),
        (10**400, "amount_too_large"),
    ],
)
def test_a_wrong_amount_is_refused_with_its_own_code(value: object, code: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check_amount(value, "some_amount")
    assert (caught.value.code, caught.value.field) == (code, "some_amount")


@pytest.mark.parametrize("value", [1, 2, AMOUNT_MAX - 1, AMOUNT_MAX])
def test_amounts_up_to_the_limits_pass(value: int) -> None:
    assert check_amount(value) == value


def test_limits_of_ones_own_include_their_ends() -> None:
    assert check_amount(10, minimum=10, maximum=20) == 10
    assert check_amount(20, minimum=10, maximum=20) == 20
    for value, code in ((9, "amount_too_small"), (21, "amount_too_large")):
        with pytest.raises(InvalidField) as caught:
            check_amount(value, minimum=10, maximum=20)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("currency", "code"),
    [
        ("XAU", "currency_not_tender"),
        ("XXX", "currency_not_tender"),
        ("XTS", "currency_not_tender"),
        ("XDR", "currency_not_tender"),
        ("eur", "currency_unknown"),
        ("EURO", "currency_unknown"),
        ("", "currency_unknown"),
        ("ZZZ", "currency_unknown"),
        (None, "currency_unknown"),
        (978, "currency_unknown"),
        (["EUR"], "currency_unknown"),
    ],
)
def test_what_cannot_be_paid_in_is_refused(currency: object, code: str) -> None:
    with pytest.raises(InvalidField) as caught:
        exponent_of(currency)
    assert (caught.value.code, caught.value.field) == (code, "currency")


def test_every_tender_currency_has_a_known_number_of_places() -> None:
    tender = tender_currencies()
    assert set(tender.values()) == {0, 2, 3, 4}
    assert SAMPLES.items() <= tender.items()
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in tender)
    assert {"XAU", "XAG", "XXX", "XTS", "XDR"}.isdisjoint(tender)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.50", "EUR", 1_250),
        ("12.5", "EUR", 1_250),
        ("12", "EUR", 1_200),
        (" 12.50 ", "EUR", 1_250),
        ("0.01", "EUR", 1),
        ("0012.50", "EUR", 1_250),
        ("1250", "JPY", 1_250),
        ("1.25", "KWD", 1_250),
        ("0.001", "KWD", 1),
        ("0.0001", "CLF", 1),
        ("9999999999.99", "EUR", AMOUNT_MAX),
    ],
)
def test_a_decimal_is_read_exactly(text: str, currency: str, minor: int) -> None:
    assert parse_major(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency", "code"),
    [
        ("12.505", "EUR", "amount_wrong_precision"),
        ("12.500", "EUR", "amount_wrong_precision"),
        ("12.0", "JPY", "amount_wrong_precision"),
        ("1.2345", "KWD", "amount_wrong_precision"),
        ("1.23456", "CLF", "amount_wrong_precision"),
        ("", "EUR", "amount_not_decimal"),
        ("12,50", "EUR", "amount_not_decimal"),
        ("1 250", "EUR", "amount_not_decimal"),
        ("12.", "EUR", "amount_not_decimal"),
        (".50", "EUR", "amount_not_decimal"),
        ("+12.50", "EUR", "amount_not_decimal"),
        ("1e3", "EUR", "amount_not_decimal"),
        ("NaN", "EUR", "amount_not_decimal"),
        ("0x10", "EUR", "amount_not_decimal"),
        ("EUR 12", "EUR", "amount_not_decimal"),
        ("\u0661\u0662.50", "EUR", "amount_not_decimal"),
        ("9" * 16, "EUR", "amount_not_decimal"),
        ("0", "EUR", "amount_zero"),
        ("0.00", "EUR", "amount_zero"),
        ("-0.00", "EUR", "amount_zero"),
        ("-12.50", "EUR", "amount_negative"),
        ("10000000000", "EUR", "amount_too_large"),
        ("12.50", "XAU", "currency_not_tender"),
        ("12.50", "eur", "currency_unknown"),
    ],
)
def test_what_is_no_exact_amount_is_refused(text: str, currency: str, code: str) -> None:
    with pytest.raises(InvalidField) as caught:
        parse_major(text, currency)
    assert caught.value.code == code


@given(st.integers(1, AMOUNT_MAX), st.sampled_from(sorted(SAMPLES)))
def test_an_amount_survives_being_written_and_read(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert parse_major(money.major, currency) == money
    assert str(money) == f"{money.major} {currency}"


@given(st.integers(1, AMOUNT_MAX), st.sampled_from(sorted(tender_currencies())))
def test_a_written_amount_has_all_of_its_places(minor: int, currency: str) -> None:
    whole, _, places = Money(minor, currency).major.partition(".")
    assert len(places) == tender_currencies()[currency]
    assert int(whole + places) == minor
    assert str(int(whole)) == whole


@given(st.integers(-AMOUNT_MAX, -1), st.sampled_from(sorted(SAMPLES)))
def test_a_negative_amount_is_written_with_one_sign(minor: int, currency: str) -> None:
    assert Money(minor, currency).major == f"-{Money(-minor, currency).major}"


@given(
    st.integers(0, 10**9),
    st.text("0123456789", min_size=1, max_size=6),
    st.sampled_from(sorted(SAMPLES)),
)
def test_places_are_never_rounded_away(whole: int, places: str, currency: str) -> None:
    text = f"{whole}.{places}"
    if len(places) > SAMPLES[currency]:
        with pytest.raises(InvalidField, match="decimal places"):
            parse_major(text, currency)
    elif whole or int(places):
        shift = SAMPLES[currency] - len(places)
        expected = int(f"{whole}{places}") * 10**shift
        if expected <= AMOUNT_MAX:
            assert parse_major(text, currency).minor == expected
