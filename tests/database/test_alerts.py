"""Alerts on a real server: what opens one, what a person does with it, and who is told."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from paykeel import Paykeel, Signals
from paykeel.errors import InvalidField, Misconfigured, NotFound, Refused
from paykeel.fraud.alert_watch import thresholds_of
from tests.conftest import settings_for
from tests.database.alerting import block, counts, happened, messages, only
from tests.database.helpers import buy
from tests.rulesets import at_most, enforce

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from paykeel.merchants import Merchant
    from tests.servers import Urls


@pytest.fixture
async def judging(urls: Urls) -> AsyncIterator[Paykeel]:
    """Paykeel with the rules that every installation begins with."""
    settings = settings_for(urls, fraud_default_ruleset="default", merchant_cache_ms=0)
    async with Paykeel.open(settings) as opened:
        yield opened


async def test_a_burst_is_one_row_with_a_count_and_told_once(
    judging: Paykeel, admin: asyncpg.Connection
) -> None:
    shop = await judging.merchants.create("Harbour Market")
    blocked = [
        payment
        for payment in [await buy(judging, shop, f"order-{n}") for n in range(24)]
        if payment.status == "blocked"
    ]
    assert len(blocked) == 14
    for _ in range(3):
        assert await judging.alerts.look() is False
        alert = await only(judging, shop)
        assert (alert.kind, alert.dedupe_key) == ("velocity_burst", "velocity_burst:buyer_rate")
        assert alert.count == 14
        assert alert.facts["newest"] == [str(one.payment_id) for one in blocked[:-6:-1]]
    alert = await only(judging, shop)
    (told,) = await messages(admin)
    assert told["event"] == "opened"
    assert told["alert_id"] == str(alert.alert_id)
    assert (told["kind"], told["reason"], told["count"]) == ("velocity_burst", "buyer_rate", 14)
    logged = await admin.fetchrow(
        "SELECT min(created_at) AS first, max(created_at) AS last FROM fraud_prevention_logs"
        " WHERE decision = 'block'"
    )
    assert logged is not None
    assert (alert.first_at, alert.last_at) == (logged["first"], logged["last"])


async def test_testing_of_cards_is_told_from_a_burst(judging: Paykeel) -> None:
    shop = await judging.merchants.create("Harbour Market")
    for n in range(10):
        signals = Signals(ip="203.0.113.9", card_fingerprint=f"card-{n}")
        await buy(judging, shop, f"order-{n}", signals=signals, buyer_id=f"agent-{n}")
    await judging.alerts.look()
    assert await counts(judging, shop) == {"card_testing:card_testing": 5}


async def test_a_merchants_own_rules_raise_alerts_too(
    judging: Paykeel, admin: asyncpg.Connection
) -> None:
    shop = await judging.merchants.create("Harbour Market")
    await enforce(judging, admin, shop.merchant_id, at_most(2))
    for n in range(12):
        await buy(judging, shop, f"order-{n}")
    await judging.alerts.look()
    assert await counts(judging, shop) == {"velocity_burst:too_many": 10}


async def test_a_purchase_that_differs_from_its_quote_is_told_at_once_and_when_it_doubles(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    facts = {"code": "quote_amount_differs", "field": "amount", "amount": 1, "quoted_amount": 99}
    for _ in range(9):
        await paykeel.refusals.write(merchant.merchant_id, "quote_amount_differs", facts)
        await paykeel.refusals.write(merchant.merchant_id, "amount_zero", {"code": "amount_zero"})
        await paykeel.alerts.look()
    assert await counts(paykeel, merchant) == {"amount_tampering:quote_amount_differs": 9}
    alert = await only(paykeel, merchant)
    assert alert.facts["newest"] == [facts] * 5
    told = [(one["event"], one["count"]) for one in await messages(admin)]
    assert told == [("opened", 1), ("doubled", 2), ("doubled", 4), ("doubled", 8)]


async def test_declines_are_compared_with_the_hour_before(
    paykeel: Paykeel, admin: asyncpg.Connection
) -> None:
    calm, busy, down = [await paykeel.merchants.create(f"Shop {n}") for n in range(3)]
    ago = timedelta(minutes=30)
    for shop, before in ((calm, 300), (busy, 60), (down, 60)):
        await happened(admin, shop, "payment.opened", 600, ago=ago)
        await happened(admin, shop, "payment.failed", before, ago=ago, reason="card_declined")
        await happened(admin, shop, "payment.opened", 50)
    for shop in (calm, busy):
        await happened(admin, shop, "payment.failed", 20, reason="card_declined")
    # A gateway that is away declines nothing.
    await happened(admin, down, "payment.failed", 50, reason="gateway_unavailable")
    await paykeel.alerts.look()
    assert [await counts(paykeel, shop) for shop in (calm, busy, down)] == [
        {},
        {"decline_spike": 20},
        {},
    ]
    alert = await only(paykeel, busy)
    assert alert.facts == {
        "declines": 20,
        "attempts": 50,
        "declines_before": 60,
        "attempts_before": 600,
    }
    # What settles late counts in the minute in which it happened.
    await happened(admin, busy, "payment.failed", 3, reason="insufficient_funds")
    await paykeel.alerts.look()
    assert await counts(paykeel, busy) == {"decline_spike": 23}


async def test_real_declines_are_a_spike(paykeel: Paykeel, merchant: Merchant) -> None:
    for n in range(20):
        await buy(paykeel, merchant, f"order-{n}", payment_method="pm_card_declined")
    await paykeel.alerts.look()
    assert await counts(paykeel, merchant) == {"decline_spike": 20}


async def test_fewer_or_slower_is_no_alert(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await block(admin, merchant, 9)
    # Together they are ten, and more than ten minutes apart.
    await block(admin, merchant, 1, ago=timedelta(minutes=10, seconds=5))
    await block(admin, merchant, 30, reason="on_block_list")
    await happened(admin, merchant, "payment.failed", 19, reason="card_declined")
    await paykeel.alerts.look()
    assert await counts(paykeel, merchant) == {}
    await block(admin, merchant, 1, ago=timedelta(minutes=9))
    await paykeel.alerts.look()
    assert await counts(paykeel, merchant) == {"velocity_burst:buyer_rate": 10}


async def test_after_an_acknowledgement_only_what_follows_counts(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, urls: Urls
) -> None:
    await block(admin, merchant, 12)
    await paykeel.alerts.look()
    seen = await only(paykeel, merchant)
    late = await asyncpg.connect(urls.admin)
    try:
        transaction = late.transaction()
        await transaction.start()
        await block(late, merchant, 2)
        done = await paykeel.alerts.acknowledge(merchant.merchant_id, seen.alert_id, "ann")
        assert (done.status, done.acknowledged_by, done.count) == ("acknowledged", "ann", 12)
        await transaction.commit()
    finally:
        await late.close()
    await block(admin, merchant, 9)
    await paykeel.alerts.look()
    # Nine are no burst, and what came before the acknowledgement belongs to the alert it was of.
    assert await counts(paykeel, merchant) == {}
    assert (await only(paykeel, merchant, "acknowledged")).count == 14
    await block(admin, merchant, 1)
    await paykeel.alerts.look()
    after = await only(paykeel, merchant)
    assert (after.count, after.dedupe_key) == (10, seen.dedupe_key)
    assert done.acknowledged_at is not None
    assert after.first_at > done.acknowledged_at
    assert after.alert_id != seen.alert_id
    assert [one["event"] for one in await messages(admin)] == ["opened", "opened"]


async def test_a_spike_that_goes_on_is_a_new_alert_from_the_next_minute_on(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    # All of it in one minute.
    await asyncio.sleep(max(0, paykeel.database.now().second - 55))
    await happened(admin, merchant, "payment.failed", 30, reason="card_declined")
    await paykeel.alerts.look()
    seen = await only(paykeel, merchant)
    done = await paykeel.alerts.acknowledge(merchant.merchant_id, seen.alert_id, "ann")
    await happened(admin, merchant, "payment.failed", 30, reason="card_declined")
    await paykeel.alerts.look()
    assert await counts(paykeel, merchant) == {}
    assert (await only(paykeel, merchant, "acknowledged")).count == 60
    await happened(
        admin, merchant, "payment.failed", 25, ago=timedelta(minutes=-1), reason="card_declined"
    )
    await paykeel.alerts.look()
    assert await counts(paykeel, merchant) == {"decline_spike": 25}
    assert done.count == 30


async def test_only_one_person_acknowledges_and_may_say_so_again(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await block(admin, merchant, 10)
    await paykeel.alerts.look()
    alert_id = (await only(paykeel, merchant)).alert_id
    owner, stranger = merchant.merchant_id, (await paykeel.merchants.create("Other")).merchant_id
    with pytest.raises(NotFound):
        await paykeel.alerts.acknowledge(stranger, alert_id, "ann")
    with pytest.raises(InvalidField):
        await paykeel.alerts.acknowledge(owner, alert_id, " ")
    said = await asyncio.gather(
        *(paykeel.alerts.acknowledge(owner, alert_id, f"person {n}") for n in range(8)),
        return_exceptions=True,
    )
    refusals = [one for one in said if isinstance(one, Refused)]
    assert {one.code for one in refusals} == {"alert_acknowledged"}
    assert len(refusals) == 7
    (done,) = (one for one in said if not isinstance(one, BaseException))
    assert done.acknowledged_by is not None
    again = await paykeel.alerts.acknowledge(owner, alert_id, done.acknowledged_by)
    assert again == done


async def test_alerts_are_listed_by_the_page_and_only_to_their_merchant(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    for reason in ("card_declines", "card_testing", "buyer_rate", "buyer_daily_amount"):
        await block(admin, merchant, 10, reason=reason)
    await paykeel.alerts.look()
    found: list[UUID] = []
    cursor: str | None = None
    while True:
        page = await paykeel.alerts.list(merchant.merchant_id, "open", cursor, 3)
        found += [alert.alert_id for alert in page.alerts]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(found) == 4
    assert found == sorted(found, reverse=True)
    other = await paykeel.merchants.create("Other")
    assert (await paykeel.alerts.list(other.merchant_id)).alerts == ()
    assert len(await paykeel.alerts.list_open()) == 4
    for status, wrong in (("closed", None), ("open", "x")):
        with pytest.raises(InvalidField):
            await paykeel.alerts.list(merchant.merchant_id, status, wrong)


def test_a_look_reaches_as_far_as_its_windows(urls: Urls) -> None:
    with pytest.raises(Misconfigured):
        thresholds_of(settings_for(urls, fraud_alert_lookback_ms=300_000))
