"""The alarms for CloudWatch, made from the catalogue of metrics and the thresholds of the rules.

Pure. They watch what the worker's rules watch, with what CloudWatch can reckon: it cannot compare
with the hour before, so rates are compared with a fixed share. Each looks at series that are sent
with the settings as they are; an alarm on a series that nobody sends would never ring.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from paykeel.gateways.port import DeclineReason
from paykeel.metrics import catalogue
from paykeel.metrics.alert_rules import STAGES, Rule, Thresholds
from paykeel.metrics.catalogue import CATALOGUE, cloudwatch_name
from paykeel.metrics.sinks.dimensions import layouts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from paykeel.metrics.sinks.dimensions import DimensionSet

#: The sink by which the alarms themselves are fed.
SINK = "cloudwatch"
MINUTE_S = 60
#: A level must hold in so many of the last minutes.
LEVEL_MINUTES, LEVEL_MINUTES_MIN = 5, 3
#: CloudWatch takes names and descriptions up to these lengths, and so many actions of each kind.
NAME_CHARACTERS_MAX = 255
ABOUT_CHARACTERS_MAX = 1_024
ACTIONS_MAX = 5
#: By what everything is found again that was created here.
OWNER_TAG = "paykeel:prefix"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """For which series the alarms and the dashboard are made, and how they are called."""

    #: Names begin with it; what begins otherwise is somebody else's.
    prefix: str
    namespace: str
    mode: str
    sets: tuple[DimensionSet, ...]
    thresholds: Thresholds
    window_s: int
    #: Of the purchases that were opened, so many percent failed.
    failed_percent: int
    #: Of the purchases that were opened, so many percent failed for one reason.
    reason_percent: int
    #: ARNs of what is to be told when an alarm begins and when it is over.
    actions: tuple[str, ...] = ()
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One alarm."""

    rule: Rule
    #: Which reason or stage; nothing: the rule is about one thing only.
    subject: str | None
    about: str
    threshold: int
    #: What is compared with the threshold, in CloudWatch's form: either the one series,
    series: Mapping[str, Any] = field(default_factory=dict)
    #: or several and what is reckoned of them.
    reckoned: tuple[Mapping[str, Any], ...] = ()
    minutes: int
    minutes_min: int
    #: What silence means: ``notBreaching``, ``breaching`` or ``ignore``.
    missing: str

    @property
    def key(self) -> str:
        """What it is called after the prefix."""
        words = (self.rule, self.subject) if self.subject else (self.rule,)
        return "-".join(words).replace("_", "-")


def dimensions_of(labels: Mapping[str, str]) -> list[dict[str, str]]:
    """Return labels as CloudWatch wants them."""
    return [{"Name": cloudwatch_name(name), "Value": value} for name, value in labels.items()]


def alarms(target: Target) -> list[Alarm]:
    """Return the alarms of one mode; a rule that is turned off has none."""
    return [*_rates(target), *_latencies(target), *_levels(target)]


def left_out(target: Target) -> list[str]:
    """Say which alarms cannot be made with the settings as they are, and what would change that."""
    found = []
    if not _sends_plain(target, "purchases_failed"):
        found.append(
            "Rates and latencies are not sent as a whole; add the set `none` to "
            "PAYKEEL_METRICS_DIMENSIONS."
        )
    if target.thresholds.decline_count_min and not _sends_reasons(target):
        found.append(
            f"{Rule.DECLINE_SPIKE}: failures are not sent by reason; add the set `reason` to "
            "PAYKEEL_METRICS_DIMENSIONS."
        )
    return found


def definition(target: Target, alarm: Alarm) -> dict[str, Any]:
    """Return an alarm as the arguments of PutMetricAlarm, without tags."""
    found = {
        "AlarmName": f"{target.prefix}-{target.mode}-{alarm.key}",
        "AlarmDescription": alarm.about,
        "ActionsEnabled": True,
        "AlarmActions": list(target.actions),
        "OKActions": list(target.actions),
        "InsufficientDataActions": [],
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": alarm.threshold,
        "EvaluationPeriods": alarm.minutes,
        "DatapointsToAlarm": alarm.minutes_min,
        "TreatMissingData": alarm.missing,
    }
    if alarm.reckoned:
        found["Metrics"] = [dict(one) for one in alarm.reckoned]
    else:
        found |= alarm.series
    return found


def _labels(target: Target, metric: str, **more: str) -> dict[str, str]:
    """Return the labels of a metric's series that is always sent, or of one that says more."""
    values = {catalogue.MODE: target.mode, catalogue.SINK: SINK, **more}
    always = CATALOGUE[metric].always
    return {name: values[name] for name in (*always, *(n for n in more if n not in always))}


def _sends_reasons(target: Target) -> bool:
    wanted = (catalogue.MODE, catalogue.REASON)
    return wanted in layouts(CATALOGUE["purchases_failed"], target.sets)


def _sends_plain(target: Target, metric: str) -> bool:
    return CATALOGUE[metric].always in layouts(CATALOGUE[metric], target.sets)


def _sum_of(target: Target, name: str, metric: str, period_s: int, **more: str) -> dict[str, Any]:
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {
                "Namespace": target.namespace,
                "MetricName": cloudwatch_name(metric),
                "Dimensions": dimensions_of(_labels(target, metric, **more)),
            },
            "Period": period_s,
            "Stat": "Sum",
        },
        "ReturnData": False,
    }


def _share(
    target: Target, label: str, failed_min: int, **more: str
) -> tuple[Mapping[str, Any], ...]:
    """Return what failed as a percentage of what was opened, if there was enough of both.

    Of what was opened and not of what was answered: with no success at all there is no series of
    successes to add to, and the alarm would stay silent just then.
    """
    least = target.thresholds.attempts_min
    enough = f"opened >= {least} AND failed >= {max(failed_min, 1)}"
    return (
        _sum_of(target, "opened", "purchases_opened", target.window_s),
        _sum_of(target, "failed", "purchases_failed", target.window_s, **more),
        {
            "Id": "share",
            "Expression": f"IF({enough}, 100 * failed / opened)",
            "Label": label,
            "Period": target.window_s,
            "ReturnData": True,
        },
    )


def _rates(target: Target) -> Iterator[Alarm]:
    limits = target.thresholds
    if not _sends_plain(target, "purchases_failed"):
        return
    minutes = target.window_s // MINUTE_S
    if limits.success_drop_percent or limits.success_percent_min:
        yield Alarm(
            rule=Rule.SUCCESS_RATE_DROP,
            subject=None,
            about=(
                f"Of the purchases opened within {minutes} minutes, {target.failed_percent} % or "
                f"more failed; {limits.attempts_min} at least were opened."
            ),
            threshold=target.failed_percent,
            reckoned=_share(target, "failed, % of opened", 1),
            minutes=1,
            minutes_min=1,
            missing="notBreaching",
        )
    if limits.decline_count_min and _sends_reasons(target):
        for reason in DeclineReason:
            yield Alarm(
                rule=Rule.DECLINE_SPIKE,
                subject=str(reason),
                about=(
                    f"Of the purchases opened within {minutes} minutes, {target.reason_percent} % "
                    f"or more failed by {reason}; {limits.decline_count_min} at least did."
                ),
                threshold=target.reason_percent,
                reckoned=_share(
                    target,
                    f"{reason}, % of opened",
                    limits.decline_count_min,
                    reason=str(reason),
                ),
                minutes=1,
                minutes_min=1,
                missing="notBreaching",
            )


def _latencies(target: Target) -> Iterator[Alarm]:
    limits = target.thresholds
    if not limits.latency_ms_max or not _sends_plain(target, "latency"):
        return
    for stage in STAGES:
        yield Alarm(
            rule=Rule.LATENCY_P95,
            subject=stage,
            about=f"At the stage {stage}, one of twenty took {limits.latency_ms_max} ms or longer.",
            threshold=limits.latency_ms_max * 1_000,
            series={
                "Namespace": target.namespace,
                "MetricName": cloudwatch_name("latency"),
                "Dimensions": dimensions_of(_labels(target, "latency", stage=stage)),
                "Period": MINUTE_S,
                "ExtendedStatistic": "p95",
                # Few durations say little of their slowest.
                "EvaluateLowSampleCountPercentile": "ignore",
            },
            minutes=LEVEL_MINUTES,
            minutes_min=LEVEL_MINUTES_MIN,
            missing="notBreaching",
        )


def _levels(target: Target) -> Iterator[Alarm]:
    limits = target.thresholds
    rows = (
        (
            Rule.UNKNOWN_OUTCOMES,
            "unknown_outcomes_overdue",
            limits.unknown_outcomes_min,
            "attempts or more have had an unknown outcome for over 15 minutes.",
        ),
        (
            Rule.RECOVERY_LAG,
            "recovery_lag",
            limits.recovery_lag_ms_max // 1_000,
            "s or more overdue for recovery: does a worker run?",
        ),
        (
            Rule.REVIEW_BACKLOG,
            "review_backlog",
            limits.review_backlog_min,
            "payments or more wait for a person.",
        ),
        (
            Rule.FRAUD_ALERTS,
            "fraud_alerts_open",
            limits.fraud_alerts_min,
            "alerts of fraud prevention or more that nobody has acknowledged.",
        ),
        (
            Rule.SINK_LAG,
            "sink_lag",
            limits.sink_lag_ms_max // 1_000,
            "s or more behind, or nothing arrives at all.",
        ),
    )
    for rule, metric, threshold, about in rows:
        if not threshold:
            continue
        yield Alarm(
            rule=rule,
            subject=None,
            about=f"{threshold} {about}",
            threshold=threshold,
            series={
                "Namespace": target.namespace,
                "MetricName": cloudwatch_name(metric),
                "Dimensions": dimensions_of(_labels(target, metric)),
                "Period": MINUTE_S,
                "Statistic": "Maximum",
            },
            minutes=LEVEL_MINUTES,
            minutes_min=LEVEL_MINUTES_MIN,
            # A sink that is down cannot say so: its silence is the alarm.
            missing="breaching" if rule is Rule.SINK_LAG else "ignore",
        )
