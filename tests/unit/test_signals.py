"""What a purchase tells beside its price: read strictly, spelled once, and never in the clear."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from paykeel import PurchaseRequest, Signals
from paykeel.errors import CardNumberRefused, InvalidField
from paykeel.fraud.keys import Identity, KeyMaker, claim_key, normalise, values_of
from paykeel.idempotency import fingerprint
from paykeel.payments.signals import ITEMS_MAX, VELOCITY_KEYS_MAX, Item

PLAIN: dict[str, Any] = {
    "amount": 1_250,
    "currency": "EUR",
    "buyer": {"id": "agent-7", "role": "agent"},
    "payment_method": "pm_ok",
}
BEFORE = "5f99acd59f45441cadf62f8a5cd35a573cd8c6116f8d926429d42cf325719055"
ONE, TWO = UUID(int=1), UUID(int=2)
OLD, NEW = b"o" * 16, b"n" * 16


def read(**changes: Any) -> PurchaseRequest:
    return PurchaseRequest.from_document({**PLAIN, **changes})


def test_a_request_without_signals_reads_as_it_did_before_there_were_any() -> None:
    assert set(read().document()) == {
        "amount", "buyer", "capture_method", "currency", "description", "metadata",
        "payment_method", "reference",
    }  # fmt: skip
    # The hash of such a request, written down before there were signals.
    mark = fingerprint("POST", "/v1/purchases", read().document())
    assert mark.hex() == BEFORE
    assert read(kind="purchase").document() == read().document()
    assert read(card=None, client=None, items=None, quote=None) == read()


def test_what_is_told_is_in_the_fingerprint() -> None:
    marks = {
        fingerprint("POST", "/v1/purchases", read(**changes).document())
        for changes in (
            {},
            {"kind": "deposit"},
            {"card": {"bin": "424242"}},
            {"client": {"ip": "203.0.113.9"}},
            {"velocity_keys": {"seat": "12A"}},
            {"items": [{"sku": "a", "quantity": 1, "unit_amount": 2}]},
            {"quote": "pkq1.x"},
            {"buyer": {**PLAIN["buyer"], "email": "a@b.c"}},
        )
    }
    assert len(marks) == 8


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"kind": ""}, "kind", "text_empty"),
        ({"kind": "Big"}, "kind", "name_malformed"),
        ({"card": "4"}, "card", "object_required"),
        ({"card": {"cvc": "1"}}, "card", "field_unknown"),
        ({"card": {"bin": "42424"}}, "card.bin", "bin_malformed"),
        ({"card": {"country": "de"}}, "card.country", "country_malformed"),
        ({"card": {"fingerprint": "x" * 129}}, "card.fingerprint", "text_too_long"),
        ({"client": {"ip": "300.1.1.1"}}, "client.ip", "ip_malformed"),
        ({"client": {"ip": 7}}, "client.ip", "text_required"),
        ({"client": {"ip": "2001:db8::9%eth0"}}, "client.ip", "ip_malformed"),
        ({"client": {"device_id": "d-1 "}}, "client.device_id", "text_not_trimmed"),
        ({"card": {"fingerprint": "fp\u200b1"}}, "card.fingerprint", "text_not_trimmed"),
        (
            {"buyer": {**PLAIN["buyer"], "email": "a@\uff4dail.example"}},
            "buyer.email",
            "email_malformed",
        ),
        (
            {"buyer": {**PLAIN["buyer"], "created_at": "0001-01-01T00:00:00+14:00"}},
            "buyer.created_at",
            "instant_malformed",
        ),
        (
            {"buyer": {**PLAIN["buyer"], "created_at": "9999-12-31T23:59:59-14:00"}},
            "buyer.created_at",
            "instant_malformed",
        ),
        ({"client": {"country": "DEU"}}, "client.country", "text_too_long"),
        ({"velocity_keys": {"Seat": "1"}}, "velocity_keys", "name_malformed"),
        ({"velocity_keys": {"seat": ""}}, "velocity_keys.seat", "text_empty"),
        (
            {"velocity_keys": {f"k{n}": "x" for n in range(VELOCITY_KEYS_MAX + 1)}},
            "velocity_keys",
            "velocity_keys_too_many",
        ),
        ({"buyer": {**PLAIN["buyer"], "email": "nobody"}}, "buyer.email", "email_malformed"),
        ({"buyer": {**PLAIN["buyer"], "email": "a b@c.d"}}, "buyer.email", "email_malformed"),
        (
            {"buyer": {**PLAIN["buyer"], "created_at": "yesterday"}},
            "buyer.created_at",
            "instant_malformed",
        ),
        (
            {"buyer": {**PLAIN["buyer"], "created_at": "2026-01-01T00:00:00"}},
            "buyer.created_at",
            "instant_malformed",
        ),
        ({"items": {}}, "items", "list_required"),
        ({"items": [{}]}, "items[0]", "item_malformed"),
        (
            {"items": [{"sku": "a", "quantity": 0, "unit_amount": 1}]},
            "items[0].quantity",
            "integer_out_of_range",
        ),
        (
            {"items": [{"sku": "a", "quantity": True, "unit_amount": 1}]},
            "items[0].quantity",
            "integer_out_of_range",
        ),
        (
            {"items": [{"sku": "a", "quantity": 1, "unit_amount": 1}] * (ITEMS_MAX + 1)},
            "items",
            "items_too_many",
        ),
        ({"quote": "x" * 2_001}, "quote", "text_too_long"),
    ],
)
def test_each_mistake_has_its_code(changes: dict[str, Any], field: str, code: str) -> None:
    with pytest.raises(InvalidField) as caught:
        read(**changes)
    assert (caught.value.data["field"], caught.value.code) == (field, code)


@pytest.mark.parametrize(
    "changes",
    [
        {"card": {"fingerprint": "4242424242424242"}},
        {"client": {"device_id": "4242 4242 4242 4242"}},
        {"velocity_keys": {"seat": "4242-4242-4242-4242"}},
        {"velocity_keys": {"a4111111111111111": "x"}},
        {"items": [{"sku": "4242424242424242", "quantity": 1, "unit_amount": 1}]},
    ],
    ids=str,
)
def test_no_card_number_enters(changes: dict[str, Any]) -> None:
    with pytest.raises(CardNumberRefused):
        read(**changes)


def test_items_are_values() -> None:
    (item,) = read(items=[{"sku": "a", "quantity": 2, "unit_amount": 3}]).items
    assert item == Item("a", 2, 3)


def test_one_instant_has_one_spelling() -> None:
    here = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    there = datetime(2026, 1, 1, 10, tzinfo=UTC)
    documents = [Signals(account_created_at=at).documents() for at in (here, there)]
    assert documents[0] == documents[1]


@pytest.mark.parametrize(
    ("kind", "spellings"),
    [
        ("ip", ["203.0.113.9", "::ffff:203.0.113.9"]),
        ("ip", ["2001:db8::1", "2001:0DB8:0:0::1", "2001:db8::ffff:9"]),
        ("bin", ["424242", "42424299"]),
        ("ip_network", ["203.0.113.9", "203.0.113.200", "203.0.113.0/24"]),
        ("ip_network", ["2001:db8::1", "2001:db8::ffff:1"]),
        ("email", ["Ann@Example.org", "ann@example.org"]),
    ],
)
def test_one_value_has_one_key(kind: str, spellings: list[str]) -> None:
    assert len({normalise(kind, spelling) for spelling in spellings}) == 1


def test_an_address_has_no_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        normalise("ip", "2001:db8::9%eth0")


def test_keys_differ_by_merchant_kind_value_and_secret() -> None:
    maker, other = KeyMaker((OLD,)), KeyMaker((NEW,))
    keys = [
        maker.keys(ONE, {"card": "a"})["card"],
        maker.keys(TWO, {"card": "a"})["card"],
        maker.keys(ONE, {"device": "a"})["device"],
        maker.keys(ONE, {"card": "b"})["card"],
        other.keys(ONE, {"card": "a"})["card"],
        claim_key(ONE, "a"),
    ]
    assert len(set(keys)) == len(keys)
    assert all(-(2**63) <= key < 2**63 for key in keys)


def test_while_a_secret_changes_windows_are_read_under_the_old_one() -> None:
    both = KeyMaker((NEW, OLD))
    values = values_of(Identity(buyer_id="agent-7", ip="203.0.113.9"))
    assert both.keys(ONE, values) == KeyMaker((OLD,)).keys(ONE, values)
    assert both.later_keys(ONE, values) == tuple(KeyMaker((NEW,)).keys(ONE, values).values())
    assert KeyMaker((OLD,)).later_keys(ONE, values) == ()
    assert len(both.every_key(ONE, "buyer", "agent-7")) == 2


def test_a_secret_is_there_once() -> None:
    """A purchase would be counted under one key twice, which the database refuses."""
    with pytest.raises(ValueError, match="twice"):
        KeyMaker((OLD, OLD))


@pytest.mark.parametrize("secrets", [(), (b"short",), (OLD, b"short")])
def test_a_secret_is_long(secrets: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        KeyMaker(secrets)
