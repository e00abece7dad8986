"""What is blocked is logged and sent nowhere; what needs terms waits for them, its key free."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Rule, Verdict
from paykeel.errors import TermsNotAccepted
from tests.database.helpers import again, ask, audited, body, buy, moved, opened, placeholder_of

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.fraud import Purchase
    from paykeel.merchants import Merchant
    from tests.servers import Urls


def no_large(purchase: Purchase) -> Verdict:
    return Verdict.BLOCK if purchase.amount > 100_000 else Verdict.ALLOW


def broken(purchase: Purchase) -> Verdict:
    if purchase.buyer_id == "agent-13":
        raise LookupError(purchase.buyer_id)
    return Verdict.ALLOW


RULES = {"fraud_rules": [Rule("no_large", no_large), Rule("broken", broken)]}


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"amount": 100_001}, [("no_large", "block"), ("broken", "allow")]),
        ({"buyer_id": "agent-13"}, [("no_large", "allow"), ("broken", "error: LookupError")]),
    ],
    ids=["blocked", "a rule that raises"],
)
async def test_what_is_blocked_is_logged_and_sent_nowhere(
    urls: Urls,
    admin: asyncpg.Connection,
    changes: dict[str, Any],
    result: list[tuple[str, str]],
) -> None:
    async with opened(urls, core=RULES) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        answer = await ask(paykeel, merchant, **changes)
        assert answer.status == 402
        assert json.loads(answer.body)["code"] == "payment_blocked"
        # Which rule it was, is told to nobody outside.
        assert not any(rule.name.encode() in answer.body for rule in RULES["fraud_rules"])
        payment = await buy(paykeel, merchant, **changes)
        assert (payment.status, payment.failure_reason) == ("blocked", "blocked")
        assert [event.type for event in payment.timeline] == ["payment.blocked"]
        assert body(answer) == payment.document()
        assert await moved(paykeel, payment) == 0
        assert await placeholder_of(paykeel).books(str(merchant.merchant_id)) == []
        assert await admin.fetchval("SELECT count(*) FROM payment_attempts") == 0
        (log,) = await admin.fetch("SELECT decision, rules, facts FROM fraud_prevention_logs")
        assert log["decision"] == "block"
        rules = json.loads(log["rules"])
        assert [(rule["rule"], rule["result"]) for rule in rules] == result
        assert json.loads(log["facts"])["amount"] == payment.amount
        await audited(paykeel)
    # The rules may have changed since: a repetition is told what was decided.
    async with opened(urls) as later:
        assert await ask(later, merchant, **changes) == replace(answer, replayed=True)


async def test_what_is_allowed_is_logged_too(urls: Urls, admin: asyncpg.Connection) -> None:
    async with opened(urls, core=RULES) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        payment = await buy(paykeel, merchant)
        rows = await admin.fetch("SELECT payment_id, decision FROM fraud_prevention_logs")
        assert [tuple(row) for row in rows] == [(payment.payment_id, "allow")]
        await buy(paykeel, merchant)
        assert await admin.fetchval("SELECT count(*) FROM fraud_prevention_logs") == 1


async def test_terms_come_first_and_the_key_stays_free(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    before = await ask(paykeel, merchant, "before")
    await paykeel.terms.require(merchant.merchant_id, "2026-11")
    with pytest.raises(TermsNotAccepted) as caught:
        await buy(paykeel, merchant)
    assert caught.value.data["buyer_id"] == "agent-7"
    for table in ("payments", "payment_idempotency", "fraud_prevention_logs"):
        assert await admin.fetchval(f"SELECT count(*) FROM {table}") == 1, table  # noqa: S608
    # Another's acceptance, or that of another version, does not do.
    assert await paykeel.terms.accept(merchant.merchant_id, "agent-8", "2026-11")
    assert await paykeel.terms.accept(merchant.merchant_id, "agent-7", "2026-10")
    with pytest.raises(TermsNotAccepted):
        await buy(paykeel, merchant)
    assert await paykeel.terms.accept(merchant.merchant_id, "agent-7", "2026-11")
    assert not await paykeel.terms.accept(merchant.merchant_id, "agent-7", "2026-11")
    answer = await ask(paykeel, merchant)
    assert answer.status == 201
    # A finished purchase is answered as it was, whatever the terms are now.
    await paykeel.terms.require(merchant.merchant_id, "2027-01")
    assert await ask(paykeel, merchant) == replace(answer, replayed=True)
    assert await ask(paykeel, merchant, "before") == replace(before, replayed=True)
    with pytest.raises(TermsNotAccepted):
        await ask(paykeel, merchant, "new")
    await paykeel.terms.require(merchant.merchant_id, None)
    assert (await ask(paykeel, merchant, "new")).status == 201
    await audited(paykeel)


async def test_terms_are_one_merchants(paykeel: Paykeel, merchant: Merchant) -> None:
    other = await paykeel.merchants.create("Mill Market")
    await paykeel.terms.require(merchant.merchant_id, "2026-11")
    await paykeel.terms.accept(other.merchant_id, "agent-7", "2026-11")
    assert (await buy(paykeel, other)).status == "succeeded"
    with pytest.raises(TermsNotAccepted):
        await buy(paykeel, merchant)


async def test_a_batch_mixes_who_accepted_and_who_did_not(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await paykeel.terms.require(merchant.merchant_id, "2026-11")
    for number in range(0, 20, 2):
        await paykeel.terms.accept(merchant.merchant_id, f"agent-{number}", "2026-11")
    for number in range(20):
        key, buyer = f"order-{number}", f"agent-{number}"
        if number % 2:
            with pytest.raises(TermsNotAccepted):
                await buy(paykeel, merchant, key, buyer_id=buyer)
        else:
            payment = await buy(paykeel, merchant, key, buyer_id=buyer)
            assert await again(paykeel, payment) == payment
