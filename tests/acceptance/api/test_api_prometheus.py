"""``GET /metrics``: closed unless it is on, and to whoever shows nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from paykeel import Paykeel
from tests.acceptance.api.kit import Api, calling, problem_of
from tests.conftest import settings_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.servers import Urls

TOKEN = "a-token-of-at-least-32-characters"


@pytest.fixture
async def scraped(urls: Urls) -> AsyncIterator[Api]:
    """The API, with Prometheus on."""
    settings = settings_for(
        urls,
        metrics_sinks="prometheus",
        metrics_prometheus_token=TOKEN,
        metrics_test_mode=True,
        metrics_dimensions="none,gateway",
    )
    async with Paykeel.open(settings) as paykeel, calling(paykeel) as opened:
        yield opened


def parsed(answer: httpx.Response) -> dict[str, float]:
    """The sums of every sample by its name, over all labels but those of histograms."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if "le" not in sample.labels:
                sums[sample.name] = sums.get(sample.name, 0) + sample.value
    return sums


async def scrape(api: Api, secret: str) -> httpx.Response:
    return await api.http.get("/metrics", headers={"Authorization": f"Bearer {secret}"})


async def test_it_says_what_was_bought(scraped: Api) -> None:
    for method in ("pm_ok", "pm_ok", "pm_insufficient_funds"):
        await scraped.buy(payment_method=method)
    await scraped.paykeel.stopwatch.flush()
    found = parsed(await scrape(scraped, TOKEN))
    assert found["paykeel_purchases_opened_total"] == 3
    assert found["paykeel_merchants_omitted"] == 0
    assert found["paykeel_purchases_succeeded_total"] == 2
    assert found["paykeel_purchases_failed_total"] == 1
    assert found["paykeel_amount_captured_minor_units_total"] == 2_500
    assert found["paykeel_latency_seconds_count"] >= 3
    assert found["paykeel_review_backlog"] == 0


async def test_a_key_shows_its_own_merchant_and_no_gauge(scraped: Api) -> None:
    other = await scraped.other()
    await scraped.buy()
    await other.buy()
    await other.buy()
    assert parsed(await scrape(scraped, scraped.secret))["paykeel_purchases_opened_total"] == 1
    theirs = parsed(await scrape(scraped, other.secret))
    assert theirs["paykeel_purchases_opened_total"] == 2
    assert "paykeel_review_backlog" not in theirs
    assert parsed(await scrape(scraped, TOKEN))["paykeel_purchases_opened_total"] == 3


async def test_it_is_closed_to_whoever_shows_nothing(scraped: Api) -> None:
    problem_of(await scraped.http.get("/metrics"), 401, "unauthenticated")
    problem_of(await scrape(scraped, TOKEN[:-1]), 401, "unauthenticated")
    problem_of(await scrape(scraped, ""), 401, "unauthenticated")
    blind = await scraped.other(["payments:read"], same=True)
    problem_of(await scrape(scraped, blind.secret), 403, "forbidden")


async def test_it_is_not_there_unless_it_is_on(api: Api) -> None:
    problem_of(await scrape(api, api.secret), 404, "not_found")


async def test_counters_never_go_down(scraped: Api) -> None:
    last = 0.0
    for _ in range(3):
        await scraped.buy()
        now = parsed(await scrape(scraped, TOKEN))["paykeel_purchases_succeeded_total"]
        assert now == last + 1
        last = now
