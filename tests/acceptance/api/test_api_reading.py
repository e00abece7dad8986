"""Reading payments and their events: pages, filters, and nobody else's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.acceptance.api.kit import Api, problem_of

if TYPE_CHECKING:
    import httpx


async def ids(api: Api, **parameters: str) -> list[str]:
    answer = await api.read("/v1/payments", **parameters)
    assert answer.status_code == 200, answer.text
    return [payment["id"] for payment in answer.json()["data"]]


async def made(api: Api, **changes: Any) -> str:
    answer = await api.buy(**changes)
    payment = answer.json().get("payment", answer.json())
    return str(payment["id"])


def without_request(answer: httpx.Response) -> bytes:
    return answer.content.replace(answer.headers["x-request-id"].encode(), b"")


async def test_a_payment_reads_as_it_was_answered(api: Api) -> None:
    bought = await api.buy(metadata={"b": "2", "a": "ä"})
    read = await api.read(f"/v1/payments/{bought.json()['id']}")
    assert read.status_code == 200
    assert read.content == bought.content


async def test_events_come_in_order_and_by_pages(api: Api) -> None:
    address = f"/v1/payments/{await made(api, capture_method='manual')}"
    await api.post(f"{address}/capture", {"amount": 50, "final": False})
    first = (await api.read(f"{address}/events", limit="2")).json()
    assert [event["sequence"] for event in first["data"]] == [1, 2]
    assert first["data"][0]["from_status"] == "new"
    rest = (await api.read(f"{address}/events", after=str(first["next_after"]))).json()
    assert [event["sequence"] for event in rest["data"]] == [3]
    assert rest["data"][0]["captured_delta"] == 50
    assert rest["next_after"] is None
    assert "data" not in rest["data"][0]


async def test_pages_stay_what_they_are_while_payments_arrive(api: Api) -> None:
    early = [await made(api) for _ in range(5)]
    seen: list[str] = []
    address: str | None = "/v1/payments?limit=2&currency=EUR"
    while address is not None:
        answer = await api.read(address)
        page = answer.json()
        seen += [payment["id"] for payment in page["data"]]
        assert all(payment["timeline"] == [] for payment in page["data"])
        await made(api)
        link = answer.headers.get("link")
        assert (link is None) == (page["next_cursor"] is None)
        address = None
        if link is not None:
            address, relation = link.split(">; ")
            address = address.removeprefix("<")
            assert relation == 'rel="next"'
            assert "currency=EUR" in address
            assert f"cursor={page['next_cursor']}" in address
    assert seen == early[::-1]


async def test_filters_choose(api: Api) -> None:
    plain = await made(api, reference="order-1", amount=100)
    failed = await made(api, payment_method="pm_card_declined", reference="order-2", amount=200)
    yen = await made(api, currency="JPY", reference="order-3", amount=300)
    operator = await made(api, buyer={"id": "op-1", "role": "operator"}, amount=400)
    assert await ids(api) == [operator, yen, failed, plain]
    assert await ids(api, status="failed") == [failed]
    assert await ids(api, buyer_role="operator") == [operator]
    assert await ids(api, buyer_id="op-1") == [operator]
    assert await ids(api, reference="order-1") == [plain]
    assert await ids(api, currency="JPY") == [yen]
    assert await ids(api, amount_min="200", amount_max="300") == [yen, failed]
    at = (await api.read(f"/v1/payments/{failed}")).json()["created_at"]
    assert await ids(api, created_from=at) == [operator, yen, failed]
    assert await ids(api, created_to=at) == [plain]
    assert await ids(api, created_to="1999-01-01T00:00:00+02:00") == []


WRONG_PARAMETERS = [
    ("limit=0", "limit_out_of_range"),
    ("limit=101", "limit_out_of_range"),
    ("limit=ten", "integer_required"),
    ("limit=-1", "integer_required"),
    ("limit=%D9%A1", "integer_required"),
    ("limit=1&limit=2", "parameter_repeated"),
    ("cursor=xyz", "cursor_malformed"),
    ("status=paid", "choice_unknown"),
    ("buyer_role=seller", "choice_unknown"),
    ("currency=EURO", "currency_unknown"),
    ("currency=XXX", "currency_not_tender"),
    ("created_from=yesterday", "instant_malformed"),
    ("created_from=2026-11-23T00:00:00", "instant_malformed"),
    ("created_to=0001-01-01T00:00:00Z", "instant_malformed"),
    ("created_to=9999-12-31T23:59:59Z", "instant_malformed"),
    ("amount_min=1.5", "integer_required"),
    ("amount_max=99999999999999999999", "integer_required"),
    ("buyer_id=", "text_empty"),
    ("reference=a%00b", "text_not_storable"),
    ("api_key=secret", "field_unknown"),
    ("Status=failed", "field_unknown"),
]


async def test_a_wrong_parameter_is_refused(api: Api) -> None:
    for parameters, code in WRONG_PARAMETERS:
        problem_of(await api.read(f"/v1/payments?{parameters}"), 422, code)


async def test_a_wrong_page_of_events_is_refused(api: Api) -> None:
    for parameters in ("after=x", "limit=1001", "cursor=1"):
        answer = await api.read(f"/v1/payments/{uuid4()}/events?{parameters}")
        assert answer.status_code == 422


@pytest.mark.parametrize("suffix", ["", "/events"])
async def test_another_merchants_payment_is_answered_like_nobodys(api: Api, suffix: str) -> None:
    mine, other = await made(api), await api.other()
    theirs = await other.read(f"/v1/payments/{mine}{suffix}")
    nobodys = await other.read(f"/v1/payments/{uuid4()}{suffix}")
    malformed = await other.read(f"/v1/payments/not-an-id{suffix}")
    problem_of(theirs, 404, "not_found")
    assert without_request(theirs) == without_request(nobodys) == without_request(malformed)
    marks = {"x-request-id"}
    heads = [
        {name: value for name, value in answer.headers.items() if name not in marks}
        for answer in (theirs, nobodys)
    ]
    assert heads[0] == heads[1]


async def test_a_list_holds_ones_own_payments_only(api: Api) -> None:
    mine, other = await made(api), await api.other()
    theirs = await made(other)
    assert await ids(api) == [mine]
    assert await ids(other) == [theirs]
    # Somebody else's id as a cursor tells nothing of what is behind it.
    assert await ids(other, cursor=mine.replace("-", "")) == []


async def test_a_payment_has_one_address(api: Api) -> None:
    payment_id = await made(api)
    for spelling in (payment_id.upper(), payment_id.replace("-", ""), f"{{{payment_id}}}"):
        problem_of(await api.read(f"/v1/payments/{spelling}"), 404, "not_found")
