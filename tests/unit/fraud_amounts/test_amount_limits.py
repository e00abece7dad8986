"""Which limit holds for a purchase: the most specific place, and in it the latest date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.errors import Forbidden, InvalidField
from paykeel.merchants import Limit, Merchant
from paykeel.merchants.limits import (
    ANY,
    by_place,
    check_amounts,
    check_author,
    check_place,
    holding,
)

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SOLD = ("EUR", "agent", "purchase")


def limit(
    currency: str = ANY,
    role: str = ANY,
    kind: str = ANY,
    most: int | None = 100,
    starts: datetime = AT - DAY,
    made: datetime = AT - DAY,
) -> Limit:
    return Limit(
        currency=currency,
        buyer_role=role,
        kind=kind,
        effective_at=starts,
        amount_min=None if most is None else 10,
        amount_max=most,
        created_by="ann",
        created_at=made,
    )


def merchant(*limits: Limit, status: str = "active") -> Merchant:
    return Merchant(
        merchant_id=UUID(int=1),
        name="Harbour Market",
        mode="test",
        status=status,
        reference_currency="EUR",
        created_at=AT - 9 * DAY,
        limits=by_place(limits),
        read_at=AT,
    )


def refusal(of: Merchant, amount: int, *place: str, at: datetime | None = AT) -> str | None:
    try:
        currency, role, kind = place or SOLD
        of.check_purchase(amount, currency, role, kind, at)
    except InvalidField as error:
        return error.code if error.field == "amount" else None
    return None


def test_an_amount_is_held_within_both_ends() -> None:
    shop = merchant(limit())
    assert [refusal(shop, amount) for amount in (9, 10, 100, 101)] == [
        "amount_under_merchant_limit",
        None,
        None,
        "amount_over_merchant_limit",
    ]


def test_without_any_limit_nothing_is_sold() -> None:
    assert refusal(merchant(), 10) == "amount_limit_missing"
    assert refusal(merchant(limit("USD")), 10) == "amount_limit_missing"
    with pytest.raises(InvalidField, match=r"paykeel merchants limit EUR"):
        merchant().check_purchase(10, "EUR")


def test_a_limit_without_amounts_sells_nothing() -> None:
    shop = merchant(limit(), limit("EUR", "agent", most=None))
    assert refusal(shop, 10) == "amount_nothing_sold"
    assert refusal(shop, 10, "EUR", "operator", "purchase") is None


def test_the_currency_goes_before_the_role_and_the_role_before_the_kind() -> None:
    places = list(product(("EUR", ANY), ("agent", ANY), ("purchase", ANY)))
    limits = [limit(*place, most=1_000 + number) for number, place in enumerate(places)]
    for number, place in enumerate(places):
        held = holding(by_place(limits[number:]), *SOLD, AT)
        assert held is not None
        assert held.place == place


@given(st.permutations(list(product(("EUR", ANY), ("agent", ANY), ("purchase", ANY)))))
def test_in_whichever_order_limits_come_the_most_specific_holds(
    places: list[tuple[str, str, str]],
) -> None:
    shown = places[:4]
    held = holding(by_place([limit(*place) for place in shown]), *SOLD, AT)
    assert held is not None
    assert held.place == max(shown, key=lambda place: [part != ANY for part in place])


def test_what_begins_later_does_not_hold_yet_and_what_was_replaced_no_more() -> None:
    shop = merchant(
        limit("EUR", most=50, starts=AT - 2 * DAY),
        limit("EUR", most=60, starts=AT),
        limit("EUR", most=70, starts=AT + DAY),
    )
    for at, most in (
        (AT - DAY, 50),
        (AT, 60),
        (AT + DAY - timedelta.resolution, 60),
        (AT + DAY, 70),
    ):
        assert refusal(shop, most, at=at) is None
        assert refusal(shop, most + 1, at=at) == "amount_over_merchant_limit"


def test_a_place_whose_limit_is_still_to_come_falls_back_to_the_next() -> None:
    shop = merchant(limit(most=50), limit("EUR", most=70, starts=AT + DAY))
    assert refusal(shop, 51) == "amount_over_merchant_limit"
    assert refusal(shop, 51, at=AT + DAY) is None


def test_of_two_with_the_same_date_the_one_made_last_holds() -> None:
    shop = merchant(limit(most=70, made=AT), limit(most=50, made=AT - DAY))
    assert refusal(shop, 70) is None


def test_the_short_call_is_of_an_agents_purchase_when_the_merchant_was_read() -> None:
    shop = merchant(
        limit(ANY, "operator", most=None), limit(most=100), limit(most=5_000, starts=AT + DAY)
    )
    shop.check_purchase(100, "EUR")
    with pytest.raises(InvalidField):
        shop.check_purchase(101, "EUR")


def test_a_suspended_merchant_is_told_before_any_limit() -> None:
    with pytest.raises(Forbidden) as caught:
        merchant(limit(), status="suspended").check_purchase(10, *SOLD, at=AT)
    assert caught.value.code == "merchant_suspended"


@pytest.mark.parametrize(
    ("place", "field", "code"),
    [
        (("eur", ANY, ANY), "currency", "currency_unknown"),
        (("XAU", ANY, ANY), "currency", "currency_not_tender"),
        ((ANY, "guest", ANY), "buyer_role", "choice_unknown"),
        ((ANY, ANY, "A"), "kind", "name_malformed"),
        ((ANY, ANY, ""), "kind", "name_malformed"),
        ((ANY, ANY, "x" * 41), "kind", "name_malformed"),
    ],
)
def test_a_limit_for_what_cannot_be_is_refused(
    place: tuple[str, str, str], field: str, code: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        check_place(*place)
    assert (caught.value.field, caught.value.code) == (field, code)


def test_half_a_limit_is_refused() -> None:
    check_amounts(None, None)
    check_amounts(5, 5)
    for low, high, field in (
        (1, None, "amount_max"),
        (None, 1, "amount_min"),
        (6, 5, "amount_min"),
    ):
        with pytest.raises(InvalidField) as caught:
            check_amounts(low, high)
        assert caught.value.field == field


def test_an_author_is_text_of_at_most_a_hundred_characters() -> None:
    assert check_author("x" * 100)
    for wrong in ("", "x" * 101, "4242424242424242"):
        with pytest.raises(InvalidField):
            check_author(wrong)
