"""What is too old goes, and only what is summed up; readers are told what is left."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from paykeel.errors import InvalidField
from paykeel.metrics.reading import read_series
from paykeel.metrics.rollup import Rollup
from tests.database.helpers import audited, buy
from tests.database.metric_books import DAY, HOUR, MINUTE, levels, marks, put_minutes, sum_up

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 40


async def fill(paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection) -> datetime:
    """Count one purchase every three hours for forty days, and durations with them."""
    minutes = [(SINCE + number * 3 * HOUR + 7 * MINUTE, 0, 1) for number in range(DAYS * 8)]
    await put_minutes(admin, merchant.merchant_id, minutes)
    await admin.execute(
        """
        INSERT INTO payment_latencies (
            merchant_id, bucket, stage, buyer_role, gateway, slot, place, count, sum_us)
        SELECT m.merchant_id, m.bucket, 'purchase', 'agent', 'g', 0, 119, 1, 30000
        FROM payment_metrics m
        """
    )
    return SINCE + DAYS * DAY


def keeping(paykeel: Paykeel, minutes_days: int, hours_days: int) -> Rollup:
    return Rollup(paykeel.database, minutes_days=minutes_days, hours_days=hours_days)


async def rows(admin: asyncpg.Connection) -> dict[str, int]:
    found = {}
    for what in ("metrics", "latencies"):
        for level in ("", "_hourly", "_daily"):
            table = f"payment_{what}{level}"
            found[table] = await admin.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
    return found


async def test_minutes_and_hours_go_when_they_are_too_old_and_days_stay(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    at = await fill(paykeel, merchant, admin)
    await sum_up(paykeel, at + 2 * HOUR)
    rollup = keeping(paykeel, 10, 20)
    assert await rollup.purge(at) == 2 * (30 * 8 + 20 * 8)
    assert await rows(admin) == {
        "payment_metrics": 80, "payment_metrics_hourly": 160, "payment_metrics_daily": 40,
        "payment_latencies": 80, "payment_latencies_hourly": 160, "payment_latencies_daily": 40,
    }  # fmt: skip
    known = await marks(admin, merchant.merchant_id)
    assert (known["minutes_from"], known["hours_from"]) == (at - 10 * DAY, at - 20 * DAY)
    assert await rollup.purge(at) == 0
    whole = await read_series(paykeel.database, merchant.merchant_id, [SINCE, at])
    assert [one.count for one in whole] == [DAYS * 8]


async def test_readers_are_told_what_is_gone_and_read_the_rest(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    at = await fill(paykeel, merchant, admin)
    await sum_up(paykeel, at + 2 * HOUR)
    await keeping(paykeel, 10, 20).purge(at)

    async def count(since: datetime, until: datetime) -> int:
        series = await read_series(paykeel.database, merchant.merchant_id, [since, until])
        return sum(one.count for one in series)

    assert await count(at - 15 * DAY - HOUR, at - 14 * DAY) == 8 + 0
    assert await count(at - 9 * DAY - 57 * MINUTE, at) == 72
    assert await count(at - 30 * DAY, at - 29 * DAY) == 8
    for since in (at - 15 * DAY - MINUTE, at - 30 * DAY - HOUR):
        with pytest.raises(InvalidField) as caught:
            await count(since, at)
        assert caught.value.code == "metrics_resolution_gone"


async def test_what_is_not_summed_up_stays(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    at = await fill(paykeel, merchant, admin)
    rollup = keeping(paykeel, 2, 3)
    assert await rollup.purge(at) == 0
    # The worker was stopped in the middle: five days are summed up, and five and a half.
    await sum_up(paykeel, SINCE + 5 * DAY + 12 * HOUR)
    assert await rollup.purge(at) == 2 * 2 * 5 * 8
    assert (await marks(admin, merchant.merchant_id))["minutes_from"] == SINCE + 5 * DAY
    await sum_up(paykeel, at + HOUR)
    assert await levels(admin, merchant.merchant_id, "_daily") == {
        SINCE + number * DAY: 8 for number in range(DAYS)
    }


async def test_what_waits_to_be_summed_up_anew_stays(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    at = await fill(paykeel, merchant, admin)
    await sum_up(paykeel, at + HOUR)
    late = SINCE + 8 * DAY + 2 * HOUR
    await admin.execute("UPDATE metric_watermarks SET late_from = $1", late)
    await keeping(paykeel, 2, 3).purge(at)
    known = await marks(admin, merchant.merchant_id)
    assert (known["minutes_from"], known["hours_from"]) == (SINCE + 8 * DAY, SINCE + 8 * DAY)
    assert min(await levels(admin, merchant.merchant_id, "")) > SINCE + 8 * DAY
    await put_minutes(admin, merchant.merchant_id, [(late, 3, 5)])
    await sum_up(paykeel, at + HOUR)
    assert (await levels(admin, merchant.merchant_id, "_daily"))[SINCE + 8 * DAY] == 13


async def test_hours_are_kept_for_ever_if_that_is_wanted(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    at = await fill(paykeel, merchant, admin)
    await sum_up(paykeel, at + HOUR)
    await keeping(paykeel, 2, 0).purge(at + 5_000 * DAY)
    found = await rows(admin)
    assert found["payment_metrics"] == 0
    assert found["payment_metrics_hourly"] == found["payment_latencies_hourly"] == DAYS * 8
    known = await marks(admin, merchant.merchant_id)
    assert (known["minutes_from"], known["hours_from"]) == (at, None)


async def test_the_settings_say_how_long(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await fill(paykeel, merchant, admin)
    at = SINCE + 2_000 * DAY
    await sum_up(paykeel, at)
    await paykeel.rollup.purge(at)
    known = await marks(admin, merchant.merchant_id)
    assert (known["minutes_from"], known["hours_from"]) == (at - 400 * DAY, at - 1_830 * DAY)


async def test_the_audit_agrees_with_what_is_left(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await buy(paykeel, merchant, "one")
    ahead = datetime.now(UTC) + 30 * DAY
    await sum_up(paykeel, ahead)
    rollup = keeping(paykeel, 3, 5)
    assert await rollup.purge(ahead) > 0
    assert (await rows(admin))["payment_metrics_hourly"] == 0
    await audited(paykeel)
    await admin.execute("UPDATE payment_metrics_daily SET captured = captured + 1")
    report = await paykeel.auditor.audit()
    assert {one.kind for one in report.differences} == {"metrics"}
