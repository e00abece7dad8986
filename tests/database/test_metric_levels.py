"""Rollups equal a recount of history, whatever happens and whatever the clocks do meanwhile."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paykeel import Paykeel
from paykeel.metrics.levels import day_of, hour_of
from paykeel.metrics.reading import Filters, read_latencies, read_series, watermarks
from paykeel.metrics.rollup import GRACE
from tests.conftest import settings_for
from tests.database.helpers import audited, buy, opened
from tests.database.metric_books import (
    DAY,
    HOUR,
    MINUTE,
    figures,
    histogram,
    history,
    levels,
    local_days,
    local_hours,
    marks,
    put_minutes,
    sum_up,
)
from tests.database.refunding import refund

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel import Payment
    from paykeel.merchants import Merchant
    from tests.servers import Urls

#: How far the clocks of the processes are off: what one of them opens, another has summed up.
CLOCKS = (timedelta(0), 30 * HOUR, 3 * HOUR, -3 * HOUR, -50 * HOUR)
TOKENS = (
    "pm_ok", "pm_ok", "pm_ok", "pm_card_declined", "pm_requires_action", "pm_insufficient_funds",
)  # fmt: skip
BUY = st.tuples(
    st.just("buy"),
    st.integers(0, len(CLOCKS) - 1),
    st.sampled_from(TOKENS),
    st.sampled_from(("agent", "operator")),
    st.sampled_from(("EUR", "JPY")),
    st.integers(100, 5_000),
)
STEPS = st.lists(
    st.one_of(
        BUY,
        BUY,
        st.tuples(st.just("refund"), st.integers(0, 9), st.integers(1, 100)),
        st.tuples(st.just("sum up"), st.sampled_from((0, 5, 29, 31, 80))),
    ),
    min_size=4,
    max_size=14,
)
FAR = 100 * DAY


class Story:
    """Purchases and refunds by processes whose clocks are wrong, and a worker in between."""

    def __init__(self, processes: list[Paykeel], merchant: Merchant) -> None:
        self.processes, self.merchant = processes, merchant
        self.paid: list[Payment] = []
        self.number = 0

    async def step(self, step: tuple[Any, ...]) -> None:
        self.number += 1
        match step:
            case ("buy", process, token, role, currency, amount):
                paykeel = self.processes[process]
                paykeel.database.observe(datetime.now(UTC) + CLOCKS[process])
                payment = await buy(
                    paykeel, self.merchant, f"{self.number}", payment_method=token,
                    buyer_role=role, currency=currency, amount=amount,
                )  # fmt: skip
                if payment.status == "succeeded":
                    self.paid.append(payment)
            case ("refund", which, percent) if self.paid:
                payment = self.paid.pop(which % len(self.paid))
                amount = max(payment.amount * percent // 100, 1)
                await refund(self.processes[0], payment, f"r-{self.number}", amount)
            case ("sum up", hours):
                await sum_up(self.processes[0], datetime.now(UTC) + hours * HOUR)
            case _:  # Nothing is left to refund.
                pass
        for process in self.processes:
            await process.stopwatch.flush()


async def check(paykeel: Paykeel, admin: asyncpg.Connection, merchant_id: UUID) -> None:
    """Compare what is read, at any moment, with a recount."""
    await paykeel.stopwatch.flush()
    truth = await history(admin, merchant_id)
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    for boundaries in (
        [now - FAR, now + FAR],
        [now - 60 * HOUR, now - 20 * HOUR, now - 61 * MINUTE, now - MINUTE, now + 40 * HOUR],
        local_days("Asia/Kolkata", now - 3 * DAY, 6),
        local_hours("Australia/Lord_Howe", now.replace(minute=0) - 5 * HOUR, now + 32 * HOUR),
    ):
        found = await read_series(paykeel.database, merchant_id, boundaries)
        assert figures(found) == truth.counted(boundaries)
    durations = await read_latencies(paykeel.database, merchant_id, [now - FAR, now + FAR])
    assert histogram(durations) == truth.durations()
    await audited(paykeel, merchant_id)


@given(STEPS)
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_rollups_equal_a_recount_whatever_happens(urls: Urls, steps: list[Any]) -> None:
    async def run() -> None:
        async with AsyncExitStack() as stack:
            processes = [
                await stack.enter_async_context(Paykeel.open(settings_for(urls))) for _ in CLOCKS
            ]
            admin = await asyncpg.connect(urls.admin)
            stack.push_async_callback(admin.close)
            # Its limits hold from a day before it was made.
            processes[-1].database.observe(datetime.now(UTC) + CLOCKS[-1])
            merchant = await processes[-1].merchants.create("Harbour Market", "test")
            story = Story(processes, merchant)
            for step in steps:
                await story.step(step)
                await check(processes[0], admin, merchant.merchant_id)
            await sum_up(processes[0], datetime.now(UTC) + 40 * HOUR)
            await check(processes[0], admin, merchant.merchant_id)
            await adds_up(admin, merchant.merchant_id)

    asyncio.run(run())


async def adds_up(admin: asyncpg.Connection, merchant_id: UUID) -> None:
    """All hours that there are, and the days before the last, are the sums of their minutes."""
    minutes = await levels(admin, merchant_id, "")
    known = await marks(admin, merchant_id) if minutes else None
    for level, size in (("_hourly", "hours"), ("_daily", "days")):
        summed: dict[datetime, int] = {}
        for minute, count in minutes.items():
            start = hour_of(minute) if size == "hours" else day_of(minute)
            if known is not None and start < known[f"{size}_to"]:
                summed[start] = summed.get(start, 0) + count
        assert await levels(admin, merchant_id, level) == summed


#: Around the days on which clocks change; Lord Howe's by half an hour.
CHANGES = {
    "Australia/Lord_Howe in April": ("Australia/Lord_Howe", datetime(2026, 4, 2, tzinfo=UTC)),
    "Australia/Lord_Howe in October": ("Australia/Lord_Howe", datetime(2026, 10, 1, tzinfo=UTC)),
    "Asia/Kolkata": ("Asia/Kolkata", datetime(2026, 4, 2, tzinfo=UTC)),
    "Europe/Berlin": ("Europe/Berlin", datetime(2026, 3, 27, tzinfo=UTC)),
}


@pytest.mark.parametrize(("zone", "since"), CHANGES.values(), ids=CHANGES)
async def test_local_days_and_hours_are_sums_of_minutes_across_changes_of_clocks(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, zone: str, since: datetime
) -> None:
    chance = random.Random(zone)
    minutes = {
        (since + chance.randrange(6 * 24 * 60) * MINUTE, chance.randrange(4)): chance.randint(1, 9)
        for _ in range(3_000)
    }
    await put_minutes(admin, merchant.merchant_id, [(at, s, c) for (at, s), c in minutes.items()])
    days = local_days(zone, since + 12 * HOUR, 5)
    hours = local_hours(zone, days[0], days[-1])
    expected = [
        [sum(c for (at, _), c in minutes.items() if low <= at < high) for low, high in pairwise(b)]
        for b in (days, hours)
    ]
    assert len({high - low for low, high in pairwise(days)}) == (1 if "Kolkata" in zone else 2)
    for at in (since, since + 3 * DAY + 7 * HOUR, since + 10 * DAY):
        await sum_up(paykeel, at)
        for boundaries, sums in zip((days, hours), expected, strict=True):
            series = await read_series(paykeel.database, merchant.merchant_id, boundaries)
            counts = {one.place: one.count for one in series}
            assert [counts.get(place, 0) for place in range(len(sums))] == sums
            assert all(one.captured == one.count * 100 for one in series)


async def test_what_comes_late_is_read_at_once_and_summed_up_anew(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    """A clock went back: the hour in which the purchase falls had been summed up."""
    merchant_id = merchant.merchant_id
    await buy(paykeel, merchant, "first")
    ahead = datetime.now(UTC) + 2 * DAY
    await sum_up(paykeel, ahead)
    assert (await marks(admin, merchant_id))["late_from"] is None
    await buy(paykeel, merchant, "late")
    known = await watermarks(paykeel.database, merchant_id)
    assert known.late_from is not None
    assert known.hours_to is not None
    assert known.late_from < known.hours_to
    await check(paykeel, admin, merchant_id)
    summed_up = sum((await levels(admin, merchant_id, "_hourly")).values())
    assert summed_up == 2
    await sum_up(paykeel, ahead)
    assert (await marks(admin, merchant_id))["late_from"] is None
    assert sum((await levels(admin, merchant_id, "_hourly")).values()) == 4
    assert sum((await levels(admin, merchant_id, "_daily")).values()) == 4
    await check(paykeel, admin, merchant_id)


async def test_who_counts_late_waits_for_the_summing_up_and_is_not_lost(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    merchant_id = merchant.merchant_id
    await buy(paykeel, merchant, "first")
    ahead = datetime.now(UTC) + 2 * DAY
    await sum_up(paykeel, ahead)
    for number in range(3):
        await asyncio.gather(
            *(buy(paykeel, merchant, f"late-{number}-{n}") for n in range(8)),
            paykeel.rollup.roll_up(ahead),
            paykeel.rollup.roll_up(ahead),
        )
        await check(paykeel, admin, merchant_id)
    await sum_up(paykeel, ahead)
    await adds_up(admin, merchant_id)
    await check(paykeel, admin, merchant_id)


async def test_a_worker_that_was_away_catches_up_in_bounded_steps(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    since = datetime(2026, 1, 1, 7, 30, tzinfo=UTC)
    minutes = [(since + number * 11 * HOUR, 0, 1) for number in range(80)]
    await put_minutes(admin, merchant.merchant_id, minutes)
    at = since + 40 * DAY
    passes = [await paykeel.rollup.roll_up(at) for _ in range(4)]
    assert passes == [True, True, True, False]
    assert (await marks(admin, merchant.merchant_id))["hours_to"] == (at - GRACE).replace(minute=0)
    await adds_up(admin, merchant.merchant_id)


async def test_two_workers_sum_up_once(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    await put_minutes(admin, merchant.merchant_id, [(since + n * MINUTE, 0, 2) for n in range(90)])
    at = since + 3 * DAY
    await asyncio.gather(*(paykeel.rollup.roll_up(at) for _ in range(4)))
    await sum_up(paykeel, at)
    assert await levels(admin, merchant.merchant_id, "_hourly") == {since: 120, since + HOUR: 60}
    assert await levels(admin, merchant.merchant_id, "_daily") == {since: 180}


async def test_a_merchant_sees_its_own_alone_and_filters_hold_at_every_level(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    other = await paykeel.merchants.create("Other Market", "test")
    for number, (role, currency) in enumerate(
        (("agent", "EUR"), ("agent", "JPY"), ("operator", "EUR"))
    ):
        await buy(paykeel, merchant, f"{number}", buyer_role=role, currency=currency)
        await buy(paykeel, other, f"{number}", buyer_role=role, currency=currency)
    await paykeel.stopwatch.flush()
    now = datetime.now(UTC)
    boundaries = [now - 10 * DAY, now + 10 * DAY]
    for at in (now - DAY, now + HOUR + GRACE, now + 2 * DAY):
        await sum_up(paykeel, at)
        for filters, events in (
            (Filters(), 6),
            (Filters(roles=("agent",)), 4),
            (Filters(currencies=("EUR",)), 4),
            (Filters(roles=("agent",), currencies=("EUR",)), 2),
            (Filters(gateways=("placeholder",)), 6),
            (Filters(gateways=("another",)), 0),
            (Filters(roles=()), 0),
        ):
            series = await read_series(paykeel.database, merchant.merchant_id, boundaries, filters)
            assert sum(one.count for one in series) == events, filters
        timed = await read_latencies(
            paykeel.database, merchant.merchant_id, boundaries, Filters(roles=("operator",))
        )
        assert sum(one.count for one in timed if one.stage == "purchase") == 1
    with pytest.raises(ValueError, match="currency"):
        await read_latencies(
            paykeel.database, merchant.merchant_id, boundaries, Filters(currencies=("EUR",))
        )


async def test_nothing_is_summed_up_of_whoever_sold_nothing(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    assert await paykeel.rollup.roll_up() is False
    assert await admin.fetchval("SELECT count(*) FROM metric_watermarks") == 0
    now = datetime.now(UTC)
    assert await read_series(paykeel.database, merchant.merchant_id, [now - DAY, now]) == []


async def test_the_captured_of_all_time_is_what_payments_hold(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market", "test")
        for number, token in enumerate(TOKENS):
            await buy(paykeel, merchant, f"{number}", payment_method=token, amount=999 + number)
        held = await buy(paykeel, merchant, "held", capture_method="manual")
        await paykeel.payments.capture(
            held.payment_id, merchant_id=merchant.merchant_id, idempotency_key="c", amount=400
        )
        now = datetime.now(UTC)
        series = await read_series(paykeel.database, merchant.merchant_id, [now - DAY, now + DAY])
        captured = await admin.fetchval("SELECT sum(amount_captured)::bigint FROM payments")
        assert sum(one.captured for one in series) == captured > 400


async def test_an_outcome_is_one_of_five_or_none(admin: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as caught:
        await admin.execute("UPDATE payment_transitions SET outcome = 'won'")
    assert caught.value.constraint_name == "payment_transitions_outcome_check"
