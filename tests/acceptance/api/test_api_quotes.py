"""``POST /v1/quotes``, and what is written of amounts that are refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from paykeel.api import documents, examples
from paykeel.errors import InvalidField
from paykeel.fraud.quotes import EXPIRY_S_DEFAULT, EXPIRY_S_MAX
from paykeel.payments.model import PurchaseRequest
from tests.acceptance.api.kit import CARD, Api, problem_of, purchase

if TYPE_CHECKING:
    import asyncpg
    import httpx

ITEMS = [
    {"sku": "apples", "quantity": 2, "unit_amount": 600},
    {"sku": "pallet", "quantity": 1, "unit_amount": 50},
]


async def ask(api: Api, **changes: Any) -> httpx.Response:
    document = {
        "amount": 1_250,
        "currency": "EUR",
        "buyer": {"id": "agent-7", "role": "agent"},
        "items": ITEMS,
        **changes,
    }
    kept = {name: value for name, value in document.items() if value is not None}
    answer: httpx.Response = await api.post("/v1/quotes", kept)
    return answer


async def refusals(owner: asyncpg.Connection) -> list[tuple[str, str]]:
    """Return code and facts of what was refused, oldest first, and see that each is whole."""
    rows = await owner.fetch(
        "SELECT decision, payment_id, reasons, facts::text AS facts FROM fraud_prevention_logs"
        " WHERE decision = 'refuse' ORDER BY log_id"
    )
    assert all(row["payment_id"] is None and len(row["reasons"]) == 1 for row in rows)
    return [(row["reasons"][0], row["facts"]) for row in rows]


async def test_what_is_quoted_is_what_may_be_bought(api: Api) -> None:
    answer = await ask(api, tax=130, discounts=[100, 30])
    assert answer.status_code == 201, answer.text
    quote = answer.json()
    documents.Quote.model_validate(quote)
    assert list(quote) == list(examples.QUOTES["signed"])
    assert (quote["amount"], quote["currency"], quote["exponent"]) == (1_250, "EUR", 2)
    assert quote["quote"].startswith("pkq1.")
    asked = PurchaseRequest.from_document(purchase(items=ITEMS, quote=quote["quote"]))
    quotes = api.paykeel.quotes
    await quotes.check_quote(quote["quote"], asked, api.merchant_id)
    for changed, code in (
        (replace(asked, amount=1), "quote_amount_differs"),
        (replace(asked, currency="JPY"), "quote_currency_differs"),
        (replace(asked, buyer_id="agent-8"), "quote_buyer_differs"),
        (replace(asked, kind="deposit"), "quote_kind_differs"),
        (replace(asked, items=()), "quote_items_differ"),
    ):
        with pytest.raises(InvalidField) as caught:
            await quotes.check_quote(quote["quote"], changed, api.merchant_id)
        assert caught.value.code == code
    other = await api.other()
    with pytest.raises(InvalidField) as caught:
        await quotes.check_quote(quote["quote"], asked, other.merchant_id)
    assert caught.value.code == "quote_of_another_merchant"


async def test_a_quote_holds_for_fifteen_minutes_or_as_long_as_was_asked(api: Api) -> None:
    for seconds in (None, 1, EXPIRY_S_MAX):
        quote = (await ask(api, expires_in_s=seconds)).json()
        ends = documents.Quote.model_validate(quote).expires_at
        wanted = api.paykeel.database.now().timestamp() + (seconds or EXPIRY_S_DEFAULT)
        found = datetime.fromisoformat(ends).timestamp()
        assert abs(found - wanted) < 5
    for wrong in (0, EXPIRY_S_MAX + 1, "60", 1.5, True):
        problem_of(await ask(api, expires_in_s=wrong), 422, "quote_expiry_out_of_range")


async def test_a_quote_that_ended_is_refused(api: Api) -> None:
    quote = (await ask(api, expires_in_s=1)).json()["quote"]
    asked = PurchaseRequest.from_document(purchase(items=ITEMS))
    await asyncio.sleep(1.1)
    with pytest.raises(InvalidField) as caught:
        await api.paykeel.quotes.check_quote(quote, asked, api.merchant_id)
    assert caught.value.code == "quote_expired"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"amount": 1_249}, "quote_total_differs", "amount"),
        ({"amount": None}, "field_required", "amount"),
        ({"amount": 12.5}, "amount_float", "amount"),
        ({"amount": True}, "amount_boolean", "amount"),
        ({"amount": -1}, "amount_negative", "amount"),
        ({"currency": "eur"}, "currency_unknown", "currency"),
        ({"currency": "XAU"}, "currency_not_tender", "currency"),
        ({"buyer": None}, "field_required", "buyer"),
        ({"buyer": "agent-7"}, "object_required", "buyer"),
        ({"buyer": {"id": "a", "role": "guest"}}, "choice_unknown", "buyer.role"),
        ({"buyer": {"id": "a", "role": "agent", "x": 1}}, "field_unknown", "buyer.x"),
        ({"kind": "A"}, "name_malformed", "kind"),
        ({"payment_method": "pm_ok"}, "field_unknown", "payment_method"),
        ({"items": {}}, "list_required", "items"),
        ({"items": [{**ITEMS[0], "quantity": 0}]}, "integer_out_of_range", "items[0].quantity"),
        ({"items": [{**ITEMS[0], "unit_amount": -1}]}, "integer_out_of_range",
         "items[0].unit_amount"),
        ({"items": ITEMS * 51}, "items_too_many", "items"),
        ({"items": [{**ITEMS[0], "quantity": 10**6, "unit_amount": 10**11}]}, "amount_too_large",
         "items[0]"),
        ({"tax": -1}, "tax_negative", "tax"),
        ({"tax": "130"}, "amount_not_integer", "tax"),
        ({"discounts": 5}, "list_required", "discounts"),
        ({"discounts": [1_000, 251]}, "discounts_over_items", "discounts"),
        ({"discounts": [-1]}, "discount_negative", "discounts[0]"),
        ({"items": None, "tax": 5}, "items_required", "items"),
    ],
)  # fmt: skip
async def test_what_cannot_be_quoted_is_refused_by_its_code(
    api: Api, changes: dict[str, Any], code: str, field: str
) -> None:
    assert problem_of(await ask(api, **changes), 422, code)["field"] == field


async def test_a_quote_needs_its_own_scope_and_no_idempotency_key(api: Api) -> None:
    buyer = await api.other(["purchases:write"], same=True)
    problem = problem_of(await ask(buyer), 403, "forbidden")
    assert problem["scope"] == "quotes:write"
    quoter = await api.other(["quotes:write"], same=True)
    assert (await ask(quoter)).status_code == 201
    problem_of(await quoter.buy(), 403, "forbidden")
    unkeyed = await api.http.post(
        "/v1/quotes", json=examples.QUOTE_REQUESTS["amount_only"], headers=api.headers()
    )
    assert unkeyed.status_code == 201
    problem_of(await api.http.post("/v1/quotes", json={}), 401, "unauthenticated")


async def test_every_example_of_a_quote_is_accepted(api: Api) -> None:
    for document in examples.QUOTE_REQUESTS.values():
        documents.QuoteRequest.model_validate(document)
        answer = await api.post("/v1/quotes", document)
        assert answer.status_code == 201, answer.text


async def test_what_is_sold_to_nobody_is_not_quoted(api: Api, owner: asyncpg.Connection) -> None:
    await api.paykeel.merchants.set_limit(api.merchant_id, "EUR", 1_000, buyer_role="agent")
    problem_of(await ask(api), 422, "amount_over_merchant_limit")
    assert (await ask(api, buyer={"id": "o-1", "role": "operator"})).status_code == 201
    await api.paykeel.merchants.set_limit(
        api.merchant_id, "EUR", None, None, buyer_role="agent", kind="gift"
    )
    problem_of(await ask(api, kind="gift"), 422, "amount_nothing_sold")
    codes = [code for code, _ in await refusals(owner)]
    assert codes == ["amount_over_merchant_limit", "amount_nothing_sold"]


@pytest.mark.parametrize(
    ("changes", "code", "kept"),
    [
        ({"amount": 0}, "amount_zero", '"amount": 0'),
        ({"amount": -5}, "amount_negative", '"amount": -5'),
        ({"amount": 12.5}, "amount_float", None),
        ({"amount": "1250"}, "amount_not_integer", None),
        ({"amount": True}, "amount_boolean", None),
        ({"amount": 10**12}, "amount_too_large", None),
        ({"amount": None}, "field_required", None),
        ({"currency": "eur"}, "currency_unknown", '"amount": 1250'),
        ({"currency": "<script>"}, "currency_unknown", '"amount": 1250'),
        ({"currency": ["EUR"]}, "currency_unknown", '"amount": 1250'),
    ],
)
async def test_a_malformed_amount_is_written_and_nothing_as_it_came(
    api: Api, owner: asyncpg.Connection, changes: dict[str, Any], code: str, kept: str | None
) -> None:
    problem_of(await api.buy(**changes), 422, code)
    ((logged, facts),) = await refusals(owner)
    assert logged == code
    assert f'"code": "{code}"' in facts
    assert '"buyer_role": "agent"' in facts
    assert (kept is None) == ('"amount":' not in facts)
    assert kept is None or kept in facts
    assert "script" not in facts
    assert "eur" not in facts


async def test_a_card_number_for_an_amount_is_not_written(
    api: Api, owner: asyncpg.Connection
) -> None:
    problem_of(await api.buy(amount=int(CARD)), 422, "amount_too_large")
    ((code, facts),) = await refusals(owner)
    assert code == "amount_too_large"
    assert CARD not in facts


async def test_other_fields_leave_no_refusal_of_the_amount(
    api: Api, owner: asyncpg.Connection
) -> None:
    problem_of(await api.buy(payment_method="a b"), 422, "token_malformed")
    problem_of(await api.buy(reference=CARD), 422, "card_number_refused")
    assert (await api.buy()).status_code == 201
    assert await refusals(owner) == []
