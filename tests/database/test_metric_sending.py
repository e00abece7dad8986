"""Whatever a sink says or does, what became of a batch is booked, and nothing waits for it."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)
from structlog.testing import capture_logs

from paykeel.metrics.rollup import Rollup
from paykeel.metrics.sinks.emf import parts_of
from paykeel.metrics.sinks.feed import Feed
from paykeel.metrics.sinks.opening import options_of
from paykeel.metrics.sinks.port import Delivered, Later, Refused, Seen, Unsure
from paykeel.metrics.sinks.prometheus import read_merchants
from paykeel.metrics.sinks.states import SQL
from tests.conftest import settings_for
from tests.database.metric_books import DAY, levels, put_minutes, sum_up
from tests.metric_sinks import minutes_ago, put_durations, put_minute
from tests.unit.metric_sinks.test_otlp import Collector, collecting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from paykeel.metrics.sinks.datums import Datum
    from paykeel.metrics.sinks.dimensions import DimensionSet
    from paykeel.metrics.sinks.feed import Plan
    from paykeel.metrics.sinks.port import Delivery, MetricsSink, Probe
    from paykeel.metrics.sinks.states import SinkState
    from tests.servers import Urls


class Told:
    """A sink that answers what it was told to, one after the other, and then takes everything."""

    name = "otlp"
    reads_back = False
    age_max: timedelta | None = None

    def __init__(self, *answers: Delivery | Exception) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[Datum, ...]] = []
        self.packed_by: set[threading.Thread] = set()

    def sets(self, asked: Sequence[DimensionSet]) -> tuple[DimensionSet, ...]:
        return tuple(asked)

    def pack(self, datums: Sequence[Datum]) -> list[list[Datum]]:
        self.packed_by.add(threading.current_thread())
        return parts_of(datums, 1_000)

    async def send(self, datums: Sequence[Datum], now: datetime) -> Delivery:
        del now
        self.sent.append(tuple(datums))
        answer = self.answers.pop(0) if self.answers else Delivered()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def was_received(self, probe: Probe, sent_at: datetime) -> Seen:
        del probe, sent_at
        return Seen.NO

    async def close(self) -> None:
        """Have nothing to let go of."""


@pytest.fixture
def plan(urls: Urls) -> Plan:
    """Merchants in test mode, by nothing."""
    settings = settings_for(urls, metrics_test_mode=True, metrics_dimensions="none")
    return replace(options_of(settings).plan, backfill_minutes=60)


async def fed(
    paykeel: Paykeel, owner: asyncpg.Connection, sink: MetricsSink, plan: Plan, times: int = 1
) -> SinkState:
    """Feed a sink so many times, without the pauses between, and return how it stands."""
    feed = Feed(paykeel.database, sink, plan)
    for _ in range(times):
        await owner.execute("UPDATE metric_sinks SET retry_at = NULL")
        await feed.run_once()
    (state,) = await paykeel.metric_sinks.states()
    return state


@pytest.mark.parametrize(
    ("rejected", "message", "dropped", "reason"),
    [
        (1, "", 1, "no reason was given"),
        (1, "\0\0", 1, "no reason was given"),
        (2**62, "too\0 many", 2, "too many"),
        (-5, "", 0, None),
    ],
)
async def test_what_a_collector_leaves_out_without_a_word_is_booked(
    paykeel: Paykeel,
    merchant: Merchant,
    owner: asyncpg.Connection,
    plan: Plan,
    rejected: int,
    message: str,
    dropped: int,
    reason: str | None,
) -> None:
    await put_minute(owner, merchant.merchant_id, minutes_ago(30), count=7, captured=9)
    partial = ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=message)
    answer = ExportMetricsServiceResponse(partial_success=partial).SerializeToString()
    collector = Collector(answer=answer)
    async with collecting(collector) as sink:
        feed = Feed(paykeel.database, sink, plan)
        await paykeel.database.fetch(SQL["open_sink"], sink="otlp", backfill_minutes=60)
        # Without the gauges, which are a batch of their own.
        await feed._prepare()
        for _ in range(3):
            await feed._sender.send_next()
    (state,) = await paykeel.metric_sinks.states()
    assert (state.failures, state.batches_waiting, state.batches_uncertain) == (0, 0, 0)
    assert (state.datums_dropped, state.last_error) == (dropped, reason)
    assert len(collector.requests) == 1


async def test_a_sink_that_breaks_is_put_off(
    paykeel: Paykeel, merchant: Merchant, owner: asyncpg.Connection, plan: Plan
) -> None:
    await put_minute(owner, merchant.merchant_id, minutes_ago(30))
    sink = Told(RuntimeError("broken\0"), Refused(""))
    state = await fed(paykeel, owner, sink, plan)
    assert (state.failures, state.last_error) == (1, "RuntimeError: broken")
    assert state.retry_at is not None
    state = await fed(paykeel, owner, sink, plan)
    assert (state.failures, state.batches_waiting, state.batches_uncertain) == (0, 0, 1)


async def test_what_cannot_be_booked_is_put_off_too(
    paykeel: Paykeel, merchant: Merchant, owner: asyncpg.Connection, plan: Plan
) -> None:
    await put_minute(owner, merchant.merchant_id, minutes_ago(30))
    await owner.execute("ALTER TABLE metric_sinks ADD CONSTRAINT held CHECK (datums_sent = 0)")
    state = await fed(paykeel, owner, Told(), plan)
    assert (state.failures, state.datums_sent) == (1, 0)
    assert "held" in (state.last_error or "")


async def test_a_batch_that_may_have_arrived_stays_uncertain_whatever_comes_between(
    paykeel: Paykeel, merchant: Merchant, owner: asyncpg.Connection, plan: Plan
) -> None:
    await put_minute(owner, merchant.merchant_id, minutes_ago(30), count=7)
    sink = Told(Unsure("lost"), Later("busy"), Later("busy"))
    state = await fed(paykeel, owner, sink, plan, 4)
    assert len(set(sink.sent[:4])) == 1
    assert (state.batches_waiting, state.batches_uncertain) == (0, 1)


async def test_nothing_makes_a_batch_certain_again(
    paykeel: Paykeel, merchant: Merchant, owner: asyncpg.Connection, plan: Plan
) -> None:
    await put_minute(owner, merchant.merchant_id, minutes_ago(30), count=7)
    sink = Told(Unsure("lost"), Unsure("lost"))
    at_once = replace(plan, readback=timedelta())
    await fed(paykeel, owner, sink, at_once, 2)
    sink.reads_back = True
    state = await fed(paykeel, owner, sink, at_once)
    assert (state.batches_waiting, state.batches_uncertain) == (0, 1)


async def test_no_more_is_dropped_than_was_there(
    paykeel: Paykeel, merchant: Merchant, owner: asyncpg.Connection, plan: Plan
) -> None:
    await put_minute(owner, merchant.merchant_id, minutes_ago(30), count=7)
    sink = Told(Delivered(10**6, "many"), Delivered(-5))
    state = await fed(paykeel, owner, sink, plan)
    assert (state.failures, state.datums_dropped) == (0, len(sink.sent[0]))


class Gated(Told):
    """A sink that tells when a batch comes, and answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.came, self.let = asyncio.Event(), asyncio.Event()

    async def send(self, datums: Sequence[Datum], now: datetime) -> Delivery:
        self.came.set()
        await self.let.wait()
        return await super().send(datums, now)


async def test_who_stops_while_a_batch_is_sent_books_it_first(
    paykeel: Paykeel, merchant: Merchant, owner: asyncpg.Connection, plan: Plan
) -> None:
    await put_minute(owner, merchant.merchant_id, minutes_ago(30), count=7)
    sink = Gated()
    feeding = asyncio.create_task(Feed(paykeel.database, sink, plan).run_once())
    await sink.came.wait()
    feeding.cancel()
    await asyncio.sleep(0)
    sink.let.set()
    with pytest.raises(asyncio.CancelledError):
        await feeding
    (sent,) = sink.sent
    (state,) = await paykeel.metric_sinks.states()
    assert (state.datums_sent, state.batches_uncertain) == (len(sent), 0)
    await fed(paykeel, owner, sink, plan)
    assert sent not in sink.sent[1:]


async def test_no_purchase_waits_while_a_sink_catches_up(
    paykeel: Paykeel, merchant: Merchant, owner: asyncpg.Connection, plan: Plan
) -> None:
    await put_durations(owner, merchant.merchant_id, minutes_ago(30), {100: 5})
    sink = Told()
    await fed(paykeel, owner, sink, plan)
    assert sink.packed_by
    assert threading.main_thread() not in sink.packed_by


@pytest.mark.parametrize(("days_off", "left"), [(29, 5), (31, 2)])
async def test_minutes_are_kept_for_a_sink_that_is_on(
    paykeel: Paykeel,
    merchant: Merchant,
    admin: asyncpg.Connection,
    plan: Plan,
    days_off: int,
    left: int,
) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today - number * DAY for number in range(1, 11)]
    await put_minutes(admin, merchant.merchant_id, [(day, 0, 1) for day in days])
    await sum_up(paykeel, datetime.now(UTC))
    await fed(paykeel, admin, Told(), plan)
    await admin.execute(
        "UPDATE metric_sinks SET started_at = $1, compared_to = $1, prepared_to = $2, "
        "last_on_at = clock_timestamp() - make_interval(days => $3)",
        today - 5 * DAY,
        today - 3 * DAY,
        days_off,
    )
    rollup = Rollup(paykeel.database, minutes_days=2, hours_days=0)
    await rollup.purge()
    assert len(await levels(admin, merchant.merchant_id, "")) == left


async def test_a_sink_says_that_it_is_on(
    paykeel: Paykeel, admin: asyncpg.Connection, plan: Plan
) -> None:
    sink = Told()
    await fed(paykeel, admin, sink, plan)
    await admin.execute("UPDATE metric_sinks SET last_on_at = now() - interval '2 hours'")
    await fed(paykeel, admin, sink, plan)
    since = await admin.fetchval("SELECT clock_timestamp() - last_on_at FROM metric_sinks")
    assert since < timedelta(minutes=5)


async def put_days(admin: asyncpg.Connection, merchant_id: UUID, gateways: int) -> None:
    """Count a day of yesterday at so many gateways."""
    await admin.execute(
        "INSERT INTO payment_metrics_daily (merchant_id, bucket, event_type, outcome, buyer_role, "
        "currency, gateway, reason, count, amount, captured, refunded) "
        "SELECT $1, date_trunc('day', now(), 'UTC') - interval '1 day', 'payment.succeeded', "
        "'succeeded', 'agent', 'EUR', 'g' || g, '', 1, 1, 1, 0 FROM generate_series(1, $2) g",
        merchant_id,
        gateways,
    )


async def test_more_series_than_the_budget_are_told_and_sent(
    paykeel: Paykeel, merchant: Merchant, owner: asyncpg.Connection, urls: Urls
) -> None:
    settings = settings_for(
        urls, metrics_test_mode=True, metrics_dimensions="gateway", metrics_series_max=300
    )
    plan = replace(options_of(settings).plan, backfill_minutes=60)
    await put_minute(owner, merchant.merchant_id, minutes_ago(30))
    with capture_logs() as logs:
        await fed(paykeel, owner, Told(), plan, 2)
    assert [one for one in logs if one["log_level"] == "error"] == []
    await put_days(owner, merchant.merchant_id, 50)
    with capture_logs() as logs:
        state = await fed(paykeel, owner, Told(), plan, 2)
    (found,) = (one for one in logs if one["event"] == "metrics.budget_exceeded")
    assert (found["log_level"], found["series_max"], found["series"] > 300) == ("error", 300, True)
    assert state.datums_sent > 0


async def test_merchants_are_chosen_by_mode_before_they_are_counted(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    live = [(await paykeel.merchants.create(f"Shop {n}", "live")).merchant_id for n in range(3)]
    assert await read_merchants(paykeel.database, ["live"], 2) == (
        dict.fromkeys(live[:2], "live"),
        1,
    )
    found, omitted = await read_merchants(paykeel.database, ["live", "test"], 10)
    assert (set(found), omitted) == ({merchant.merchant_id, *live}, 0)
    assert await read_merchants(paykeel.database, [], 2) == ({}, 0)
