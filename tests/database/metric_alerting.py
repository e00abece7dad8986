"""What tests of alerts on metrics put in, and read."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg

from paykeel import Paykeel

if TYPE_CHECKING:
    from paykeel.merchants import Merchant
    from paykeel.metrics.alerts import MetricAlert

OUTCOMES = """
    INSERT INTO payment_metrics (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot,
        count, amount, captured, refunded)
    VALUES ($1, date_trunc('minute', clock_timestamp() - $2::interval, 'UTC'), $3, $4, 'agent',
        'EUR', 'g', $5, $6, $7, 0, 0, 0)
"""


async def ended(
    admin: asyncpg.Connection,
    shop: Merchant,
    succeeded: int,
    failed: int = 0,
    *,
    reason: str = "card_declined",
    ago: timedelta = timedelta(0),
) -> None:
    """Count ends of purchases in one minute."""
    slot = await admin.fetchval("SELECT count(*) % 64 FROM payment_metrics")
    for event, outcome, because, count in (
        ("payment.succeeded", "succeeded", "", succeeded),
        ("payment.failed", "failed", reason, failed),
    ):
        if count:
            values = (shop.merchant_id, ago, event, outcome, because, slot, count)
            await admin.execute(OUTCOMES, *values)


async def forget(admin: asyncpg.Connection) -> None:
    """Let the window pass."""
    await admin.execute("DELETE FROM payment_metrics")
    await admin.execute("DELETE FROM payment_latencies")


async def going_on(paykeel: Paykeel, shop: Merchant) -> dict[str, MetricAlert]:
    page = await paykeel.metric_alerts.list(shop.merchant_id)
    return {one.dedupe_key: one for one in page.alerts if one.status != "resolved"}


async def told(admin: asyncpg.Connection) -> list[dict[str, Any]]:
    rows = await admin.fetch(
        "SELECT payload FROM outbox WHERE topic = 'metrics.alert' ORDER BY created_at, message_id"
    )
    return [json.loads(row["payload"]) for row in rows]


async def put_fraud_alert(admin: asyncpg.Connection, merchant: Merchant) -> None:
    await admin.execute(
        "INSERT INTO fraud_alerts (merchant_id, alert_id, kind, dedupe_key, status, first_at,"
        " last_at, count, counted_to) VALUES ($1, gen_random_uuid(), 'decline_spike',"
        " 'decline_spike', 'open', now(), now(), 1, now())",
        merchant.merchant_id,
    )
