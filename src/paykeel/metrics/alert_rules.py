"""When a metric is an alert, and when it is over again. Pure.

Each rule looks at one merchant, and says of what it looks at that it ``holds``, that it is
``over``, or neither. Between the two there is room, so that what swings around a threshold is one
alert: a level is over at four fifths of its threshold, a rate once it has made good half of its
drop. Too few purchases say nothing, neither that it begins nor that it is over.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from paykeel.errors import Misconfigured
from paykeel.metrics.formulas import WHOLE_BP, share_bp, wilson_bp
from paykeel.metrics.histogram import Histogram, quantile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from paykeel.metrics.gauges import Gauges

#: A level is over when it is at most so many of ten of its threshold.
OVER_TENTHS = 8
LATENCY_SHARE = 0.95
#: Stages that are the machine's own. A whole purchase also waits for buyers and for reviewers.
STAGES = ("open", "gateway", "settle")
#: How many gateways, roles and reasons the facts of an alert name.
NAMED_MAX = 5
_PERCENT_BP = WHOLE_BP // 100


class Rule(StrEnum):
    """What is looked at."""

    SUCCESS_RATE_DROP = "success_rate_drop"
    DECLINE_SPIKE = "decline_spike"
    LATENCY_P95 = "latency_p95"
    UNKNOWN_OUTCOMES = "unknown_outcomes"
    RECOVERY_LAG = "recovery_lag"
    REVIEW_BACKLOG = "review_backlog"
    FRAUD_ALERTS = "fraud_alerts"
    SINK_LAG = "sink_lag"


class Verdict(StrEnum):
    """How a rule finds what it looks at."""

    HOLDS = "holds"
    BETWEEN = "between"
    OVER = "over"
    #: There is too little to say.
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From when on something is an alert; 0 turns a rule off."""

    #: The success rate is so many percentage points below that of the hour before.
    success_drop_percent: int
    #: Or below this percentage, whatever it was before.
    success_percent_min: int
    #: With fewer attempts than these in the window, rates say nothing.
    attempts_min: int
    #: So many failures for one reason,
    decline_count_min: int
    #: which are at least this percentage of the attempts,
    decline_percent_min: int
    #: and so many times the share of the hour before.
    decline_factor: int
    #: One of twenty took longer than this.
    latency_ms_max: int
    unknown_outcomes_min: int
    recovery_lag_ms_max: int
    review_backlog_min: int
    fraud_alerts_min: int
    sink_lag_ms_max: int


#: What may be set for one merchant.
NAMES = tuple(one.name for one in fields(Thresholds))


def thresholds_for(common: Thresholds, changes: Mapping[str, int]) -> Thresholds:
    """Return the thresholds of a merchant that has some of its own.

    Raises:
        Misconfigured: There is no such threshold, or it is negative.
    """
    for name, value in changes.items():
        if name not in NAMES:
            raise Misconfigured(
                f"PAYKEEL_METRICS_ALERT_OVERRIDES: there is no threshold {name}; there are: "
                f"{', '.join(NAMES)}.",
                code="alert_threshold_unknown",
            )
        if value < 0:
            raise Misconfigured(
                f"PAYKEEL_METRICS_ALERT_OVERRIDES: {name} is less than 0; 0 turns it off.",
                code="alert_threshold_unknown",
            )
    return replace(common, **changes)


@dataclass(frozen=True, slots=True)
class Attempts:
    """What a gateway answered: how often yes, and how often no."""

    succeeded: int = 0
    failed: int = 0

    @property
    def count(self) -> int:
        """How many were answered."""
        return self.succeeded + self.failed

    def document(self) -> dict[str, int | None]:
        """Return it as values for JSON."""
        return {
            "succeeded": self.succeeded,
            "failed": self.failed,
            "rate_bp": share_bp(self.succeeded, self.count),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was seen of one merchant."""

    merchant_id: UUID
    now: Attempts = Attempts()
    before: Attempts = Attempts()
    #: Failures by reason, of the window and of the hour before.
    reasons: Mapping[str, int] = field(default_factory=dict)
    reasons_before: Mapping[str, int] = field(default_factory=dict)
    #: Failures of the window by ``gateway`` and by ``role``, to tell for whom it fell.
    failed_by: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    #: Durations of the window by stage.
    latencies: Mapping[str, Histogram] = field(default_factory=dict)
    gauges: Gauges | None = None
    #: How far each sink is behind, in milliseconds.
    sinks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a rule says."""

    rule: Rule
    #: Which reason, stage or sink; nothing: the rule is about one thing only.
    subject: str | None
    verdict: Verdict
    facts: Mapping[str, Any]

    @property
    def key(self) -> str:
        """What is the same for one alert from its beginning to its end."""
        return dedupe_key(self.rule, self.subject)


def dedupe_key(rule: str, subject: str | None) -> str:
    """Return the key of an alert.

    >>> dedupe_key("decline_spike", "card_declined"), dedupe_key("recovery_lag", None)
    ('decline_spike:card_declined', 'recovery_lag')
    """
    return rule if subject is None else f"{rule}:{subject}"


def subject_of(key: str) -> str | None:
    """Return what an alert is about.

    >>> subject_of("decline_spike:card_declined"), subject_of("recovery_lag")
    ('card_declined', None)
    """
    return key.partition(":")[2] or None


def examine(seen: Observed, limits: Thresholds, going_on: Mapping[str, Any]) -> list[Found]:
    """Return what the rules say: whatever holds, and of what goes on how it stands.

    Args:
        seen: What was seen of the merchant.
        limits: From when on something is an alert.
        going_on: The facts of the merchant's alerts that are not resolved, by their keys.
    """
    found = [
        *_success(seen, limits, going_on.get(Rule.SUCCESS_RATE_DROP)),
        *_declines(seen, limits, going_on),
        *_latencies(seen, limits),
        *_levels(seen, limits),
    ]
    told = [one for one in found if one.verdict is Verdict.HOLDS or one.key in going_on]
    # A rule that was turned off, a reason that came no more, a sink that is gone.
    keys = {one.key for one in told}
    for key in going_on:
        if key not in keys:
            rule = Rule(key.partition(":")[0])
            told.append(Found(rule=rule, subject=subject_of(key), verdict=Verdict.OVER, facts={}))
    return told


def _success(seen: Observed, limits: Thresholds, open_facts: Any) -> Iterator[Found]:
    """Compare the rate with the hour before, or with the hour before the alert that goes on.

    Both intervals must lie apart, so that neither few purchases now nor few before are an alert.
    """
    if not limits.success_drop_percent and not limits.success_percent_min:
        return
    before = seen.before
    if open_facts is not None:
        # The hour before fills with what is the matter; the alert keeps what was there before it.
        kept = open_facts["before"]
        before = Attempts(kept["succeeded"], kept["failed"])
    facts = {
        "now": seen.now.document(),
        "before": before.document(),
        "failed_by": {
            name: _largest(counts)
            for name, counts in (("reason", seen.reasons), *seen.failed_by.items())
        },
    }
    yield Found(
        rule=Rule.SUCCESS_RATE_DROP,
        subject=None,
        verdict=_rate_verdict(seen.now, before, limits),
        facts=facts,
    )


def _rate_verdict(now: Attempts, before: Attempts, limits: Thresholds) -> Verdict:
    """Judge a rate.

    >>> from paykeel.metrics.alert_rules import Attempts as A
    >>> limits = Thresholds(success_drop_percent=10, success_percent_min=0, attempts_min=20,
    ...     decline_count_min=0, decline_percent_min=0, decline_factor=0, latency_ms_max=0,
    ...     unknown_outcomes_min=0, recovery_lag_ms_max=0, review_backlog_min=0,
    ...     fraud_alerts_min=0, sink_lag_ms_max=0)
    >>> [str(_rate_verdict(now, A(900, 100), limits))
    ...     for now in (A(1, 1), A(35, 15), A(60, 40), A(83, 17), A(86, 14))]
    ['unsure', 'holds', 'holds', 'between', 'over']
    """
    rate, interval = share_bp(now.succeeded, now.count), wilson_bp(now.succeeded, now.count)
    if now.count < limits.attempts_min or rate is None or interval is None:
        return Verdict.UNSURE
    high = interval[1]
    holds, over = False, True
    rate_before = share_bp(before.succeeded, before.count)
    interval_before = wilson_bp(before.succeeded, before.count)
    drop = limits.success_drop_percent * _PERCENT_BP
    if drop and before.count >= limits.attempts_min and rate_before is not None:
        apart = interval_before is not None and high < interval_before[0]
        holds = apart and rate_before - rate >= drop
        over = 2 * (rate_before - rate) <= drop
    if limits.success_percent_min:
        floor = limits.success_percent_min * _PERCENT_BP
        holds = holds or high < floor
        over = over and rate >= floor
    if holds:
        return Verdict.HOLDS
    return Verdict.OVER if over else Verdict.BETWEEN


def _declines(seen: Observed, limits: Thresholds, going_on: Mapping[str, Any]) -> Iterator[Found]:
    """Compare what failed for each reason with the hour before, as shares of the attempts.

    With ``f`` of ``a`` now and ``g`` of ``b`` before, all must be true: ``f >= count_min``,
    ``f/a >= percent_min/100`` and ``f/a >= factor * (g+1)/(b+2)``, or everything fails so. The ones
    are for a merchant without a past. An alert that goes on keeps what was before it.
    """
    if not limits.decline_count_min:
        return
    attempts = seen.now.count
    keys = {dedupe_key(Rule.DECLINE_SPIKE, reason): reason for reason in seen.reasons}
    for key in going_on:
        if key.startswith(f"{Rule.DECLINE_SPIKE}:"):
            keys.setdefault(key, key.partition(":")[2])
    for key, reason in sorted(keys.items()):
        failed = seen.reasons.get(reason, 0)
        before, attempts_before = seen.reasons_before.get(reason, 0), seen.before.count
        if key in going_on:
            kept = going_on[key]
            before, attempts_before = kept["failed_before"], kept["attempts_before"]
        # Both bounds over one denominator: the share times 100 * (b + 2) * a.
        share = failed * 100 * (attempts_before + 2)
        whole = 100 * (attempts_before + 2)
        bound = attempts * max(
            limits.decline_percent_min * (attempts_before + 2),
            min(100 * limits.decline_factor * (before + 1), whole),
        )
        if attempts < limits.attempts_min:
            verdict = Verdict.UNSURE
        elif failed >= limits.decline_count_min and share >= bound:
            verdict = Verdict.HOLDS
        else:
            verdict = Verdict.OVER if 10 * share <= OVER_TENTHS * bound else Verdict.BETWEEN
        facts = {
            "failed": failed,
            "attempts": attempts,
            "failed_before": before,
            "attempts_before": attempts_before,
        }
        yield Found(rule=Rule.DECLINE_SPIKE, subject=reason, verdict=verdict, facts=facts)


def _latencies(seen: Observed, limits: Thresholds) -> Iterator[Found]:
    if not limits.latency_ms_max:
        return
    for stage in STAGES:
        durations = seen.latencies.get(stage, Histogram())
        p95_us = quantile(durations, LATENCY_SHARE)
        if durations.count < limits.attempts_min or p95_us is None:
            verdict, p95_ms = Verdict.UNSURE, None
        else:
            p95_ms = round(p95_us / 1_000)
            verdict = level(p95_ms, limits.latency_ms_max)
        facts = {
            "stage": stage,
            "p95_ms": p95_ms,
            "count": durations.count,
            "threshold_ms": limits.latency_ms_max,
        }
        yield Found(rule=Rule.LATENCY_P95, subject=stage, verdict=verdict, facts=facts)


def level(value: int, threshold: int) -> Verdict:
    """Judge a level by its threshold.

    >>> [str(level(value, 10)) for value in (10, 9, 8)], str(level(0, 1))
    (['holds', 'between', 'over'], 'over')
    """
    if value >= threshold:
        return Verdict.HOLDS
    return Verdict.OVER if 10 * value <= OVER_TENTHS * threshold else Verdict.BETWEEN


def _levels(seen: Observed, limits: Thresholds) -> Iterator[Found]:
    gauges = seen.gauges
    rows: list[tuple[Rule, str | None, int, int, dict[str, int]]] = [
        (Rule.SINK_LAG, sink, lag_ms, limits.sink_lag_ms_max, {})
        for sink, lag_ms in sorted(seen.sinks.items())
    ]
    if gauges is not None:
        rows += [
            (
                Rule.UNKNOWN_OUTCOMES,
                None,
                gauges.unknown_outcomes,
                limits.unknown_outcomes_min,
                {"oldest_ms": gauges.unknown_age_ms},
            ),
            (
                Rule.RECOVERY_LAG,
                None,
                gauges.recovery_lag_ms,
                limits.recovery_lag_ms_max,
                {"overdue": gauges.recovery_overdue},
            ),
            (
                Rule.REVIEW_BACKLOG,
                None,
                gauges.reviews_open,
                limits.review_backlog_min,
                {"overdue": gauges.reviews_overdue, "oldest_ms": gauges.review_age_ms},
            ),
            (
                Rule.FRAUD_ALERTS,
                None,
                gauges.fraud_alerts_open,
                limits.fraud_alerts_min,
                {},
            ),
        ]
    for rule, subject, value, threshold, more in rows:
        if threshold:
            facts = {"value": value, "threshold": threshold, **more}
            yield Found(rule=rule, subject=subject, verdict=level(value, threshold), facts=facts)


def _largest(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the largest few, the largest first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return dict(ordered[:NAMED_MAX])
