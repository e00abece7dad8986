"""The routes of refunds, on payments with a policy and without."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from paykeel.api import refunds_documents as documents
from paykeel.api import refunds_openapi as described
from paykeel.gateways.placeholder import PlaceholderGateway
from tests.acceptance.api.kit import CARD, Api, problem_of
from tests.acceptance.api.test_api_openapi import surplus

if TYPE_CHECKING:
    import httpx

ADA, BEN = {"operator": "Ada Lindqvist"}, {"operator": "Ben Okafor"}
HALF: dict[str, Any] = {
    "key": "half_later",
    "title": "All for a day, then half until the service begins",
    "currency": "EUR",
    "unknown": "deny",
    "approval": {"when": "over_amount", "over": 1_000, "four_eyes": True},
    "tiers": [
        {"name": "early", "when": {"before_service": {"from": "24h"}}, "percent_bps": 10_000},
        {"name": "late", "when": {"before_service": {"to": "24h"}}, "percent_bps": 5_000},
    ],
}


async def publish(api: Api, **changes: Any) -> None:
    await api.paykeel.refund_policies.publish(
        HALF | changes, merchant_id=api.merchant_id, author="Ada Lindqvist"
    )


async def bought(api: Api, **changes: Any) -> str:
    answer = await api.buy(**changes)
    assert answer.status_code == 201, answer.text
    payment_id: str = answer.json()["id"]
    return payment_id


async def ask(api: Api, payment_id: str, key: str | None = None, **more: Any) -> httpx.Response:
    document = {"requested_by": "Ada Lindqvist", **more}
    answer: httpx.Response = await api.post(f"/v1/payments/{payment_id}/refunds", document, key)
    return answer


def ahead(hours: int) -> dict[str, str]:
    return {"service_at": (datetime.now(UTC) + timedelta(hours=hours)).isoformat()}


async def given_back(api: Api, payment_id: str) -> int:
    gateway = api.paykeel.gateways.for_mode("test")
    assert isinstance(gateway, PlaceholderGateway)
    return sum(
        total.amount
        for total in await gateway.books(str(api.merchant_id))
        if total.kind == "refund"
    )


async def test_without_a_policy_all_of_it_may_go_back(api: Api) -> None:
    payment_id = await bought(api)
    quoted = await api.post(f"/v1/payments/{payment_id}/refunds/quote")
    assert quoted.status_code == 200, quoted.text
    shown = quoted.json()
    assert surplus(documents.RefundQuote, shown) == []
    assert (shown["amount"], shown["code"], shown["approval"]) == (1_250, "no_policy", False)

    answer = await ask(api, payment_id, "back-1", amount=500)
    assert answer.status_code == 201, answer.text
    refund = answer.json()
    assert surplus(documents.AnsweredRefund, refund) == []
    assert (refund["status"], refund["amount"], refund["policy_sha256"]) == ("succeeded", 500, None)
    assert refund["payment"]["amount_refundable"] == 750
    rest = (await ask(api, payment_id)).json()
    assert (rest["amount"], rest["payment"]["display_status"]) == (750, "refunded")
    problem_of(await ask(api, payment_id), 409, "refund_denied")
    assert await given_back(api, payment_id) == 1_250

    again = await ask(api, payment_id, "back-1", amount=500)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.content == answer.content
    other = problem_of(
        await ask(api, payment_id, "back-1", amount=501), 422, "idempotency_key_reused"
    )
    assert "amount" in other["fields"]


async def test_a_policy_decides_and_a_part_is_asked_for(api: Api) -> None:
    await publish(api)
    payment_id = await bought(api)
    quote = f"/v1/payments/{payment_id}/refunds/quote"
    in_two_days = ahead(48)
    early = (await api.post(quote, {"facts": in_two_days})).json()
    assert (early["amount"], early["approval"], early["code"]) == (1_250, True, "tier")
    assert early["next_boundary"] is not None
    late = (await api.post(quote, {"facts": ahead(12), "reason": "other"})).json()
    assert (late["amount"], late["reason"], late["outcome"]) == (625, "other", "refundable")
    then = (await api.post(quote, {"facts": in_two_days, "as_of": early["next_boundary"]})).json()
    assert (then["amount"], then["as_of"]) == (625, early["next_boundary"])
    assert [step["code"] for step in late["trace"]] == ["clocks", "tier", "amount"]

    first = (await ask(api, payment_id, amount=600, facts=ahead(12))).json()
    assert (first["status"], first["quoted_amount"]) == ("succeeded", 625)
    rest = (await ask(api, payment_id, facts=ahead(12))).json()
    assert (rest["amount"], rest["payment"]["amount_refunded"]) == (25, 625)
    refused = problem_of(
        await ask(api, payment_id, amount=1, facts=ahead(12)), 409, "refund_outside_policy"
    )
    assert (refused["quoted_amount"], refused["quoted_code"]) == (0, "already_refunded")
    denied = problem_of(await ask(api, payment_id), 409, "refund_denied")
    assert denied["quoted_code"]
    payment = (await api.read(f"/v1/payments/{payment_id}")).json()
    assert payment["refund_policy"]["key"] == "half_later"
    assert payment["display_status"] == "partially_refunded"
    events = (await api.read(f"/v1/payments/{payment_id}/events")).json()["data"]
    about = [event for event in events if event["refund_id"] == first["id"]]
    assert [event["reserved_delta"] for event in about] == [600, -600]
    assert [event["refunded_delta"] for event in about] == [0, 600]


async def test_what_the_policy_does_not_give_somebody_else_approves(api: Api) -> None:
    await publish(api)
    payment_id = await bought(api)
    answer = await ask(
        api, payment_id, "all", amount=1_250, override_reason="The host.", facts=ahead(12)
    )
    waiting = answer.json()
    assert (answer.status_code, waiting["status"]) == (202, "requested")
    assert waiting["payment"]["amount_refund_reserved"] == 1_250
    path = f"/v1/refunds/{waiting['id']}"
    listed = (await api.read("/v1/refunds", status="requested")).json()["data"]
    assert [one["id"] for one in listed] == [waiting["id"]]
    for same in ("Ada Lindqvist", "ada  lindqvist"):
        problem_of(
            await api.post(f"{path}/approve", {"operator": same}),
            409,
            "refund_needs_another_person",
        )
    approved = await api.post(f"{path}/approve", BEN | {"because": "The host told us."})
    assert approved.status_code == 200, approved.text
    shown = approved.json()
    assert surplus(documents.RefundDetails, shown) == []
    assert (shown["status"], shown["approved_by"]) == ("succeeded", "Ben Okafor")
    asked, decided = shown["decisions"]
    assert (asked["kind"], asked["because"]) == ("requested", "The host.")
    assert asked["facts"].keys() == {"service_at"}
    assert asked["trace"][-1]["numbers"]["amount"] == 625
    assert (decided["kind"], decided["because"]) == ("approved", "The host told us.")
    assert (await api.read(path)).json() == shown
    assert (await api.post(f"{path}/approve", BEN)).json() == shown
    late = problem_of(await api.post(f"{path}/reject", BEN), 409, "refund_decided")
    assert late["refund_status"] == "succeeded"
    stored = await ask(
        api, payment_id, "all", amount=1_250, override_reason="The host.",
        facts=asked["facts"],
    )  # fmt: skip
    assert stored.headers["idempotent-replayed"] == "true"
    assert stored.json()["id"] == waiting["id"]


@pytest.mark.parametrize(("verb", "ending"), [("reject", "rejected"), ("cancel", "canceled")])
async def test_what_waits_is_rejected_or_called_off(api: Api, verb: str, ending: str) -> None:
    await publish(api, approval={"when": "always"})
    payment_id = await bought(api)
    waiting = (await ask(api, payment_id, facts=ahead(12))).json()
    ended = (await api.post(f"/v1/refunds/{waiting['id']}/{verb}", BEN)).json()
    assert (ended["status"], ended["payment"]["amount_refundable"]) == (ending, 1_250)
    assert ended["finished_at"] is not None
    assert await given_back(api, payment_id) == 0


async def test_a_refund_that_the_gateway_refuses_is_402(api: Api) -> None:
    payment_id = await bought(api, payment_method="pm_refund_declined")
    answer = await ask(api, payment_id, "no")
    assert (answer.status_code, answer.json()["code"]) == (402, "refund_declined")
    assert answer.headers["content-type"] == "application/problem+json"
    assert surplus(documents.RefundDecline, answer.json()) == []
    refund = answer.json()["refund"]
    assert (refund["status"], refund["payment"]["amount_refundable"]) == ("failed", 1_250)
    again = await ask(api, payment_id, "no")
    assert (again.content, again.headers["idempotent-replayed"]) == (answer.content, "true")
    details = (await api.read(f"/v1/refunds/{refund['id']}")).json()
    assert details["failure"]["reason"] == "processing_error"


async def test_what_others_took_meanwhile_is_noticed(api: Api) -> None:
    payment_id = await bought(api)
    await ask(api, payment_id, amount=250)
    problem = problem_of(
        await ask(api, payment_id, amount=100, expected_refunded_amount=0),
        409,
        "refunded_amount_changed",
    )
    assert (problem["amount_refunded"], problem["amount_refund_reserved"]) == (250, 0)
    fits = await ask(api, payment_id, amount=100, expected_refunded_amount=250)
    assert fits.status_code == 201
    over = problem_of(await ask(api, payment_id, amount=901), 422, "amount_over_refundable")
    assert over["field"] == "amount"


async def test_where_the_policy_asks_nobody_the_scope_decides(api: Api) -> None:
    await publish(api, approval={"when": "never"})
    payment_id = await bought(api)
    more = {"amount": 650, "override_reason": "The host.", "facts": ahead(12)}
    plain = await api.other(["refunds:write", "refunds:read"], same=True)
    held = await ask(plain, payment_id, "held-1", **more)
    assert (held.status_code, held.json()["status"]) == (202, "requested")
    await api.post(f"/v1/refunds/{held.json()['id']}/cancel", ADA)
    done = await ask(api, payment_id, "done-1", **more)
    assert (done.status_code, done.json()["status"]) == (201, "succeeded")


async def test_what_each_component_got_is_told(api: Api) -> None:
    payment_id = await bought(api)
    known = {"components": {"fare": 1_000, "tax": 250}}
    made = (await ask(api, payment_id, amount=500, facts=known)).json()
    shown = (await api.read(f"/v1/refunds/{made['id']}")).json()
    assert surplus(documents.RefundDetails, shown) == []
    assert shown["decisions"][0]["breakdown"] == [
        {"component": "fare", "captured": 1_000, "total": 1_000, "this": 400},
        {"component": "tax", "captured": 250, "total": 250, "this": 100},
    ]


async def test_the_list_is_filtered_and_paged(api: Api) -> None:
    one, two = await bought(api), await bought(api, reference="order-18")
    made = [(await ask(api, one, amount=10, reason=reason)).json()["id"] for reason in
            ("duplicate", "fraud", "duplicate")]  # fmt: skip
    made.append((await ask(api, two, amount=10)).json()["id"])

    async def ids(**parameters: str) -> list[str]:
        page = (await api.read("/v1/refunds", **parameters)).json()
        assert surplus(documents.RefundList, page) == []
        return [refund["id"] for refund in page["data"]]

    assert await ids() == made[::-1]
    assert await ids(payment_id=one) == made[2::-1]
    assert await ids(payment_id=one, reason="duplicate") == [made[2], made[0]]
    assert await ids(status="succeeded", origin="merchant") == made[::-1]
    assert await ids(origin="gateway") == []
    page = (await api.read("/v1/refunds", limit="3")).json()
    assert await ids(cursor=page["next_cursor"]) == made[:1]
    for wrong, code in (
        ({"status": "lost"}, "choice_unknown"),
        ({"reason": "mood"}, "choice_unknown"),
        ({"origin": "moon"}, "choice_unknown"),
        ({"payment_id": "17"}, "id_malformed"),
        ({"cursor": "x"}, "cursor_malformed"),
        ({"limit": "101"}, "limit_out_of_range"),
        ({"page": "2"}, "field_unknown"),
    ):
        problem_of(await api.read("/v1/refunds", **wrong), 422, code)


FAR = "9998-12-31T00:00:00Z"
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"requested_by": None}, "requested_by", "field_required"),
    ({"requested_by": "  "}, "requested_by", "text_empty"),
    ({"requested_by": 7}, "requested_by", "text_required"),
    ({"requested_by": CARD}, "requested_by", "card_number_refused"),
    ({"reson": "other"}, "reson", "field_unknown"),
    ({"reason": "mood"}, "reason", "choice_unknown"),
    ({"amount": 0}, "amount", "amount_zero"),
    ({"amount": 12.5}, "amount", "amount_float"),
    ({"amount": "12"}, "amount", "amount_not_integer"),
    ({"amount": True}, "amount", "amount_boolean"),
    ({"override_reason": ""}, "override_reason", "text_empty"),
    ({"override_reason": "x" * 501}, "override_reason", "text_too_long"),
    ({"expected_refunded_amount": "0"}, "expected_refunded_amount", "integer_required"),
    ({"expected_refunded_amount": -1}, "expected_refunded_amount", "amount_malformed"),
    ({"facts": []}, "facts", "object_required"),
    ({"facts": {"delivered": FAR}}, "facts.delivered", "field_unknown"),
    ({"facts": {"delivered_at": "2026-11-20T12:00:00"}}, "facts.delivered_at", "instant_malformed"),
    ({"facts": {"delivered_at": 1}}, "facts.delivered_at", "instant_malformed"),
    ({"facts": {"delivered_at": FAR}}, "facts.delivered_at", "refund_facts_time"),
    ({"facts": {"service_at": "soon"}}, "facts.service_at", "instant_malformed"),
    ({"facts": {"service_at": FAR}}, "facts.service_at", "refund_facts_time"),
    ({"facts": {"no_show": "yes"}}, "facts.no_show", "boolean_required"),
    ({"facts": {"jurisdiction": "Bavaria"}}, "facts.jurisdiction", "jurisdiction_malformed"),
    ({"facts": {"components": {"soup": 1}}}, "facts.components.soup", "field_unknown"),
    ({"facts": {"components": {"fare": 1.5}}}, "facts.components.fare", "integer_required"),
    ({"facts": {"components": {"fare": -1}}}, "facts.components.fare", "integer_out_of_range"),
    ({"facts": {"components": {"fare": 1}}}, "facts.components", "refund_facts_components"),
    ({"facts": {"units": {"count": 1}}}, "facts.units.price", "field_required"),
    (
        {"facts": {"units": {"count": 1001, "price": 1}}},
        "facts.units.count",
        "integer_out_of_range",
    ),
    ({"facts": {"units": {"count": 1, "price": -1}}}, "facts.units.price", "integer_out_of_range"),
]


@pytest.mark.parametrize(("change", "field", "code"), WRONG)
async def test_a_wrong_field_is_refused(
    api: Api, change: dict[str, Any], field: str, code: str
) -> None:
    payment_id = await bought(api)
    problem = problem_of(await ask(api, payment_id, **change), 422, code)
    assert problem["field"] == field
    assert (await api.read("/v1/refunds")).json()["data"] == []


async def test_other_wrong_requests(api: Api) -> None:
    payment_id = await bought(api)
    path = f"/v1/payments/{payment_id}/refunds"
    for wrong, code in (
        ({"as_of": "now"}, "instant_malformed"),
        ({"reason": "mood"}, "choice_unknown"),
        ({"amount": 1}, "field_unknown"),
    ):
        problem_of(await api.post(f"{path}/quote", wrong), 422, code)
    unkeyed = await api.http.post(path, json={"requested_by": "Ada"}, headers=api.headers())
    problem_of(unkeyed, 400, "idempotency_key_missing")
    waits = (await api.buy(payment_method="pm_ok", capture_method="manual")).json()["id"]
    problem_of(await ask(api, waits), 409, "payment_not_refundable")
    problem_of(await api.post(f"/v1/payments/{waits}/refunds/quote"), 409, "payment_not_refundable")
    refund_id = (await ask(api, payment_id, amount=1)).json()["id"]
    for body, code in (
        ({}, "field_required"),
        ({"operator": "Ben", "because": "x" * 501}, "text_too_long"),
        ({"operator": "Ben", "note": "x"}, "field_unknown"),
    ):
        problem_of(await api.post(f"/v1/refunds/{refund_id}/reject", body), 422, code)
    other = await api.other()
    for place in (f"/v1/refunds/{refund_id}", f"/v1/refunds/{uuid4()}", "/v1/refunds/17"):
        problem_of(await other.read(place), 404, "not_found")
    problem_of(await ask(other, payment_id), 404, "not_found")


async def test_every_example_of_a_request_is_accepted(api: Api) -> None:
    for document in described.QUOTES.values():
        answer = await api.post(f"/v1/payments/{await bought(api)}/refunds/quote", document)
        assert answer.status_code == 200, answer.text
    for document in described.REQUESTS.values():
        answer = await api.post(f"/v1/payments/{await bought(api)}/refunds", document)
        assert answer.status_code in {201, 202}, answer.text
    await publish(api, approval={"when": "always"})
    for document in described.VERDICTS.values():
        waiting = (await ask(api, await bought(api), facts=ahead(12))).json()
        answer = await api.post(f"/v1/refunds/{waiting['id']}/approve", document)
        assert answer.json()["status"] == "succeeded", answer.text


async def test_a_refund_policy_asks_a_person(api: Api) -> None:
    await publish(api, unknown="ask")
    payment_id = await bought(api)
    quoted = (await api.post(f"/v1/payments/{payment_id}/refunds/quote")).json()
    assert (quoted["outcome"], quoted["code"], quoted["approval"]) == ("ask", "fact_missing", True)
    problem_of(await ask(api, payment_id), 422, "amount_required")
    answer = await ask(api, payment_id, amount=700)
    assert (answer.status_code, answer.json()["status"]) == (202, "requested")
