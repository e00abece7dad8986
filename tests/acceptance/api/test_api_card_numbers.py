"""No card number enters: refused wherever it stands, never repeated, stored or logged."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from paykeel.cardnumbers import holds_card_number
from tests.acceptance.api.kit import CARD, Api, problem_of, purchase

if TYPE_CHECKING:
    import asyncpg

SPELLINGS = [
    CARD,
    "4242 4242 4242 4242",
    "4242-4242-4242-4242",
    f"card {CARD} please",
    "\N{FULLWIDTH DIGIT FOUR}242424242424242",
    "378282246310005",
    "6304000000000000",
]
FIELDS: list[dict[str, Any]] = [
    {"reference": CARD},
    {"description": CARD},
    {"payment_method": CARD},
    {"payment_method": f"pm_{CARD}"},
    {"buyer": {"id": CARD, "role": "agent"}},
    {"metadata": {"note": CARD}},
    {"metadata": {CARD: "note"}},
    {CARD: "an unknown field"},
    {"buyer": {"id": "a", "role": "agent", CARD: 1}},
    {"card_number": CARD},
    {"amount": int(CARD)},
    {"currency": CARD},
    {"capture_method": CARD},
    {"buyer": {"id": "a", "role": CARD}},
    {"metadata": {"note": int(CARD)}},
    {"metadata": {"note": {"deeper": [CARD]}}},
    {"metadata": CARD},
    {"buyer": CARD},
]


@pytest.fixture(autouse=True)
async def nothing_is_left(api: Api, admin: asyncpg.Connection, logged: io.StringIO) -> Any:
    """After each test: no card number in any row, or in what was logged."""
    yield
    columns = await admin.fetch(
        "SELECT format('SELECT %I::text AS value FROM %I.%I',"
        " column_name, table_schema, table_name) AS query"
        " FROM information_schema.columns WHERE data_type IN ('text', 'jsonb', 'ARRAY')"
        " AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    )
    assert len(columns) > 50
    for column in columns:
        for row in await admin.fetch(column["query"]):
            assert not holds_card_number(row["value"] or ""), column["query"]
    for line in logged.getvalue().splitlines():
        assert not holds_card_number(line), line


async def test_every_field_refuses_one(api: Api) -> None:
    for changes in FIELDS:
        answer = await api.post("/v1/purchases", purchase(**changes))
        assert answer.status_code == 422, changes
        assert not holds_card_number(answer.text), answer.text


async def test_every_spelling_is_recognised(api: Api) -> None:
    for text in SPELLINGS:
        answer = await api.buy(description=text)
        problem_of(answer, 422, "card_number_refused")
        assert text not in answer.text


async def test_the_idempotency_key_refuses_one(api: Api) -> None:
    for key in (CARD, f"order-{CARD}", "4242-4242-4242-4242", f'"{CARD}"'):
        answer = await api.buy(key)
        assert problem_of(answer, 422, "card_number_refused")["field"] == "Idempotency-Key"
        assert CARD not in answer.text


async def test_paths_and_queries_refuse_one(api: Api) -> None:
    for address, field in (
        (f"/v1/payments/{CARD}", "path"),
        (f"/{CARD}", "path"),
        ("/v1/payments/4242%204242%204242%204242/events", "path"),
        (f"/v1/payments?reference={CARD}", "query"),
        ("/v1/payments?reference=4242+4242+4242+4242", "query"),
        ("/v1/payments?buyer_id=%34242424242424242", "query"),
        (f"/v1/payments?{CARD}=1", "query"),
        (f"/v1/payments?cursor={CARD}", "query"),
        (f"/livez?{CARD}", "query"),
    ):
        answer = await api.read(address)
        assert problem_of(answer, 422, "card_number_refused")["field"] == field, address
        assert CARD not in answer.text


async def test_a_request_id_that_is_one_is_replaced(api: Api) -> None:
    answer = await api.http.get("/livez", headers={"X-Request-Id": CARD})
    assert CARD not in str(answer.headers)


async def test_a_body_that_cannot_be_read_is_not_repeated(api: Api) -> None:
    for body in (
        f'{{"reference":"{CARD}"'.encode(),
        f'{{"{CARD}":1,"{CARD}":2}}'.encode(),
        f'{{"amount":{CARD}.5e}}'.encode(),
        f'"{CARD}"'.encode(),
        CARD.encode(),
    ):
        answer = await api.send(body)
        assert answer.status_code == 400
        assert CARD not in answer.text


async def test_the_data_of_an_action_refuses_one(api: Api) -> None:
    made = (await api.buy(payment_method="pm_requires_action")).json()
    for data in ({"result": CARD}, {CARD: "x"}, {"result": {"deep": CARD}}):
        answer = await api.post(f"/v1/payments/{made['id']}/actions", {"data": data})
        assert answer.status_code == 422
        assert CARD not in answer.text


async def test_what_only_looks_alike_is_taken(api: Api) -> None:
    for text in (
        "order 2026112300001234",
        "GB82 WEST 1234 5698 7654 32",
        "01a1f3c5-7a11-7d2a-8c4b-5f6e7d8c9b0a",
        "1763856000000",
        "4242424242424241",
        "+49 30 901820 4242",
    ):
        answer = await api.buy(reference=text)
        assert answer.status_code == 201, (text, answer.text)
        found = await api.read("/v1/payments", reference=text)
        assert len(json.loads(found.content)["data"]) == 1
