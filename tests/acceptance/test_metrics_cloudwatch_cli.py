"""`paykeel metrics cloudwatch`, against the stand-in: what is created, kept, changed and left."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.cli import Cli, environment, free_port
from tests.cloudwatch_server import CloudWatchServer, cloudwatch, cloudwatch_server

if TYPE_CHECKING:
    from tests.servers import Urls

__all__ = ["cloudwatch", "cloudwatch_server"]

TOPIC = "arn:aws:sns:eu-central-1:123456789012:on-call"
#: Five levels, three stages, the failed share, and one for each reason of the closed list.
ALARMS = 5 + 3 + 1 + 17


@pytest.fixture
def cli(urls: Urls, cloudwatch_server: CloudWatchServer) -> Cli:
    return Cli(
        environment(
            urls,
            **cloudwatch_server.environment,
            PAYKEEL_METRICS_SINKS="cloudwatch",
            PAYKEEL_METRICS_CLOUDWATCH_ALARM_ACTIONS=TOPIC,
        )
    )


def run(cli: Cli, verb: str, code: int = 0, **changes: Any) -> dict[str, Any]:
    done = cli("metrics", "cloudwatch", verb, "--json", **changes)
    assert done.code == code, done.err
    found: dict[str, Any] = done.json
    return found


def actions(document: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for item in document["items"]:
        found[item["action"]] = found.get(item["action"], 0) + 1
    return found


def alarms_of(cloudwatch: Any) -> dict[str, dict[str, Any]]:
    pages = cloudwatch.get_paginator("describe_alarms").paginate()
    return {one["AlarmName"]: one for page in pages for one in page["MetricAlarms"]}


def test_a_plan_changes_nothing_and_an_apply_is_done_once(cli: Cli, cloudwatch: Any) -> None:
    assert actions(run(cli, "plan")) == {"create": ALARMS + 1}
    assert alarms_of(cloudwatch) == {}
    assert cloudwatch.list_dashboards()["DashboardEntries"] == []
    assert actions(run(cli, "diff", 1)) == {"create": ALARMS + 1}
    assert actions(run(cli, "apply")) == {"create": ALARMS + 1}
    made = alarms_of(cloudwatch)
    assert len(made) == ALARMS
    assert actions(run(cli, "apply")) == {"nothing": ALARMS + 1}
    assert alarms_of(cloudwatch) == made
    assert run(cli, "diff")["items"] == []
    shown = cli("metrics", "cloudwatch", "plan")
    assert f"{ALARMS + 1} as they should be" in shown.out


def test_the_alarms_are_those_of_the_catalogue(cli: Cli, cloudwatch: Any) -> None:
    run(cli, "apply", PAYKEEL_METRICS_ALERT_REVIEW_BACKLOG_MIN="7")
    made = alarms_of(cloudwatch)
    backlog = made["paykeel-live-review-backlog"]
    assert backlog["Threshold"] == 7
    assert (backlog["Namespace"], backlog["MetricName"]) == ("Paykeel", "ReviewBacklog")
    assert backlog["Dimensions"] == [{"Name": "Mode", "Value": "live"}]
    assert backlog["AlarmActions"] == backlog["OKActions"] == [TOPIC]
    lag = made["paykeel-live-sink-lag"]
    assert lag["Dimensions"] == [{"Name": "Sink", "Value": "cloudwatch"}]
    assert (lag["TreatMissingData"], backlog["TreatMissingData"]) == ("breaching", "ignore")
    slow = made["paykeel-live-latency-p95-gateway"]
    assert (slow["ExtendedStatistic"], slow["Threshold"]) == ("p95", 5_000_000)
    spike = made["paykeel-live-decline-spike-gateway-unavailable"]
    stats = [one["MetricStat"]["Metric"] for one in spike["Metrics"] if "MetricStat" in one]
    assert [one["MetricName"] for one in stats] == ["PurchasesOpened", "PurchasesFailed"]
    assert {"Name": "Reason", "Value": "gateway_unavailable"} in stats[1]["Dimensions"]
    tags = cloudwatch.list_tags_for_resource(ResourceARN=lag["AlarmArn"])["Tags"]
    assert tags == [{"Key": "paykeel:prefix", "Value": "paykeel"}]
    body = json.loads(cloudwatch.get_dashboard(DashboardName="paykeel-live")["DashboardBody"])
    assert "paykeel metrics cloudwatch apply" in body["widgets"][0]["properties"]["markdown"]
    assert all(one["properties"]["region"] == "eu-central-1" for one in body["widgets"][1:])


def test_what_was_changed_by_hand_is_shown_and_changed_back(cli: Cli, cloudwatch: Any) -> None:
    run(cli, "apply")
    before = alarms_of(cloudwatch)
    name = "paykeel-live-recovery-lag"
    kept = {
        key: value
        for key, value in before[name].items()
        if key
        in {
            "AlarmName", "AlarmDescription", "Namespace", "MetricName", "Dimensions", "Period",
            "Statistic", "EvaluationPeriods", "DatapointsToAlarm", "ComparisonOperator",
            "TreatMissingData",
        }
    }  # fmt: skip
    cloudwatch.put_metric_alarm(**{**kept, "Threshold": 9_999})
    cloudwatch.delete_alarms(AlarmNames=["paykeel-live-review-backlog"])
    body = json.loads(cloudwatch.get_dashboard(DashboardName="paykeel-live")["DashboardBody"])
    body["widgets"][2]["properties"]["title"] = "Mine"
    cloudwatch.put_dashboard(DashboardName="paykeel-live", DashboardBody=json.dumps(body))
    found = {one["name"]: one for one in run(cli, "diff", 1)["items"]}
    assert {name: one["action"] for name, one in found.items()} == {
        name: "update", "paykeel-live-review-backlog": "create", "paykeel-live": "update",
    }  # fmt: skip
    assert {one["field"] for one in found[name]["differences"]} == {
        "Threshold", "AlarmActions", "OKActions",
    }  # fmt: skip
    shown = cli("metrics", "cloudwatch", "diff")
    assert shown.code == 1
    assert "      - 9999.0\n      + 60\n" in shown.out
    run(cli, "apply")
    assert actions(run(cli, "plan")) == {"nothing": ALARMS + 1}


def test_a_rule_that_is_off_loses_its_alarm(cli: Cli, cloudwatch: Any) -> None:
    run(cli, "apply")
    off: dict[str, Any] = {"PAYKEEL_METRICS_ALERT_REVIEW_BACKLOG_MIN": "0"}
    assert actions(run(cli, "plan", **off)) == {"delete": 1, "nothing": ALARMS}
    run(cli, "apply", **off)
    assert "paykeel-live-review-backlog" not in alarms_of(cloudwatch)
    assert len(alarms_of(cloudwatch)) == ALARMS - 1


def test_what_was_not_made_here_is_left_alone(cli: Cli, cloudwatch: Any) -> None:
    simple = {
        "Namespace": "Theirs", "MetricName": "m", "Period": 60, "Statistic": "Sum",
        "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold",
    }  # fmt: skip
    # One of them begins like ours, the other has a name that we would use.
    for name in ("paykeel-live-theirs", "paykeel-live-fraud-alerts"):
        cloudwatch.put_metric_alarm(AlarmName=name, **simple)
    assert actions(run(cli, "plan")) == {"foreign": 1, "create": ALARMS}
    refused = cli("metrics", "cloudwatch", "apply", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (5, "cloudwatch_not_ours")
    assert refused.json["error"]["data"]["names"] == ["paykeel-live-fraud-alerts"]
    assert {one["Namespace"] for one in alarms_of(cloudwatch).values()} == {"Theirs"}
    cloudwatch.delete_alarms(AlarmNames=["paykeel-live-fraud-alerts"])
    run(cli, "apply")
    assert alarms_of(cloudwatch)["paykeel-live-theirs"]["Namespace"] == "Theirs"
    assert actions(run(cli, "apply")) == {"nothing": ALARMS + 1}


def test_a_dashboard_of_somebody_else_is_left_alone(cli: Cli, cloudwatch: Any) -> None:
    theirs = json.dumps({"widgets": []})
    cloudwatch.put_dashboard(DashboardName="paykeel-live", DashboardBody=theirs)
    refused = cli("metrics", "cloudwatch", "apply", "--json")
    assert refused.json["error"]["data"]["names"] == ["paykeel-live"]
    assert cloudwatch.get_dashboard(DashboardName="paykeel-live")["DashboardBody"] == theirs
    assert alarms_of(cloudwatch) == {}
    # Another prefix has names of its own, and nothing of the first.
    other: dict[str, Any] = {"PAYKEEL_METRICS_CLOUDWATCH_PREFIX": "shop-b"}
    assert actions(run(cli, "apply", **other)) == {"create": ALARMS + 1}
    assert all(name.startswith("shop-b-live-") for name in alarms_of(cloudwatch))


def test_what_cannot_be_meant_is_refused_before_anything_is_asked(cli: Cli) -> None:
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"PAYKEEL_METRICS_CLOUDWATCH_ALARM_ACTIONS": "on-call"}, "cloudwatch_actions_unusable"),
        (
            {"PAYKEEL_METRICS_CLOUDWATCH_ALARM_ACTIONS": ",".join([TOPIC] * 6)},
            "cloudwatch_actions_unusable",
        ),
        (
            {"AWS_ENDPOINT_URL_CLOUDWATCH": f"http://127.0.0.1:{free_port()}"},
            "cloudwatch_unavailable",
        ),
        ({"PAYKEEL_METRICS_CLOUDWATCH_PREFIX": "a b"}, "settings_invalid"),
    )
    for changes, code in wrong:
        done = cli("metrics", "cloudwatch", "plan", "--json", **changes)
        assert done.json["error"]["code"] == code, done.out
    del cli.environment["AWS_DEFAULT_REGION"]
    nowhere = cli("metrics", "cloudwatch", "plan", "--json")
    assert nowhere.json["error"]["code"] == "metric_sink_unusable"
    cli.environment["AWS_DEFAULT_REGION"] = "eu-central-1"
    test = cli("metrics", "cloudwatch", "plan", "--mode", "test", "--json")
    assert test.json["error"]["code"] == "cloudwatch_mode_not_sent"


def test_what_is_not_sent_has_no_alarm_and_is_said(cli: Cli, cloudwatch: Any) -> None:
    found = run(cli, "plan", PAYKEEL_METRICS_DIMENSIONS="none,gateway")
    assert actions(found) == {"create": ALARMS - 17 + 1}
    (left,) = found["left_out"]
    assert left.startswith("decline_spike: ")
    shown = cli(
        "metrics", "cloudwatch", "plan",
        PAYKEEL_METRICS_DIMENSIONS="gateway",
        PAYKEEL_METRICS_CLOUDWATCH_ALARM_ACTIONS="",
    )  # fmt: skip
    assert shown.out.count("Left out: ") == 2
    assert "These alarms tell nobody" in shown.out
