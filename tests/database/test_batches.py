"""Sharing a commit changes nothing for anybody who shares it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paykeel import Paykeel
from paykeel.errors import DatabaseUnavailable, PaykeelError
from paykeel.idempotency import fingerprint
from paykeel.metrics.reading import read_series
from paykeel.payments.judged import Gate
from paykeel.payments.purchase import Asked, _candidate
from tests.conftest import order, settings_for
from tests.database.helpers import audited, buy, opened, placeholder_of, reserve
from tests.database.metric_books import DAY, figures
from tests.database.terms import accept_terms, require_terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paykeel import PurchaseRequest
    from paykeel.fraud.facts import Facts
    from paykeel.merchants import Merchant
    from paykeel.payments.judged import Candidate
    from tests.servers import Urls


def candidate(paykeel: Paykeel, merchant: Merchant, key: str, **changes: Any) -> Candidate:
    """A purchase that is about to be opened, with wrong values where a test wants them."""
    request = order()
    made = _candidate(
        paykeel.payments._resources,
        merchant,
        Asked(request, key, fingerprint("POST", "/v1/purchases", request.document())),
        paykeel.gateways.for_mode("test"),
        paykeel.database.now(),
        Gate((), 0),
    )
    return replace(made, payment=replace(made.payment, **changes))


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 0},
        {"exponent": 3},
        {"currency": "XAU"},
        {"buyer_id": "x" * 129},
        {"buyer_id": "a\x00b"},
        {"amount": 2**63},
    ],
    ids=str,
)
async def test_a_bad_row_fails_alone(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, wrong: dict[str, Any]
) -> None:
    opener = paykeel.payments._resources.opener
    rows = [
        candidate(paykeel, merchant, f"order-{n}", **(wrong if n == 13 else {})) for n in range(30)
    ]
    results = await asyncio.gather(*(opener.open(row) for row in rows), return_exceptions=True)
    failed = [n for n, result in enumerate(results) if isinstance(result, BaseException)]
    assert failed == [13]
    # It is the row's own fault, so nobody is told that the database is away.
    assert not isinstance(results[13], DatabaseUnavailable)
    assert await admin.fetchval("SELECT count(*) FROM payments") == 29
    assert await admin.fetchval("SELECT count(*) FROM payment_attempts") == 29
    assert await admin.fetchval("SELECT sum(count) FROM payment_metrics") == 29


async def test_while_rules_are_off_nobody_makes_the_keys_that_they_count_under(
    paykeel: Paykeel, merchant: Merchant, urls: Urls
) -> None:
    asked: list[str] = []

    def noting(made: Candidate) -> Candidate:
        def facts() -> Facts:
            asked.append(made.payment.idempotency_key)
            return made.facts()

        return replace(made, facts=facts)

    off = noting(candidate(paykeel, merchant, "off"))
    assert (await paykeel.payments._resources.opener.open(off)).opened
    assert asked == []
    settings_on = settings_for(urls, fraud_default_ruleset="default")
    async with Paykeel.open(settings_on) as judging:
        on = noting(candidate(judging, merchant, "on"))
        assert (await judging.payments._resources.opener.open(on)).opened
    assert asked == ["on"]


async def test_many_purchases_share_few_commits(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    """All events of a transaction have one xmin, so the transactions can be counted."""
    await asyncio.gather(*(buy(paykeel, merchant, f"order-{n}") for n in range(64)))
    commits = await admin.fetchval("SELECT count(DISTINCT xmin::text) FROM payment_events")
    assert await admin.fetchval("SELECT count(*) FROM payment_events") == 128
    assert commits < 64
    await audited(paykeel)


async def test_one_at_a_time_is_one_transaction_for_opening_and_one_for_settling(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    for number in range(5):
        payment = await buy(paykeel, merchant, f"order-{number}")
        rows = await admin.fetch(
            """
            SELECT xmin::text FROM payment_events WHERE payment_id = $1
            UNION SELECT xmin::text FROM payments WHERE payment_id = $1
            UNION SELECT xmin::text FROM payment_attempts WHERE payment_id = $1
            UNION SELECT xmin::text FROM payment_idempotency WHERE payment_id = $1
            UNION SELECT xmin::text FROM outbox WHERE payment_id = $1
            UNION SELECT xmin::text FROM fraud_prevention_logs WHERE payment_id = $1
            """,
            payment.payment_id,
        )
        assert len(rows) == 2


async def test_batches_of_two_processes_that_share_keys_do_not_deadlock(urls: Urls) -> None:
    async with opened(urls) as one, opened(urls) as two:
        merchant = await one.merchants.create("Harbour Market")
        keys = [f"order-{n}" for n in range(40)]
        results = await asyncio.gather(
            *(buy(one, merchant, key) for key in keys),
            *(buy(two, merchant, key) for key in reversed(keys)),
        )
        assert len({payment.payment_id for payment in results}) == 40
        assert await placeholder_of(one).movements(merchant_id=str(merchant.merchant_id)) == 40
        await audited(one)


async def test_moves_of_one_payment_in_one_batch_are_made_one_after_the_other(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    """Of several steps from the same version one is written; the others see what became of it."""
    held = [await reserve(paykeel, merchant, f"held-{n}") for n in range(10)]
    calls = []
    for payment in held:
        whose = {"merchant_id": merchant.merchant_id}
        for verb in (paykeel.payments.capture, paykeel.payments.cancel):
            key = f"{verb.__name__}-{payment.payment_id}"
            calls.append(verb(payment.payment_id, idempotency_key=key, **whose))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(
        not isinstance(result, BaseException) or isinstance(result, PaykeelError)
        for result in results
    ), results
    page = await paykeel.payments.list(merchant_id=merchant.merchant_id)
    assert {payment.status for payment in page.payments} <= {"succeeded", "canceled"}
    await audited(paykeel)


CONTENTS: Sequence[dict[str, Any]] = (
    {},
    {"payment_method": "pm_card_declined"},
    {"payment_method": "pm_requires_action"},
    {"payment_method": "pm_not_sent", "currency": "JPY"},
    {"capture_method": "manual", "amount": 7},
    {"buyer_id": "stranger"},
    {"amount": 5_001},
    {"buyer_role": "operator", "metadata": {"a": "b"}, "reference": None},
)


def request_of(number: int) -> PurchaseRequest:
    return order(**CONTENTS[number % len(CONTENTS)])


async def sold(paykeel: Paykeel, numbers: list[int], *, together: bool) -> Any:
    """Sell to a merchant of its own; return what each caller was told, and what is stored."""
    merchant = await paykeel.merchants.create("Harbour Market")
    await paykeel.merchants.set_limit(merchant.merchant_id, "EUR", 5_000)
    await require_terms(paykeel, merchant)
    await accept_terms(paykeel, merchant, "agent-7")

    async def one(number: int) -> tuple[str, ...]:
        try:
            payment = await paykeel.payments.purchase(
                request_of(number),
                merchant_id=merchant.merchant_id,
                idempotency_key=f"order-{number}",
            )
        except PaykeelError as error:
            return (error.code,)
        events = [event.type for event in payment.timeline]
        return (payment.status, str(payment.failure_reason), str(payment.amount_captured), *events)

    if together:
        told = await asyncio.gather(*(one(number) for number in numbers))
    else:
        told = [await one(number) for number in numbers]
    report = await paykeel.auditor.audit(merchant.merchant_id)
    moved = await placeholder_of(paykeel).books(str(merchant.merchant_id))
    now = datetime.now(UTC)
    series = await read_series(paykeel.database, merchant.merchant_id, [now - DAY, now + DAY])
    return told, report.payments, report.differences, moved, figures(series)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=40))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_result_is_that_of_one_at_a_time(urls: Urls, numbers: list[int]) -> None:
    async def run() -> None:
        async with opened(urls, changes={"batch_rows_max": 7}) as paykeel:
            together = await sold(paykeel, numbers, together=True)
            alone = await sold(paykeel, numbers, together=False)
            assert together == alone

    asyncio.run(run())
