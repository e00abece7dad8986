"""The worker's pass over the rules: opens alerts, keeps them up, and resolves what is over.

Nothing here runs inside a purchase. One worker looks at a time; a pass that runs twice finds the
same, and an alert is one row from when it begins until it has been over for long enough.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.clock import new_id
from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.metrics.alert_rules import (
    STAGES,
    Attempts,
    Found,
    Observed,
    Thresholds,
    Verdict,
    examine,
    thresholds_for,
)
from paykeel.metrics.asking import instant
from paykeel.metrics.gauges import MERCHANTS_MAX, Gauges, gauges_on
from paykeel.metrics.histogram import Histogram
from paykeel.metrics.sinks.opening import options_of
from paykeel.metrics.sinks.states import sink_states
from paykeel.outbox import Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asyncpg import Record

    from paykeel.db.pool import Connection, Database
    from paykeel.settings import Settings

SQL = load("paykeel.metrics", "alerts.sql")
METRICS_ALERT = "metrics.alert"
#: A rate is compared with that of this time before the window.
BEFORE = timedelta(hours=1)
#: An alert of which there has been nothing to see for so long is over, too.
SILENT_MAX = timedelta(hours=6)
#: Which advisory lock a pass holds; purchases lock numbers that are hashes.
LOCK = 0x7061_796B_6565_6C02


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """How the rules look."""

    common: Thresholds
    #: Of merchants that have thresholds of their own.
    own: Mapping[UUID, Thresholds]
    window: timedelta
    #: For how long something must be over before it is resolved.
    calm: timedelta
    #: The sinks that are fed, and the merchants of which modes they carry.
    sinks: tuple[str, ...]
    sink_modes: tuple[str, ...]
    #: At which age minutes are sent.
    sink_lag: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class _Going:
    """An alert that is not resolved."""

    alert_id: UUID
    facts: Mapping[str, Any]
    opened_at: datetime
    last_at: datetime
    calm_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What becomes of an alert."""

    merchant_id: UUID
    alert_id: UUID
    found: Found
    #: ``opened``, ``kept`` or ``resolved``.
    change: str
    facts: Mapping[str, Any]
    opened_at: datetime
    last_at: datetime
    calm_since: datetime | None


@dataclass(slots=True)
class _Counts:
    """What is added up of one merchant."""

    answers: dict[tuple[bool, str], int] = field(default_factory=lambda: defaultdict(int))
    reasons: dict[bool, dict[str, int]] = field(
        default_factory=lambda: {True: defaultdict(int), False: defaultdict(int)}
    )
    failed_by: dict[str, dict[str, int]] = field(
        default_factory=lambda: {"gateway": defaultdict(int), "role": defaultdict(int)}
    )
    places: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    sums_us: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def watching_of(settings: Settings) -> Watching:
    """Return how the settings want the rules to look.

    Raises:
        Misconfigured: A merchant's own thresholds name one that is not there, or the settings of
            sinks cannot be meant.
    """
    options = options_of(settings)
    common = Thresholds(
        success_drop_percent=settings.metrics_alert_success_drop_percent,
        success_percent_min=settings.metrics_alert_success_percent_min,
        attempts_min=settings.metrics_alert_attempts_min,
        decline_count_min=settings.metrics_alert_decline_count_min,
        decline_percent_min=settings.metrics_alert_decline_percent_min,
        decline_factor=settings.metrics_alert_decline_factor,
        latency_ms_max=settings.metrics_alert_latency_ms_max,
        unknown_outcomes_min=settings.metrics_alert_unknown_outcomes_min,
        recovery_lag_ms_max=settings.metrics_alert_recovery_lag_ms_max,
        review_backlog_min=settings.metrics_alert_review_backlog_min,
        fraud_alerts_min=settings.metrics_alert_fraud_alerts_min,
        sink_lag_ms_max=settings.metrics_alert_sink_lag_ms_max,
    )
    return Watching(
        common=common,
        own={
            merchant_id: thresholds_for(common, changes)
            for merchant_id, changes in settings.metrics_alert_overrides.items()
        },
        window=timedelta(milliseconds=settings.metrics_alert_window_ms),
        calm=timedelta(milliseconds=settings.metrics_alert_calm_ms),
        sinks=options.fed,
        sink_modes=options.plan.modes,
        sink_lag=options.plan.lag,
    )


class MetricAlertWatch:
    """Finds what holds, and what is over."""

    def __init__(self, database: Database, watching: Watching) -> None:
        """Take the database, and how to look."""
        self._database = database
        self._watching = watching

    async def look(self) -> int:
        """Look once at all merchants, a page a transaction; return how many alerts it changed."""
        changed, after = 0, None
        lags = await self._sink_lags()
        while True:
            async with self._database.connection() as connection, connection.transaction():
                turn = await fetch_on(connection, SQL["take_turn"], {"lock": LOCK})
                if not turn:
                    return changed
                gauges = await gauges_on(connection, after)
                changed += await self._page(connection, turn[0]["now"], gauges, lags)
            if len(gauges) < MERCHANTS_MAX:
                return changed
            after = gauges[-1].merchant_id

    async def _sink_lags(self) -> dict[str, int]:
        """Return by how many milliseconds each sink that is on is behind, once it has begun."""
        if not self._watching.sinks:
            return {}
        return {
            state.sink: state.lag_s(self._watching.sink_lag) * 1_000
            for state in await sink_states(self._database)
            if state.sink in self._watching.sinks
        }

    async def _page(
        self,
        connection: Connection,
        now: datetime,
        gauges: Sequence[Gauges],
        lags: Mapping[str, int],
    ) -> int:
        merchant_ids = [one.merchant_id for one in gauges]
        observed = await self._observe(connection, now, gauges, lags)
        rows = await fetch_on(connection, SQL["alerts_going_on"], {"merchant_ids": merchant_ids})
        going: dict[UUID, dict[str, _Going]] = defaultdict(dict)
        for row in rows:
            going[row["merchant_id"]][row["dedupe_key"]] = _Going(
                alert_id=row["alert_id"],
                facts=row["facts"],
                opened_at=row["opened_at"],
                last_at=row["last_at"],
                calm_since=row["calm_since"],
            )
        changes = []
        for seen in observed:
            open_here = going[seen.merchant_id]
            limits = self._watching.own.get(seen.merchant_id, self._watching.common)
            facts = {key: one.facts for key, one in open_here.items()}
            for found in examine(seen, limits, facts):
                was = open_here.get(found.key)
                if was is None:
                    changes.append(_opening(seen.merchant_id, found, now))
                else:
                    changes.append(_keeping(seen.merchant_id, was, found, now, self._watching.calm))
        if changes:
            await _write(connection, changes, now)
        return len(changes)

    async def _observe(
        self,
        connection: Connection,
        now: datetime,
        gauges: Sequence[Gauges],
        lags: Mapping[str, int],
    ) -> list[Observed]:
        """Read what the rules look at."""
        # What happens is counted by the minute.
        since = (now - self._watching.window).replace(second=0, microsecond=0)
        asked = {"merchant_ids": [one.merchant_id for one in gauges], "since": since}
        outcomes = await fetch_on(
            connection, SQL["recent_outcomes"], {**asked, "before_since": since - BEFORE}
        )
        latencies = await fetch_on(
            connection, SQL["recent_latencies"], {**asked, "stages": list(STAGES)}
        )
        counts = _add_up(outcomes, latencies)
        return [
            _observed(
                one,
                counts[one.merchant_id],
                lags if one.mode in self._watching.sink_modes else {},
            )
            for one in gauges
        ]


def _add_up(outcomes: Sequence[Record], latencies: Sequence[Record]) -> dict[UUID, _Counts]:
    counts: dict[UUID, _Counts] = defaultdict(_Counts)
    for row in outcomes:
        of, recent, count = counts[row["merchant_id"]], row["recent"], row["count"]
        of.answers[recent, row["outcome"]] += count
        if row["outcome"] == "failed":
            of.reasons[recent][row["reason"]] += count
            if recent:
                of.failed_by["gateway"][row["gateway"]] += count
                of.failed_by["role"][row["buyer_role"]] += count
    for row in latencies:
        of = counts[row["merchant_id"]]
        of.places[row["stage"]][row["place"]] = row["count"]
        of.sums_us[row["stage"]] += int(row["sum_us"])
    return counts


def _observed(gauges: Gauges, counts: _Counts, sinks: Mapping[str, int]) -> Observed:
    return Observed(
        merchant_id=gauges.merchant_id,
        now=Attempts(counts.answers[True, "succeeded"], counts.answers[True, "failed"]),
        before=Attempts(counts.answers[False, "succeeded"], counts.answers[False, "failed"]),
        reasons=counts.reasons[True],
        reasons_before=counts.reasons[False],
        failed_by=counts.failed_by,
        latencies={
            stage: Histogram(places, counts.sums_us[stage])
            for stage, places in counts.places.items()
        },
        gauges=gauges,
        sinks=sinks,
    )


def _opening(merchant_id: UUID, found: Found, now: datetime) -> _Change:
    return _Change(
        merchant_id=merchant_id,
        alert_id=new_id(),
        found=found,
        change="opened",
        facts=found.facts,
        opened_at=now,
        last_at=now,
        calm_since=None,
    )


def _keeping(
    merchant_id: UUID, was: _Going, found: Found, now: datetime, calm: timedelta
) -> _Change:
    """Say what becomes of an alert that goes on."""
    holds = found.verdict is Verdict.HOLDS
    calm_since = (was.calm_since or now) if found.verdict is Verdict.OVER else None
    silent = found.verdict is Verdict.UNSURE and now - was.last_at >= SILENT_MAX
    over = silent or (calm_since is not None and now - calm_since >= calm)
    return _Change(
        merchant_id=merchant_id,
        alert_id=was.alert_id,
        found=found,
        change="resolved" if over else "kept",
        # What it was like when it was last seen to hold says more than what follows.
        facts=found.facts if holds else was.facts,
        opened_at=was.opened_at,
        last_at=max(was.last_at, now) if holds else was.last_at,
        calm_since=calm_since,
    )


async def _write(connection: Connection, changes: Sequence[_Change], now: datetime) -> None:
    told = [
        None if one.change == "kept" else Message.new(METRICS_ALERT, _payload(one, now))
        for one in changes
    ]
    await fetch_on(
        connection,
        SQL["write_alerts"],
        {
            "merchant_ids": [one.merchant_id for one in changes],
            "alert_ids": [one.alert_id for one in changes],
            "rules": [str(one.found.rule) for one in changes],
            "dedupe_keys": [one.found.key for one in changes],
            "changes": [one.change for one in changes],
            "last_ats": [one.last_at for one in changes],
            "calm_sinces": [one.calm_since for one in changes],
            "facts": [json.dumps(one.facts) for one in changes],
            "message_ids": [one and one.message_id for one in told],
            "payloads": [one and json.dumps(one.payload) for one in told],
            "now": now,
            "topic": METRICS_ALERT,
        },
    )


def _payload(change: _Change, now: datetime) -> dict[str, Any]:
    """Return what the outside is told: the payload of ``metrics.alert``."""
    return {
        "event": change.change,
        "alert_id": str(change.alert_id),
        "rule": str(change.found.rule),
        "subject": change.found.subject,
        "opened_at": instant(change.opened_at),
        "last_at": instant(change.last_at),
        "resolved_at": instant(now) if change.change == "resolved" else None,
        "facts": change.facts,
    }
