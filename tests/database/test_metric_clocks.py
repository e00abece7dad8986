"""Clocks that are wrong, and what is counted while it is summed up: every sum holds all of it."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from paykeel import Paykeel
from paykeel.db.sql import load
from paykeel.metrics.stopwatch import Stopwatch
from paykeel.worker import Worker
from tests.conftest import settings_for
from tests.database.helpers import buy
from tests.database.metric_books import DAY, HOUR, marks, put_minutes, sum_up

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from paykeel.merchants import Merchant
    from tests.servers import Urls

BEHIND = 6 * HOUR
COUNTING = (
    ("paykeel.payments", "open.sql"),
    ("paykeel.payments", "queries.sql"),
    ("paykeel.payments", "review.sql"),
    ("paykeel.refunds", "refunds.sql"),
    ("paykeel.refunds", "notices.sql"),
)


@pytest.fixture
async def lagging(urls: Urls) -> AsyncIterator[Paykeel]:
    """A process that was suspended for hours."""
    async with Paykeel.open(settings_for(urls)) as core:
        core.database.observe(datetime.now(UTC) - BEHIND)
        assert off(core) < -BEHIND + HOUR
        yield core


@pytest.fixture
async def other(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """Another worker's connection."""
    connection = await asyncpg.connect(urls.app)
    yield connection
    await connection.close()


def off(core: Paykeel) -> timedelta:
    """How far a process's clock is from that of this machine, which the database has."""
    return core.database.now() - datetime.now(UTC)


async def past(admin: asyncpg.Connection, merchant: Merchant) -> None:
    """Count something of the day before yesterday, so that there is a watermark."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    await put_minutes(admin, merchant.merchant_id, [(hour - 2 * DAY, 0, 1)])


async def test_what_is_counted_unseen_while_its_hour_is_summed_up_is_summed_up_anew(
    paykeel: Paykeel,
    lagging: Paykeel,
    merchant: Merchant,
    admin: asyncpg.Connection,
    other: asyncpg.Connection,
) -> None:
    await past(admin, merchant)
    await sum_up(paykeel, datetime.now(UTC) - DAY)
    watch = Stopwatch(lagging.database)
    watch.note("open", merchant.merchant_id, "agent", "g", 1_000)
    # Nothing of the hour is summed up when the statement begins, and all of it when it commits.
    async with other.transaction():
        await other.execute("SELECT FROM metric_watermarks FOR UPDATE")
        writing = asyncio.create_task(watch.flush())
        done, _ = await asyncio.wait([writing], timeout=0.5)
        assert not done
        await other.execute(
            "UPDATE metric_watermarks SET hours_to = date_trunc('hour', now(), 'UTC')"
        )
    await writing
    late_from = (await marks(admin, merchant.merchant_id))["late_from"]
    assert late_from <= datetime.now(UTC) - BEHIND
    await sum_up(paykeel, datetime.now(UTC))
    assert await admin.fetchval("SELECT sum(count) FROM payment_latencies_hourly") == 1


async def test_a_mark_that_is_removed_meanwhile_is_made_again(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    await past(admin, merchant)
    await sum_up(paykeel, datetime.now(UTC) + DAY)
    await admin.execute("UPDATE metric_watermarks SET late_from = now() - interval '1 day'")
    async with other.transaction():
        await other.execute("SELECT FROM metric_watermarks FOR UPDATE")
        writing = asyncio.create_task(buy(paykeel, merchant, "late"))
        done, _ = await asyncio.wait([writing], timeout=0.5)
        assert not done
        await other.execute("UPDATE metric_watermarks SET late_from = NULL")
    await writing
    assert (await marks(admin, merchant.merchant_id))["late_from"] is not None


async def test_those_who_count_late_do_not_wait_for_each_other_nor_write_the_mark_twice(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    await past(admin, merchant)
    await sum_up(paykeel, datetime.now(UTC) + DAY)
    await buy(paykeel, merchant, "first")
    before = await admin.fetchrow("SELECT ctid::text, late_from FROM metric_watermarks")
    assert before is not None
    assert before["late_from"] is not None
    async with other.transaction():
        await other.execute("SELECT FROM metric_watermarks FOR KEY SHARE")
        await asyncio.wait_for(buy(paykeel, merchant, "second", buyer_id="agent-8"), 5)
        # Nothing is summed up until the other one is done.
        assert not await paykeel.rollup.roll_up()
        assert (await marks(admin, merchant.merchant_id))["late_from"] is not None
    after = await admin.fetchrow("SELECT ctid::text, late_from FROM metric_watermarks")
    assert after == before


def test_every_statement_that_counts_has_the_same_rule() -> None:
    found = 0
    for room, file in COUNTING:
        for name, statement in load(room, file).items():
            if "INSERT INTO payment_metrics " in statement.text:
                found += 1
                assert "< clock_timestamp() - interval '1 minute'" in statement.text, name
                assert "FOR KEY SHARE OF w" in statement.text, name
    assert found == 7


async def test_durations_of_many_merchants_are_written_without_a_deadlock(
    paykeel: Paykeel, admin: asyncpg.Connection
) -> None:
    shops = [await paykeel.merchants.create(f"Shop {n}", "test") for n in range(30)]
    await admin.execute(
        "INSERT INTO metric_watermarks (merchant_id, hours_to, days_to) "
        "SELECT merchant_id, now() + interval '2 days', now() FROM merchants"
    )
    draw = random.Random(3)

    async def write(number: int) -> None:
        watch = Stopwatch(paykeel.database)
        for _ in range(40):
            for shop in draw.sample(shops, 20):
                watch.note("open", shop.merchant_id, "agent", f"g{number}", draw.randrange(1, 9**6))
            await watch.flush()

    await asyncio.gather(*(write(number) for number in range(6)))
    assert await admin.fetchval("SELECT sum(count) FROM payment_latencies") == 6 * 40 * 20
    assert await admin.fetchval("SELECT count(late_from) FROM metric_watermarks") == len(shops)


async def test_a_merchant_that_cannot_be_summed_up_does_not_stop_the_others(
    paykeel: Paykeel, admin: asyncpg.Connection
) -> None:
    shops = [await paykeel.merchants.create(f"Shop {n}", "test") for n in range(3)]
    for shop in shops:
        await past(admin, shop)
    for table, column in (("payment_metrics_hourly", "bucket"), ("metric_watermarks", "hours_to")):
        await admin.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT of_one "
            f"CHECK ({column} < '2001-01-01' OR merchant_id <> '{shops[0].merchant_id}') NOT VALID"
        )
    assert not await paykeel.rollup.roll_up()
    hours = "SELECT count(DISTINCT merchant_id) FROM payment_metrics_hourly"
    assert await admin.fetchval(hours) == 2
    for table in ("payment_metrics_hourly", "metric_watermarks"):
        await admin.execute(f"ALTER TABLE {table} DROP CONSTRAINT of_one")
    await sum_up(paykeel, datetime.now(UTC))
    await admin.execute(
        "ALTER TABLE metric_watermarks ADD CONSTRAINT of_one "
        f"CHECK (minutes_from IS NULL OR merchant_id <> '{shops[0].merchant_id}')"
    )
    assert await paykeel.rollup.purge(datetime.now(UTC) + 1_000 * DAY) >= 2
    assert await admin.fetchval("SELECT count(DISTINCT merchant_id) FROM payment_metrics") == 1


async def test_nothing_is_summed_up_by_the_clock_of_a_process_that_is_ahead(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await past(admin, merchant)
    paykeel.database.observe(datetime.now(UTC) + 3 * DAY)
    assert off(paykeel) > 2 * DAY
    await paykeel.rollup.roll_up()
    assert (await marks(admin, merchant.merchant_id))["hours_to"] <= datetime.now(UTC)


async def test_a_worker_and_a_reader_take_the_clock_of_the_database(
    paykeel: Paykeel, lagging: Paykeel, merchant: Merchant
) -> None:
    await buy(paykeel, merchant, "one")
    answer = await lagging.metrics.summary(merchant.merchant_id)
    assert answer["purchases"]["begun"] == 1
    assert abs(off(lagging)) < timedelta(seconds=30)


async def test_each_pass_of_the_worker_takes_the_clock_of_the_database(
    lagging: Paykeel,
) -> None:
    working = asyncio.create_task(Worker(lagging).run())
    for _ in range(300):
        if abs(off(lagging)) < timedelta(seconds=30):
            break
        await asyncio.sleep(0.01)
    # Not the first one alone: a clock that is behind stands still until it is heard of again.
    lagging.database.observe(datetime.now(UTC) - HOUR)
    still = lagging.database.now()
    for _ in range(40):
        await asyncio.sleep(0.1)
        if lagging.database.now() > still:
            break
    working.cancel()
    await asyncio.wait([working])
    assert lagging.database.now() > still


async def test_settling_takes_the_clock_of_the_database(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    started = asyncio.create_task(buy(paykeel, merchant, "slow", payment_method="pm_slow_800"))
    await asyncio.sleep(0.4)
    paykeel.database.observe(datetime.now(UTC) + HOUR)
    assert (await started).status == "succeeded"
    base = paykeel.database.now()
    # It never goes back, and so stands still until the right time comes.
    assert paykeel.database.now() == base
