"""The feed of one sink: prepares minutes, sends them in order, and compares them once more.

A minute is prepared when it is old enough to be complete. What will be sent is stored before it is
sent, in the transaction that moves the sink's cursor, so that a crash at any point leaves either
nothing or the whole batch. What takes the processor long is done in a thread, since a sink that
catches up must not keep purchases waiting.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from paykeel.db.pool import fetch_on
from paykeel.metrics.catalogue import MODE
from paykeel.metrics.gauges import by_mode, read_gauges
from paykeel.metrics.sinks.datums import (
    MINUTE,
    Counted,
    Datum,
    Timed,
    fold,
    gauge,
    late,
)
from paykeel.metrics.sinks.dimensions import estimate, parse_sets, write_sets
from paykeel.metrics.sinks.sending import Sender
from paykeel.metrics.sinks.states import SQL, measured_sizes, minute_of, sink_states

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import asyncpg

    from paykeel.db.pool import Connection, Database
    from paykeel.metrics.sinks.datums import Series
    from paykeel.metrics.sinks.dimensions import DimensionSet
    from paykeel.metrics.sinks.port import MetricsSink

    #: Rows of the minutes of payments, and of those of durations.
    _Rows = tuple[Sequence[asyncpg.Record], Sequence[asyncpg.Record]]

#: The most minutes that one pass prepares or compares, and the most batches that it sends.
PASS_MINUTES_MAX = 60
PASS_BATCHES_MAX = 100
#: With more than this waiting, gauges are not sampled: nobody needs the moments of an outage.
GAUGES_WAITING_MAX = 20
#: How often what there is is compared with the budget of series.
BUDGET_INTERVAL = timedelta(hours=1)

log = structlog.get_logger("paykeel.metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a feed sends, and when."""

    sets: tuple[DimensionSet, ...]
    modes: tuple[str, ...]
    #: How old a minute must be to be complete; and at which age it is looked at once more.
    lag: timedelta
    late: timedelta
    backfill_minutes: int
    queue_batches_max: int
    timeout_ms: int
    #: How long a batch that is not seen may still turn up.
    readback: timedelta
    series_max: int


class Feed:
    """Feeds one sink. Any number of workers may run one: they take turns."""

    def __init__(self, database: Database, sink: MetricsSink, plan: Plan) -> None:
        """Take the database, the sink, and what is sent to it."""
        self._database = database
        self._sink = sink
        self._plan = plan
        self._sets = sink.sets(plan.sets)
        self._sender = Sender(database, sink, timeout_ms=plan.timeout_ms, readback=plan.readback)
        self._budget_at: datetime | None = None

    @property
    def name(self) -> str:
        """The sink's name."""
        return self._sink.name

    async def run_once(self) -> bool:
        """Prepare, send and compare once; return whether more can be done at once."""
        await self._database.fetch(
            SQL["open_sink"], sink=self.name, backfill_minutes=self._plan.backfill_minutes
        )
        await self._watch_budget()
        more = await self._prepare()
        await self._sample()
        for _ in range(PASS_BATCHES_MAX):
            if not await self._sender.send_next():
                break
        else:
            more = True
        more = await self._compare() or more
        await self._database.fetch(SQL["purge_batches"], sink=self.name)
        return more

    async def close(self) -> None:
        """Let go of the sink."""
        await self._sink.close()

    async def _watch_budget(self) -> None:
        """Say it loudly when there are more series than the budget; what is there is still sent."""
        now = self._database.now()
        if self._budget_at is not None and now < self._budget_at + BUDGET_INTERVAL:
            return
        self._budget_at = now
        sizes = await measured_sizes(self._database, self._plan.modes)
        series = sum(estimate(self._plan.sets, sizes).values())
        if series > self._plan.series_max:
            limit = self._plan.series_max
            log.error("metrics.budget_exceeded", sink=self.name, series=series, series_max=limit)

    async def _prepare(self) -> bool:
        """Store the next minutes as they will be sent; return whether more are ready."""
        async with self._database.connection() as connection, connection.transaction():
            held = await self._hold(connection)
            if held is None or held["waiting"] >= self._plan.queue_batches_max:
                return False
            since: datetime = held["prepared_to"]
            ready = minute_of(held["now"] - self._plan.lag)
            until = min(since + PASS_MINUTES_MAX * MINUTE, ready)
            if until <= since:
                return False
            rows = await self._read(connection, since, until)
            datums = await asyncio.to_thread(_fold, rows, self._sets)
            kept = self._young(datums, held["now"])
            last = await self._store(connection, "minutes", kept, held["last_sequence"], {})
            moved = {"prepared_to": until, "last_sequence": last}
            await self._move(connection, held, dropped=len(datums) - len(kept), **moved)
            return until < ready

    async def _sample(self) -> None:
        """Store how things stand, once a minute; what could not be sent in time is not told."""
        states = await sink_states(self._database)
        own = next(state for state in states if state.sink == self.name)
        sampled = own.sampled_at is not None and own.sampled_at >= minute_of(own.now)
        if sampled or own.batches_waiting > GAUGES_WAITING_MAX:
            return
        found = by_mode(await read_gauges(self._database))
        async with self._database.connection() as connection, connection.transaction():
            held = await self._hold(connection)
            if held is None:
                return
            minute = minute_of(held["now"])
            if held["sampled_at"] is not None and held["sampled_at"] >= minute:
                return  # Another worker was faster.
            datums = [
                gauge(name, minute, value, **{MODE: mode})
                for mode in self._plan.modes
                for name, value in found[mode].items()
            ]
            datums += [
                gauge("sink_lag", minute, state.lag_s(self._plan.lag), sink=state.sink)
                for state in states
            ]
            last = await self._store(connection, "gauges", datums, held["last_sequence"], {})
            await self._move(connection, held, sampled_at=minute, last_sequence=last)

    async def _compare(self) -> bool:
        """Look once more at minutes that were prepared; store what was added to them since."""
        async with self._database.connection() as connection, connection.transaction():
            held = await self._hold(connection)
            if held is None:
                return False
            since: datetime = held["compared_to"]
            ready: datetime = min(held["prepared_to"], minute_of(held["now"] - self._plan.late))
            until = min(since + PASS_MINUTES_MAX * MINUTE, ready)
            if until <= since:
                return False
            added, before = await self._added(connection, since, until, held["now"])
            last = await self._store(connection, "late", added, held["last_sequence"], before)
            moved = {"compared_to": until, "last_sequence": last}
            await self._move(connection, held, late=len(added), **moved)
        if added:
            log.warning("metrics.late", sink=self.name, datums=len(added), since=str(since))
        return until < ready

    async def _added(
        self, connection: Connection, since: datetime, until: datetime, now: datetime
    ) -> tuple[list[Datum], dict[tuple[Series, datetime], int]]:
        """Return what was added to minutes, under the dimensions by which each was prepared."""
        span = {"sink": self.name, "since": since, "until": until}
        batches = await fetch_on(connection, SQL["prepared_batches"], span)
        rows = await self._read(connection, since, until)
        return await asyncio.to_thread(self._compared, batches, rows, (since, until), now)

    def _compared(
        self,
        batches: Sequence[asyncpg.Record],
        rows: _Rows,
        span: tuple[datetime, datetime],
        now: datetime,
    ) -> tuple[list[Datum], dict[tuple[Series, datetime], int]]:
        since, until = span
        prepared: dict[str, list[Datum]] = {write_sets(self._sets): []}
        for row in batches:
            inside = prepared.setdefault(row["dimensions"], [])
            inside += (
                datum for datum in map(Datum.read, row["datums"]) if since <= datum.minute < until
            )
        added: list[Datum] = []
        before: dict[tuple[Series, datetime], int] = {}
        taken: set[datetime] = set()
        # The present dimensions come last: they are those of minutes in which nothing was there.
        for text, datums in reversed(prepared.items()):
            minutes = {datum.minute for datum in datums}
            fresh = _fold(rows, parse_sets(text))
            present = text == write_sets(self._sets)
            wanted = [
                datum
                for datum in self._young(fresh, now)
                if datum.minute in minutes or (present and datum.minute not in taken)
            ]
            taken |= minutes
            more, had = late(wanted, datums)
            added += more
            before |= had
        return added, before

    def _young(self, datums: Sequence[Datum], now: datetime) -> list[Datum]:
        """Return what the sink still takes."""
        age_max = self._sink.age_max
        return [datum for datum in datums if age_max is None or datum.minute >= now - age_max]

    async def _read(self, connection: Connection, since: datetime, until: datetime) -> _Rows:
        span = {"since": since, "until": until, "modes": list(self._plan.modes)}
        return (
            await fetch_on(connection, SQL["feed_minutes"], span),
            await fetch_on(connection, SQL["feed_durations"], span),
        )

    async def _hold(self, connection: Connection) -> asyncpg.Record | None:
        rows = await fetch_on(connection, SQL["hold_sink"], {"sink": self.name})
        return rows[0] if rows else None

    async def _store(
        self,
        connection: Connection,
        kind: str,
        datums: Sequence[Datum],
        last: int,
        before: Mapping[tuple[Series, datetime], int],
    ) -> int:
        """Store datums as batches; return the last one's number."""
        packed = await asyncio.to_thread(_pack, self._sink, datums, before)
        count = len(packed["datums"])
        if count:
            values = {
                "sink": self.name,
                "kind": kind,
                "dimensions": write_sets(self._sets),
                "sequences": [last + 1 + number for number in range(count)],
            }
            await fetch_on(connection, SQL["write_batches"], values | packed)
        return last + count

    async def _move(self, connection: Connection, held: asyncpg.Record, **changes: Any) -> None:
        kept = ("prepared_to", "compared_to", "sampled_at", "last_sequence")
        values = {name: held[name] for name in kept}
        values |= {"sink": self.name, "dropped": 0, "late": 0, **changes}
        await fetch_on(connection, SQL["move_sink"], values)


def _fold(rows: _Rows, sets: Sequence[DimensionSet]) -> list[Datum]:
    """Add rows of the database up to datums; long enough for a thread of its own."""
    counted, timed = rows
    return fold(
        (
            Counted(**{**row, **{name: int(row[name]) for name in ("captured", "refunded")}})
            for row in counted
        ),
        (Timed(**{**row, "sum_us": int(row["sum_us"])}) for row in timed),
        sets,
    )


def _pack(
    sink: MetricsSink,
    datums: Sequence[Datum],
    before: Mapping[tuple[Series, datetime], int],
) -> dict[str, list[Any]]:
    """Return the columns of the batches into which datums go; long enough for a thread, too."""
    batches = sink.pack(datums)
    return {
        "minutes_from": [min(datum.minute for datum in batch) for batch in batches],
        "minutes_until": [max(datum.minute for datum in batch) + MINUTE for batch in batches],
        "datums": [json.dumps([one.document() for one in batch]) for batch in batches],
        "probes": [json.dumps(_probe_of(batch, before)) for batch in batches],
    }


def _probe_of(
    datums: Iterable[Datum], before: Mapping[tuple[Series, datetime], int]
) -> dict[str, Any]:
    """Choose the newest datum, and of those the one that says most of which series it is."""
    datum = max(datums, key=lambda one: (one.minute, len(one.labels)))
    samples = before.get((datum.series, datum.minute), 0)
    return {"datum": datum.document(), "samples_before": samples}
