"""The count of an alert is right, whoever looks how often, and however late a row commits."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import asyncpg

from paykeel import Paykeel
from paykeel.clock import new_id
from paykeel.fraud.alert_watch import SQL
from tests.acceptance.cli import Cli, environment
from tests.conftest import settings_for
from tests.database.alerting import (
    DEFAULT_SHA256,
    LOOKBACK,
    block,
    bounded,
    counts,
    messages,
    only,
    row_of,
    wait_for,
)
from tests.database.many import explain

if TYPE_CHECKING:
    from paykeel.merchants import Merchant
    from tests.servers import Urls


async def test_what_commits_late_is_counted_once(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, urls: Urls
) -> None:
    late = await asyncpg.connect(urls.admin)
    try:
        async with late.transaction():
            # Dated before everything else that is seen.
            await block(late, merchant, 3, ago=timedelta(minutes=5))
            await block(admin, merchant, 10)
            await paykeel.alerts.look()
            assert await counts(paykeel, merchant) == {"velocity_burst:buyer_rate": 10}
        for _ in range(3):
            await paykeel.alerts.look()
            assert await counts(paykeel, merchant) == {"velocity_burst:buyer_rate": 13}
    finally:
        await late.close()
    first = await admin.fetchval("SELECT min(created_at) FROM fraud_prevention_logs")
    assert (await only(paykeel, merchant)).first_at == first


async def test_a_count_that_was_made_before_an_acknowledgement_is_not_written_after_it(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    """As when somebody acknowledges between the two statements of a pass."""
    await block(admin, merchant, 10)
    await paykeel.alerts.look()
    alert = await only(paykeel, merchant)
    await paykeel.alerts.acknowledge(merchant.merchant_id, alert.alert_id, "ann")
    written = await paykeel.database.fetch(
        SQL["write_counts"],
        merchant_ids=[merchant.merchant_id], alert_ids=[alert.alert_id], acknowledged_ats=[None],
        first_ats=[alert.first_at], last_ats=[alert.last_at], counts=[99], counteds=[0],
        counted_tos=[alert.first_at], tolds=[99], facts=["{}"], message_ids=[new_id()],
        payloads=["{}"], topic="fraud.alert",
    )  # fmt: skip
    assert written == []
    assert (await only(paykeel, merchant, "acknowledged")).count == 10
    assert len(await messages(admin)) == 1


async def test_what_is_older_than_a_look_stays_counted(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    """Time goes by: the alert's rows are out of sight, and its count is as it was."""
    await block(admin, merchant, 10)
    await paykeel.alerts.look()
    # An hour ago for the log as well as for the alert.
    await admin.execute("ALTER TABLE fraud_prevention_logs DISABLE TRIGGER USER")
    for table, columns in (
        ("fraud_prevention_logs", ("created_at",)),
        ("fraud_alerts", ("first_at", "last_at", "counted_to")),
    ):
        for column in columns:
            await admin.execute(
                f"UPDATE {table} SET {column} = {column} - interval '50 min'"  # noqa: S608
            )
    await paykeel.alerts.look()
    row = await row_of(admin)
    assert (row["count"], row["counted"]) == (10, 10)
    assert paykeel.database.now() - row["counted_to"] < LOOKBACK + timedelta(minutes=1)
    await block(admin, merchant, 2)
    await paykeel.alerts.look()
    assert await counts(paykeel, merchant) == {"velocity_burst:buyer_rate": 12}


async def test_what_happened_while_no_worker_ran_is_made_up_for_in_parts(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await block(admin, merchant, 10)
    await paykeel.alerts.look()
    away = timedelta(hours=5)
    await admin.execute(
        "UPDATE fraud_alerts SET first_at = first_at - $1::interval, told = 1000,"
        " counted = 10, counted_to = clock_timestamp() - $1::interval",
        away,
    )
    for hours in range(5):
        await block(admin, merchant, 100, ago=timedelta(hours=hours, minutes=30))
    alerts = bounded(paykeel, 150, timedelta(minutes=1))
    passes = 1
    while await alerts.look():
        passes += 1
    # The ten of before are young, and are counted with the rest.
    assert await counts(paykeel, merchant) == {"velocity_burst:buyer_rate": 10 + 500 + 10}
    assert passes == 4


async def test_a_flood_is_counted_exactly_by_passes_that_look_at_little(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await block(admin, merchant, 30)
    await paykeel.alerts.look()
    alerts = bounded(paykeel, 20, timedelta(milliseconds=100))
    for turn in range(2, 16):
        for _ in range(10):
            await block(admin, merchant, 3)
        while await alerts.look():
            pass
        assert await counts(paykeel, merchant) == {"velocity_burst:buyer_rate": 30 * turn}
        await asyncio.sleep(0.02)
    row = await row_of(admin)
    assert 300 <= row["counted"] < 450
    assert row["counted_to"] > row["first_at"]


async def test_many_looks_at_once_make_one_row(urls: Urls, admin: asyncpg.Connection) -> None:
    async with (
        Paykeel.open(settings_for(urls)) as one,
        Paykeel.open(settings_for(urls)) as two,
    ):
        shops = [await one.merchants.create(f"Shop {n}") for n in range(4)]
        for _ in range(5):
            for shop in shops:
                await block(admin, shop, 4)
                await block(admin, shop, 4, reason="card_testing")
            await asyncio.gather(*((one, two)[n % 2].alerts.look() for n in range(12)))
        await one.alerts.look()
        for shop in shops:
            assert await counts(one, shop) == {
                "velocity_burst:buyer_rate": 20,
                "card_testing:card_testing": 20,
            }
    rows = await admin.fetchval("SELECT count(*) FROM fraud_alerts")
    assert rows == len(shops) * 2


async def test_two_workers_count_what_comes_early_and_late(
    urls: Urls, paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    """Two processes, while rows commit up to half a second after their time."""
    cli = Cli(environment(urls, PAYKEEL_FRAUD_ALERT_INTERVAL_MS="20"))
    workers = [cli.start("worker") for _ in range(2)]

    async def write(number: int) -> None:
        connection = await asyncpg.connect(urls.admin)
        try:
            for turn in range(10):
                async with connection.transaction():
                    await block(connection, merchant, 3)
                    await asyncio.sleep((number * 7 + turn * 3) % 10 / 20)
        finally:
            await connection.close()

    try:
        await wait_for(admin, "SELECT count(*) FROM pg_stat_activity WHERE datname ="
            " current_database() AND query LIKE '%pg_try_advisory_xact_lock%'", 2)  # fmt: skip
        await asyncio.gather(*(write(number) for number in range(6)))
        await wait_for(admin, "SELECT coalesce(max(count), 0) FROM fraud_alerts", 180)
        await asyncio.sleep(0.3)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            await asyncio.to_thread(worker.communicate)
    assert (await only(paykeel, merchant, None)).count == 180
    events = [one["event"] for one in await messages(admin)]
    assert events == ["opened", *["doubled"] * (len(events) - 1)]
    told = [one["count"] for one in await messages(admin)]
    assert all(after >= 2 * before for before, after in pairwise(told))


async def test_a_look_reads_what_was_stopped_and_nothing_else(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    """Of twenty thousand decisions, only the stopped ones are touched."""
    await admin.execute(
        "INSERT INTO fraud_prevention_logs (merchant_id, log_id, payment_id, decision, created_at)"
        " SELECT $1, gen_random_uuid(), gen_random_uuid(), 'allow', now() - n * interval '10 ms'"
        " FROM generate_series(1, 20000) AS n",
        merchant.merchant_id,
    )
    await block(admin, merchant, 50)
    now: datetime = paykeel.database.now()
    async with paykeel.database.connection() as connection:
        plan = await explain(
            connection,
            SQL["find_bursts"],
            {
                "sha256s": [DEFAULT_SHA256], "reasons": ["buyer_rate"], "counts_min": [10],
                "kinds": ["velocity_burst"], "since": now - LOOKBACK, "window_ms": 600_000,
                "rows_max": 100,
            },
        )  # fmt: skip
    text = json.dumps(plan)
    assert "fraud_prevention_logs_stopped" in text
    assert "Seq Scan" not in text
