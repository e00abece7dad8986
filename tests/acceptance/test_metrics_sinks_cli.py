"""``paykeel metrics sinks`` and ``cost``, and what ``doctor`` says, as a person runs them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from paykeel import Paykeel
from tests.acceptance.cli import Cli, environment
from tests.conftest import settings_for
from tests.database.test_metric_sending import put_days
from tests.metric_sinks import minutes_ago, put_minute
from tests.unit.metric_sinks.test_emf import read

if TYPE_CHECKING:
    from tests.servers import Urls


@pytest.fixture
def cli(urls: Urls) -> Cli:
    """The command line, with lines on standard output as its sink."""
    sink = {"PAYKEEL_METRICS_SINKS": "emf", "PAYKEEL_METRICS_SINK_BACKFILL_MINUTES": "60"}
    return Cli(environment(urls, **sink))


def sell(urls: Urls) -> None:
    """Count something half an hour ago, and feed the sink once by a worker that failed before."""

    async def run() -> None:
        async with Paykeel.open(settings_for(urls)) as paykeel:
            merchant = await paykeel.merchants.create("Harbour Market", "live")
        owner = await asyncpg.connect(urls.owner)
        at = minutes_ago(30)
        await put_minute(owner, merchant.merchant_id, at, count=3, captured=4_500)
        await put_minute(owner, merchant.merchant_id, at, outcome="failed", reason="other")
        await owner.close()

    asyncio.run(run())


def test_a_worker_writes_lines_and_says_how_far_it_is(urls: Urls, cli: Cli) -> None:
    sell(urls)
    assert "not begun" in cli("metrics", "sinks").out
    cli.environment["PAYKEEL_METRICS_SINK_INTERVAL_MS"] = "200"
    worker = cli.start("worker")
    lines: list[str] = []
    assert worker.stdout is not None
    # Seven of the minutes, by none, gateway and reason, and one sample of gauges.
    while not any("AmountCaptured" in line for line in lines) or not any(
        "RecoveryLag" in line for line in lines
    ):
        lines.append(worker.stdout.readline().decode())
        assert lines[-1], "the worker ended"
    worker.terminate()
    worker.communicate(timeout=30)
    found = read("".join(lines))
    (amount,) = {
        one["AmountCaptured"] for one in found if "AmountCaptured" in one and "Gateway" not in one
    }
    assert amount == 4_500
    (state,) = cli("metrics", "sinks", "--json").json["sinks"]
    assert (state["sink"], state["on"], state["failures"]) == ("emf", True, 0)
    assert state["datums_sent"] >= 9
    assert state["datums_dropped"] == 0
    shown = cli("metrics", "sinks")
    assert shown.code == 0
    assert "emf" in shown.out
    findings = {one["what"]: one for one in cli("doctor", "--json").json["findings"]}
    assert findings["metrics, emf"]["state"] == "ok"
    assert "0 dropped" in findings["metrics, emf"]["found"]


def test_more_series_than_the_budget_are_told(urls: Urls, cli: Cli) -> None:
    async def grow() -> None:
        async with Paykeel.open(settings_for(urls)) as paykeel:
            merchant = await paykeel.merchants.create("Harbour Market", "live")
        owner = await asyncpg.connect(urls.owner)
        await put_days(owner, merchant.merchant_id, 80)
        await owner.close()

    found = {one["what"]: one for one in cli("doctor", "--json").json["findings"]}
    assert found["metrics, series"]["state"] == "ok"
    asyncio.run(grow())
    found = {one["what"]: one for one in cli("doctor", "--json").json["findings"]}
    assert found["metrics, series"]["state"] == "warn"
    assert "500 are allowed" in found["metrics, series"]["found"]
    shown = cli("metrics", "cost", "--measured")
    assert "allows 500 series: they are sent all the same" in shown.out


def test_a_sink_that_fails_is_told(urls: Urls, cli: Cli) -> None:
    async def fail() -> None:
        owner = await asyncpg.connect(urls.owner)
        await owner.execute(
            "INSERT INTO metric_sinks (sink, started_at, prepared_to, compared_to, failures, "
            "last_on_at, last_error, batches_uncertain) "
            "SELECT 'emf', at, at, at, 3, at, 'OSError: gone', 2 FROM (SELECT now() AS at) one"
        )
        await owner.close()

    asyncio.run(fail())
    shown = cli("metrics", "sinks")
    assert shown.code == 1
    assert "OSError: gone" in shown.out
    findings = {one["what"]: one for one in cli("doctor", "--json").json["findings"]}
    seen = findings["metrics, emf"]
    assert seen["state"] == "warn"
    assert "3 failures in a row: OSError: gone" in seen["found"]
    assert "2 batches uncertain" in seen["found"]


def test_without_a_sink_nothing_is_sent(urls: Urls, cli: Cli) -> None:
    shown = cli("metrics", "sinks", PAYKEEL_METRICS_SINKS="")
    assert (shown.code, "No sink is on" in shown.out) == (0, True)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"PAYKEEL_METRICS_DIMENSIONS": "buyer_id"}, "metric_dimension_personal"),
        ({"PAYKEEL_METRICS_SERIES_MAX": "10"}, "metric_budget_exceeded"),
        ({"PAYKEEL_METRICS_SINKS": "statsd"}, "metric_sink_unknown"),
    ],
)
def test_what_cannot_be_meant_does_not_start(
    urls: Urls, cli: Cli, changes: dict[str, str], code: str
) -> None:
    done = Cli({**cli.environment, **changes})("metrics", "sinks", "--json")
    assert done.code == 3
    assert done.json["error"]["code"] == code


def bill(cli: Cli, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("metrics", "cost", "--json", *words).out)
    return found


def test_a_bill_is_estimated_before_it_is_paid(urls: Urls, cli: Cli) -> None:
    plain = bill(cli, "--dimensions", "none", "--currencies", "1")
    assert plain["series"] == 19
    assert plain["usd"] == {
        "series": "5.70",
        "requests": "0.86",
        "alarms": "1.00",
        "dashboards": "3.00",
        "total": "10.56",
    }
    other = bill(
        cli, "--dimensions", "none", "--currencies", "1", "--metric-usd", "1", "--alarms", "0",
        "--dashboards", "2", "--dashboard-usd", "0.5", "--requests-usd", "0",
    )  # fmt: skip
    assert other["usd"]["total"] == "20.00"
    wide = bill(cli, "--dimensions", "merchant+reason", "--merchants", "100")
    assert wide["series"] > wide["series_max"]
    shown = cli("metrics", "cost", "--dimensions", "merchant+reason", "--merchants", "100")
    assert "Paykeel would not start" in shown.out


def test_a_bill_can_be_measured(urls: Urls, cli: Cli) -> None:
    sell(urls)
    assert bill(cli, "--measured", "--dimensions", "none")["series"] == 19
