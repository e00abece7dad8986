"""Metrics over HTTP: every answer as documented, its parameters checked, nobody else's figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from paykeel.api import metrics_documents as documents
from paykeel.api.metrics_openapi import PARAMETERS
from paykeel.metrics.periods import POINTS_MAX
from tests.acceptance.api.kit import Api, problem_of

if TYPE_CHECKING:
    from pydantic import BaseModel

PATH = "/v1/metrics"
MODELS: dict[str, type[BaseModel]] = {
    "summary": documents.MetricsSummary,
    "timeseries": documents.MetricsTimeseries,
    "failures": documents.MetricsFailures,
    "latency": documents.MetricsLatency,
    "revenue": documents.MetricsRevenue,
    "fraud": documents.MetricsFraud,
}


@pytest.fixture
async def shop(api: Api) -> Api:
    for method, currency in (
        ("pm_ok", "EUR"),
        ("pm_ok", "JPY"),
        ("pm_card_declined", "EUR"),
    ):
        await api.buy(payment_method=method, currency=currency)
    await api.paykeel.stopwatch.flush()
    return api


async def told(api: Api, kind: str, **parameters: str) -> dict[str, Any]:
    answer = await api.read(f"{PATH}/{kind}", **parameters)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    checked = MODELS[kind].model_validate(document)
    assert set(document) == set(type(checked).model_fields)
    return document


async def test_every_answer_has_the_documented_fields_and_its_formulas(shop: Api) -> None:
    for kind in MODELS:
        document = await told(shop, kind)
        assert document["object"] == f"metrics_{kind}"
        assert document["formulas"]
        assert document["as_of"] < document["period"]["until"]
        assert document["comparison"]["until"] == document["period"]["since"]


async def test_the_figures_are_those_of_the_purchases(shop: Api) -> None:
    summary = await told(shop, "summary")
    assert summary["success"]["per_attempt"]["rate_bp"] == 6_667
    assert summary["success"]["per_attempt"]["wilson_low_bp"] == 2_076
    assert {one["currency"]: one["net"] for one in summary["revenue"]} == {
        "EUR": 1_250,
        "JPY": 1_250,
    }
    failures = await told(shop, "failures", group_by="currency")
    assert [one["reason"] for one in failures["reasons"]] == ["card_declined"]
    assert {one["group"]: one["failure"]["numerator"] for one in failures["groups"]} == {
        "EUR": 1,
        "JPY": 0,
    }
    latency = await told(shop, "latency")
    assert latency["stages"]["purchase"]["count"] == 3
    revenue = await told(shop, "revenue", reference="true", currency="JPY")
    assert revenue["reference"]["currency"] == "EUR"
    assert [one["currency"] for one in revenue["revenue"]] == ["JPY"]
    chart = await told(shop, "timeseries", since="2h", interval="minute", group_by="currency")
    assert {line["group"] for line in chart["series"]} == {"EUR", "JPY"}
    assert all(len(line["points"]) == POINTS_MAX for line in chart["series"])


@pytest.mark.parametrize(
    ("kind", "parameters", "field", "code"),
    [
        ("timeseries", {"since": "3h", "interval": "minute"}, "interval", "too_many_points"),
        ("summary", {"since": "soon"}, "since", "moment_malformed"),
        ("summary", {"since": "1990-01-01"}, "since", "moment_out_of_range"),
        ("summary", {"until": "2020-01-01", "since": "2020-01-02"}, "since", "period_empty"),
        ("summary", {"since": "2000-01-01"}, "since", "period_too_long"),
        ("summary", {"time_zone": "Mars"}, "time_zone", "time_zone_unknown"),
        ("summary", {"role": "clerk"}, "role", "choice_unknown"),
        ("summary", {"currency": "XYZ"}, "currency", "currency_unknown"),
        ("summary", {"gateway": ",".join("abcdefghijklmnopqrstu")}, "gateway", "filter_too_long"),
        ("summary", {"group_by": "reason"}, "group_by", "choice_unknown"),
        ("summary", {"interval": "day"}, "interval", "field_unknown"),
        ("latency", {"currency": "EUR"}, "currency", "field_unknown"),
        ("revenue", {"reference": "yes"}, "reference", "boolean_required"),
        ("revenue", {"reference": "true", "since": "400d"}, "since", "period_too_long"),
        ("fraud", {"group_by": "role"}, "group_by", "field_unknown"),
    ],
)
async def test_a_wrong_parameter_is_told(
    api: Api, kind: str, parameters: dict[str, str], field: str, code: str
) -> None:
    answer = await api.read(f"{PATH}/{kind}", **parameters)
    assert problem_of(answer, 422, code)["field"] == field


async def test_every_parameter_is_taken(api: Api) -> None:
    given = {
        "since": "2026-11-01",
        "until": "2026-11-02T00:00:00+01:00",
        "time_zone": "Asia/Kolkata",
        "role": "agent,operator",
        "currency": "EUR,JPY",
        "gateway": "placeholder",
        "group_by": "role",
        "interval": "hour",
        "reference": "true",
    }
    for kind, names in PARAMETERS.items():
        document = await told(api, kind, **{name: given[name] for name in names})
        assert document["time_zone"] == "Asia/Kolkata"
        assert document["period"] == {
            "since": "2026-10-31T18:30:00.000000Z",
            "until": "2026-11-01T23:00:00.000000Z",
        }


async def test_a_merchant_sees_only_its_own(shop: Api) -> None:
    other = await shop.other()
    summary = await told(other, "summary")
    assert (summary["purchases"]["begun"], summary["revenue"]) == (0, [])
    lacking = await shop.other(["payments:read"], same=True)
    for kind in MODELS:
        assert (await lacking.read(f"{PATH}/{kind}")).status_code == 403
