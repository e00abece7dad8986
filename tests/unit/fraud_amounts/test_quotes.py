"""A quote: what was signed is what is bought, to the minor unit, or it is refused by its code."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.cardnumbers import holds_card_number
from paykeel.errors import InvalidField, Misconfigured
from paykeel.fraud.quotes import (
    BUYER_ID_CHARACTERS_MAX,
    CHARACTERS_MAX,
    DISCOUNTS_MAX,
    EXPIRY_S_MAX,
    ITEMS_MAX,
    KIND,
    QUANTITY_MAX,
    ROLES,
    SKU_CHARACTERS_MAX,
    Offer,
    _encode,
    _mac,
    check_quote,
    read_quote,
    sign_quote,
    total_of,
)
from paykeel.fraud.quoting import read_secrets
from paykeel.fraud.refusals import facts_of, facts_of_document
from paykeel.money import AMOUNT_MAX, tender_currencies
from paykeel.payments import model, signals

NOW = datetime(2026, 11, 23, 12, 0, 0, 900_000, tzinfo=UTC)
MERCHANT, OTHER = UUID(int=1), UUID(int=2)
NEW, OLD = b"n" * 32, b"o" * 32


@dataclass(frozen=True)
class Item:
    sku: str = "apples"
    quantity: int = 2
    unit_amount: int = 600


ITEMS = (Item(), Item("pallet", 1, 50))
OFFER = Offer(amount=1_250, currency="EUR", buyer_id="agent-7", buyer_role="agent", items=ITEMS)


def signed(offer: Offer = OFFER, merchant: UUID = MERCHANT, secret: bytes = NEW) -> str:
    return sign_quote(offer, merchant, NOW, secret, 900).text


def refusal(text: str, asked: Offer = OFFER, **changes: Any) -> str | None:
    values = {"merchant_id": MERCHANT, "now": NOW, "secrets": [NEW], **changes}
    try:
        check_quote(text, asked, **values)
    except InvalidField as error:
        return error.code
    return None


def test_the_same_purchase_is_what_was_quoted() -> None:
    assert refusal(signed()) is None
    # A set of items has no order.
    assert refusal(signed(), replace(OFFER, items=ITEMS[::-1])) is None


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"amount": 1_249, "items": ()}, "quote_amount_differs", "amount"),
        ({"amount": 1_251, "items": ()}, "quote_amount_differs", "amount"),
        ({"currency": "USD"}, "quote_currency_differs", "currency"),
        # The same digits in a currency that is worth less.
        ({"currency": "JPY"}, "quote_currency_differs", "currency"),
        ({"kind": "deposit"}, "quote_kind_differs", "kind"),
        ({"buyer_id": "agent-8"}, "quote_buyer_differs", "buyer"),
        ({"buyer_role": "operator"}, "quote_buyer_differs", "buyer"),
        ({"items": ()}, "quote_items_differ", "items"),
        ({"items": (Item("apples", 2, 625),)}, "quote_items_differ", "items"),
        ({"items": (Item("pears"), ITEMS[1])}, "quote_items_differ", "items"),
    ],
)
def test_whatever_was_changed_is_refused_by_its_code(
    changes: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        check_quote(signed(), replace(OFFER, **changes), MERCHANT, NOW, [NEW])
    assert (caught.value.code, caught.value.field) == (code, field)
    assert caught.value.data["quoted_amount"] == 1_250
    assert caught.value.data["quoted_currency"] == "EUR"


def test_a_quote_without_items_is_for_a_purchase_without_items() -> None:
    bare = replace(OFFER, items=())
    assert refusal(signed(bare), bare) is None
    assert refusal(signed(bare), OFFER) == "quote_items_differ"


def test_a_quote_ends_when_it_says() -> None:
    quote = sign_quote(OFFER, MERCHANT, NOW, NEW, 60)
    assert quote.expires_at == NOW.replace(microsecond=0) + timedelta(seconds=60)
    before = quote.expires_at - timedelta.resolution
    assert refusal(quote.text, now=before) is None
    assert refusal(quote.text, now=quote.expires_at) == "quote_expired"


def test_a_quote_is_its_merchants_and_does_not_say_whose() -> None:
    with pytest.raises(InvalidField) as caught:
        check_quote(signed(), OFFER, OTHER, NOW, [NEW])
    assert caught.value.code == "quote_of_another_merchant"
    assert str(MERCHANT) not in f"{caught.value.message}{caught.value.data}"
    assert set(caught.value.data) == {"field"}


def test_an_older_secret_verifies_while_it_is_named_and_then_no_more() -> None:
    old = signed(secret=OLD)
    assert refusal(old, secrets=[NEW, OLD]) is None
    assert refusal(signed(), secrets=[NEW, OLD]) is None
    assert refusal(old, secrets=[NEW]) == "quote_signature_wrong"


@given(st.data())
def test_no_character_of_a_quote_can_be_changed(data: st.DataObject) -> None:
    text = signed()
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(
        st.characters(min_codepoint=33, max_codepoint=126).filter(lambda c: c != text[at])
    )
    assert refusal(text[:at] + other + text[at + 1 :]) in {
        "quote_malformed",
        "quote_signature_wrong",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pkq1",
        "pkq1..",
        "pkq1.a.b.c",
        "pkq2.e30.e30",
        "x" * (CHARACTERS_MAX + 1),
        "pkq1.\u00e9.e30",
        "pkq1.e30=.e30",
        "pkq1.e31.e30",
        " pkq1.e30.e30",
    ],
)
def test_what_is_no_quote_is_malformed(text: str) -> None:
    assert refusal(text) == "quote_malformed"


def test_a_signed_payload_of_another_form_is_malformed() -> None:
    for payload in ({}, {"a": 1}, {**json.loads(_payload()), "a": "1250"}):
        head = f"pkq1.{_encode(json.dumps(payload).encode())}"
        assert refusal(f"{head}.{_encode(_mac(NEW, head))}") == "quote_malformed"


def _payload() -> bytes:
    part = signed().split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_quote_names_no_buyer_and_no_merchant_in_the_clear() -> None:
    payload = _payload().decode()
    assert "agent-7" not in payload
    assert MERCHANT.hex not in payload
    assert json.loads(payload)["a"] == 1_250


@given(
    st.integers(1, AMOUNT_MAX),
    st.sampled_from(sorted(tender_currencies())),
    st.text("abc-17", min_size=1, max_size=128),
    st.uuids(),
)
def test_every_quote_fits_and_is_taken_for_no_card_number(
    amount: int, currency: str, buyer: str, merchant: UUID
) -> None:
    offer = Offer(
        amount=amount, currency=currency, buyer_id=buyer, buyer_role="operator", kind="x" * 40
    )
    text = signed(offer, merchant)
    assert len(text) <= 400
    assert not holds_card_number(text)
    assert read_quote(text, [NEW]).amount == amount
    assert refusal(text, offer, merchant_id=merchant) is None


@pytest.mark.parametrize("seconds", [0, -1, EXPIRY_S_MAX + 1, True])
def test_a_quote_holds_for_a_second_to_a_day(seconds: int) -> None:
    sign_quote(OFFER, MERCHANT, NOW, NEW, EXPIRY_S_MAX)
    with pytest.raises(InvalidField) as caught:
        sign_quote(OFFER, MERCHANT, NOW, NEW, seconds)
    assert caught.value.code == "quote_expiry_out_of_range"


def test_the_amount_is_the_items_less_discounts_plus_tax() -> None:
    assert total_of(ITEMS) == 1_250
    assert total_of(ITEMS, 130, (150, 100)) == 1_130
    assert total_of(()) is None
    assert replace(OFFER, amount=1_130, tax=130, discounts=(150, 100)).amount == 1_130
    with pytest.raises(InvalidField) as caught:
        replace(OFFER, amount=1_249)
    assert caught.value.code == "quote_total_differs"
    # All of it taken off, and the tax left to pay.
    assert total_of(ITEMS, 7, (1_250,)) == 7


@pytest.mark.parametrize(
    ("items", "tax", "discounts", "code"),
    [
        ((Item(unit_amount=-1),), 0, (), "item_amount_negative"),
        ((Item(quantity=0),), 0, (), "item_quantity_out_of_range"),
        ((Item(quantity=-2),), 0, (), "item_quantity_out_of_range"),
        ((Item(quantity=QUANTITY_MAX + 1),), 0, (), "item_quantity_out_of_range"),
        ((Item(quantity=True),), 0, (), "item_quantity_out_of_range"),
        # 2^32 times 2^32 would be 0 in 64 bits; here each step is bounded.
        ((Item(quantity=QUANTITY_MAX, unit_amount=AMOUNT_MAX),), 0, (), "amount_too_large"),
        ((Item(quantity=1, unit_amount=AMOUNT_MAX),) * 2, 0, (), "amount_too_large"),
        ((Item(quantity=1, unit_amount=AMOUNT_MAX),), 1, (), "amount_too_large"),
        ((Item(unit_amount=AMOUNT_MAX + 1),), 0, (), "amount_too_large"),
        ((Item(unit_amount=True),), 0, (), "amount_not_integer"),
        (ITEMS, -1, (), "tax_negative"),
        (ITEMS, 0, (-1,), "discount_negative"),
        (ITEMS, 0, (True,), "amount_not_integer"),
        # Each alone is fine; together they go below nothing, which tax does not make good.
        (ITEMS, 0, (1_000, 251), "discounts_over_items"),
        (ITEMS, 500, (1_000, 251), "discounts_over_items"),
        (ITEMS, 0, (1,) * (DISCOUNTS_MAX + 1), "discounts_too_many"),
        ((Item(),) * (ITEMS_MAX + 1), 0, (), "items_too_many"),
        ((), 1, (), "items_required"),
        ((), 0, (1,), "items_required"),
        ((Item(sku=""),), 0, (), "text_empty"),
        ((Item(sku="4242424242424242"),), 0, (), "card_number_refused"),
    ],
)
def test_a_sum_that_cannot_be_is_refused_by_its_code(
    items: tuple[Item, ...], tax: int, discounts: tuple[int, ...], code: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        total_of(items, tax, discounts)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": 12.5}, "amount"),
        ({"currency": "eur"}, "currency"),
        ({"buyer_id": ""}, "buyer.id"),
        ({"buyer_role": "guest"}, "buyer.role"),
        ({"buyer_role": ["agent"]}, "buyer.role"),
        ({"kind": "A"}, "kind"),
        ({"kind": 7}, "kind"),
    ],
)
def test_an_offer_is_checked_like_a_purchase(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        replace(OFFER, items=(), **changes)
    assert caught.value.field == field


def test_quotes_and_purchases_have_the_same_limits() -> None:
    assert (ITEMS_MAX, QUANTITY_MAX) == (signals.ITEMS_MAX, signals.QUANTITY_MAX)
    assert SKU_CHARACTERS_MAX == signals.TOKEN_CHARACTERS_MAX
    assert BUYER_ID_CHARACTERS_MAX == model.BUYER_ID_CHARACTERS_MAX
    assert list(model.BuyerRole) == list(ROLES)
    assert signals.NAME.pattern == KIND.pattern
    assert signals.QUOTE_CHARACTERS_MAX >= CHARACTERS_MAX


def test_secrets_are_long_and_few() -> None:
    assert read_secrets(f"{'a' * 32}, {'b' * 40}") == (b"a" * 32, b"b" * 40)
    for wrong in ("", "a" * 31, "a" * 32 + ",", ",".join(["a" * 32] * 6)):
        with pytest.raises(Misconfigured) as caught:
            read_secrets(wrong)
        assert caught.value.code == "quote_secrets_invalid"
        assert "aaa" not in caught.value.message


def error(field: str = "amount", code: str = "amount_zero") -> InvalidField:
    return InvalidField(field, code, "…")


def test_facts_hold_what_exists_and_nothing_as_it_came() -> None:
    assert facts_of(
        error(), amount=-5, currency="EUR", buyer_role="agent", kind="deposit"
    ) == {
        "code": "amount_zero", "field": "amount", "amount": -5, "currency": "EUR",
        "buyer_role": "agent", "kind": "deposit",
    }  # fmt: skip
    wrong: dict[str, list[object]] = {
        "amount": [True, 1.5, "5", None, 10**12, -(10**12), 4242424242424242, [1]],
        "currency": ["eur", "XAU", "<script>", 7, None, ["EUR"]],
        "buyer_role": ["guest", ["agent"], None, 7],
        "kind": ["A", "x" * 41, "a4242424242424242", None, {}],
    }
    for name, values in wrong.items():
        for value in values:
            assert name not in facts_of(error(), **{name: value})
    assert facts_of(error("metadata.4242")) == {"code": "amount_zero"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.sampled_from(["amount", "currency", "buyer", "kind"]),
)
def test_whatever_a_document_holds_facts_are_small_and_plain(value: Any, name: str) -> None:
    document = {"amount": 5, "currency": "EUR", "buyer": {"role": "agent"}, name: value}
    facts = facts_of_document(error(), document)
    assert len(json.dumps(facts)) < 300
    assert facts.keys() <= {"code", "field", "amount", "currency", "buyer_role", "kind"}


def test_facts_of_a_quote_say_what_was_quoted() -> None:
    with pytest.raises(InvalidField) as caught:
        check_quote(signed(), replace(OFFER, amount=1, items=()), MERCHANT, NOW, [NEW])
    facts = facts_of(caught.value, amount=1, currency="EUR", buyer_role="agent", kind="purchase")
    assert facts["quoted_amount"] == 1_250
    assert facts["quoted_currency"] == "EUR"
    assert facts["amount"] == 1
