"""What the tests of metrics count a second time, from the events themselves."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from paykeel.metrics.histogram import place_of
from paykeel.payments.states import outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    import asyncpg

    from paykeel import Paykeel
    from paykeel.metrics.reading import Counted, Timed

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
#: Place, event type, outcome, role, currency, gateway, reason.
Key = tuple[int, str, str, str, str, str, str]
Figures = tuple[int, int, int, int]

_EVENTS = """
    SELECT
        e.occurred_at, e.type, e.from_status, e.to_status, p.buyer_role,
        p.currency::text AS currency, p.gateway, coalesce(e.reason, '') AS reason,
        e.amount, e.captured_delta, e.refunded_delta, p.created_at
    FROM payment_events e JOIN payments p USING (merchant_id, payment_id)
    WHERE e.merchant_id = $1
"""
_MINUTES = """
    INSERT INTO payment_metrics (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot,
        count, amount, captured, refunded)
    SELECT $1, b, 'payment.succeeded', 'succeeded', 'agent', 'EUR', 'g', '', s, c, c * 100,
        c * 100, c
    FROM unnest($2::timestamptz[], $3::smallint[], $4::bigint[]) AS u (b, s, c)
"""


@dataclass(frozen=True, slots=True)
class World:
    """A merchant's events, as its history tells them."""

    events: tuple[Any, ...]

    def counted(self, boundaries: Sequence[datetime]) -> dict[Key, Figures]:
        """Recount what happened between each two boundaries."""
        found: dict[Key, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for event in self.events:
            minute = event["occurred_at"].replace(second=0, microsecond=0)
            place = bisect_right(boundaries, minute) - 1
            if not 0 <= place < len(boundaries) - 1:
                continue
            figures = found[
                place, event["type"], outcome(event["from_status"], event["to_status"]),
                event["buyer_role"], event["currency"], event["gateway"], event["reason"],
            ]  # fmt: skip
            one = (1, event["amount"], event["captured_delta"], event["refunded_delta"])
            figures[:] = [have + more for have, more in zip(figures, one, strict=True)]
        return {key: (a, b, c, d) for key, (a, b, c, d) in found.items()}

    def durations(self) -> dict[int, tuple[int, int]]:
        """Return how many purchases each place of the histogram holds, and their sum."""
        found: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for event in self.events:
            if outcome(event["from_status"], event["to_status"]) in {"succeeded", "failed"}:
                took = event["occurred_at"] - event["created_at"]
                us = max(took // timedelta(microseconds=1), 0)
                found[place_of(us)][0] += 1
                found[place_of(us)][1] += us
        return {place: (count, us) for place, (count, us) in found.items()}


async def history(admin: asyncpg.Connection, merchant_id: UUID) -> World:
    """Read a merchant's events."""
    return World(tuple(await admin.fetch(_EVENTS, merchant_id)))


def figures(series: Sequence[Counted]) -> dict[Key, Figures]:
    """Return a series in the form in which it is recounted."""
    found = {
        (
            one.place, one.event_type, one.outcome, one.buyer_role, one.currency, one.gateway,
            one.reason,
        ): (one.count, one.amount, one.captured, one.refunded)
        for one in series
    }  # fmt: skip
    assert len(found) == len(series)
    return found


def histogram(series: Sequence[Timed], stage: str = "purchase") -> dict[int, tuple[int, int]]:
    """Return one stage of a series of durations, over all of it."""
    found: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for one in series:
        if one.stage == stage:
            found[one.bucket_place][0] += one.count
            found[one.bucket_place][1] += one.sum_us
    return {place: (count, us) for place, (count, us) in found.items()}


async def put_minutes(
    admin: asyncpg.Connection, merchant_id: UUID, minutes: Sequence[tuple[datetime, int, int]]
) -> None:
    """Count purchases in minutes that nothing else tells of: when, in which slot, how many."""
    await admin.execute(_MINUTES, merchant_id, *map(list, zip(*minutes, strict=True)))


async def levels(admin: asyncpg.Connection, merchant_id: UUID, level: str) -> dict[datetime, int]:
    """Return how much each bucket of a level counts."""
    rows = await admin.fetch(
        f"SELECT bucket, sum(count)::bigint AS count FROM payment_metrics{level} "  # noqa: S608
        "WHERE merchant_id = $1 GROUP BY 1",
        merchant_id,
    )
    return {row["bucket"]: row["count"] for row in rows}


async def marks(admin: asyncpg.Connection, merchant_id: UUID) -> asyncpg.Record:
    """Return a merchant's watermark."""
    row = await admin.fetchrow(
        "SELECT hours_to, days_to, late_from, minutes_from, hours_from FROM metric_watermarks"
        " WHERE merchant_id = $1",
        merchant_id,
    )
    assert row is not None
    return row


async def sum_up(paykeel: Paykeel, at: datetime) -> None:
    """Sum up everything that is over at an instant."""
    while await paykeel.rollup.roll_up(at):
        pass


def local_days(zone: str, since: datetime, days: int) -> list[datetime]:
    """Return local midnights."""
    there = ZoneInfo(zone)
    first = since.astimezone(there).date()
    return [
        datetime.combine(first + number * DAY, datetime.min.time(), there).astimezone(UTC)
        for number in range(days + 1)
    ]


def local_hours(zone: str, since: datetime, until: datetime) -> list[datetime]:
    """Return the instants at which clocks on the wall show a whole hour."""
    return [at for at in _half_hours(since, until) if at.astimezone(ZoneInfo(zone)).minute == 0]


def _half_hours(since: datetime, until: datetime) -> Iterator[datetime]:
    while since <= until:
        yield since
        since += 30 * MINUTE
