"""Alerts on metrics over HTTP: listed by the page, acknowledged by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest

from paykeel.api.metric_alert_documents import MetricAlert, MetricAlertList
from paykeel.api.metric_alert_openapi import ACKNOWLEDGE, ALERTS
from tests.acceptance.api.kit import Api, problem_of

if TYPE_CHECKING:
    import httpx

    from tests.servers import Urls

PATH = "/v1/metrics/alerts"


@pytest.fixture
async def alerted(api: Api, urls: Urls) -> Api:
    """A merchant with three open alerts."""
    connection = await asyncpg.connect(urls.app)
    try:
        await connection.execute(
            "INSERT INTO metric_alerts (merchant_id, alert_id, rule, dedupe_key, status, facts,"
            " opened_at, last_at) SELECT $1, ('01a1f3c5-7a30-7d2a-8c4b-00000000000' || n)::uuid,"
            " 'decline_spike', 'decline_spike:reason_' || n, 'open', '{\"failed\": 21}', now(),"
            " now() FROM generate_series(1, 3) n",
            api.merchant_id,
        )
    finally:
        await connection.close()
    return api


async def acknowledge(api: Api, alert_id: str, author: object = "ann") -> httpx.Response:
    answer: httpx.Response = await api.post(f"{PATH}/{alert_id}/acknowledge", {"author": author})
    return answer


async def listed(api: Api, **parameters: str) -> dict[str, Any]:
    answer = await api.read(PATH, **parameters)
    assert answer.status_code == 200, answer.text
    MetricAlertList.model_validate(answer.json())
    document: dict[str, Any] = answer.json()
    return document


async def test_alerts_are_listed_newest_first_by_the_page(alerted: Api) -> None:
    page = await listed(alerted, limit="2")
    assert [one["subject"] for one in page["data"]] == ["reason_3", "reason_2"]
    rest = await listed(alerted, limit="2", cursor=page["next_cursor"])
    assert [one["subject"] for one in rest["data"]] == ["reason_1"]
    assert rest["next_cursor"] is None
    alert = rest["data"][0]
    assert (alert["object"], alert["rule"], alert["status"]) == (
        "metric_alert", "decline_spike", "open",
    )  # fmt: skip
    assert (alert["facts"], alert["resolved_at"]) == ({"failed": 21}, None)


async def test_a_person_acknowledges_once(alerted: Api) -> None:
    alert = (await listed(alerted))["data"][0]
    done = await acknowledge(alerted, alert["id"])
    assert done.status_code == 200
    document = done.json()
    MetricAlert.model_validate(document)
    assert (document["status"], document["acknowledged_by"]) == ("acknowledged", "ann")
    assert (await acknowledge(alerted, alert["id"])).json() == document
    problem_of(await acknowledge(alerted, alert["id"], "ben"), 409, "alert_acknowledged")
    assert len((await listed(alerted, status="open"))["data"]) == 2
    assert (await listed(alerted, status="acknowledged"))["data"] == [document]


async def test_what_is_wrong_is_named(alerted: Api) -> None:
    alert_id = (await listed(alerted))["data"][0]["id"]
    problem_of(await alerted.post(f"{PATH}/{alert_id}/acknowledge", {}), 422, "field_required")
    problem_of(await acknowledge(alerted, alert_id, ""), 422, "text_empty")
    problem_of(await acknowledge(alerted, alert_id, "x" * 101), 422, "text_too_long")
    surplus = {"author": "ann", "note": "x"}
    answer = await alerted.post(f"{PATH}/{alert_id}/acknowledge", surplus)
    problem_of(answer, 422, "field_unknown")
    for nobodys in (str(uuid4()), "seventeen", alert_id.upper()):
        problem_of(await acknowledge(alerted, nobodys), 404, "not_found")
    problem_of(await alerted.read(PATH, status="closed"), 422, "choice_unknown")
    problem_of(await alerted.read(PATH, cursor="x"), 422, "cursor_malformed")


def test_the_examples_are_documents() -> None:
    page = ALERTS["responses"]["200"]["content"]["application/json"]["examples"]["page"]["value"]
    MetricAlertList.model_validate(page)
    seen = ACKNOWLEDGE["responses"]["200"]["content"]["application/json"]["examples"]
    MetricAlert.model_validate(seen["acknowledged"]["value"])
