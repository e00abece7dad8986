"""Alerts over HTTP: listed by the page, acknowledged by a person, and nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from paykeel.api.fraud_alert_documents import FraudAlert, FraudAlertList
from paykeel.api.fraud_alert_openapi import ACKNOWLEDGE, ALERTS
from tests.acceptance.api.kit import Api, problem_of

if TYPE_CHECKING:
    import httpx

CODES = ("quote_amount_differs", "quote_currency_differs", "quote_items_differ")
PATH = "/v1/fraud/alerts"


@pytest.fixture
async def alerted(api: Api) -> Api:
    """A merchant with three open alerts."""
    for code in CODES:
        await api.paykeel.refusals.write(api.merchant_id, code, {"code": code, "amount": 5})
        await api.paykeel.alerts.look()
    return api


async def acknowledge(api: Api, alert_id: str, author: object = "ann") -> httpx.Response:
    answer: httpx.Response = await api.post(f"{PATH}/{alert_id}/acknowledge", {"author": author})
    return answer


async def listed(api: Api, **parameters: str) -> dict[str, Any]:
    answer = await api.read(PATH, **parameters)
    assert answer.status_code == 200, answer.text
    FraudAlertList.model_validate(answer.json())
    document: dict[str, Any] = answer.json()
    return document


async def test_alerts_are_listed_newest_first_by_the_page(alerted: Api) -> None:
    page = await listed(alerted, limit="2")
    assert [one["reason"] for one in page["data"]] == [CODES[2], CODES[1]]
    rest = await listed(alerted, limit="2", cursor=page["next_cursor"])
    assert [one["reason"] for one in rest["data"]] == [CODES[0]]
    assert rest["next_cursor"] is None
    alert = rest["data"][0]
    assert (alert["object"], alert["kind"], alert["status"]) == (
        "fraud_alert",
        "amount_tampering",
        "open",
    )
    assert alert["count"] == 1
    assert alert["facts"]["newest"] == [{"code": CODES[0], "amount": 5}]


async def test_a_person_acknowledges_once(alerted: Api) -> None:
    alert = (await listed(alerted))["data"][0]
    done = await acknowledge(alerted, alert["id"])
    assert done.status_code == 200
    document = done.json()
    FraudAlert.model_validate(document)
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
    problem_of(await acknowledge(alerted, alert_id, 7), 422, "text_required")
    surplus = {"author": "ann", "note": "x"}
    answer = await alerted.post(f"{PATH}/{alert_id}/acknowledge", surplus)
    problem_of(answer, 422, "field_unknown")
    problem_of(await acknowledge(alerted, str(uuid4())), 404, "not_found")
    problem_of(await acknowledge(alerted, "nonsense"), 404, "not_found")
    problem_of(await acknowledge(alerted, alert_id.upper()), 404, "not_found")
    for parameters, code in (
        ({"status": "closed"}, "choice_unknown"),
        ({"cursor": "x"}, "cursor_malformed"),
        ({"limit": "101"}, "limit_out_of_range"),
        ({"kind": "card_testing"}, "field_unknown"),
    ):
        problem_of(await alerted.read(PATH, **parameters), 422, code)


async def test_rights_and_merchants_are_kept_apart(alerted: Api) -> None:
    alert_id = (await listed(alerted))["data"][0]["id"]
    reader = await alerted.other(["fraud:read"], same=True)
    assert (await reader.read(PATH)).status_code == 200
    problem_of(await acknowledge(reader, alert_id), 403, "forbidden")
    shop = await alerted.other(["payments:read", "purchases:write"], same=True)
    problem_of(await shop.read(PATH), 403, "forbidden")
    stranger = await alerted.other()
    assert (await listed(stranger))["data"] == []
    problem_of(await acknowledge(stranger, alert_id), 404, "not_found")


async def test_it_is_described(api: Api) -> None:
    paths = (await api.http.get("/v1/openapi.json")).json()["paths"]
    shown = paths[PATH]["get"]
    assert shown["responses"]["200"] == ALERTS["responses"]["200"]
    assert (
        paths[f"{PATH}/{{alert_id}}/acknowledge"]["post"]["requestBody"]
        == (ACKNOWLEDGE["requestBody"])
    )
