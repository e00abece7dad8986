"""Capture, cancel and actions over HTTP."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.acceptance.api.kit import Api, problem_of

VERBS = ["capture", "cancel", "actions"]
BODIES = {"capture": None, "cancel": None, "actions": {"data": {"result": "authenticated"}}}


async def reserve(api: Api, method: str = "pm_ok", amount: int = 1_000) -> str:
    """Reserve an amount; return the payment's address."""
    answer = await api.buy(payment_method=method, amount=amount, capture_method="manual")
    assert answer.json()["status"] == "authorized", answer.text
    return f"/v1/payments/{answer.json()['id']}"


async def test_a_capture_takes_all_that_is_left(api: Api) -> None:
    address = await reserve(api)
    answer = await api.post(f"{address}/capture")
    assert answer.status_code == 200
    assert answer.json()["status"] == "succeeded"
    assert answer.json()["amount_captured"] == 1_000


async def test_parts_are_captured_until_the_last(api: Api) -> None:
    address = await reserve(api)
    first = await api.post(f"{address}/capture", {"amount": 300, "final": False})
    assert (first.json()["status"], first.json()["amount_captured"]) == ("authorized", 300)
    assert first.json()["display_status"] == "partially_captured"
    too_much = await api.post(f"{address}/capture", {"amount": 701})
    problem_of(too_much, 422, "amount_over_authorized")
    last = await api.post(f"{address}/capture", {"amount": 200})
    assert (last.json()["status"], last.json()["amount_captured"]) == ("succeeded", 500)


async def test_a_cancellation_releases(api: Api) -> None:
    address = await reserve(api)
    answer = await api.post(f"{address}/cancel", {})
    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    problem = problem_of(await api.post(f"{address}/capture"), 409, "illegal_transition")
    assert problem["payment_status"] == "canceled"
    assert problem["status"] == 409


@pytest.mark.parametrize(
    ("result", "status", "state"),
    [("authenticated", 200, "succeeded"), ("failed", 402, "failed")],
)
async def test_an_action_is_completed(api: Api, result: str, status: int, state: str) -> None:
    made = (await api.buy(payment_method="pm_requires_action")).json()
    path = f"/v1/payments/{made['id']}/actions"
    answer = await api.post(path, {"data": {"result": result}}, "done")
    again = await api.post(path, {"data": {"result": result}}, "done")
    assert answer.status_code == again.status_code == status
    payment = answer.json().get("payment", answer.json())
    assert payment["status"] == state
    assert answer.content == again.content
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("verb", VERBS[:2])
async def test_a_repetition_moves_nothing_again(api: Api, verb: str) -> None:
    address = await reserve(api)
    first = await api.post(f"{address}/{verb}", key="once")
    second = await api.post(f"{address}/{verb}", {}, key="once")
    assert first.status_code == 200
    assert first.content == second.content
    assert second.headers["idempotent-replayed"] == "true"


async def test_a_purchases_key_is_not_a_captures(api: Api) -> None:
    made = await api.buy("mine", capture_method="manual")
    answer = await api.post(f"/v1/payments/{made.json()['id']}/capture", key="mine")
    problem_of(answer, 422, "idempotency_key_reused")


async def test_a_refused_capture_is_402_with_its_payment(api: Api) -> None:
    address = await reserve(api, "pm_capture_declined")
    problem = problem_of(await api.post(f"{address}/capture"), 402, "capture_declined")
    assert problem["payment"]["status"] == "authorized"


async def test_a_capture_of_unknown_outcome_is_202_and_bars_another(api: Api) -> None:
    address = await reserve(api, "pm_capture_timeout")
    answer = await api.post(f"{address}/capture", key="first")
    assert answer.status_code == 202
    assert answer.json()["status"] == "authorized"
    refused = await api.post(f"{address}/capture", key="second")
    problem_of(refused, 409, "operation_in_flight")
    assert refused.headers["retry-after"]


@pytest.mark.parametrize("verb", VERBS)
async def test_each_needs_a_key_of_its_own(api: Api, verb: str) -> None:
    path = f"/v1/payments/{uuid4()}/{verb}"
    answer = await api.http.post(path, json=BODIES[verb] or {}, headers=api.headers())
    problem_of(answer, 400, "idempotency_key_missing")


@pytest.mark.parametrize("verb", VERBS)
async def test_an_unknown_field_is_refused(api: Api, verb: str) -> None:
    address = await reserve(api)
    answer = await api.post(f"{address}/{verb}", {"currency": "EUR", "data": {}})
    problem_of(answer, 422, "field_unknown")


WRONG_FIELDS: list[tuple[str, dict[str, object], str]] = [
    ("capture", {"amount": True}, "amount_boolean"),
    ("capture", {"amount": 1.0}, "amount_float"),
    ("capture", {"amount": 0}, "amount_zero"),
    ("capture", {"final": "yes"}, "boolean_required"),
    ("capture", {"final": 1}, "boolean_required"),
    ("actions", {}, "field_required"),
    ("actions", {"data": "x"}, "object_required"),
    ("actions", {"data": {"a": 1}}, "text_required"),
    ("actions", {"data": {str(n): "x" for n in range(21)}}, "data_too_many"),
    ("actions", {"data": {"a": "x" * 4_001}}, "text_too_long"),
]


async def test_each_wrong_field_has_its_own_code(api: Api) -> None:
    address = await reserve(api)
    for verb, document, code in WRONG_FIELDS:
        problem_of(await api.post(f"{address}/{verb}", document), 422, code)
    assert (await api.read(address)).json()["status"] == "authorized"


@pytest.mark.parametrize("verb", VERBS)
async def test_another_merchants_payment_is_no_payment(api: Api, verb: str) -> None:
    address, other = await reserve(api), await api.other()
    theirs = await other.post(f"{address}/{verb}", BODIES[verb])
    nobodys = await other.post(f"/v1/payments/{uuid4()}/{verb}", BODIES[verb])
    first = problem_of(theirs, 404, "not_found")
    second = problem_of(nobodys, 404, "not_found")
    assert {**first, "request_id": ""} == {**second, "request_id": ""}
    assert (await api.read(address)).json()["status"] == "authorized"
