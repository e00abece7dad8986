"""What tests of alerts put in, and read."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg

from paykeel import Paykeel
from paykeel.fraud.alert_watch import thresholds_of
from paykeel.fraud.alerts import AlertService
from paykeel.fraud.stored import built_in_stored

if TYPE_CHECKING:
    from paykeel.fraud.alerts import Alert
    from paykeel.merchants import Merchant

DEFAULT_SHA256 = built_in_stored().sha256
LOOKBACK = timedelta(minutes=15)
LOG = """
    INSERT INTO fraud_prevention_logs (
        merchant_id, log_id, payment_id, decision, reasons, ruleset, ruleset_version,
        ruleset_sha256, created_at)
    SELECT $1, gen_random_uuid(), gen_random_uuid(), 'block', ARRAY[$2::text], 'default', 0, $3,
        clock_timestamp() - $4::interval
    FROM generate_series(1, $5::int)
"""
DECLINES = """
    INSERT INTO payment_metrics (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot,
        count, amount, captured, refunded)
    VALUES ($1, date_trunc('minute', clock_timestamp() - $2::interval), $3, '', 'agent', 'EUR', 'g',
        $4, 0, $5, 0, 0, 0)
    ON CONFLICT (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot)
    DO UPDATE SET count = payment_metrics.count + excluded.count
"""
WAITS_MAX = 800


async def block(
    connection: asyncpg.Connection,
    merchant: Merchant,
    count: int,
    *,
    reason: str = "buyer_rate",
    ago: timedelta = timedelta(0),
) -> None:
    """Log purchases that were blocked."""
    await connection.execute(LOG, merchant.merchant_id, reason, DEFAULT_SHA256, ago, count)


async def happened(
    connection: asyncpg.Connection,
    merchant: Merchant,
    event: str,
    count: int,
    *,
    ago: timedelta = timedelta(0),
    reason: str = "",
) -> None:
    """Count what happened to payments in one minute."""
    await connection.execute(DECLINES, merchant.merchant_id, ago, event, reason, count)


async def only(paykeel: Paykeel, merchant: Merchant, status: str | None = "open") -> Alert:
    """Return the one alert that there is."""
    (alert,) = (await paykeel.alerts.list(merchant.merchant_id, status)).alerts
    return alert


async def counts(paykeel: Paykeel, merchant: Merchant) -> dict[str, int]:
    """Return how often each open alert has happened."""
    page = await paykeel.alerts.list(merchant.merchant_id, "open")
    return {alert.dedupe_key: alert.count for alert in page.alerts}


async def messages(admin: asyncpg.Connection) -> list[dict[str, Any]]:
    rows = await admin.fetch(
        "SELECT payload, payment_id FROM outbox WHERE topic = 'fraud.alert' ORDER BY message_id"
    )
    assert all(row["payment_id"] is None for row in rows)
    return [json.loads(row["payload"]) for row in rows]


async def row_of(admin: asyncpg.Connection) -> asyncpg.Record:
    """Return the alert's row with what no reader is shown."""
    row = await admin.fetchrow(
        "SELECT count, counted, counted_to, first_at, last_at FROM fraud_alerts"
    )
    assert row is not None
    return row


async def wait_for(admin: asyncpg.Connection, question: str, least: int) -> None:
    for _ in range(WAITS_MAX):
        if await admin.fetchval(question) >= least:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen in time")


def bounded(paykeel: Paykeel, rows_max: int, final_after: timedelta) -> AlertService:
    """Alerts whose passes look at few rows."""
    limits = thresholds_of(paykeel.settings)
    limits = replace(limits, rows_max=rows_max, final_after=final_after)
    return AlertService(paykeel.database, limits)
