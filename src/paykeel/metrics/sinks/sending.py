"""Sends the batches of one sink in order, and books whatever becomes of each.

While a batch is sent no connection is held. One that was being sent when its process ended may have
arrived or not: a sink that can be read is asked, and of one that cannot, the batch is sent again
and marked as uncertain. Whatever goes wrong after a batch was claimed is booked as a failure, so
that pauses grow and people are told; nothing is sent in an endless loop. A worker that is told to
stop ends after what became of its batch is booked, at most a sink's timeout later, so that a
restart sends nothing twice.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from paykeel.metrics.sinks.datums import Datum
from paykeel.metrics.sinks.port import (
    Delivered,
    Later,
    Probe,
    Refused,
    Seen,
    Unsure,
    reason_of,
)
from paykeel.metrics.sinks.states import SQL, pause_ms

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    import asyncpg

    from paykeel.db.pool import Database
    from paykeel.metrics.sinks.port import Delivery, MetricsSink

#: How long a batch is its sender's alone, in timeouts of the sink: connecting, sending, reading.
LEASE_TIMEOUTS = 4

log = structlog.get_logger("paykeel.metrics")


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch that is ours to send."""

    sequence: int
    kind: str
    datums: tuple[Datum, ...]
    probe: Probe
    tries: int
    sending_since: datetime
    state_before: str
    failures: int
    now: datetime


class Sender:
    """Sends what waits for one sink. Any number of workers may run one: they take turns."""

    def __init__(
        self, database: Database, sink: MetricsSink, *, timeout_ms: int, readback: timedelta
    ) -> None:
        """Take the database, the sink, and how long a batch that is not seen may still turn up."""
        self._database = database
        self._sink = sink
        self._timeout_ms = timeout_ms
        self._readback = readback

    async def send_next(self) -> bool:
        """Send the oldest batch that waits; return whether it is done with."""
        row = await self._database.fetchrow(
            SQL["claim_batch"], sink=self._sink.name, lease_ms=LEASE_TIMEOUTS * self._timeout_ms
        )
        if row is None:
            return False
        settling = asyncio.create_task(self._settle_or_put_off(_read_batch(row)))
        try:
            return await asyncio.shield(settling)
        except asyncio.CancelledError:
            await asyncio.wait([settling])
            raise

    async def _settle_or_put_off(self, batch: _Batch) -> bool:
        try:
            return await self._settle(batch)
        except Exception as error:  # noqa: BLE001 - booked, and so not repeated at once
            return await self._put_off(batch, Unsure(f"{type(error).__name__}: {error}"))

    async def _settle(self, batch: _Batch) -> bool:
        """Find out whether a batch arrived already, and otherwise send it."""
        if batch.state_before == "sending":
            unreadable = not self._sink.reads_back or batch.kind == "gauges"
            if not unreadable:
                seen = await self._sink.was_received(batch.probe, batch.sending_since)
                missing = seen is Seen.NO
                if missing and batch.now < batch.sending_since + self._readback:
                    return await self._put_off(batch, Unsure("waits until it can be read back"))
                if seen is Seen.UNREADABLE:
                    return await self._put_off(batch, Unsure("cannot be read back"))
                if not missing:
                    # What shows only days later is taken for sent: less is better than twice.
                    return await self._finish(batch, Delivered(), uncertain=seen is Seen.HIDDEN)
            again = {"sequence": batch.sequence, "tries": batch.tries, "uncertain": unreadable}
            if not await self._database.fetch(SQL["send_again"], sink=self._sink.name, **again):
                return False
        return await self._book(batch, await self._sink.send(batch.datums, batch.now))

    async def _book(self, batch: _Batch, delivery: Delivery) -> bool:
        match delivery:
            case Delivered():
                return await self._finish(batch, delivery)
            case Refused(reason):
                log.error("metrics.refused", sink=self._sink.name, reason=reason)
                return await self._finish(batch, Delivered(len(batch.datums), reason))
            case Later() | Unsure():
                return await self._put_off(batch, delivery)

    async def _finish(self, batch: _Batch, done: Delivered, *, uncertain: bool = False) -> bool:
        rows = await self._database.fetch(
            SQL["finish_batch"],
            sink=self._sink.name,
            sequence=batch.sequence,
            tries=batch.tries,
            dropped=min(max(done.dropped, 0), len(batch.datums)),
            reason=reason_of(done.reason),
            uncertain=uncertain,
        )
        return bool(rows)

    async def _put_off(self, batch: _Batch, failed: Later | Unsure) -> bool:
        reason = reason_of(failed.reason)
        await self._database.fetch(
            SQL["put_off_batch"],
            sink=self._sink.name,
            sequence=batch.sequence,
            tries=batch.tries,
            unsure=isinstance(failed, Unsure),
            reason=reason,
            pause_ms=pause_ms(batch.failures),
        )
        log.warning("metrics.not_sent", sink=self._sink.name, reason=reason)
        return False


def _read_batch(row: asyncpg.Record) -> _Batch:
    probe = row["probe"]
    return _Batch(
        **{
            **row,
            "datums": tuple(map(Datum.read, row["datums"])),
            "probe": Probe(Datum.read(probe["datum"]), probe["samples_before"]),
        }
    )
