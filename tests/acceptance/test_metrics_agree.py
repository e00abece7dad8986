"""One truth: a terminal, an endpoint, CloudWatch, Prometheus and the payments say the same."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from paykeel import Paykeel
from tests.acceptance.api.kit import Api, calling
from tests.acceptance.cli import Cli, environment
from tests.cloudwatch_server import CloudWatchServer, cloudwatch, cloudwatch_server
from tests.conftest import settings_for
from tests.metric_sinks import told_sums

if TYPE_CHECKING:
    import asyncpg

    from tests.servers import Urls

__all__ = ["cloudwatch", "cloudwatch_server"]

TOKEN = "a-token-of-at-least-32-characters"
METHODS = ("pm_ok",) * 5 + ("pm_insufficient_funds",) * 2 + ("pm_card_declined",)


async def trade(api: Api) -> None:
    """Buy, fail to buy, and give some of it back."""
    bought = [
        await api.buy(payment_method=method, amount=1_000 + number)
        for number, method in enumerate(METHODS)
    ]
    first = bought[0].json()["id"]
    answer = await api.post(
        f"/v1/payments/{first}/refunds",
        {"amount": 333, "reason": "requested_by_buyer", "requested_by": "Ada Lindqvist"},
    )
    assert answer.status_code == 201, answer.text


def of_answer(document: dict[str, Any]) -> dict[str, int]:
    """The sums of a summary."""
    purchases, (revenue,) = document["purchases"], document["revenue"]
    return {
        "purchases_opened": purchases["begun"],
        **{f"purchases_{name}": purchases[name] for name in ("succeeded", "failed")},
        "amount_captured": revenue["gross"],
        "amount_refunded": revenue["refunds"],
    }


def of_prometheus(text: str) -> dict[str, int]:
    """The sums of a scrape, of the series without any dimension."""
    found = {
        sample.name: int(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }
    names = {
        **{name: f"paykeel_{name}_total" for name in ("purchases_opened", "purchases_succeeded")},
        "purchases_failed": "paykeel_purchases_failed_total",
        **{
            name: f"paykeel_{name}_minor_units_total"
            for name in ("amount_captured", "amount_refunded")
        },
    }
    return {name: found[there] for name, there in names.items()}


async def test_every_place_says_the_same(
    urls: Urls,
    owner: asyncpg.Connection,
    cloudwatch: Any,
    cloudwatch_server: CloudWatchServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in cloudwatch_server.environment.items():
        monkeypatch.setenv(name, value)
    settings = settings_for(
        urls,
        metrics_sinks="cloudwatch,prometheus",
        metrics_prometheus_token=TOKEN,
        metrics_dimensions="none",
        metrics_test_mode=True,
        metrics_sink_backfill_minutes=60,
        metrics_sink_timeout_ms=30_000,
    )
    async with Paykeel.open(settings) as paykeel, calling(paykeel) as api:
        await trade(api)
        # CloudWatch is told of minutes that are complete, and these are made so.
        await owner.execute("UPDATE payment_metrics SET bucket = bucket - interval '5 minutes'")
        for _ in range(20):
            if not await paykeel.metric_sinks.run_once("cloudwatch"):
                break
        headers = {"Authorization": f"Bearer {TOKEN}"}
        scraped = of_prometheus((await api.http.get("/metrics", headers=headers)).text)
        asked = of_answer((await api.read("/v1/metrics/summary", since="1d")).json())
    cli = Cli(environment(urls))
    shown = await asyncio.to_thread(
        cli, "metrics", "summary", "--since", "1d", "--merchant", str(api.merchant_id), "--json"
    )
    sent = told_sums(cloudwatch, mode="test")
    books = await owner.fetchrow(
        "SELECT count(*), count(*) FILTER (WHERE status = 'succeeded'), "
        "count(*) FILTER (WHERE status = 'failed'), sum(amount_captured)::bigint, "
        "sum(amount_refunded)::bigint FROM payments"
    )
    assert books is not None
    wanted = dict(zip(asked, books.values(), strict=True))
    assert wanted == {
        "purchases_opened": 8, "purchases_succeeded": 5, "purchases_failed": 3,
        "amount_captured": 5_010, "amount_refunded": 333,
    }  # fmt: skip
    assert asked == wanted
    assert of_answer(shown.json) == wanted
    assert scraped == wanted
    assert {name: sent[name] for name in wanted} == wanted
