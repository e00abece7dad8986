"""The audit finds nothing in what Paykeel wrote, and everything that somebody else changed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from paykeel.clock import new_id
from paykeel.errors import NotFound
from paykeel.metrics.reading import read_series
from tests.database.helpers import age, audited, buy, opened, recover, reserve
from tests.database.metric_books import DAY, figures, history

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel, Payment
    from paykeel.merchants import Merchant
    from tests.servers import Urls

TOKENS = (
    "pm_ok",
    "pm_card_declined",
    "pm_requires_action",
    "pm_lost_response",
    "pm_pending_then_succeeded_60000",
    "pm_wrong_amount",
)

#: A change that a superuser makes behind everybody's back, and by which check it is found with
#: which words.
PLANTED: dict[str, tuple[str, str, str]] = {
    "a status": (
        "UPDATE payments SET status = 'expired', failure_reason = NULL WHERE payment_id = $1",
        "payments",
        "status is expired, history says succeeded",
    ),
    "a captured amount": (
        "UPDATE payments SET amount_captured = amount_captured - 1 WHERE payment_id = $1",
        "payments",
        "captured is 1249, history says 1250",
    ),
    "an authorized amount": (
        "UPDATE payments SET amount = 2000, amount_authorized = 2000 WHERE payment_id = $1",
        "payments",
        "authorized is 2000, history says 1250",
    ),
    "a late amount": (
        "UPDATE payments SET amount_late = 5 WHERE payment_id = $1",
        "payments",
        "late is 5, history says 0",
    ),
    "a version": (
        "UPDATE payments SET version = 7 WHERE payment_id = $1",
        "payments",
        "version is 7, history has 2 events",
    ),
    "a date": (
        "UPDATE payments SET created_at = created_at - interval '1 s' WHERE payment_id = $1",
        "payments",
        "dates differ",
    ),
    "an event's amount": (
        "UPDATE payment_events SET captured_delta = 7 WHERE payment_id = $1 AND sequence = 2",
        "payments",
        "captured is 1250, history says 7",
    ),
    "an event's status": (
        "UPDATE payment_events SET to_status = 'failed' WHERE payment_id = $1 AND sequence = 2",
        "payments",
        "history says failed",
    ),
    "an event that is gone": (
        "DELETE FROM payment_events WHERE payment_id = $1 AND sequence = 1",
        "payments",
        "history begins at pending",
    ),
    "all events gone": (
        "DELETE FROM payment_events WHERE payment_id = $1",
        "payments",
        "no events",
    ),
    "a chain": (
        "UPDATE payment_events SET to_status = 'in_review' WHERE payment_id = $1 AND sequence = 1",
        "chain",
        "event 2 begins at pending, the one before ended at in_review",
    ),
    "a metric's count": (
        (
            "UPDATE payment_metrics SET count = count + 1 "
            "WHERE event_type = 'payment.succeeded' AND $1::uuid IS NOT NULL"
        ),
        "metrics",
        "payment.succeeded",
    ),
    "a metric's amount": (
        (
            "UPDATE payment_metrics SET amount = amount - 1 "
            "WHERE event_type = 'payment.opened' AND $1::uuid IS NOT NULL"
        ),
        "metrics",
        "payment.opened",
    ),
    "a metric that is gone": (
        (
            "DELETE FROM payment_metrics "
            "WHERE event_type = 'payment.succeeded' AND $1::uuid IS NOT NULL"
        ),
        "metrics",
        "metrics say 0 of 0",
    ),
    "an answer": (
        (
            "UPDATE payment_idempotency SET response_status = NULL, response_type = NULL, "
            "response_body = NULL, answered_at = NULL WHERE payment_id = $1"
        ),
        "answers",
        "its answer is not stored",
    ),
    "a fraud log": (
        "DELETE FROM fraud_prevention_logs WHERE payment_id = $1",
        "fraud_log",
        "no fraud decision is logged",
    ),
}


async def busy(paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection) -> Payment:
    """Do a bit of everything; return a purchase that succeeded."""
    payments = await asyncio.gather(
        *(buy(paykeel, merchant, token, payment_method=token) for token in TOKENS),
        *(buy(paykeel, merchant, f"o-{n}", currency="JPY") for n in range(20)),
    )
    held = await reserve(paykeel, merchant, "held", buyer_role="operator")
    await paykeel.payments.capture(
        held.payment_id,
        merchant_id=merchant.merchant_id,
        idempotency_key="c-1",
        amount=300,
        final=False,
    )
    await recover(paykeel, admin)
    return payments[0]


async def test_what_paykeel_wrote_is_clean(urls: Urls, admin: asyncpg.Connection) -> None:
    async with opened(urls, changes={"gateway_ms_max": 250}) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        other = await paykeel.merchants.create("Mill Market")
        await busy(paykeel, merchant, admin)
        await busy(paykeel, other, admin)
        report = await paykeel.auditor.audit()
        assert report.clean
        assert (report.merchants, report.payments) == (2, 54)
        assert report.events == await admin.fetchval("SELECT count(*) FROM payment_events")
        one = await paykeel.auditor.audit(merchant.merchant_id)
        assert (one.merchants, one.payments) == (1, 27)
        with pytest.raises(NotFound):
            await paykeel.auditor.audit(new_id())


@pytest.mark.parametrize("what", PLANTED)
async def test_what_somebody_changed_is_named(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, what: str
) -> None:
    payment = await buy(paykeel, merchant)
    await buy(paykeel, merchant, "another")
    await audited(paykeel)
    statement, kind, words = PLANTED[what]
    # Triggers and foreign keys are set aside, as somebody would who hides a theft.
    await admin.execute("SET session_replication_role = replica")
    await admin.execute(statement, payment.payment_id)
    report = await paykeel.auditor.audit()
    assert not report.clean
    found = [one for one in report.differences if one.kind == kind]
    assert found
    assert any(words in one.detail for one in found), found
    assert {one.merchant_id for one in found} == {merchant.merchant_id}
    if kind != "metrics":
        assert {one.payment_id for one in found} == {payment.payment_id}


async def test_what_nothing_watches_is_named(urls: Urls, admin: asyncpg.Connection) -> None:
    async with opened(urls, changes={"gateway_ms_max": 250}) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        dark = await buy(paykeel, merchant, payment_method="pm_lost_response")
        await admin.execute(
            "UPDATE payment_attempts SET state = 'done', recover_at = NULL, finished_at = now()"
        )
        report = await paykeel.auditor.audit()
        assert [(one.kind, one.payment_id, one.detail) for one in report.differences] == [
            ("watched", dark.payment_id, "processing, and no attempt is watched")
        ]


async def test_an_audit_during_purchases_sees_one_instant(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    stop = asyncio.Event()

    async def sell(till: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            await buy(paykeel, merchant, f"{till}-{number}")

    tills = [asyncio.create_task(sell(till)) for till in range(8)]
    try:
        for _ in range(5):
            report = await paykeel.auditor.audit()
            assert report.differences == ()
            await asyncio.sleep(0.02)
    finally:
        stop.set()
        await asyncio.gather(*tills)
    assert (await paykeel.auditor.audit()).payments > 8


async def test_the_metrics_are_the_count_of_the_events(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls, changes={"gateway_ms_max": 250}) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        other = await paykeel.merchants.create("Mill Market")
        await busy(paykeel, merchant, admin)
        await busy(paykeel, other, admin)
        now = datetime.now(UTC)
        series = await read_series(paykeel.database, merchant.merchant_id, [now - DAY, now + DAY])
        truth = await history(admin, merchant.merchant_id)
        assert figures(series) == truth.counted([now - DAY, now + DAY])
        assert {one.event_type for one in series} >= {
            "payment.opened",
            "payment.captured",
            "payment.amount_mismatch",
        }


async def test_there_is_one_message_for_each_completed_purchase(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls, changes={"gateway_ms_max": 250}) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        await busy(paykeel, merchant, admin)
        for _ in range(2):
            await asyncio.gather(
                *(buy(paykeel, merchant, token, payment_method=token) for token in TOKENS)
            )
        await age(admin, 1)
        await paykeel.payments.sweep()
        completed = await admin.fetch(
            "SELECT payment_id FROM payments WHERE status = 'succeeded' ORDER BY 1"
        )
        told = await admin.fetch(
            "SELECT payment_id FROM outbox WHERE topic = 'purchase.completed' ORDER BY 1"
        )
        assert completed == told
        assert len(completed) == 22
        declined = await admin.fetch("SELECT payload FROM outbox WHERE topic = 'payment.failed'")
        assert len(declined) == 1
        assert '"reason": "card_declined"' in declined[0]["payload"]
