"""How long the stages of a purchase take in this process: added up in memory, written now and then.

Nothing in a purchase waits for it. What was measured since the last writing is lost when the
process dies or the database does not take it: at most ``metrics_flush_ms`` of it. Stage
``purchase`` is not measured here: it is written with the events, and none of it is ever lost.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import structlog

from paykeel.db.sql import load
from paykeel.metrics import writer_slot
from paykeel.metrics.histogram import DURATION_MAX_US, place_of

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from paykeel.db.pool import Database

    Key = tuple[UUID, datetime, str, str, str, int]

SQL = load("paykeel.metrics")
#: Rows that are kept in memory between two writings; what needs one more is dropped and counted.
ROWS_MAX = 20_000
#: A lane that no batch of purchases uses.
LANE = 17

Stage = Literal["open", "gateway", "settle"]

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
        self._rows: dict[Key, list[int]] = {}
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
        minute = self._database.now().replace(second=0, microsecond=0)
        key = (merchant_id, minute, stage, buyer_role, gateway, place_of(took_us))
        row = self._rows.get(key)
        if row is not None:
            row[0] += 1
            row[1] += took_us
        elif len(self._rows) < self._rows_max:
            self._rows[key] = [1, took_us]
        else:
            self.dropped += 1

    async def flush(self) -> int:
        """Write what was measured with one statement; return how many measurements it was.

        When the database fails, nobody knows whether it took them: they are given up, since to add
        them twice would be worse.
        """
        if not self._rows:
            return 0
        rows, self._rows = sorted(self._rows.items()), {}
        measured = sum(count for _, (count, _) in rows)
        try:
            await self._database.fetch(
                SQL["add_latencies"],
                merchant_ids=[key[0] for key, _ in rows],
                buckets=[key[1] for key, _ in rows],
                stages=[key[2] for key, _ in rows],
                buyer_roles=[key[3] for key, _ in rows],
                gateways=[key[4] for key, _ in rows],
                places=[key[5] for key, _ in rows],
                counts=[count for _, (count, _) in rows],
                sums_us=[sum_us for _, (_, sum_us) in rows],
                slot=writer_slot(LANE),
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
