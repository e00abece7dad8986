"""The worker's pass: finds alerts in what was committed, and counts them from scratch.

Nothing here runs inside a purchase. A pass counts everything as far back as it looks, and writes
each count as a whole, so that one that runs twice, or beside another, changes nothing.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.clock import new_id
from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.fraud.alerting import (
    BEFORE,
    TAMPERING_CODES,
    AlertKind,
    Counted,
    Declines,
    Thresholds,
    counts_from,
    dedupe_key,
    message_of,
    reasons_of,
    recount,
)
from paykeel.fraud.stored import DEFAULT, built_in_stored
from paykeel.outbox import Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from paykeel.db.pool import Connection, Database
    from paykeel.settings import Settings

SQL = load("paykeel.fraud", "alerts.sql")
FRAUD_ALERT = "fraud.alert"
#: How many alerts one pass opens, and how many it counts.
OPENED_MAX = 1_000
COUNTED_MAX = 10_000
#: How many of the newest purchases or refusals an alert names.
NEWEST_MAX = 5
#: How much of what was stopped one pass looks at, unless more of it is younger than what can be
#: final: no transaction of Paykeel's is open for longer than a few statements may take.
ROWS_MAX = 30_000
FINAL_AFTER_STATEMENTS = 4
FINAL_AFTER_MIN = timedelta(minutes=1)
_TICK = timedelta(microseconds=1)
#: Rulesets that are read at once, and whose reasons one process remembers.
RULESETS_MAX = 100
RULESETS_CACHED_MAX = 5_000
#: Rows that are dated a little ahead of the database's clock are counted, too.
AHEAD = timedelta(minutes=5)
#: Which advisory lock a pass holds; purchases lock numbers that are hashes.
LOCK = 0x7061_796B_6565_6C01
#: What a refusal has in the place of a ruleset's hash.
_NO_RULESET = b""
#: Under which the built-in default is remembered beside its hash; no hash is so short.
_DEFAULT_KEY = b"default"


@dataclass(frozen=True, slots=True)
class _Opening:
    """An alert that is to be opened."""

    merchant_id: UUID
    kind: AlertKind
    key: str
    counts_from: datetime
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Span:
    """What a pass looks at."""

    now: datetime
    begin: datetime
    until: datetime
    #: What is older is final when this pass has counted it.
    final_to: datetime
    declines_final_to: datetime
    #: More is left than one pass looks at: only what is open is counted.
    behind: bool


def thresholds_of(settings: Settings) -> Thresholds:
    """Return the thresholds that the settings ask for.

    Raises:
        Misconfigured: A pass would look back less far than what is looked at.
    """

    def ms(value: int) -> timedelta:
        return timedelta(milliseconds=value)

    return Thresholds(
        window=ms(settings.fraud_alert_window_ms),
        lookback=ms(settings.fraud_alert_lookback_ms),
        rows_max=ROWS_MAX,
        final_after=max(FINAL_AFTER_MIN, FINAL_AFTER_STATEMENTS * ms(settings.statement_ms_max)),
        velocity_min=settings.fraud_alert_velocity_min,
        card_testing_min=settings.fraud_alert_card_testing_min,
        tampering_min=settings.fraud_alert_tampering_min,
        decline_window=ms(settings.fraud_alert_decline_window_ms),
        declines_min=settings.fraud_alert_declines_min,
        decline_percent_min=settings.fraud_alert_decline_percent_min,
        decline_factor=settings.fraud_alert_decline_factor,
    )


class AlertWatch:
    """Finds and counts alerts."""

    def __init__(self, database: Database, thresholds: Thresholds) -> None:
        """Take the database, and from when on something is an alert."""
        self._database = database
        self._thresholds = thresholds
        self._kinds: dict[bytes, dict[str, AlertKind]] = {}

    async def look(self) -> bool:
        """Find and count alerts once, of all merchants.

        Returns:
            Whether more waits: no worker ran for long, and what was stopped meanwhile is counted
            so many rows at a time.
        """
        async with self._database.connection() as connection, connection.transaction():
            turn = await fetch_on(connection, SQL["take_turn"], {"lock": LOCK})
            if not turn:
                return False
            await _nested_loops(connection, "off")
            span = await self._span(connection, turn[0]["now"])
            await self._learn(connection, span)
            if not span.behind:
                openings = [
                    *await self._bursts(connection, span),
                    *await self._spikes(connection, span),
                ]
                await _open(connection, openings)
            await self._count(connection, span)
            return span.behind

    async def _span(self, connection: Connection, now: datetime) -> _Span:
        """Say what this pass looks at: the last minutes, less of them in a flood.

        What is open and was not counted for long, because no worker ran, is counted first, so many
        rows at a time.
        """
        limits = self._thresholds
        far = now - limits.lookback
        asked = {"since": far, "rows_max": limits.rows_max}
        newest = await fetch_on(connection, SQL["nth_newest"], asked)
        near = far if not newest else max(far, min(newest[0]["at"], now - limits.final_after))
        oldest = await fetch_on(connection, SQL["oldest_uncounted"], {})
        begin = min(near, oldest[0]["counted_to"] or near)
        asked = {"since": begin, "rows_max": limits.rows_max}
        after = await fetch_on(connection, SQL["nth_after"], asked) if begin < near else []
        if after and after[0]["at"] < near:
            end = max(after[0]["at"], begin + _TICK)
            return _Span(now, begin, end, end, min(end, far), behind=True)
        return _Span(now, begin, now + AHEAD, near, far, behind=False)

    async def _learn(self, connection: Connection, span: _Span) -> None:
        """Find out what the reasons of every ruleset mean by which something was stopped."""
        if len(self._kinds) > RULESETS_CACHED_MAX:
            self._kinds.clear()
        if not self._kinds:
            await self._learn_built_in()
        while True:
            unknown = await fetch_on(
                connection,
                SQL["unknown_rulesets"],
                {
                    "from": span.begin,
                    "until": span.until,
                    "known": list(self._kinds),
                    "rows_max": RULESETS_MAX,
                },
            )
            if not unknown:
                return
            found = await fetch_on(
                connection,
                SQL["rulesets_of"],
                {
                    "merchant_ids": [row["merchant_id"] for row in unknown],
                    "rulesets": [row["ruleset"] for row in unknown],
                    "versions": [row["ruleset_version"] for row in unknown],
                    "sha256s": [row["sha256"] for row in unknown],
                },
            )
            names = {row["sha256"]: row["ruleset"] for row in unknown}
            for row in found:
                if row["document"] is not None:
                    kinds = reasons_of(row["document"])
                else:
                    # Stored nowhere, so it was built into some release.
                    kinds = self._kinds[_DEFAULT_KEY] if names[row["sha256"]] == DEFAULT else {}
                self._kinds[row["sha256"]] = kinds

    async def _learn_built_in(self) -> None:
        stored = await asyncio.to_thread(built_in_stored)
        default = reasons_of(stored.document)
        self._kinds[stored.sha256] = self._kinds[_DEFAULT_KEY] = default
        self._kinds[_NO_RULESET] = dict.fromkeys(TAMPERING_CODES, AlertKind.AMOUNT_TAMPERING)

    def _asked(self) -> dict[str, list[Any]]:
        """Return what every known reason means, as arrays."""
        rows = [
            (sha256, reason, str(kind))
            for sha256, kinds in self._kinds.items()
            for reason, kind in kinds.items()
        ]
        return {
            "sha256s": [row[0] for row in rows],
            "reasons": [row[1] for row in rows],
            "kinds": [row[2] for row in rows],
        }

    async def _bursts(self, connection: Connection, span: _Span) -> list[_Opening]:
        limits, asked = self._thresholds, self._asked()
        rows = await fetch_on(
            connection,
            SQL["find_bursts"],
            {
                **asked,
                "counts_min": [limits.count_min(AlertKind(kind)) for kind in asked["kinds"]],
                "since": span.final_to,
                "window_ms": limits.window // timedelta(milliseconds=1),
                "rows_max": OPENED_MAX,
            },
        )
        return [
            _Opening(
                row["merchant_id"],
                kind := AlertKind(row["kind"]),
                dedupe_key(kind, row["reason"]),
                # What is older than the pass looks cannot be counted.
                max(counts_from(row["at"], limits.window, row["acknowledged_at"]), span.final_to),
                {
                    "window_ms": limits.window // timedelta(milliseconds=1),
                    "count_min": limits.count_min(kind),
                },
            )
            for row in rows
        ]

    async def _spikes(self, connection: Connection, span: _Span) -> list[_Opening]:
        limits = self._thresholds
        # Declines are counted by the minute.
        since = (span.now - limits.decline_window).replace(second=0, microsecond=0)
        rows = await fetch_on(
            connection,
            SQL["find_declines"],
            {
                "since": since,
                "before_since": since - BEFORE,
                "declines_min": limits.declines_min,
                "rows_max": OPENED_MAX,
            },
        )
        openings = []
        for row in rows:
            seen = Declines(
                row["declines"], row["attempts"], row["declines_before"], row["attempts_before"]
            )
            if seen.is_spike(limits):
                begin = counts_from(since, timedelta(0), row["acknowledged_at"])
                kind, facts = AlertKind.DECLINE_SPIKE, seen.document()
                openings.append(
                    _Opening(row["merchant_id"], kind, dedupe_key(kind, None), begin, facts)
                )
        return openings

    async def _count(self, connection: Connection, span: _Span) -> None:
        """Count whatever is not final, and stage what is to be told of it."""
        rows = await fetch_on(
            connection,
            SQL["count_alerts"],
            {
                **self._asked(),
                "from": span.begin,
                "until": span.until,
                "final_to": span.final_to,
                "declines_final_to": span.declines_final_to,
                "newest_max": NEWEST_MAX,
                "rows_max": COUNTED_MAX,
            },
        )
        counted = [Counted(**row) for row in rows]
        final_to = {AlertKind.DECLINE_SPIKE: span.declines_final_to}
        done = [
            (was, recount(was, final_to.get(AlertKind(was.kind), span.final_to))) for was in counted
        ]
        if not done:
            return
        await _nested_loops(connection, "on")
        told = [
            None if now.event is None else Message.new(FRAUD_ALERT, message_of(was, now))
            for was, now in done
        ]
        await fetch_on(
            connection,
            SQL["write_counts"],
            {
                "merchant_ids": [was.merchant_id for was, _ in done],
                "alert_ids": [was.alert_id for was, _ in done],
                "acknowledged_ats": [was.acknowledged_at for was, _ in done],
                "first_ats": [now.first_at for _, now in done],
                "last_ats": [now.last_at for _, now in done],
                "counts": [now.count for _, now in done],
                "counteds": [now.counted for _, now in done],
                "counted_tos": [now.counted_to for _, now in done],
                "tolds": [now.told for _, now in done],
                "facts": [json.dumps(now.facts) for _, now in done],
                "message_ids": [one and one.message_id for one in told],
                "payloads": [one and json.dumps(one.payload) for one in told],
                "topic": FRAUD_ALERT,
            },
        )


async def _nested_loops(connection: Connection, setting: str) -> None:
    await fetch_on(connection, SQL["plan_by_hash"], {"nested_loops": setting})


async def _open(connection: Connection, openings: Sequence[_Opening]) -> None:
    if openings:
        await fetch_on(
            connection,
            SQL["open_alerts"],
            {
                "merchant_ids": [one.merchant_id for one in openings],
                "alert_ids": [new_id() for _ in openings],
                "kinds": [str(one.kind) for one in openings],
                "dedupe_keys": [one.key for one in openings],
                "facts": [json.dumps(one.facts) for one in openings],
                "counted_tos": [one.counts_from for one in openings],
            },
        )
