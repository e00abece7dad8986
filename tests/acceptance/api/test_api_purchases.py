"""POST /v1/purchases: what is answered, and answered again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from paykeel import Paykeel
from tests.acceptance.api.kit import Api, calling, problem_of, purchase
from tests.conftest import settings_for
from tests.rulesets import enforce, rule

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

    from tests.servers import Urls

    Change = Callable[[dict[str, object]], object]


async def test_a_good_purchase_is_201_and_complete(api: Api) -> None:
    answer = await api.buy()
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    assert "idempotent-replayed" not in answer.headers
    payment = answer.json()
    assert payment["status"] == payment["display_status"] == "succeeded"
    assert payment["merchant_id"] == str(api.merchant_id)
    assert [entry["status"] for entry in payment["timeline"]] == ["pending", "succeeded"]


@pytest.mark.parametrize(
    ("method", "capture", "status", "state"),
    [
        ("pm_ok", "manual", 201, "authorized"),
        ("pm_requires_action", None, 202, "requires_action"),
        ("pm_pending_then_succeeded_60000", None, 202, "processing"),
        ("pm_timeout", None, 202, "processing"),
        ("pm_5xx_after", None, 202, "processing"),
    ],
)
async def test_what_is_open_is_202(
    api: Api, method: str, capture: str | None, status: int, state: str
) -> None:
    answer = await api.buy(payment_method=method, capture_method=capture)
    assert (answer.status_code, answer.json()["status"]) == (status, state)
    if state == "requires_action":
        assert answer.json()["next_action"]


async def test_a_decline_is_402_with_its_payment(api: Api) -> None:
    answer = await api.buy(payment_method="pm_insufficient_funds")
    problem = problem_of(answer, 402, "payment_declined")
    assert problem["reason"] == "insufficient_funds"
    assert problem["payment"]["status"] == "failed"
    assert problem["payment"]["failure"]["retry_can_help"] is True


@pytest.mark.parametrize("method", ["pm_ok", "pm_card_declined", "pm_requires_action"])
async def test_a_repetition_is_answered_with_the_same_bytes(api: Api, method: str) -> None:
    first = await api.buy("again", payment_method=method)
    second = await api.buy("again", payment_method=method)
    quoted = await api.buy('"again"', payment_method=method)
    assert first.content == second.content == quoted.content
    assert first.status_code == second.status_code == quoted.status_code
    assert first.headers["content-type"] == second.headers["content-type"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == quoted.headers["idempotent-replayed"] == "true"
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_white_space_and_key_order_do_not_matter(api: Api) -> None:
    first = await api.send(
        b'{"amount":5,"currency":"EUR","buyer":{"id":"a","role":"agent"},"payment_method":"pm_ok"}',
        **{"Idempotency-Key": "spelling"},
    )
    second = await api.send(
        b'{ "payment_method": "pm_ok", "buyer": {"role": "agent", "id": "\\u0061"},'
        b' "currency": "EUR", "amount": 5, "metadata": {}, "capture_method": "automatic" }',
        **{"Idempotency-Key": "spelling"},
    )
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content


async def test_a_key_used_for_something_else_is_422_and_names_what_differs(api: Api) -> None:
    await api.buy("one", amount=100)
    answer = await api.buy("one", amount=101, reference="order-18")
    problem = problem_of(answer, 422, "idempotency_key_reused")
    assert problem["fields"] == ["amount", "reference"]


async def test_a_key_is_its_merchants_alone(api: Api) -> None:
    other = await api.other()
    mine, theirs = await api.buy("shared"), await other.buy("shared", amount=7)
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["id"] != theirs.json()["id"]


async def test_a_key_must_be_there_and_well_formed(api: Api) -> None:
    for key, code in (
        (None, "idempotency_key_missing"),
        ("", "idempotency_key_missing"),
        ("x" * 256, "idempotency_key_malformed"),
        ("two words", "idempotency_key_malformed"),
        ("caf\xe9", "idempotency_key_malformed"),
        ('"open', "idempotency_key_malformed"),
    ):
        headers = [(b"Authorization", f"Bearer {api.secret}".encode())]
        if key is not None:
            headers.append((b"Idempotency-Key", key.encode("latin-1")))
        answer = await api.http.post("/v1/purchases", json=purchase(), headers=headers)
        problem_of(answer, 400, code)


async def test_two_keys_are_none(api: Api) -> None:
    headers = [*api.headers("one").items(), ("Idempotency-Key", "two")]
    answer = await api.http.post("/v1/purchases", json=purchase(), headers=headers)
    problem_of(answer, 400, "idempotency_key_malformed")


async def test_a_key_with_sql_in_it_is_a_key(api: Api) -> None:
    key = "';DROP/**/TABLE/**/payments;--"
    first, second = await api.buy(key), await api.buy(key)
    assert first.status_code == 201
    assert first.content == second.content


async def test_concurrent_duplicates_all_get_the_first_ones_answer(api: Api) -> None:
    answers = await asyncio.gather(
        *(api.buy("same", payment_method="pm_slow_300") for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1


async def test_a_duplicate_that_waited_long_enough_is_409(urls: Urls) -> None:
    async with (
        Paykeel.open(settings_for(urls, duplicate_wait_ms_max=50)) as paykeel,
        calling(paykeel, access_log=False) as api,
    ):
        first = asyncio.create_task(api.buy("slow", payment_method="pm_slow_600"))
        await asyncio.sleep(0.2)
        refused = await api.buy("slow", payment_method="pm_slow_600")
        problem_of(refused, 409, "idempotency_in_flight")
        assert int(refused.headers["retry-after"]) >= 1
        assert (await first).status_code == 201


async def test_what_was_refused_leaves_its_key_free(api: Api) -> None:
    problem_of(await api.buy("later", amount=0), 422, "amount_zero")
    assert (await api.buy("later")).status_code == 201


WRONG_FIELDS: list[tuple[dict[str, object], str, str]] = [
    ({"amount": True}, "amount", "amount_boolean"),
    ({"amount": 12.5}, "amount", "amount_float"),
    ({"amount": 1250.0}, "amount", "amount_float"),
    ({"amount": "1250"}, "amount", "amount_not_integer"),
    ({"amount": [1]}, "amount", "amount_not_integer"),
    ({"amount": 0}, "amount", "amount_zero"),
    ({"amount": -1}, "amount", "amount_negative"),
    ({"amount": 10**12}, "amount", "amount_too_large"),
    ({"amount": 2**63}, "amount", "amount_too_large"),
    ({"amount": None}, "amount", "field_required"),
    ({"currency": "XAU"}, "currency", "currency_not_tender"),
    ({"currency": "eur"}, "currency", "currency_unknown"),
    ({"currency": 978}, "currency", "currency_unknown"),
    ({"buyer": "agent-7"}, "buyer", "object_required"),
    ({"buyer": {"id": "a"}}, "buyer.role", "field_required"),
    ({"buyer": {"id": "a", "role": "seller"}}, "buyer.role", "choice_unknown"),
    ({"buyer": {"id": "", "role": "agent"}}, "buyer.id", "text_empty"),
    ({"buyer": {"id": "a", "role": "agent", "x": 1}}, "buyer.x", "field_unknown"),
    ({"buyer": {"id": 7, "role": "agent"}}, "buyer.id", "text_required"),
    ({"payment_method": "pm ok"}, "payment_method", "token_malformed"),
    ({"reference": "x" * 129}, "reference", "text_too_long"),
    ({"description": "nul\x00"}, "description", "text_not_storable"),
    ({"description": "half \ud800"}, "description", "text_not_storable"),
    ({"metadata": []}, "metadata", "metadata_not_object"),
    ({"metadata": {"a": 1}}, "metadata.a", "text_required"),
    ({"metadata": {"a": {"b": "c"}}}, "metadata.a", "text_required"),
    ({"metadata": {"\ud800": "c"}}, "metadata", "text_not_storable"),
    ({"metadata": {"x" * 41: "c"}}, "metadata", "metadata_key_too_long"),
    ({"metadata": {str(n): "c" for n in range(51)}}, "metadata", "metadata_too_many"),
    ({"capture_method": "later"}, "capture_method", "choice_unknown"),
    ({"status": "succeeded"}, "status", "field_unknown"),
    ({"merchant_id": "x"}, "merchant_id", "field_unknown"),
    ({"cvc": "123"}, "cvc", "field_unknown"),
    ({"\ud800": "x"}, "…", "field_unknown"),
]


async def test_each_wrong_field_has_its_own_code(api: Api) -> None:
    for changes, field, code in WRONG_FIELDS:
        problem = problem_of(await api.post("/v1/purchases", purchase(**changes)), 422, code)
        assert problem["field"] == field, changes
    assert (await api.read("/v1/payments")).json()["data"] == []


async def test_a_block_never_tells_which_rule(urls: Urls, admin: asyncpg.Connection) -> None:
    document = {"ruleset": "small", "rules": [rule("no_large", "payment.amount > 99")]}
    async with (
        Paykeel.open(settings_for(urls)) as paykeel,
        calling(paykeel, access_log=False) as api,
    ):
        await enforce(paykeel, admin, api.merchant_id, document)
        first, second = await api.buy("blocked"), await api.buy("blocked")
        problem = problem_of(first, 402, "payment_blocked")
        assert second.content == first.content
        address = f"/v1/payments/{problem['payment']['id']}"
        shown = [first, await api.read(address), await api.read(f"{address}/events")]
        for answer in shown:
            assert "no_large" not in answer.text
            assert "rule" not in answer.text
        assert problem["payment"]["failure"]["reason"] == "blocked"


async def test_a_suspended_merchant_sells_nothing_and_still_reads(api: Api) -> None:
    made = (await api.buy()).json()
    await api.paykeel.merchants.set_status(api.merchant_id, "suspended")
    problem_of(await api.buy(), 403, "merchant_suspended")
    assert (await api.read(f"/v1/payments/{made['id']}")).status_code == 200


async def test_a_live_key_never_reaches_a_gateway_for_tests(paykeel: Paykeel) -> None:
    async with calling(paykeel, "live", access_log=False) as api:
        assert api.secret.startswith("paykeel_live_")
        problem = problem_of(await api.buy(), 503, "gateway_not_configured")
        assert "placeholder" not in str(problem)


async def test_the_merchants_limit_holds(api: Api) -> None:
    await api.paykeel.merchants.set_limit(api.merchant_id, "EUR", 1_000, 500)
    problem_of(await api.buy(amount=1_001), 422, "amount_over_merchant_limit")
    problem_of(await api.buy(amount=499), 422, "amount_under_merchant_limit")
    assert (await api.buy(amount=1_000)).status_code == 201
