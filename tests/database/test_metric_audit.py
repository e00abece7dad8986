"""The audit finds every rollup that is not what history says, at each level."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.database.helpers import audited, buy
from tests.database.metric_books import DAY, sum_up
from tests.database.refunding import refund

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant

COUNTS = ("payment_metrics", "payment_metrics_hourly", "payment_metrics_daily")
WORD = {"": "minute", "_hourly": "hour", "_daily": "day"}
#: What somebody might do to one row.
FORGERIES = (
    "UPDATE {table} SET count = count + 1 WHERE ctid = {one}",
    "UPDATE {table} SET amount = amount - 1 WHERE ctid = {one}",
    "UPDATE {table} SET captured = captured + 1 WHERE ctid = {one}",
    "UPDATE {table} SET refunded = refunded + 1 WHERE ctid = {one}",
    "UPDATE {table} SET outcome = 'expired' WHERE ctid = {one}",
    "UPDATE {table} SET reason = 'other' WHERE ctid = {one}",
    "UPDATE {table} SET currency = 'USD' WHERE ctid = {one}",
    "UPDATE {table} SET buyer_role = 'nobody' WHERE ctid = {one}",
    "UPDATE {table} SET gateway = 'another' WHERE ctid = {one}",
    "UPDATE {table} SET event_type = 'payment.blocked' WHERE ctid = {one}",
    "UPDATE {table} SET bucket = bucket - interval '1 day' WHERE ctid = {one}",
    "UPDATE {table} SET bucket = bucket + interval '100 days' WHERE ctid = {one}",
    "DELETE FROM {table} WHERE ctid = {one}",
)


async def sold(paykeel: Paykeel, merchant: Merchant) -> None:
    """Sell, refund, and sum all of it up."""
    payment = await buy(paykeel, merchant, "one")
    await buy(paykeel, merchant, "two", payment_method="pm_card_declined")
    await refund(paykeel, payment)
    await sum_up(paykeel, datetime.now(UTC) + 2 * DAY)
    await audited(paykeel)


@pytest.mark.parametrize("table", COUNTS)
async def test_every_forgery_of_every_level_is_found_and_named(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, table: str
) -> None:
    await sold(paykeel, merchant)
    level = table.removeprefix("payment_metrics")
    one = f"(SELECT min(ctid) FROM {table})"  # noqa: S608 - our own names
    await admin.execute(f"CREATE TABLE right_one AS TABLE {table}")
    for forgery in FORGERIES:
        assert not (await admin.execute(forgery.format(table=table, one=one))).endswith(" 0")
        report = await paykeel.auditor.audit(merchant.merchant_id)
        assert {found.kind for found in report.differences} == {"metrics"}, forgery
        assert all(f"by the {WORD[level]} at" in found.detail for found in report.differences)
        await admin.execute(
            f"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM right_one"  # noqa: S608
        )
    await audited(paykeel)


async def test_levels_beyond_the_watermark_are_forged(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    """Nobody would read them, and the next summing up would take them for its own."""
    await sold(paykeel, merchant)
    for change in (
        "DELETE FROM metric_watermarks",
        (
            "UPDATE metric_watermarks SET hours_to = hours_to - interval '30 days',"
            " days_to = days_to - interval '31 days'"
        ),
    ):
        async with admin.transaction():
            await admin.execute("CREATE TABLE kept AS TABLE metric_watermarks")
            await admin.execute(change)
        report = await paykeel.auditor.audit(merchant.merchant_id)
        assert {found.kind for found in report.differences} == {"metrics"}
        await admin.execute(
            "DELETE FROM metric_watermarks; INSERT INTO metric_watermarks SELECT * FROM kept;"
            " DROP TABLE kept"
        )
    await audited(paykeel)


async def test_what_is_late_is_no_difference_and_what_was_before_it_still_is(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await sold(paykeel, merchant)
    await buy(paykeel, merchant, "late")
    await audited(paykeel)
    await admin.execute("UPDATE payment_metrics_hourly SET bucket = bucket - interval '3 hours'")
    report = await paykeel.auditor.audit(merchant.merchant_id)
    assert {found.kind for found in report.differences} == {"metrics"}
