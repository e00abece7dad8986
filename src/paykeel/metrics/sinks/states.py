"""How sinks stand, and how long they are left alone after something went wrong."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from paykeel.db.sql import load
from paykeel.metrics.sinks.datums import MINUTE
from paykeel.metrics.sinks.dimensions import Sizes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from paykeel.db.pool import Database

SQL = load("paykeel.metrics.sinks")
#: Over how many days the different values are counted of what metrics are split by.
MEASURED_DAYS = 30
PAUSE_MS_MIN, PAUSE_MS_MAX = 1_000, 300_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkState:
    """How a sink stands."""

    sink: str
    started_at: datetime
    prepared_to: datetime
    compared_to: datetime
    #: The minute of the newest sample of gauges.
    sampled_at: datetime | None
    failures: int
    retry_at: datetime | None
    last_error: str | None
    last_sent_at: datetime | None
    batches_sent: int
    datums_sent: int
    datums_dropped: int
    batches_uncertain: int
    datums_late: int
    batches_waiting: int
    #: Minutes before this one have been sent.
    sent_to: datetime
    now: datetime

    def lag_s(self, lag: timedelta) -> int:
        """Return by how many seconds it is behind, beyond the age at which minutes are sent."""
        return max(0, (self.now - lag - MINUTE - self.sent_to) // timedelta(seconds=1))


async def sink_states(database: Database) -> list[SinkState]:
    """Return how every sink stands that was ever on."""
    return [SinkState(**row) for row in await database.fetch(SQL["sink_states"])]


async def measured_sizes(database: Database, modes: Iterable[str]) -> Sizes:
    """Count the different values of the last days that are summed up; of nothing, one is assumed.

    A day is summed up when it is over, so a value of today counts from tomorrow on.
    """
    since = database.now() - timedelta(days=MEASURED_DAYS)
    row = await database.fetchrow(SQL["series_sizes"], since=since, modes=list(modes))
    assert row is not None, "it always has one row"  # noqa: S101 - for the type checker
    return Sizes(**{name: max(1, value) for name, value in row.items()})


def pause_ms(failures: int) -> int:
    """Return how long to wait after so many failures in a row: doubled, bounded and jittered."""
    longest = min(PAUSE_MS_MAX, PAUSE_MS_MIN << min(failures, 16))
    return longest // 2 + (longest // 2 * random.getrandbits(16) >> 16)


def minute_of(at: datetime) -> datetime:
    """Return the start of the minute."""
    return at.replace(second=0, microsecond=0)
