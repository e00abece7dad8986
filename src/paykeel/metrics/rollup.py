"""Summing up: the worker writes hours from minutes and days from hours, and removes what is old.

An hour is summed up when it has been over for a while, and then read from its sum. Whoever counts
something in such an hour (a clock went back) says so on the merchant's watermark, in the very
statement that counts; the hours from there on are read from their minutes until they are summed up
anew. So a sum that is read is always the sum of its minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog

from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.errors import DatabaseUnavailable
from paykeel.metrics.levels import DAY, HOUR, Watermarks, day_of, hour_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from paykeel.db.pool import Connection, Database

SQL = load("paykeel.metrics", "rollup.sql")
log = structlog.get_logger("paykeel.metrics")

#: How long an hour must be over. What is counted later than half of it after its minute says so on
#: the watermark, whatever is summed up; the other half is for the statement to commit in.
GRACE = timedelta(minutes=2)
#: How far before its last sum each pass begins; nothing should ever have changed there.
LOOKBACK = 2 * HOUR
#: One transaction sums up so much, and one pass so many times that for each merchant.
STEP = DAY
STEPS_MAX = 14
MERCHANTS_PAGE = 100
#: One pass removes so many days of each table for each merchant.
PURGE_BATCHES_MAX = 100
#: Minutes that a sink was not given are kept for it, unless it has been off for so many days.
SINK_OFF_DAYS = 30


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which hours and days are summed up next, and what the watermarks are then; ends exclusive."""

    since: datetime
    until: datetime
    days_since: datetime
    days_until: datetime
    hours_to: datetime
    days_to: datetime
    late_from: datetime | None


def next_stretch(known: Watermarks, at: datetime, grace: timedelta = GRACE) -> Stretch | None:
    """Return what is summed up next at an instant; ``None``: everything is.

    A clock that went back leaves hours summed up that have not begun yet. They stay so: what is
    counted in them is late, and summed up anew.
    """
    if known.hours_to is None:
        return None
    target = max(known.hours_to, hour_of(at - grace))
    if target == known.hours_to and known.late_from is None:
        return None
    since = known.hours_to - LOOKBACK
    if known.late_from is not None:
        since = min(since, hour_of(known.late_from))
    if known.minutes_from is not None:  # What was removed cannot be summed up again.
        since = max(since, known.minutes_from)
    until = max(min(since + STEP, target), since)
    hours_to = max(known.hours_to, until)
    days_to = day_of(hours_to)
    days_since = day_of(since)
    if known.hours_from is not None:
        days_since = max(days_since, known.hours_from)
    return Stretch(
        since=since,
        until=until,
        days_since=days_since,
        days_until=max(min(day_of(until - HOUR) + DAY, days_to), days_since),
        hours_to=hours_to,
        days_to=days_to,
        late_from=until if until < known.hours_to else None,
    )


class Rollup:
    """Sums up and removes, for all merchants; any number of workers share the load safely."""

    def __init__(
        self,
        database: Database,
        *,
        minutes_days: int,
        hours_days: int,
        statement_ms_max: int = 0,
    ) -> None:
        """Take the database, and how long minutes and hours are kept and statements may take.

        Args:
            database: The database.
            minutes_days: How many days minutes are kept.
            hours_days: How many days hours are kept; 0: for ever.
            statement_ms_max: How long any process's statement may be under way.
        """
        self._database = database
        self._minutes_days = minutes_days
        self._hours_days = hours_days
        self._grace = max(GRACE, GRACE / 2 + timedelta(milliseconds=statement_ms_max))

    async def roll_up(self, at: datetime | None = None) -> bool:
        """Sum up what is over, by the database's clock; return whether some of it waits.

        What fails for one merchant is logged, and the others are summed up.
        """
        at = await self._database.read_clock() if at is None else at
        waits = False
        after: UUID | None = None
        while rows := await self._database.fetch(
            SQL["metrics_due"],
            after=after,
            hours_to=hour_of(at - self._grace),
            rows_max=MERCHANTS_PAGE,
        ):
            for row in rows:
                after = row["merchant_id"]
                try:
                    waits |= await self._merchant(after, at)
                except DatabaseUnavailable:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it was, it is one merchant's
                    _failed("metrics.rollup_failed", after, error)
        return waits

    async def _merchant(self, merchant_id: UUID, at: datetime) -> bool:
        for _ in range(STEPS_MAX):
            if not await self._step(merchant_id, at):
                return False
        return True

    async def _step(self, merchant_id: UUID, at: datetime) -> bool:
        """Sum up one stretch, and say so, in one transaction; ``False``: nothing is left."""
        async with self._database.connection() as connection, connection.transaction():
            known = await _lock(connection, merchant_id)
            stretch = None if known is None else next_stretch(known, at, self._grace)
            if stretch is None:
                return False
            for level, since, until in (
                ("hours", stretch.since, stretch.until),
                ("days", stretch.days_since, stretch.days_until),
            ):
                for what in ("counts", "latencies"):
                    statement = SQL[f"sum_up_{level}_of_{what}"]
                    values = {"merchant_id": merchant_id, "since": since, "until": until}
                    await fetch_on(connection, statement, values)
            marks = {
                "merchant_id": merchant_id,
                "hours_to": stretch.hours_to,
                "days_to": stretch.days_to,
                "late_from": stretch.late_from,
            }
            await fetch_on(connection, SQL["write_watermark"], marks)
            return True

    async def purge(self, at: datetime | None = None) -> int:
        """Remove minutes and hours that are too old, and are summed up; return how many rows.

        The watermark moves first: readers know what is gone before it is.
        """
        at = await self._database.read_clock() if at is None else at
        limits = {
            "minutes_before": day_of(at) - self._minutes_days * DAY,
            "hours_before": day_of(at) - self._hours_days * DAY if self._hours_days else None,
        }
        removed = 0
        after: UUID | None = None
        while rows := await self._database.fetch(
            SQL["metrics_too_old"], after=after, rows_max=MERCHANTS_PAGE, **limits
        ):
            for row in rows:
                after = row["merchant_id"]
                try:
                    removed += await self._purge_merchant(after, limits)
                except DatabaseUnavailable:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it was, it is one merchant's
                    _failed("metrics.purge_failed", after, error)
        return removed

    async def _purge_merchant(self, merchant_id: UUID, limits: Mapping[str, Any]) -> int:
        marks = await self._database.fetchrow(
            SQL["move_retention"],
            merchant_id=merchant_id,
            sink_off_days=SINK_OFF_DAYS,
            **limits,
        )
        if marks is None:
            return 0
        removed = 0
        for level in ("minutes", "hours"):
            before = marks[f"{level}_from"]
            for what in ("counts", "latencies"):
                for _ in range(PURGE_BATCHES_MAX if before is not None else 0):
                    row = await self._database.fetchrow(
                        SQL[f"purge_{level}_of_{what}"], merchant_id=merchant_id, before=before
                    )
                    if row is None:
                        break
                    removed += row["removed"]
        return removed


def _failed(event: str, merchant_id: UUID | None, error: Exception) -> None:
    log.error(event, merchant_id=str(merchant_id), error=repr(error))


async def _lock(connection: Connection, merchant_id: UUID) -> Watermarks | None:
    """Lock a merchant's watermark, making it if need be; ``None``: another worker is at it.

    Whoever counts something late waits for the lock, and nobody else does.
    """
    values = {"merchant_id": merchant_id}
    await fetch_on(connection, SQL["begin_watermark"], values)
    rows = await fetch_on(connection, SQL["lock_watermark"], values)
    return Watermarks(**rows[0]) if rows else None
