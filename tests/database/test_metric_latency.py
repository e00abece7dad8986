"""How long purchases and their stages take: measured by the process that did it, and written."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from paykeel.errors import DatabaseUnavailable
from paykeel.metrics.histogram import BOUNDS_US, place_of
from paykeel.metrics.reading import read_latencies, watermarks
from paykeel.metrics.stopwatch import Stopwatch
from tests.database.helpers import ask, audited, buy, opened, recover, reserve
from tests.database.metric_books import DAY, histogram, history, sum_up

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.servers import Urls

STAGES = ("open", "gateway", "settle")
SECOND = timedelta(seconds=1)


async def counts(paykeel: Paykeel, merchant_id: UUID) -> dict[str, int]:
    """Return how many durations there are of each stage."""
    now = datetime.now(UTC)
    series = await read_latencies(paykeel.database, merchant_id, [now - 9 * DAY, now + 9 * DAY])
    found: dict[str, int] = {}
    for one in series:
        assert one.gateway == "placeholder"
        found[one.stage] = found.get(one.stage, 0) + one.count
    return found


async def test_each_purchase_is_timed_once_and_each_stage_with_it(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await asyncio.gather(*(buy(paykeel, merchant, f"{n}") for n in range(5)))
    await buy(paykeel, merchant, "no", payment_method="pm_card_declined")
    await ask(paykeel, merchant, "no", payment_method="pm_card_declined")  # A repetition.
    await reserve(paykeel, merchant, "held")
    held = await reserve(paykeel, merchant, "let-go")
    await paykeel.payments.cancel(
        held.payment_id, merchant_id=merchant.merchant_id, idempotency_key="c"
    )
    await buy(paykeel, merchant, "step", payment_method="pm_requires_action")
    assert await counts(paykeel, merchant.merchant_id) == {}
    assert await paykeel.stopwatch.flush() == 35
    assert await paykeel.stopwatch.flush() == 0
    assert await counts(paykeel, merchant.merchant_id) == {
        "purchase": 8, "open": 9, "gateway": 9, "settle": 9,
    }  # fmt: skip
    await audited(paykeel)


async def test_a_stage_is_timed_by_what_it_took(paykeel: Paykeel, merchant: Merchant) -> None:
    await buy(paykeel, merchant, "slow", payment_method="pm_slow_200")
    await paykeel.stopwatch.flush()
    now = datetime.now(UTC)
    series = await read_latencies(paykeel.database, merchant.merchant_id, [now - DAY, now + DAY])
    sums = {one.stage: one.sum_us for one in series}
    assert 200_000 <= sums["gateway"] <= sums["purchase"] < 5_000_000
    assert 0 < sums["open"] < sums["purchase"]
    for one in series:
        assert one.bucket_place == place_of(one.sum_us)


async def test_a_purchase_that_recovery_ended_is_timed_from_its_opening(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(paykeel, merchant, "lost", payment_method="pm_lost_response")
    assert payment.status == "processing"
    await asyncio.sleep(0.3)
    await recover(paykeel, admin)
    await paykeel.stopwatch.flush()
    now = datetime.now(UTC)
    series = await read_latencies(paykeel.database, merchant.merchant_id, [now - DAY, now + DAY])
    truth = await history(admin, merchant.merchant_id)
    assert histogram(series) == truth.durations()
    (one,) = (one for one in series if one.stage == "purchase")
    assert one.sum_us > 300_000


async def test_python_and_postgresql_agree_about_every_place(admin: asyncpg.Connection) -> None:
    durations = {0, 1, 2**38, 2**52}
    for bound in BOUNDS_US:
        durations |= {bound - 1, bound, bound + 1}
    asked = sorted(durations)
    rows = await admin.fetch(
        "SELECT us, width_bucket(us - 1, $2::bigint[]) AS place FROM unnest($1::bigint[]) AS us",
        asked,
        BOUNDS_US,
    )
    assert {row["us"]: row["place"] for row in rows} == {us: place_of(us) for us in asked}


async def test_nothing_is_timed_where_that_is_off(urls: Urls, admin: asyncpg.Connection) -> None:
    async with opened(urls, changes={"metrics_latency": False}) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market", "test")
        await buy(paykeel, merchant, "one")
        assert await paykeel.stopwatch.flush() == 0
        await audited(paykeel)
    assert await admin.fetchval("SELECT count(*) FROM payment_latencies") == 0


async def test_a_process_writes_by_itself_and_at_its_end(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    written = "SELECT count(*) FROM payment_latencies WHERE stage = 'gateway'"
    async with opened(urls, changes={"metrics_flush_ms": 20}) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market", "test")
        await buy(paykeel, merchant, "one")
        for _ in range(200):
            if await admin.fetchval(written):
                break
            await asyncio.sleep(0.02)
        assert await admin.fetchval(written) == 1
    async with opened(urls, changes={"metrics_flush_ms": 60_000}) as paykeel:
        await buy(paykeel, merchant, "two")
    total = "SELECT sum(count) FROM payment_latencies WHERE stage = 'gateway'"
    assert await admin.fetchval(total) == 2


async def test_memory_is_bounded_and_what_is_dropped_is_counted(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    stopwatch = Stopwatch(paykeel.database, rows_max=3)
    for doubling in range(10):
        stopwatch.note("open", merchant.merchant_id, "agent", "placeholder", 2**doubling)
    stopwatch.note("open", merchant.merchant_id, "agent", "placeholder", 1)
    assert stopwatch.dropped == 7
    assert await stopwatch.flush() == 4
    assert await counts(paykeel, merchant.merchant_id) == {"open": 4}
    stopwatch.note("open", merchant.merchant_id, "agent", "placeholder", 2**60)
    assert await stopwatch.flush() == 1


async def test_what_the_database_does_not_take_is_given_up_and_counted(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls, changes={"metrics_flush_ms": 60_000}) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market", "test")
        paykeel.stopwatch.note("open", merchant.merchant_id, "agent", "placeholder", 5)
        async with admin.transaction():
            await admin.execute("LOCK payment_latencies")
            writing = asyncio.create_task(paykeel.stopwatch.flush())
            for _ in range(200):
                if await admin.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    break
                await asyncio.sleep(0.02)
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")
            with pytest.raises(DatabaseUnavailable):
                await writing
        assert paykeel.stopwatch.dropped == 1
        assert await paykeel.stopwatch.flush() == 0


async def test_a_duration_that_comes_late_is_summed_up_anew(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await buy(paykeel, merchant, "one")
    ahead = datetime.now(UTC) + 2 * DAY
    await sum_up(paykeel, ahead)
    assert await paykeel.stopwatch.flush() == 4
    assert (await watermarks(paykeel.database, merchant.merchant_id)).late_from is not None
    expected = {"purchase": 1, "open": 1, "gateway": 1, "settle": 1}
    assert await counts(paykeel, merchant.merchant_id) == expected
    await sum_up(paykeel, ahead)
    assert (await watermarks(paykeel.database, merchant.merchant_id)).late_from is None
    assert await counts(paykeel, merchant.merchant_id) == expected
    assert await admin.fetchval("SELECT sum(count) FROM payment_latencies_daily") == 4


async def test_a_payment_whose_clock_went_back_took_no_time(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    """It is opened by a clock that is ahead, and settled at that same instant at the earliest."""
    paykeel.database.observe(datetime.now(UTC) + 60 * SECOND)
    await buy(paykeel, merchant, "ahead")
    await paykeel.stopwatch.flush()
    (took,) = await admin.fetch("SELECT sum_us FROM payment_latencies WHERE stage = 'purchase'")
    assert took["sum_us"] < 5_000_000
