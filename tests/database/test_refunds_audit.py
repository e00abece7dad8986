"""The audit finds nothing in refunds as Paykeel wrote them, and all that somebody else changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.database.helpers import again, audited, buy, opened
from tests.database.refunding import publish_policy, refund, refunds_of

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel, Payment
    from paykeel.merchants import Merchant
    from tests.servers import Urls

SUCCEEDED = "payment_id = $1 AND status = 'succeeded'"
#: A value that each column of a refund never had. Its status, amount and date are below.
FORGED = {
    "currency": "'JPY'",
    "reason": "'fraud'",
    "origin": "'gateway', idempotency_key = NULL",
    "idempotency_key": "'another'",
    "requested_by": "'Nobody'",
    "quoted_amount": "1",
    "policy_sha256": "sha256('forged')",
    "override_reason": "'forged'",
    "approved_by": "'Nobody'",
    "gateway_id": "'re_forged'",
    "settled_amount": "499",
    "four_eyes": "true",
    "created_at": "created_at - interval '1 s'",
    "finished_at": "finished_at + interval '1 s'",
}
#: A change that a superuser makes behind everybody's back, and by which check it is found with
#: which words.
PLANTED: dict[str, tuple[str, str, str]] = {
    "a refunded amount": (
        "UPDATE payments SET amount_refunded = amount_refunded - 1 WHERE payment_id = $1",
        "payments",
        "refunded is 499, history says 500",
    ),
    "a refunded amount, told by its refunds": (
        "UPDATE payments SET amount_refunded = amount_refunded - 1 WHERE payment_id = $1",
        "refunds",
        "refunded 499 and reserved 100, its refunds say 500 and 100",
    ),
    "a reserved amount": (
        "UPDATE payments SET amount_refund_reserved = 0 WHERE payment_id = $1",
        "payments",
        "reserved for refunds is 0, history says 100",
    ),
    "a disputed amount": (
        "UPDATE payments SET amount_disputed = 0 WHERE payment_id = $1",
        "payments",
        "disputed is 0, history says 50",
    ),
    "an event's refund": (
        (
            "UPDATE payment_events SET refunded_delta = 400 "
            "WHERE payment_id = $1 AND type = 'payment.refunded'"
        ),
        "payments",
        "refunded is 500, history says 400",
    ),
    "an event's reservation": (
        (
            "UPDATE payment_events SET reserved_delta = 0 "
            "WHERE payment_id = $1 AND type = 'payment.refund_requested'"
        ),
        "payments",
        "reserved for refunds is 100, history says 0",
    ),
    "an event's dispute": (
        (
            "UPDATE payment_events SET disputed_delta = 0 "
            "WHERE payment_id = $1 AND type = 'payment.dispute_opened'"
        ),
        "payments",
        "disputed is 50, history says 0",
    ),
    "a refund's status": (
        (
            "UPDATE refunds SET status = 'canceled', finished_at = now() "
            "WHERE payment_id = $1 AND status = 'requested'"
        ),
        "refunds",
        "is canceled, history says requested",
    ),
    "a refund that failed": (
        (
            "UPDATE refunds SET status = 'failed', failure_reason = 'other' "
            "WHERE payment_id = $1 AND status = 'succeeded'"
        ),
        "refunds",
        "is failed, history says succeeded",
    ),
    "a refund's amount": (
        "UPDATE refunds SET amount = 499 WHERE payment_id = $1 AND status = 'succeeded'",
        "refunds",
        "refunded 500 and reserved 100, its refunds say 499 and 100",
    ),
    "a waiting refund's amount": (
        "UPDATE refunds SET amount = 700 WHERE payment_id = $1 AND status = 'requested'",
        "refunds",
        "refunded 500 and reserved 100, its refunds say 500 and 700",
    ),
    "a refund's date": (
        (
            "UPDATE refunds SET updated_at = updated_at + interval '1 s' "
            "WHERE payment_id = $1 AND status = 'succeeded'"
        ),
        "refunds",
        "is succeeded, history says succeeded",
    ),
    "a component's part": (
        (
            "UPDATE refund_decisions SET breakdown = jsonb_set(breakdown, '{0,this}', '499') "
            "WHERE refund_id IN (SELECT refund_id FROM refunds WHERE payment_id = $1 "
            "AND status = 'succeeded')"
        ),
        "refund_facts",
        "is not what was asked for: breakdown",
    ),
    "no components": (
        (
            "UPDATE refund_decisions SET breakdown = NULL "
            "WHERE refund_id IN (SELECT refund_id FROM refunds WHERE payment_id = $1 "
            "AND status = 'succeeded')"
        ),
        "refund_facts",
        "is not what was asked for: breakdown",
    ),
    "that two people had to be": (
        "UPDATE refunds SET four_eyes = false WHERE payment_id = $1 AND status = 'requested'",
        "refund_facts",
        "is not what was asked for: four_eyes",
    ),
    "a refund that is gone": (
        "DELETE FROM refunds WHERE payment_id = $1 AND status = 'succeeded'",
        "refunds",
        "its refunds say 0 and 100",
    ),
    "a refund that was never asked for": (
        (
            "INSERT INTO refunds (merchant_id, refund_id, payment_id, status, amount, currency, "
            "reason, origin, idempotency_key, requested_by, created_at, updated_at, finished_at) "
            "SELECT merchant_id, gen_random_uuid(), payment_id, 'rejected', 5, 'EUR', 'other', "
            "'merchant', 'forged', 'Nobody', now(), now(), now() "
            "FROM payments WHERE payment_id = $1"
        ),
        "refunds",
        "is rejected, history says nothing",
    ),
    **{
        f"a refund's {column}": (
            f"UPDATE refunds SET {column} = {value} WHERE {SUCCEEDED}",  # noqa: S608
            "refund_facts",
            f"is not what was asked for: {column}",
        )
        for column, value in FORGED.items()
    },
}


async def refunded(paykeel: Paykeel, merchant: Merchant) -> Payment:
    """A purchase with a part given back, a part that waits for a person, and a part disputed."""
    await publish_policy(
        paykeel, merchant, approval={"when": "outside_policy"}, otherwise={"percent_bps": 4_000}
    )
    payment = await buy(paykeel, merchant, "another")
    await refund(paykeel, payment, "r-1", 500)
    await refund(paykeel, payment, "r-2", 100, override_reason="They waited in the rain")
    await refunds_of(paykeel).open_dispute(
        payment.payment_id, merchant_id=merchant.merchant_id, dispute_id="d-1",
        operator="Ada Lindqvist", amount=50,
    )  # fmt: skip
    return payment


@pytest.mark.parametrize("what", PLANTED)
async def test_what_somebody_changed_is_named(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, what: str
) -> None:
    await buy(paykeel, merchant)
    payment = await refunded(paykeel, merchant)
    await audited(paykeel)
    statement, kind, words = PLANTED[what]
    await admin.execute("SET session_replication_role = replica")
    await admin.execute(statement, payment.payment_id)
    report = await paykeel.auditor.audit()
    found = [one for one in report.differences if one.kind == kind]
    assert any(words in one.detail for one in found), report.differences
    assert {one.payment_id for one in found} == {payment.payment_id}


@pytest.mark.parametrize(
    ("column", "value"),
    [("failure_code", "'x18'"), ("failure_code", "NULL"), ("gateway_id", "'x'")],
)
async def test_why_a_refund_failed_is_told_by_history(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, column: str, value: str
) -> None:
    payment = await buy(paykeel, merchant, payment_method="pm_refund_declined")
    failed = await refund(paykeel, payment)
    assert (failed.status, failed.failure_code) == ("failed", "processing_error")
    last = (await again(paykeel, payment)).timeline[-1]
    assert (last.type, last.data) == (
        "payment.refund_failed", {"code": "processing_error"},
    )  # fmt: skip
    await audited(paykeel)
    await admin.execute(f"UPDATE refunds SET {column} = {value}")  # noqa: S608
    (found,) = (await paykeel.auditor.audit()).differences
    assert found.detail == f"refund {failed.refund_id} is not what was asked for: {column}"


async def test_a_refund_on_its_way_that_nothing_watches_is_named(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls, changes={"gateway_ms_max": 250}) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        payment = await buy(paykeel, merchant, payment_method="pm_refund_lost_response")
        dark = await refund(paykeel, payment)
        await audited(paykeel)
        await admin.execute(
            "UPDATE payment_attempts SET state = 'done', recover_at = NULL, finished_at = now()"
        )
        report = await paykeel.auditor.audit()
        assert [(one.kind, one.payment_id, one.detail) for one in report.differences] == [
            (
                "refunds",
                payment.payment_id,
                f"refund {dark.refund_id} is pending, and no attempt is watched",
            )
        ]
