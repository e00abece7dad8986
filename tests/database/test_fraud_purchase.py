"""Fraud prevention inside a purchase: what is allowed, challenged, held and blocked, and why."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Item, Paykeel, Signals
from paykeel.errors import InvalidField, VelocityBusy
from paykeel.fraud.keys import claim_key
from paykeel.fraud.lists import read_entry
from paykeel.fraud.quotes import Offer
from tests.conftest import settings_for
from tests.database.helpers import ask, audited, buy, moved
from tests.rulesets import at_most, enforce, rule

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from paykeel.merchants import Merchant
    from tests.servers import Urls

CARD = Signals(card_fingerprint="card-1", card_bin="424242", ip="203.0.113.9", email="Ann@x.org")


@pytest.fixture
async def judging(urls: Urls) -> AsyncIterator[Paykeel]:
    """Paykeel with the rules that every installation begins with."""
    settings = settings_for(urls, fraud_default_ruleset="default", merchant_cache_ms=0)
    async with Paykeel.open(settings) as opened:
        yield opened


@pytest.fixture
async def shop(judging: Paykeel) -> Merchant:
    return await judging.merchants.create("Harbour Market", "test")


async def decisions(admin: asyncpg.Connection) -> list[asyncpg.Record]:
    return await admin.fetch(
        "SELECT decision, reasons, facts, rules, ruleset, score FROM fraud_prevention_logs"
        " ORDER BY log_id"
    )


async def test_a_plain_purchase_is_allowed_and_its_decision_logged(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(judging, shop, signals=CARD)
    assert payment.status == "succeeded"
    (log,) = await decisions(admin)
    assert (log["decision"], log["reasons"], log["ruleset"]) == ("allow", [], "default")
    facts = json.loads(log["facts"])
    assert facts["payment.amount_ref"] == 1_250
    assert facts["velocity.buyer_attempts_1h"] == 0
    assert facts["profile.card.attempts"] == 0
    assert "203.0.113.9" not in log["facts"]
    assert "x.org" in log["facts"], "the domain is what rules may ask about"
    assert "Ann" not in log["facts"]
    said = await judging.fraud.explain(shop.merchant_id, payment.payment_id)
    assert said.decision == "allow"
    assert {one["rule"] for one in said.rules} >= {"buyer_rate", "country_mismatch"}
    await audited(judging)


async def test_the_tenth_purchase_of_an_hour_is_the_last(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    statuses = [(await buy(judging, shop, f"order-{n}")).status for n in range(12)]
    assert statuses == ["succeeded"] * 10 + ["blocked"] * 2
    # A repetition counts for nothing, and is answered as it was.
    again = await buy(judging, shop, "order-0")
    assert again.status == "succeeded"
    entries = await admin.fetch(
        "SELECT outcome, count(*) FROM velocity_entries GROUP BY 1 ORDER BY 1"
    )
    assert [tuple(row) for row in entries] == [("attempted", 12), ("succeeded", 10)]
    profile = await admin.fetchrow(
        "SELECT attempts, succeeded, declined, sum_ref FROM velocity_profiles"
    )
    assert profile is not None
    assert tuple(profile) == (12, 10, 0, 12_500)


async def test_a_good_end_counts_once_and_only_the_issuers_no_is_a_decline(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    reserved = await buy(judging, shop, "order-1", capture_method="manual")
    await judging.payments.capture(
        reserved.payment_id, merchant_id=shop.merchant_id, idempotency_key="capture-1"
    )
    for number, token in enumerate(("pm_card_declined", "pm_processing_error"), 2):
        payment = await buy(judging, shop, f"order-{number}", payment_method=token)
        assert payment.status == "failed"
    entries = await admin.fetch(
        "SELECT outcome, count(*) FROM velocity_entries GROUP BY 1 ORDER BY 1"
    )
    assert [tuple(row) for row in entries] == [("attempted", 3), ("declined", 1), ("succeeded", 1)]
    profile = await admin.fetchrow(
        "SELECT attempts, succeeded, declined, sum_ref FROM velocity_profiles"
    )
    assert profile is not None
    assert tuple(profile) == (3, 1, 1, 1_250)


@pytest.mark.parametrize("lanes", [1, 4])
async def test_a_limit_is_never_passed_by_simultaneous_requests(
    urls: Urls, admin: asyncpg.Connection, lanes: int
) -> None:
    settings = settings_for(urls, fraud_default_ruleset="default", batch_lanes=lanes)
    async with Paykeel.open(settings) as one, Paykeel.open(settings) as two:
        shop = await one.merchants.create("Harbour Market", "test")
        bought = await asyncio.gather(
            *(buy((one, two)[n % 2], shop, f"order-{n}") for n in range(64))
        )
        assert sum(payment.status == "succeeded" for payment in bought) == 10
        # Two with one key at the same time are one purchase.
        other = await asyncio.gather(
            *(buy((one, two)[n % 2], shop, f"b-{n // 4}", buyer_id="agent-8") for n in range(64))
        )
        assert sum(payment.status == "succeeded" for payment in other) == 40
        assert await admin.fetchval("SELECT count(*) FROM velocity_attempts") == 80
        await audited(one)


@pytest.mark.parametrize(
    ("velocity", "limit", "changes"),
    [
        ({"aggregate": "sum", "cap": 1_000}, 3_750, {}),
        ({"key": "ip", "aggregate": "distinct", "of": "card", "cap": 20}, 3, {"cards": True}),
        ({"key": "ip", "aggregate": "maximum", "cap": 100}, 1_250, {"first": 1}),
        ({"key": "ip", "aggregate": "count", "outcome": "declined", "cap": 20}, 3, {}),
        ({"key": "ip_network", "aggregate": "count"}, 3, {}),
        ({"key": "email_domain", "aggregate": "count"}, 3, {}),
        ({"key": "custom.seat", "aggregate": "count"}, 3, {}),
    ],
)
async def test_every_aggregate_counts(
    judging: Paykeel,
    shop: Merchant,
    admin: asyncpg.Connection,
    velocity: dict[str, Any],
    limit: int,
    changes: dict[str, Any],
) -> None:
    await enforce(judging, admin, shop.merchant_id, at_most(limit, **velocity))
    declined = velocity.get("outcome") == "declined"
    method = "pm_card_declined" if declined else "pm_ok"
    went_through = 0
    for n in range(6):
        signals = Signals(
            card_fingerprint=f"card-{n if changes.get('cards') else 0}",
            ip="203.0.113.9",
            email=f"a{n}@x.org",
            velocity_keys={"seat": "12A"},
        )
        payment = await buy(judging, shop, f"order-{n}", signals=signals, payment_method=method)
        went_through += payment.status != "blocked"
    assert went_through == changes.get("first", 3)


async def test_a_review_holds_the_payment_before_anything_is_sent(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    document = {"ruleset": "held", "rules": [rule("dear", "payment.amount > 1000", "review")]}
    await enforce(judging, admin, shop.merchant_id, document)
    answer = await ask(judging, shop)
    assert answer.status == 202
    payment = await buy(judging, shop)
    assert (payment.status, payment.timeline[0].type) == ("in_review", "payment.in_review")
    assert await moved(judging, payment) == 0
    assert await admin.fetchval("SELECT count(*) FROM payment_attempts") == 0
    review = await admin.fetchrow("SELECT status, reasons, approvals_needed FROM fraud_reviews")
    assert review is not None
    assert tuple(review) == ("open", ["dear"], 1)
    await audited(judging)


async def test_a_challenge_asks_the_gateway_for_authentication(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    document = {"ruleset": "sure", "rules": [rule("dear", "payment.amount > 1000", "challenge")]}
    await enforce(judging, admin, shop.merchant_id, document)
    payment = await buy(judging, shop)
    assert payment.status == "requires_action"
    assert json.loads(await admin.fetchval("SELECT data FROM payment_attempts")) == {
        "authenticate": "yes"
    }
    done = await judging.payments.complete(
        payment.payment_id,
        merchant_id=shop.merchant_id,
        idempotency_key="step",
        data={"result": "authenticated"},
    )
    assert done.status == "succeeded"
    await audited(judging)


async def test_without_a_rate_a_person_decides(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(judging, shop, currency="JPY")
    assert payment.status == "in_review"
    (log,) = await decisions(admin)
    assert log["reasons"] == ["not_judged", "rate_missing"]
    assert json.loads(log["facts"])["payment.amount_ref"] == {"capped": True}


async def test_without_a_rate_nothing_allows(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    """Whatever the rules name, and whoever is on the allow list."""
    document = {"ruleset": "plain", "rules": [rule("never", "payment.amount > 1000000")]}
    await enforce(judging, admin, shop.merchant_id, document)
    entry = read_entry({"kind": "buyer", "value": "agent-7", "reason": "known"}, datetime.now(UTC))
    await judging.fraud_lists.add(shop.merchant_id, "allow", entry, "ann")
    payment = await buy(judging, shop, currency="JPY")
    assert payment.status == "in_review"
    (log,) = await decisions(admin)
    assert log["reasons"] == ["on_allow_list", "rate_missing"]
    assert (await buy(judging, shop, "order-18")).status == "succeeded"


async def test_a_quarantine_blocks_the_key_until_it_ends(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    declines = [
        await buy(judging, shop, f"order-{n}", signals=CARD, payment_method="pm_card_declined")
        for n in range(4)
    ]
    assert [payment.status for payment in declines] == ["failed"] * 3 + ["blocked"]
    row = await admin.fetchrow("SELECT list, kind, author, reason FROM fraud_lists")
    assert row is not None
    assert tuple(row) == ("block", "card", "rule:card_declines", "card_declines")
    # Another buyer with the same card.
    assert (await buy(judging, shop, "x", buyer_id="agent-8", signals=CARD)).status == "blocked"
    await admin.execute("UPDATE fraud_lists SET expires_at = now()")
    await admin.execute("ALTER TABLE velocity_entries DISABLE TRIGGER ALL")
    await admin.execute("DELETE FROM velocity_entries WHERE outcome = 'declined'")
    assert (await buy(judging, shop, "y", buyer_id="agent-8", signals=CARD)).status == "succeeded"


async def test_what_waits_too_long_for_others_is_told_to_come_back(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    transaction = admin.transaction()
    await transaction.start()
    key = claim_key(shop.merchant_id, "order-17")
    await admin.execute("SELECT pg_advisory_xact_lock($1)", key)
    with pytest.raises(VelocityBusy):
        await buy(judging, shop)
    await transaction.rollback()
    assert (await buy(judging, shop)).status == "succeeded"


OFFER = Offer(amount=1_250, currency="EUR", buyer_id="agent-7", buyer_role="agent")


async def test_a_purchase_must_be_what_was_quoted(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    signed = await judging.quotes.sign(shop.merchant_id, OFFER, expires_in_s=60)
    quote = signed.text
    assert (await buy(judging, shop, quote=quote)).status == "succeeded"
    tampered: dict[str, dict[str, Any]] = {
        "quote_amount_differs": {"amount": 125},
        "quote_currency_differs": {"currency": "JPY"},
        "quote_buyer_differs": {"buyer_id": "agent-8"},
        "quote_kind_differs": {"kind": "deposit"},
        "quote_items_differ": {"items": (Item("a", 1, 1_250),)},
        "quote_signature_wrong": {"quote": quote[:-4] + "AAAA"},
    }
    for code, changes in tampered.items():
        with pytest.raises(InvalidField) as caught:
            await buy(judging, shop, "tampered", **{"quote": quote, **changes})
        assert caught.value.code == code
    other = await judging.merchants.create("Mill Market", "test")
    with pytest.raises(InvalidField, match="not one of this merchant"):
        await buy(judging, other, quote=quote)
    refused = await admin.fetch(
        "SELECT reasons, payment_id FROM fraud_prevention_logs WHERE decision = 'refuse'"
        " ORDER BY log_id"
    )
    assert [row["reasons"][0] for row in refused] == [*tampered, "quote_of_another_merchant"]
    assert {row["payment_id"] for row in refused} == {None}
    # The key stays free, and the price of the first purchase is answered again although it ends.
    assert (await buy(judging, shop, "tampered", quote=quote)).status == "succeeded"


async def test_a_refused_amount_is_logged(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    await judging.merchants.set_limit(shop.merchant_id, "EUR", 1_000)
    with pytest.raises(InvalidField) as caught:
        await buy(judging, shop)
    assert caught.value.code == "amount_over_merchant_limit"
    (log,) = await decisions(admin)
    assert (log["decision"], log["reasons"]) == ("refuse", ["amount_over_merchant_limit"])
    assert json.loads(log["facts"])["amount"] == 1_250


async def test_while_a_secret_changes_nothing_is_forgotten(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    old, new = "o" * 16, "n" * 16
    rules = {"fraud_default_ruleset": "default"}

    async def bought(secrets: str, first: int, count: int) -> list[str]:
        settings = settings_for(urls, fraud_secrets=secrets, **rules)
        async with Paykeel.open(settings) as paykeel:
            found = await paykeel.merchants.list()
            shop = found[0] if found else await paykeel.merchants.create("Harbour Market", "test")
            return [
                str((await buy(paykeel, shop, f"order-{n}")).status)
                for n in range(first, first + count)
            ]

    assert await bought(old, 0, 4) == ["succeeded"] * 4
    # Both are there for as long as the longest window; all is counted under both.
    assert await bought(f"{new},{old}", 4, 5) == ["succeeded"] * 5
    assert await bought(f"{new},{old}", 9, 2) == ["succeeded", "blocked"]
    # What was counted under both is known under the new one alone.
    assert await bought(new, 11, 4) == ["succeeded"] * 3 + ["blocked"]
