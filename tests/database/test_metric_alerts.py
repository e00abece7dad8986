"""Alerts on metrics on a real server: what opens one, what ends it, and who is told."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from paykeel import Paykeel
from paykeel.errors import InvalidField, NotFound, Refused
from paykeel.metrics.alert_watch import LOCK
from tests.conftest import settings_for
from tests.database.helpers import buy
from tests.database.ids import OTHER
from tests.database.metric_alerting import ended, forget, going_on, put_fraud_alert, told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from paykeel.merchants import Merchant
    from tests.servers import Urls

LATENCIES = """
    INSERT INTO payment_latencies (
        merchant_id, bucket, stage, buyer_role, gateway, slot, place, count, sum_us)
    VALUES ($1, date_trunc('minute', clock_timestamp(), 'UTC'), $2, 'agent', 'g', $3, $4, $5, 0)
"""
AN_HOUR_AGO = timedelta(minutes=30)


@pytest.fixture
async def watching(urls: Urls) -> AsyncIterator[Paykeel]:
    """Paykeel whose alerts are over as soon as they are seen to be."""
    async with Paykeel.open(settings_for(urls, metrics_alert_calm_ms=0)) as opened:
        yield opened


async def test_a_drop_is_told_for_whom_and_why_and_again_when_it_is_over(
    watching: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await ended(admin, merchant, 950, 50, ago=AN_HOUR_AGO)
    await ended(admin, merchant, 95, 5)
    await watching.metric_alerts.look()
    assert await going_on(watching, merchant) == {}
    await ended(admin, merchant, 0, 40, reason="gateway_unavailable")
    for _ in range(3):
        await watching.metric_alerts.look()
    found = await going_on(watching, merchant)
    assert sorted(found) == ["decline_spike:gateway_unavailable", "success_rate_drop"]
    drop = found["success_rate_drop"]
    assert drop.facts == {
        "now": {"succeeded": 95, "failed": 45, "rate_bp": 6786},
        "before": {"succeeded": 950, "failed": 50, "rate_bp": 9500},
        "failed_by": {
            "reason": {"gateway_unavailable": 40, "card_declined": 5},
            "gateway": {"g": 45},
            "role": {"agent": 45},
        },
    }
    opened = sorted(await told(admin), key=lambda one: one["rule"], reverse=True)
    assert [(one["event"], one["rule"], one["subject"]) for one in opened] == [
        ("opened", "success_rate_drop", None),
        ("opened", "decline_spike", "gateway_unavailable"),
    ]
    assert opened[0]["alert_id"] == str(drop.alert_id)
    assert opened[0]["facts"] == drop.facts
    # The hour before is now bad as well; the alert keeps what was before it began.
    await forget(admin)
    await ended(admin, merchant, 600, 400, ago=AN_HOUR_AGO)
    await ended(admin, merchant, 89, 11)
    await watching.metric_alerts.look()
    assert "success_rate_drop" in await going_on(watching, merchant)
    await ended(admin, merchant, 100)
    await watching.metric_alerts.look()
    assert await going_on(watching, merchant) == {}
    over = [one for one in await told(admin) if one["event"] == "resolved"]
    assert {one["rule"] for one in over} == {"success_rate_drop", "decline_spike"}
    (last,) = [one for one in over if one["rule"] == "success_rate_drop"]
    assert last["resolved_at"] >= last["last_at"] >= last["opened_at"]
    assert last["facts"]["now"] == {"succeeded": 95, "failed": 45, "rate_bp": 6786}


async def test_few_purchases_are_no_alert(
    watching: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await ended(admin, merchant, 950, 50, ago=AN_HOUR_AGO)
    await ended(admin, merchant, 1, 1)
    await watching.metric_alerts.look()
    await ended(admin, merchant, 4, 23)
    await watching.metric_alerts.look()
    assert await going_on(watching, merchant) == {}
    await ended(admin, merchant, 0, 1)
    await watching.metric_alerts.look()
    assert "success_rate_drop" in await going_on(watching, merchant)


async def test_what_has_a_bad_hour_before_it_is_no_drop(
    watching: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await ended(admin, merchant, 500, 500, ago=AN_HOUR_AGO)
    await ended(admin, merchant, 45, 55)
    # More than an hour before the window nothing is looked at.
    await ended(admin, merchant, 100_000, ago=timedelta(minutes=70))
    await watching.metric_alerts.look()
    assert await going_on(watching, merchant) == {}


async def test_real_declines_are_found(paykeel: Paykeel, merchant: Merchant) -> None:
    for n in range(31):
        await buy(paykeel, merchant, f"order-{n}", payment_method="pm_card_declined")
    await paykeel.metric_alerts.look()
    assert list(await going_on(paykeel, merchant)) == ["decline_spike:card_declined"]


async def test_slow_stages_are_found_each_by_itself(
    watching: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    # Place 184 ends at 8.4 s, place 80 at 1 ms.
    for stage, slow in (("gateway", 2), ("settle", 1)):
        await admin.execute(LATENCIES, merchant.merchant_id, stage, 0, 80, 38 - slow)
        await admin.execute(LATENCIES, merchant.merchant_id, stage, 1, 184, slow)
    # A whole purchase also waits for people.
    await admin.execute(LATENCIES, merchant.merchant_id, "purchase", 0, 300, 100)
    await watching.metric_alerts.look()
    found = await going_on(watching, merchant)
    assert list(found) == ["latency_p95:gateway"]
    assert 7_000 < found["latency_p95:gateway"].facts["p95_ms"] < 8_400
    await admin.execute(LATENCIES, merchant.merchant_id, "gateway", 2, 80, 100)
    await watching.metric_alerts.look()
    assert await going_on(watching, merchant) == {}


async def test_an_alert_is_over_only_after_it_has_been_so_for_a_while(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await put_fraud_alert(admin, merchant)
    await paykeel.metric_alerts.look()
    (alert,) = (await going_on(paykeel, merchant)).values()
    await admin.execute("UPDATE fraud_alerts SET status = 'acknowledged', acknowledged_at = now()")
    for _ in range(2):
        await paykeel.metric_alerts.look()
    assert list(await going_on(paykeel, merchant)) == ["fraud_alerts"]
    # It begins again before the time is over: the calm counts from its next end.
    await admin.execute("UPDATE metric_alerts SET calm_since = now() - interval '4 minutes'")
    await admin.execute("UPDATE fraud_alerts SET status = 'open', acknowledged_at = NULL")
    await paykeel.metric_alerts.look()
    await admin.execute("UPDATE fraud_alerts SET status = 'acknowledged', acknowledged_at = now()")
    await admin.execute("UPDATE metric_alerts SET calm_since = calm_since - interval '2 minutes'")
    await paykeel.metric_alerts.look()
    (still,) = (await going_on(paykeel, merchant)).values()
    assert still.alert_id == alert.alert_id
    await admin.execute("UPDATE metric_alerts SET calm_since = now() - interval '5 minutes'")
    await paykeel.metric_alerts.look()
    assert await going_on(paykeel, merchant) == {}
    assert [one["event"] for one in await told(admin)] == ["opened", "resolved"]
    # What follows is another one.
    await admin.execute("UPDATE fraud_alerts SET status = 'open', acknowledged_at = NULL")
    await paykeel.metric_alerts.look()
    (next_,) = (await going_on(paykeel, merchant)).values()
    assert next_.alert_id != alert.alert_id


async def test_silence_ends_an_alert_in_the_end(
    watching: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await ended(admin, merchant, 950, 50, ago=AN_HOUR_AGO)
    await ended(admin, merchant, 0, 100, reason="processing_error")
    await watching.metric_alerts.look()
    await forget(admin)
    await watching.metric_alerts.look()
    assert len(await going_on(watching, merchant)) == 2
    for table_time in ("5 hours 59 minutes", "6 hours"):
        await admin.execute(
            "UPDATE metric_alerts SET opened_at = now() - $1::interval, last_at = now()"
            " - $1::interval",
            timedelta(hours=int(table_time[0]), minutes=59 if "59" in table_time else 0),
        )
        await watching.metric_alerts.look()
        left = 2 if "59" in table_time else 0
        assert len(await going_on(watching, merchant)) == left


async def test_two_workers_open_it_once(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await put_fraud_alert(admin, merchant)
    await asyncio.gather(*(paykeel.metric_alerts.look() for _ in range(4)))
    assert await admin.fetchval("SELECT count(*) FROM metric_alerts") == 1
    assert len(await told(admin)) == 1
    async with admin.transaction():
        await admin.execute("DELETE FROM metric_alerts")
        await admin.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        assert await paykeel.metric_alerts.look() == 0
    assert len(await told(admin)) == 1


async def test_a_person_acknowledges_and_it_goes_on(
    watching: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await put_fraud_alert(admin, merchant)
    await watching.metric_alerts.look()
    alerts = watching.metric_alerts
    (alert,) = await alerts.list_open()
    seen = await alerts.acknowledge(merchant.merchant_id, alert.alert_id, "ann")
    assert (seen.status, seen.acknowledged_by) == ("acknowledged", "ann")
    assert await alerts.acknowledge(merchant.merchant_id, alert.alert_id, "ann") == seen
    with pytest.raises(Refused, match="Somebody else") as refused:
        await alerts.acknowledge(merchant.merchant_id, alert.alert_id, "ben")
    assert refused.value.code == "alert_acknowledged"
    assert await alerts.list_open() == []
    await alerts.look()
    assert await admin.fetchval("SELECT count(*) FROM metric_alerts") == 1
    await admin.execute("DELETE FROM fraud_alerts")
    await alerts.look()
    over = await alerts.get(merchant.merchant_id, alert.alert_id)
    assert (over.status, over.acknowledged_by) == ("resolved", "ann")
    assert [one["event"] for one in await told(admin)] == ["opened", "resolved"]


async def test_what_is_over_can_be_acknowledged_and_stays_over(
    watching: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await put_fraud_alert(admin, merchant)
    await watching.metric_alerts.look()
    await admin.execute("DELETE FROM fraud_alerts")
    await watching.metric_alerts.look()
    (over,) = (await watching.metric_alerts.list(merchant.merchant_id, "resolved")).alerts
    seen = await watching.metric_alerts.acknowledge(merchant.merchant_id, over.alert_id, "ann")
    assert (seen.status, seen.acknowledged_by) == ("resolved", "ann")


async def test_lists_are_paged_and_nobody_sees_anothers(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    stranger = await paykeel.merchants.create("Stranger")
    await admin.execute(
        "INSERT INTO metric_alerts (merchant_id, alert_id, rule, dedupe_key, status, facts,"
        " opened_at, last_at) SELECT $1, gen_random_uuid(), 'decline_spike', 'decline_spike:' || n,"
        " 'open', '{}', now(), now() FROM generate_series(1, 5) n",
        merchant.merchant_id,
    )
    alerts = paykeel.metric_alerts
    pages, cursor = [], None
    while True:
        page = await alerts.list(merchant.merchant_id, "open", cursor, 2)
        pages += [one.alert_id for one in page.alerts]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(set(pages)) == 5
    assert (await alerts.list(stranger.merchant_id)).alerts == ()
    with pytest.raises(NotFound):
        await alerts.get(stranger.merchant_id, pages[0])
    with pytest.raises(NotFound):
        await alerts.acknowledge(merchant.merchant_id, OTHER, "ann")
    for status, cursor, code in (
        ("x", None, "choice_unknown"),
        (None, "x", "cursor_malformed"),
    ):
        with pytest.raises(InvalidField) as refused:
            await alerts.list(merchant.merchant_id, status, cursor)
        assert refused.value.code == code
