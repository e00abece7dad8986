"""How long purchases take in this process, and their stages: added up in memory, written at times.

Nothing in a purchase waits for it, and no statement of one is longer for it. What was measured
since the last writing is lost when the process dies or the database does not take it: at most
``metrics_flush_ms`` of it. Counts and sums of money are no matter of this module: they are written
with the events, and none of them is ever lost.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import structlog

from paykeel.db.sql import load
from paykeel.metrics import writer_slot
from paykeel.metrics.histogram import DURATION_MAX_US, place_of

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from paykeel.db.pool import Database

    #: Merchant, stage, buyer role, gateway and place; how many, and how long together.
    Rows = dict[tuple[UUID, str, str, str, int], list[int]]

SQL = load("paykeel.metrics")
#: Rows that are kept in memory between two writings; what needs one more is dropped and counted.
ROWS_MAX = 20_000
#: A lane that no batch of purchases uses.
LANE = 17
#: The arrays of ``add_latencies``.
COLUMNS = (
    "merchant_ids", "buckets", "stages", "buyer_roles", "gateways", "places", "counts", "sums_us",
)  # fmt: skip
_MICROSECOND = timedelta(microseconds=1)
_MINUTE_US = 60_000_000

#: A purchase is timed from its opening to its success or failure, whichever process settles it.
Stage = Literal["open", "gateway", "settle", "purchase"]

log = structlog.get_logger("paykeel.metrics")


def tick() -> int:
    """Return the present instant of this process, in nanoseconds; it never goes back."""
    return time.perf_counter_ns()


class Stopwatch:
    """Measures stages of purchases, and writes their histograms."""

    def __init__(self, database: Database, *, on: bool = True, rows_max: int = ROWS_MAX) -> None:
        """Take the database; one that is not on measures nothing."""
        self._database = database
        self._on = on
        self._rows_max = rows_max
        self._minutes: dict[datetime, Rows] = {}
        #: Of the present minute, and when that ends; in the first note it is over.
        self._rows: Rows = {}
        self._minute_ends = 0
        self._rows_now = 0
        self._writing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        #: How many measurements were lost: too many kinds of them, or the database was away.
        self.dropped = 0

    def note(
        self, stage: Stage, merchant_id: UUID, buyer_role: str, gateway: str, took_us: int
    ) -> None:
        """Add one measurement, in microseconds, to the present minute."""
        if not self._on:
            return
        took_us = min(took_us, DURATION_MAX_US)
        if tick() >= self._minute_ends:
            self._begin_minute()
        key = (merchant_id, stage, buyer_role, gateway, place_of(took_us))
        row = self._rows.get(key)
        if row is not None:
            row[0] += 1
            row[1] += took_us
        elif self._rows_now < self._rows_max:
            self._rows[key] = [1, took_us]
            self._rows_now += 1
        else:
            self.dropped += 1

    def _begin_minute(self) -> None:
        """Ask the database's clock, once a minute, which minute it is."""
        now = self._database.now()
        minute = now.replace(second=0, microsecond=0)
        left_us = _MINUTE_US - (now - minute) // _MICROSECOND
        self._minute_ends = tick() + left_us * 1_000
        self._rows = self._minutes.setdefault(minute, {})

    async def flush(self) -> int:
        """Write what was measured with one statement; return how many measurements it was.

        When the database fails, nobody knows whether it took them: they are given up, since to add
        them twice would be worse.
        """
        if not self._rows_now:
            return 0
        rows = sorted(
            (merchant_id, minute, stage, buyer_role, gateway, place, count, sum_us)
            for minute, found in self._minutes.items()
            for (merchant_id, stage, buyer_role, gateway, place), (count, sum_us) in found.items()
        )
        self._minutes, self._minute_ends, self._rows_now = {}, 0, 0
        measured = sum(row[-2] for row in rows)
        try:
            await self._database.fetch(
                SQL["add_latencies"],
                slot=writer_slot(LANE),
                **dict(zip(COLUMNS, zip(*rows, strict=True), strict=True)),
            )
        except BaseException:
            self.dropped += measured
            raise
        return measured

    def start(self, flush_ms: int) -> None:
        """Write every so often from now on, until :meth:`close`."""
        self._writing = asyncio.create_task(self._write_until_closed(flush_ms))

    async def close(self) -> None:
        """Write what is left."""
        self._closing.set()
        if self._writing is None:
            await self._try_flush()
        else:
            await self._writing

    async def _write_until_closed(self, flush_ms: int) -> None:
        while not self._closing.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), flush_ms / 1_000)
            await self._try_flush()

    async def _try_flush(self) -> None:
        """Write; when the database does not take it, nothing is lost but what was measured."""
        try:
            await self.flush()
        except Exception as error:  # noqa: BLE001 - durations are not worth more than that
            log.warning("metrics.latencies_lost", error=repr(error), dropped=self.dropped)
