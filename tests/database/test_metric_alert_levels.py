"""What waits, what lags and whose thresholds hold: alerts on metrics that are no rates."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from paykeel import Paykeel
from paykeel.errors import Misconfigured
from paykeel.metrics.alert_watch import watching_of
from paykeel.metrics.gauges import by_mode, read_gauges
from tests.conftest import settings_for
from tests.database.helpers import buy
from tests.database.ids import OTHER
from tests.database.metric_alerting import going_on, put_fraud_alert

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from paykeel.merchants import Merchant
    from tests.servers import Urls


@pytest.fixture
async def watching(urls: Urls) -> AsyncIterator[Paykeel]:
    """Paykeel whose alerts are over as soon as they are seen to be."""
    async with Paykeel.open(settings_for(urls, metrics_alert_calm_ms=0)) as opened:
        yield opened


async def test_gauges_are_read_from_what_waits(
    watching: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    quiet = await watching.merchants.create("Quiet Quay")
    for n in range(2):
        await buy(watching, merchant, f"order-{n}", payment_method="pm_timeout_then_succeeded")
    assert {one.unknown_outcomes for one in await read_gauges(watching.database)} == {0}
    await admin.execute("UPDATE payment_attempts SET recover_at = now() + interval '1 hour'")
    await admin.execute(
        "UPDATE payment_attempts SET created_at = now() - interval '15 minutes 5 seconds',"
        " recover_at = now() - interval '70 seconds'"
        " WHERE payment_id = (SELECT min(payment_id::text)::uuid FROM payments)"
    )
    await put_review(admin, merchant)
    gauges = {one.merchant_id: one for one in await read_gauges(watching.database)}
    seen, none = gauges[merchant.merchant_id], gauges[quiet.merchant_id]
    assert (seen.unknown_outcomes, seen.recovery_overdue, seen.reviews_open) == (1, 1, 1)
    assert 905_000 <= seen.unknown_age_ms < 960_000
    assert 70_000 <= seen.recovery_lag_ms < 120_000
    assert (seen.reviews_overdue, seen.fraud_alerts_open) == (1, 1)
    assert 3_600_000 <= seen.review_age_ms < 3_660_000
    assert (none.unknown_outcomes, none.recovery_lag_ms, none.reviews_open) == (0, 0, 0)
    totals = by_mode(gauges.values())
    assert totals["test"]["unknown_outcomes_overdue"] == 1
    assert totals["test"]["review_backlog"] == totals["test"]["fraud_alerts_open"] == 1
    assert totals["live"]["recovery_lag"] == 0
    await watching.metric_alerts.look()
    assert await going_on(watching, quiet) == {}
    assert sorted(await going_on(watching, merchant)) == [
        "fraud_alerts", "recovery_lag", "unknown_outcomes",
    ]  # fmt: skip
    await admin.execute(
        "UPDATE payment_attempts SET created_at = now(), recover_at = now() WHERE state <> 'done'"
    )
    await watching.metric_alerts.look()
    assert list(await going_on(watching, merchant)) == ["fraud_alerts"]


async def put_review(admin: asyncpg.Connection, merchant: Merchant) -> None:
    """Hold a payment for review, past its time, and open an alert of fraud prevention."""
    await admin.execute(
        "INSERT INTO fraud_reviews (merchant_id, payment_id, status, reasons, due_at, created_at)"
        " SELECT merchant_id, payment_id, 'open', ARRAY['dear'], now() - interval '1 minute',"
        " now() - interval '1 hour' FROM payments ORDER BY payment_id LIMIT 1"
    )
    await admin.execute(
        "INSERT INTO fraud_alerts (merchant_id, alert_id, kind, dedupe_key, status, first_at,"
        " last_at, count, counted_to) VALUES ($1, gen_random_uuid(), 'decline_spike',"
        " 'decline_spike', 'open', now(), now(), 1, now())",
        merchant.merchant_id,
    )


async def test_a_sink_that_lags_is_told_to_those_whose_metrics_it_carries(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    settings = settings_for(urls, metrics_sinks="emf", metrics_alert_calm_ms=0)
    async with Paykeel.open(settings) as paykeel:
        live = await paykeel.merchants.create("Live Lane", mode="live")
        test = await paykeel.merchants.create("Test Track")
        await admin.execute(
            "INSERT INTO metric_sinks (sink, started_at, prepared_to, compared_to,"
            " last_on_at) SELECT s, now() - interval '1 hour', now() - interval '20 minutes',"
            " now() - interval '1 hour', now() FROM unnest(ARRAY['emf', 'otlp']) s"
        )
        await paykeel.metric_alerts.look()
        found = await going_on(paykeel, live)
        assert list(found) == ["sink_lag:emf"]
        assert 1_000_000 < found["sink_lag:emf"].facts["value"] < 1_100_000
        assert await going_on(paykeel, test) == {}
        await admin.execute("UPDATE metric_sinks SET prepared_to = now()")
        await paykeel.metric_alerts.look()
        assert await going_on(paykeel, live) == {}


async def test_a_merchant_has_thresholds_of_its_own(
    urls: Urls, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    other = settings_for(
        urls, metrics_alert_overrides={merchant.merchant_id: {"fraud_alerts_min": 2}}
    )
    await put_fraud_alert(admin, merchant)
    async with Paykeel.open(other) as paykeel:
        await paykeel.metric_alerts.look()
        assert await going_on(paykeel, merchant) == {}
    async with Paykeel.open(settings_for(urls)) as paykeel:
        await paykeel.metric_alerts.look()
        assert list(await going_on(paykeel, merchant)) == ["fraud_alerts"]
    off = settings_for(urls, metrics_alert_fraud_alerts_min=0, metrics_alert_calm_ms=0)
    async with Paykeel.open(off) as paykeel:
        await paykeel.metric_alerts.look()
        assert await going_on(paykeel, merchant) == {}
    for changes in ({"fraud_alert_min": 2}, {"fraud_alerts_min": -1}):
        with pytest.raises(Misconfigured) as refused:
            watching_of(settings_for(urls, metrics_alert_overrides={OTHER: changes}))
        assert refused.value.code == "alert_threshold_unknown"


async def test_the_worker_looks(urls: Urls, merchant: Merchant, admin: asyncpg.Connection) -> None:
    await put_fraud_alert(admin, merchant)
    settings = settings_for(urls, metrics_alert_interval_ms=20)
    async with Paykeel.open(settings) as paykeel:
        worker = asyncio.create_task(paykeel.work())
        try:
            for _ in range(200):
                if await going_on(paykeel, merchant):
                    break
                await asyncio.sleep(0.05)
        finally:
            worker.cancel()
        assert list(await going_on(paykeel, merchant)) == ["fraud_alerts"]
