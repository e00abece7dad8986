"""Refunds as the tests of this folder ask for them, and what is found of them afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from paykeel.gateways.port import Notice, Succeeded
from paykeel.money import Money
from paykeel.payments.steps import gateway_reference
from paykeel.refunds.model import RefundRequest
from paykeel.refunds.service import RefundService
from tests.database.helpers import buy, placeholder_of, reference_of

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from paykeel import Paykeel, Payment
    from paykeel.gateways.port import Outcome
    from paykeel.idempotency import Answer
    from paykeel.merchants import Merchant
    from paykeel.refunds.model import Refund

AMOUNT = 1_250
ASKER, OTHER_EYES = "Ada Lindqvist", "Ben Okafor"


def refunds_of(paykeel: Paykeel) -> RefundService:
    """Return the verbs about refunds."""
    return RefundService(paykeel.payments.resources, paykeel.refund_policies)


def asking_for(amount: int | None, **how: Any) -> RefundRequest:
    """What somebody asks for."""
    return RefundRequest(**{"requested_by": ASKER, "amount": amount, **how})


async def refund(
    paykeel: Paykeel,
    payment: Payment,
    key: str = "r-1",
    amount: int | None = 500,
    *,
    may_approve: bool = False,
    **how: Any,
) -> Refund:
    """Ask for a refund, as the library gives it."""
    return await refunds_of(paykeel).request(
        payment.payment_id,
        asking_for(amount, **how),
        merchant_id=payment.merchant_id,
        idempotency_key=key,
        may_approve=may_approve,
    )


async def ask_refund(
    paykeel: Paykeel, payment: Payment, key: str = "r-1", amount: int | None = 500, **how: Any
) -> Answer:
    """Ask for a refund, as the API answers it."""
    return await refunds_of(paykeel).answer_request(
        payment.payment_id,
        asking_for(amount, **how),
        merchant_id=payment.merchant_id,
        idempotency_key=key,
    )


def refund_in(answer: Answer) -> dict[str, Any]:
    """Read an answer, and the refund out of a problem."""
    document = json.loads(answer.body)
    found: dict[str, Any] = document.get("refund", document)
    return found


async def publish_policy(paykeel: Paykeel, merchant: Merchant, **changes: Any) -> None:
    """Publish a policy that gives everything back, after somebody has approved it."""
    document = {
        "key": "returns",
        "title": "Returns",
        "approval": {"when": "always", "four_eyes": True},
        "otherwise": {"percent_bps": 10_000},
        **changes,
    }
    await paykeel.refund_policies.publish(
        document, merchant_id=merchant.merchant_id, author="Cleo Marsh"
    )


async def waiting(
    paykeel: Paykeel, merchant: Merchant, amount: int = 500, **order: Any
) -> tuple[Payment, Refund]:
    """A purchase, and a refund of it that waits for another person."""
    await publish_policy(paykeel, merchant)
    payment = await buy(paykeel, merchant, **order)
    asked = await refund(paykeel, payment, amount=amount)
    assert asked.status == "requested"
    return payment, asked


async def read_refund(paykeel: Paykeel, refund: Refund) -> Refund:
    """Read a refund as it stands now."""
    return await refunds_of(paykeel).get(refund.refund_id, merchant_id=refund.merchant_id)


async def given_back(paykeel: Paykeel, merchant_id: UUID) -> tuple[int, int]:
    """Return how often, and how much, the gateway really gave back for a merchant."""
    totals = await placeholder_of(paykeel).books(str(merchant_id))
    refunds = [total for total in totals if total.kind == "refund"]
    return sum(one.movements for one in refunds), sum(one.amount for one in refunds)


def notice_of(payment: Payment, key: str, outcome: Outcome) -> Notice:
    """What the gateway tells of the refund that was asked for under a key."""
    return Notice(
        message_id=f"evt-{key}",
        reference=gateway_reference(payment.merchant_id, key).hex(),
        outcome=outcome,
        merchant_id=str(payment.merchant_id),
        payment_id=str(payment.payment_id),
    )


def outside_notice(
    payment: Payment, gateway_id: str = "re_1", amount: int = 500, **changes: Any
) -> Notice:
    """What the gateway tells of a refund that somebody made in its own screens."""
    values = {
        "message_id": f"evt-{gateway_id}",
        "reference": gateway_id,
        "outcome": Succeeded(Money(amount, payment.currency)),
        "refund_of": reference_of(payment),
        "merchant_id": str(payment.merchant_id),
        "payment_id": str(payment.payment_id),
        **changes,
    }
    return Notice(**values)


async def swept(paykeel: Paykeel, admin: asyncpg.Connection) -> int:
    """Let time pass for what the gateway told, and look once; return how many were looked at."""
    await admin.execute("UPDATE refund_notices SET next_try_at = now() WHERE status = 'open'")
    return await refunds_of(paykeel).sweep()


def sums(payment: Payment) -> tuple[int, int]:
    """What was given back, and what is reserved for it."""
    return payment.amount_refunded, payment.amount_refund_reserved


async def rows_written(admin: asyncpg.Connection) -> dict[str, int]:
    """Count what a refund writes, to see that nothing was written."""
    found = {}
    for table in (
        "refunds", "refund_decisions", "payment_attempts", "payment_events",
        "payment_idempotency", "outbox",
    ):  # fmt: skip
        found[table] = await admin.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
    found["versions"] = await admin.fetchval("SELECT sum(version) FROM payments")
    return found
