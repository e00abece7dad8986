"""Minutes reach CloudWatch once, in order, whatever happens on the way: sums are equal exactly."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Paykeel
from paykeel.core import Core
from paykeel.metrics.sinks.cloudwatch import CloudWatch
from paykeel.metrics.sinks.datums import representative_us
from paykeel.metrics.sinks.feed import Feed
from paykeel.metrics.sinks.opening import options_of
from tests.cloudwatch_server import CloudWatchServer, cloudwatch, cloudwatch_server
from tests.conftest import settings_for
from tests.database.helpers import buy
from tests.metric_sinks import (
    HoldingProxy,
    counted,
    minutes_ago,
    put_durations,
    put_minute,
    told,
    told_sums,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    import asyncpg

    from tests.servers import Urls

__all__ = ["cloudwatch", "cloudwatch_server"]

HOUR = 60


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, cloudwatch_server: CloudWatchServer) -> None:
    """The environment in which boto3 finds the stand-in."""
    for name, value in cloudwatch_server.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
async def core(urls: Urls, aws: None) -> AsyncIterator[Core]:
    """A core that sends to CloudWatch, from two days back on."""
    settings = settings_for(
        urls,
        metrics_sinks="cloudwatch",
        metrics_sink_backfill_minutes=2 * 24 * HOUR,
        metrics_sink_timeout_ms=30_000,
    )
    async with Core.open(settings) as opened:
        yield opened


@pytest.fixture
async def merchant_id(core: Core) -> UUID:
    """A merchant in live mode."""
    return (await core.merchants.create("Harbour Market", "live")).merchant_id


async def feed_all(core: Core) -> None:
    """Feed until nothing is left that could be done at once."""
    for _ in range(500):
        if not await core.metric_sinks.run_once("cloudwatch"):
            return
    raise AssertionError


async def soon(owner: asyncpg.Connection) -> None:
    """Let the pauses and the claims run out."""
    await owner.execute("UPDATE metric_sinks SET retry_at = NULL")
    await owner.execute(
        "UPDATE metric_sink_batches SET claimed_until = claimed_until - interval '1 hour'"
    )


async def state_of(core: Core) -> Any:
    """How CloudWatch stands."""
    (state,) = await core.metric_sinks.states()
    return state


async def test_every_kind_of_datum_arrives(
    core: Core, merchant_id: UUID, owner: asyncpg.Connection, cloudwatch: Any
) -> None:
    at = minutes_ago(30)
    await put_minute(owner, merchant_id, at, count=3, captured=4_500)
    await put_minute(owner, merchant_id, at, count=2, captured=1_001, slot=1)
    await put_minute(owner, merchant_id, at, count=7, captured=900, currency="JPY")
    await put_minute(owner, merchant_id, at, outcome="failed", count=4, reason="card_declined")
    await put_minute(owner, merchant_id, at, outcome="failed", reason="expired_card")
    await put_minute(owner, merchant_id, at, outcome="", count=20)
    await put_durations(owner, merchant_id, at, {100: 5, 120: 2})
    await feed_all(core)
    assert told(cloudwatch, "purchases_succeeded", mode="live", minute=at) == 12
    assert told(cloudwatch, "purchases_opened", mode="live", minute=at) == 20
    assert told(cloudwatch, "purchases_failed", mode="live", minute=at) == 5
    assert told(cloudwatch, "purchases_failed", mode="live", reason="card_declined") == 4
    assert told(cloudwatch, "purchases_succeeded", mode="live", gateway="placeholder") == 12
    # Money has no unit there, and currencies are never added up.
    for currency, amount in (("EUR", 5_501), ("JPY", 900)):
        found = told(cloudwatch, "amount_captured", unit="None", mode="live", currency=currency)
        assert found == amount
    latency = partial(told, cloudwatch, "latency", mode="live", stage="purchase")
    assert latency("SampleCount", unit="Microseconds") == 7
    assert latency("Minimum") == representative_us(100)
    assert latency("Maximum") == representative_us(120)
    assert told(cloudwatch, "recovery_lag", "SampleCount", mode="live") == 1
    assert told(cloudwatch, "sink_lag", "SampleCount", sink="cloudwatch") == 1


async def test_what_was_bought_is_what_is_told(
    urls: Urls, aws: None, owner: asyncpg.Connection, cloudwatch: Any
) -> None:
    settings = settings_for(
        urls,
        metrics_sinks="cloudwatch",
        metrics_test_mode=True,
        metrics_sink_backfill_minutes=HOUR,
        metrics_dimensions="none",
    )
    async with Paykeel.open(settings) as core:
        merchant = await core.merchants.create("Harbour Market", "test")
        for number in range(6):
            method = "pm_ok" if number % 3 else "pm_insufficient_funds"
            await buy(core, merchant, f"order-{number}", payment_method=method)
        await core.stopwatch.flush()
        for table in ("payment_metrics", "payment_latencies"):
            shift = f"UPDATE {table} SET bucket = bucket - interval '10 minutes'"  # noqa: S608
            await owner.execute(shift)
        await feed_all(core)
    sums = await counted(owner)
    assert sums["purchases_succeeded"] == 4
    assert sums["amount_captured"] > 0
    assert {name: value for name, value in told_sums(cloudwatch, "test").items() if value} == {
        name: value for name, value in sums.items() if value
    }


async def test_merchants_in_test_mode_stay_at_home(
    core: Core, owner: asyncpg.Connection, cloudwatch: Any
) -> None:
    other = await core.merchants.create("Trial", "test")
    await put_minute(owner, other.merchant_id, minutes_ago(30), count=3)
    await feed_all(core)
    assert told(cloudwatch, "purchases_succeeded", mode="test") == 0
    assert told(cloudwatch, "purchases_succeeded", mode="live") == 0


async def test_more_than_a_request_holds_goes_in_several(
    core: Core, merchant_id: UUID, owner: asyncpg.Connection, cloudwatch: Any
) -> None:
    first = minutes_ago(700)
    for minute in range(600):
        at = first + minute * (minutes_ago(0) - minutes_ago(1))
        await put_minute(owner, merchant_id, at, count=minute + 1, captured=minute * 7)
        await put_minute(owner, merchant_id, at, outcome="failed", reason="card_declined")
    # More different durations than one datum holds.
    await put_durations(owner, merchant_id, first, {place: place for place in range(8, 305)})
    await feed_all(core)
    sums = await counted(owner)
    found = told_sums(cloudwatch)
    assert {name: found[name] for name in sums} == sums
    state = await state_of(core)
    assert state.batches_sent > 4
    assert (state.batches_waiting, state.datums_dropped, state.batches_uncertain) == (0, 0, 0)
    assert state.lag_s(core.metric_sinks.options.plan.lag) == 0


async def test_minutes_that_are_not_over_wait(
    core: Core, merchant_id: UUID, owner: asyncpg.Connection, cloudwatch: Any
) -> None:
    await put_minute(owner, merchant_id, minutes_ago(1))
    await put_minute(owner, merchant_id, minutes_ago(3))
    await feed_all(core)
    assert told(cloudwatch, "purchases_succeeded", mode="live") == 1


async def test_a_sink_that_is_down_is_caught_up_with(
    urls: Urls,
    monkeypatch: pytest.MonkeyPatch,
    owner: asyncpg.Connection,
) -> None:
    server = CloudWatchServer()
    server.start()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    server.stop()
    settings = settings_for(
        urls,
        metrics_sinks="cloudwatch",
        metrics_sink_backfill_minutes=5 * HOUR,
        metrics_sink_queue_batches=3,
        metrics_sink_timeout_ms=30_000,
    )
    async with Core.open(settings) as core:
        merchant = await core.merchants.create("Harbour Market", "live")
        for hour in range(5):
            await put_minute(owner, merchant.merchant_id, minutes_ago(290 - HOUR * hour), count=3)
        for _ in range(8):
            await core.metric_sinks.run_once("cloudwatch")
            await soon(owner)
        down = await state_of(core)
        # Three wait, beside one sample of gauges; the other minutes wait in the rollups.
        assert down.batches_waiting <= 4
        assert down.failures >= 5
        assert "EndpointConnectionError" in down.last_error
        assert down.lag_s(core.metric_sinks.options.plan.lag) > 3_600
        server.start()
        try:
            for _ in range(20):
                await soon(owner)
                await core.metric_sinks.run_once("cloudwatch")
            assert told(server.client(), "purchases_succeeded", mode="live") == 15
        finally:
            server.stop()
        up = await state_of(core)
        assert (up.failures, up.last_error, up.batches_waiting) == (0, None, 0)
        assert up.batches_uncertain == up.datums_dropped == 0


@pytest.mark.parametrize("held", ["request", "answer"])
async def test_an_answer_that_is_lost_counts_nothing_twice(
    urls: Urls,
    aws: None,
    monkeypatch: pytest.MonkeyPatch,
    cloudwatch_server: CloudWatchServer,
    owner: asyncpg.Connection,
    cloudwatch: Any,
    held: str,
) -> None:
    with HoldingProxy(cloudwatch_server.url).running() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", proxy.url)
        settings = settings_for(
            urls,
            metrics_sinks="cloudwatch",
            metrics_sink_backfill_minutes=HOUR,
            metrics_sink_readback_ms=0,
            metrics_sink_timeout_ms=2_000,
        )
        async with Core.open(settings) as core:
            merchant = await core.merchants.create("Harbour Market", "live")
            await put_minute(owner, merchant.merchant_id, minutes_ago(30), count=5)
            proxy.hold = held
            await core.metric_sinks.run_once("cloudwatch")
            before = await state_of(core)
            assert (before.failures, before.batches_waiting) == (1, 2)
            await soon(owner)
            await feed_all(core)
            after = await state_of(core)
            assert after.batches_waiting == 0
        # What had arrived is not sent again, and what had not is; nor is anything else sent twice.
        assert proxy.puts == after.batches_sent + (0 if held == "answer" else 1)
    assert told(cloudwatch, "purchases_succeeded", mode="live") == 5


async def test_what_may_still_turn_up_is_waited_for(
    urls: Urls,
    aws: None,
    monkeypatch: pytest.MonkeyPatch,
    cloudwatch_server: CloudWatchServer,
    owner: asyncpg.Connection,
    cloudwatch: Any,
) -> None:
    with HoldingProxy(cloudwatch_server.url).running() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", proxy.url)
        settings = settings_for(
            urls,
            metrics_sinks="cloudwatch",
            metrics_sink_backfill_minutes=HOUR,
            metrics_sink_timeout_ms=2_000,
        )
        async with Core.open(settings) as core:
            merchant = await core.merchants.create("Harbour Market", "live")
            await put_minute(owner, merchant.merchant_id, minutes_ago(30), count=5)
            proxy.hold = "request"
            for _ in range(3):
                await core.metric_sinks.run_once("cloudwatch")
                await soon(owner)
            assert proxy.puts == 1
            assert "read back" in (await state_of(core)).last_error
            await owner.execute(
                "UPDATE metric_sink_batches SET sending_since = sending_since - interval '6 min'"
            )
            await feed_all(core)
    assert told(cloudwatch, "purchases_succeeded", mode="live") == 5


async def test_what_comes_late_is_sent_as_a_difference(
    core: Core, merchant_id: UUID, owner: asyncpg.Connection, cloudwatch: Any
) -> None:
    at, empty = minutes_ago(12), minutes_ago(11)
    await put_minute(owner, merchant_id, at, count=3, captured=300)
    await put_durations(owner, merchant_id, at, {100: 5})
    await feed_all(core)
    await put_minute(owner, merchant_id, at, count=2, captured=50, slot=1)
    await put_minute(owner, merchant_id, empty, outcome="failed", reason="other")
    await put_durations(owner, merchant_id, at, {100: 1, 101: 4}, slot=1)
    await feed_all(core)
    assert told(cloudwatch, "purchases_succeeded", mode="live") == 3
    # They have come to the age at which they are looked at once more.
    settings = core.settings.model_copy(update={"metrics_sink_late_ms": 240_000})
    plan = options_of(settings).plan
    feed = Feed(core.database, CloudWatch(namespace="Paykeel", timeout_ms=30_000), plan)
    while await feed.run_once():
        pass
    await feed.run_once()
    await feed.close()
    sums = await counted(owner)
    found = told_sums(cloudwatch)
    assert {name: found[name] for name in sums} == sums
    assert found["latency"] == 10
    state = await state_of(core)
    # Each by none and by gateway: succeeded, failed (by reason, too), captured and the durations.
    assert state.datums_late == 9
    assert state.batches_waiting == 0


async def test_minutes_that_cloudwatch_would_refuse_are_dropped_and_counted(
    urls: Urls, aws: None, owner: asyncpg.Connection, cloudwatch: Any
) -> None:
    fortnight = 14 * 24 * HOUR
    settings = settings_for(
        urls,
        metrics_sinks="cloudwatch",
        metrics_sink_backfill_minutes=fortnight,
        metrics_dimensions="none",
    )
    async with Core.open(settings) as core:
        merchant_id = (await core.merchants.create("Harbour Market", "live")).merchant_id
        await put_minute(owner, merchant_id, minutes_ago(fortnight - 10), count=3)
        await put_minute(owner, merchant_id, minutes_ago(30), count=2)
        await feed_all(core)
        assert (await state_of(core)).datums_dropped == 1
    assert told(cloudwatch, "purchases_succeeded", mode="live") == 2


async def test_a_value_that_no_double_holds_is_left_out(
    core: Core, merchant_id: UUID, owner: asyncpg.Connection, cloudwatch: Any
) -> None:
    await put_minute(owner, merchant_id, minutes_ago(30), count=2, captured=2**53 + 1)
    await feed_all(core)
    state = await state_of(core)
    # By none and by gateway.
    assert state.datums_dropped == 2
    assert told(cloudwatch, "purchases_succeeded", mode="live") == 2
    assert told(cloudwatch, "amount_captured", mode="live", currency="EUR") == 0


async def test_two_workers_take_turns(
    urls: Urls, core: Core, merchant_id: UUID, owner: asyncpg.Connection, cloudwatch: Any
) -> None:
    for minute in range(300):
        await put_minute(owner, merchant_id, minutes_ago(20 + minute), count=minute + 1)
    async with Core.open(core.settings) as other:
        for _ in range(80):
            await core.metric_sinks.run_once("cloudwatch")
            await other.metric_sinks.run_once("cloudwatch")
    sums = await counted(owner)
    assert told(cloudwatch, "purchases_succeeded", mode="live") == sums["purchases_succeeded"]


async def test_what_was_compared_is_removed(
    core: Core, merchant_id: UUID, owner: asyncpg.Connection, cloudwatch: Any
) -> None:
    await put_minute(owner, merchant_id, minutes_ago(100))
    await feed_all(core)
    await core.metric_sinks.run_once("cloudwatch")
    assert await owner.fetchval("SELECT count(*) FROM metric_sink_batches") == 0
