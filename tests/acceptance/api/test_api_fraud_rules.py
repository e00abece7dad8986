"""Rulesets, activations and lists over HTTP."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from paykeel.api import documents, fraud_openapi
from paykeel.clock import new_id
from tests.acceptance.api.kit import CARD, Api, problem_of

if TYPE_CHECKING:
    import asyncpg

RULESETS, ACTIVATIONS = "/v1/fraud/rulesets", "/v1/fraud/activations"
ITEMS = "/v1/fraud/lists/block/items"
APPLY = fraud_openapi.APPLIES["one_rule"]
ENTRY = fraud_openapi.ENTRIES["an_address"]
LIVE, SHADOW = fraud_openapi.ACTIVATES["live"], fraud_openapi.ACTIVATES["shadow"]


async def delete(api: Api, document: object) -> httpx.Response:
    headers = api.headers(None, **{"Content-Type": "application/json"})
    content = json.dumps(document)
    return await api.http.request("DELETE", ITEMS, content=content, headers=headers)


async def backtest(admin: asyncpg.Connection, api: Api, sha256: str) -> str:
    backtest_id = new_id()
    await admin.execute(
        """
        INSERT INTO fraud_backtests (
            merchant_id, backtest_id, ruleset, ruleset_sha256, since, until, decisions, report,
            created_by)
        VALUES ($1, $2, 'harbour_market', $3, now(), now(), 5, '{}', 'ann')
        """,
        api.merchant_id,
        backtest_id,
        bytes.fromhex(sha256),
    )
    return str(backtest_id)


def fits(kind: str, answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    """Return an answer, which has the documented fields and no other."""
    assert answer.status_code == status, answer.text
    document: dict[str, Any] = answer.json()
    model = getattr(documents, kind, None) or next(
        one for one in documents.ANSWERS if one.__name__ == kind
    )
    assert model.model_validate(document).model_extra == {}
    return document


async def test_a_ruleset_is_planned_and_stored_once(api: Api) -> None:
    plan = fits("FraudRulesetPlan", await api.post(f"{RULESETS}?plan=true", APPLY))
    nothing = await api.read(f"{RULESETS}/harbour_market/1")
    stored = fits("FraudRuleset", await api.post(RULESETS, APPLY), 201)
    again = fits("FraudRuleset", await api.post(RULESETS, APPLY))
    whole = fits("FraudRuleset", await api.read(f"{RULESETS}/harbour_market/1"))
    listed = fits("FraudRulesetList", await api.read(RULESETS))

    assert (plan["version_to"], plan["is_new"]) == (1, True)
    assert [rule["change"] for rule in plan["rules"]] == ["new"]
    problem_of(nothing, 404, "not_found")
    assert stored["version"] == again["version"] == whole["version"] == 1
    assert stored["sha256"] == plan["sha256"]
    assert whole["document"]["limits"] == {"buyer_daily_ref": 500000}
    assert [one["ruleset"] for one in listed["data"]] == ["harbour_market"]
    assert listed["shadow"] is None


async def test_every_mistake_of_a_ruleset_is_told(api: Api) -> None:
    wrong = {
        "ruleset": "wrong",
        "limits": {"a": -1},
        "rules": [{**fraud_openapi.DOCUMENT["rules"][0], "when": "true &&  payment.amout > 1"}],
    }
    answer = await api.post(RULESETS, {"author": "ann", "document": wrong})
    problem = problem_of(answer, 400, "ruleset_refused")
    told = {one["code"]: one for one in problem["mistakes"]}

    assert {"out_of_range", "expression_unknown_attribute"} <= set(told)
    assert told["expression_unknown_attribute"]["path"] == "rules[0].when"
    assert told["expression_unknown_attribute"]["column"] == 10


@pytest.mark.parametrize(
    ("path", "document", "status", "code", "field"),
    [
        (RULESETS, {"document": APPLY["document"]}, 422, "field_required", "author"),
        (RULESETS, {"author": "ann"}, 422, "field_required", "document"),
        (RULESETS, {"author": "ann", "document": []}, 422, "object_required", "document"),
        (RULESETS, {**APPLY, "more": 1}, 422, "field_unknown", "more"),
        (RULESETS, {**APPLY, "author": CARD}, 422, "card_number_refused", "author"),
        (f"{RULESETS}?plan=yes", APPLY, 422, "boolean_required", "plan"),
        (f"{RULESETS}?other=1", APPLY, 422, "field_unknown", "other"),
        (ACTIVATIONS, {**LIVE, "place": "off"}, 422, "choice_unknown", "place"),
        (ACTIVATIONS, {**LIVE, "version": "1"}, 422, "integer_required", "version"),
        (ACTIVATIONS, {**LIVE, "version": True}, 422, "integer_required", "version"),
        (ACTIVATIONS, {**LIVE, "ruleset": 1}, 422, "text_required", "ruleset"),
        (ACTIVATIONS, {**LIVE, "version": None}, 422, "field_required", "version"),
        (ACTIVATIONS, {**SHADOW, "version": None}, 422, "field_required", "version"),
        (ACTIVATIONS, {**LIVE, "author": None}, 422, "field_required", "author"),
        (ACTIVATIONS, {**LIVE, "author": ["ann"]}, 422, "text_required", "author"),
        (ACTIVATIONS, {**LIVE, "backtest_id": "x"}, 422, "id_malformed", "backtest_id"),
        (ACTIVATIONS, {**LIVE, "version": 2**40}, 404, "not_found", None),
        (ACTIVATIONS, {**LIVE, "ruleset": "a\x00"}, 404, "not_found", None),
        (ACTIVATIONS, LIVE, 404, "not_found", None),
        (ITEMS, {**ENTRY, "author": None}, 422, "field_required", "author"),
        (ITEMS, {**ENTRY, "author": 1}, 422, "text_required", "author"),
        (ITEMS, {**ENTRY, "kind": "name"}, 422, "choice_unknown", "kind"),
        (ITEMS, {**ENTRY, "kind": ["ip"]}, 422, "choice_unknown", "kind"),
        (ITEMS, {**ENTRY, "value": []}, 422, "text_required", "value"),
        (ITEMS, {**ENTRY, "value": "300.1.1.1"}, 422, "ip_malformed", "value"),
        (ITEMS, {**ENTRY, "reason": None}, 422, "field_required", "reason"),
        (ITEMS, {**ENTRY, "expires_at": "soon"}, 422, "instant_malformed", "expires_at"),
        (ITEMS, {**ENTRY, "expires_at": "2020-01-01T00:00:00Z"}, 422, "instant_in_past", None),
        ("/v1/fraud/lists/none/items", ENTRY, 404, "list_unknown", None),
    ],
)
async def test_what_is_wrong_is_named(
    api: Api, path: str, document: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    problem = problem_of(await api.post(path, document), status, code)
    if field is not None:
        assert problem["field"] == field


async def test_two_people_let_a_ruleset_go_live(api: Api, admin: asyncpg.Connection) -> None:
    stored = (await api.post(RULESETS, APPLY)).json()
    problem = problem_of(await api.post(ACTIVATIONS, LIVE), 409, "evidence_missing")
    assert "paykeel fraud backtest" in problem["detail"]
    backtest_id = await backtest(admin, api, stored["sha256"])
    wanted = {**LIVE, "backtest_id": backtest_id}
    waiting = fits("FraudActivation", await api.post(ACTIVATIONS, wanted))
    approve = f"{ACTIVATIONS}/{waiting['id']}/approve"
    problem_of(await api.post(approve, {"approver": "Ann"}), 409, "second_person_needed")
    problem_of(await api.post(approve, {}), 422, "field_required")
    other = await api.other()
    problem_of(await other.post(approve, {"approver": "ben"}), 404, "not_found")
    for nobody in (uuid.uuid4(), "x", str(waiting["id"]).upper()):
        nowhere = f"{ACTIVATIONS}/{nobody}/approve"
        problem_of(await api.post(nowhere, {"approver": "ben"}), 404, "not_found")
    approved = fits("FraudActivation", await api.post(approve, {"approver": "ben"}))
    listed = fits("FraudRulesetList", await api.read(RULESETS))

    assert (waiting["status"], approved["status"]) == ("waiting", "in_force")
    assert approved["evidence"] == {"backtest_id": backtest_id, "decisions": 5}
    assert (approved["requested_by"], approved["approved_by"]) == ("ann", "ben")
    assert (listed["live"]["ruleset"], listed["live"]["version"]) == ("harbour_market", 1)
    assert listed["live"]["sha256"] == stored["sha256"]


async def test_the_shadow_is_set_and_emptied(api: Api) -> None:
    await api.post(RULESETS, APPLY)
    placed = fits("FraudActivation", await api.post(ACTIVATIONS, SHADOW))
    listed = (await api.read(RULESETS)).json()
    emptied = fits(
        "FraudActivation",
        await api.post(ACTIVATIONS, fraud_openapi.ACTIVATES["empty_the_shadow"]),
    )
    first = fits("FraudActivationList", await api.read(ACTIVATIONS, limit="1"))
    rest = (await api.read(ACTIVATIONS, cursor=first["next_cursor"])).json()

    assert placed["status"] == "in_force"
    assert listed["shadow"]["ruleset"] == "harbour_market"
    assert emptied["ruleset"] is None
    assert [one["id"] for one in first["data"] + rest["data"]] == [emptied["id"], placed["id"]]
    assert rest["data"][0]["status"] == "replaced"
    assert rest["next_cursor"] is None


async def test_another_merchants_rulesets_are_not_found(api: Api) -> None:
    await api.post(RULESETS, APPLY)
    other = await api.other()
    for path in ("harbour_market/1", "harbour_market/2", "harbour_market/x", "none/1", "a%00/1"):
        problem_of(await other.read(f"{RULESETS}/{path}"), 404, "not_found")
    problem_of(await other.post(ACTIVATIONS, LIVE), 404, "not_found")
    assert (await other.read(RULESETS)).json()["data"] == []
    built_in = fits("FraudRuleset", await other.read(f"{RULESETS}/default/0"))
    assert built_in["created_at"] is None
    assert len(built_in["document"]["rules"]) == 9


async def test_versions_come_in_pages(api: Api) -> None:
    for on_failure in ("review", "block", "allow"):
        document = {**APPLY["document"], "on_failure": on_failure}
        await api.post(RULESETS, {**APPLY, "document": document})
    first = (await api.read(RULESETS, limit="2")).json()
    rest = (await api.read(RULESETS, cursor=first["next_cursor"], ruleset="harbour_market")).json()

    assert [one["version"] for one in first["data"] + rest["data"]] == [3, 2, 1]
    assert rest["next_cursor"] is None
    for name, value in (("cursor", "x"), ("cursor", "a.b"), ("limit", "0"), ("limit", "101")):
        assert (await api.read(RULESETS, **{name: value})).status_code == 422


async def test_a_value_goes_on_a_list_and_comes_off(api: Api) -> None:
    item = fits("FraudListItem", await api.post(ITEMS, ENTRY))
    again = fits("FraudListItem", await api.post(ITEMS, {**ENTRY, "reason": "again"}))
    listed = fits("FraudListItems", await api.read(ITEMS))
    by_id = await delete(api, {"id": item["id"]})
    gone = problem_of(await delete(api, fraud_openapi.REMOVALS["a_value"]), 404, "not_found")
    await api.post(ITEMS, ENTRY)
    by_value = await delete(api, fraud_openapi.REMOVALS["a_value"])

    assert item["id"] == again["id"]
    assert listed["data"] == [again]
    assert "203.0.113.9" not in json.dumps(listed)
    assert (by_id.status_code, by_id.content) == (204, b"")
    assert "no such item" in gone["detail"]
    assert by_value.status_code == 204
    assert (await api.read(ITEMS)).json()["data"] == []


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({}, "field_required"),
        ({"kind": "ip"}, "field_required"),
        ({"id": 1}, "text_required"),
        ({"kind": 1, "value": "a"}, "choice_unknown"),
        ({"kind": "ip", "value": 1}, "text_required"),
        ({"kind": "ip", "value": "a", "more": 1}, "field_unknown"),
    ],
)
async def test_what_comes_off_is_named_in_full(
    api: Api, document: dict[str, Any], code: str
) -> None:
    problem_of(await delete(api, document), 422, code)


async def test_each_route_asks_for_its_scope(api: Api) -> None:
    reader = await api.other(["fraud:read"], same=True)
    writer = await api.other(["fraud:write"], same=True)
    approve = f"{ACTIVATIONS}/{uuid.uuid4()}/approve"
    for path, document in (
        (RULESETS, APPLY),
        (ACTIVATIONS, LIVE),
        (approve, {"approver": "ben"}),
        (ITEMS, ENTRY),
    ):
        problem_of(await reader.post(path, document), 403, "forbidden")
        assert (await writer.post(path, document)).status_code != 403
    problem_of(await delete(reader, {"id": "0" * 16}), 403, "forbidden")
    for path in (RULESETS, f"{RULESETS}/default/0", ACTIVATIONS, ITEMS):
        problem_of(await writer.read(path), 403, "forbidden")
        assert (await reader.read(path)).status_code == 200


async def test_a_wrong_cursor_is_named(api: Api) -> None:
    for path in (ACTIVATIONS, ITEMS):
        problem_of(await api.read(path, cursor="nonsense"), 422, "cursor_malformed")
