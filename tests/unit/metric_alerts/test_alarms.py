"""The alarms and the dashboard for CloudWatch: made of the catalogue, within documented limits."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from paykeel.errors import Misconfigured
from paykeel.gateways.port import DeclineReason
from paykeel.metrics.alarms import Target, alarms, definition, left_out
from paykeel.metrics.alert_rules import Rule
from paykeel.metrics.catalogue import CATALOGUE, cloudwatch_name
from paykeel.metrics.cloudwatch_plan import Action, Present, compare
from paykeel.metrics.dashboards import (
    COLUMNS,
    DASHBOARD_METRICS_MAX,
    WIDGET_METRICS_MAX,
    dashboard,
)
from paykeel.metrics.sinks.dimensions import layouts, parse_sets
from tests.unit.metric_alerts.test_alert_rules import LIMITS

TARGET = Target(
    prefix="paykeel",
    namespace="Paykeel",
    mode="live",
    sets=parse_sets("none,gateway,reason"),
    thresholds=LIMITS,
    window_s=300,
    failed_percent=30,
    reason_percent=15,
    region="eu-central-1",
)
NAMES = {cloudwatch_name(name): metric for name, metric in CATALOGUE.items()}
NOTHING = Present(alarms={}, owned=frozenset(), dashboard=None)


def series_of(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    if "Metrics" not in alarm:
        return [alarm]
    return [one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one]


def test_every_rule_has_an_alarm_and_every_alarm_a_series_that_is_sent() -> None:
    made = alarms(TARGET)
    assert {one.rule for one in made} == set(Rule)
    reasons = [one.subject for one in made if one.rule is Rule.DECLINE_SPIKE]
    assert reasons == [str(reason) for reason in DeclineReason]
    for alarm in made:
        for series in series_of(definition(TARGET, alarm)):
            metric = NAMES[series["MetricName"]]
            sent = {
                tuple(sorted(cloudwatch_name(name) for name in layout))
                for layout in layouts(metric, TARGET.sets)
            }
            asked = tuple(sorted(one["Name"] for one in series["Dimensions"]))
            assert asked in sent, alarm.key
            assert series["Namespace"] == "Paykeel"


def test_alarms_keep_to_what_cloudwatch_takes() -> None:
    for alarm in alarms(TARGET):
        one = definition(TARGET, alarm)
        assert len(one["AlarmName"]) <= 255
        assert 1 <= len(one["AlarmDescription"]) <= 1_024
        assert 1 <= one["DatapointsToAlarm"] <= one["EvaluationPeriods"]
        periods = [one["Period"]] if "Period" in one else []
        periods += [each["MetricStat"]["Period"] for each in one.get("Metrics", ())[:-1]]
        assert all(period % 60 == 0 for period in periods)
        # No alarm may look back further than a day.
        assert max(periods) * one["EvaluationPeriods"] <= 86_400
        assert len(one.get("Metrics", ())) <= 20
        assert one["TreatMissingData"] in {"breaching", "notBreaching", "ignore", "missing"}
        returned = [each for each in one.get("Metrics", ()) if each["ReturnData"]]
        assert len(returned) == (1 if "Metrics" in one else 0)


def test_a_rate_is_reckoned_only_of_enough() -> None:
    (drop,) = [one for one in alarms(TARGET) if one.rule is Rule.SUCCESS_RATE_DROP]
    assert drop.reckoned[-1]["Expression"] == (
        "IF(opened >= 30 AND failed >= 1, 100 * failed / opened)"
    )
    spike = next(one for one in alarms(TARGET) if one.rule is Rule.DECLINE_SPIKE)
    assert "failed >= 20" in spike.reckoned[-1]["Expression"]


def test_only_the_silence_of_a_sink_rings() -> None:
    breaching = [one.rule for one in alarms(TARGET) if one.missing == "breaching"]
    assert breaching == [Rule.SINK_LAG]


def test_what_is_off_or_not_sent_has_no_alarm() -> None:
    off = replace(
        LIMITS,
        success_drop_percent=0,
        decline_count_min=0,
        latency_ms_max=0,
        unknown_outcomes_min=0,
        recovery_lag_ms_max=0,
        review_backlog_min=0,
        fraud_alerts_min=0,
        sink_lag_ms_max=0,
    )
    assert alarms(replace(TARGET, thresholds=off)) == []
    assert left_out(TARGET) == []
    plain = replace(TARGET, sets=parse_sets("none"))
    assert Rule.DECLINE_SPIKE not in {one.rule for one in alarms(plain)}
    assert len(left_out(plain)) == 1
    split = replace(TARGET, sets=parse_sets("gateway"))
    levels = {
        Rule.UNKNOWN_OUTCOMES, Rule.RECOVERY_LAG, Rule.REVIEW_BACKLOG, Rule.FRAUD_ALERTS,
        Rule.SINK_LAG,
    }  # fmt: skip
    assert {one.rule for one in alarms(split)} == levels
    assert len(left_out(split)) == 2


def test_the_dashboard_keeps_to_the_grid_and_the_limits() -> None:
    body = dashboard(TARGET)
    taken: set[tuple[int, int]] = set()
    metrics = 0
    for widget in body["widgets"]:
        assert widget["x"] + widget["width"] <= COLUMNS
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        taken |= cells
        lines = widget["properties"].get("metrics", [])
        assert len(lines) <= WIDGET_METRICS_MAX
        metrics += len(lines)
        for line in lines:
            if not isinstance(line[0], dict):
                metric = NAMES[line[1]]
                names = line[2:-1:2]
                assert {cloudwatch_name(name) for name in metric.always} <= set(names)
    assert metrics <= DASHBOARD_METRICS_MAX
    assert len(json.dumps(body).encode()) < 1_000_000


def test_a_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(Misconfigured) as refused:
        compare(replace(TARGET, prefix="p" * 250), NOTHING)
    assert refused.value.code == "cloudwatch_name_too_long"


def test_an_alarm_that_changed_its_form_differs() -> None:
    wanted = definition(TARGET, alarms(TARGET)[0])
    other = {**wanted, "MetricName": "Other", "Metrics": []}
    present = replace(
        NOTHING, alarms={wanted["AlarmName"]: other}, owned=frozenset({wanted["AlarmName"]})
    )
    found = next(one for one in compare(TARGET, present) if one.name == wanted["AlarmName"])
    assert found.action is Action.UPDATE
    assert {one.field for one in found.differences} == {"MetricName", "Metrics"}
