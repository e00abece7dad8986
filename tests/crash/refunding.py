"""Refunds as driver processes ask for them, and what is found of them afterwards."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from paykeel.gateways.placeholder import PlaceholderGateway
from paykeel.refunds.service import RefundService
from tests.conftest import order

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from paykeel import Paykeel, Payment
    from paykeel.merchants import Merchant
    from paykeel.refunds.model import Refund
    from tests.crash.plan import Reply
    from tests.crash.processes import Driver
    from tests.servers import Urls

INSIST_S_MAX = 40
#: What is told to come back: it is on its way, or too many come at once.
COME_BACK = frozenset({"idempotency_in_flight", "operation_in_flight", "outcome_unknown"})
POLICY: Mapping[str, Any] = {
    "key": "returns",
    "title": "Returns",
    "approval": {"when": "always", "four_eyes": True},
    "otherwise": {"percent_bps": 10_000},
}


def refunds_of(core: Paykeel) -> RefundService:
    return RefundService(core.payments.resources, core.refund_policies)


async def bought(core: Paykeel, merchant: Merchant, amount: int, **changes: Any) -> Payment:
    payment = await core.payments.purchase(
        order(amount=amount, **changes),
        merchant_id=merchant.merchant_id,
        idempotency_key="order-1",
    )
    assert payment.status == "succeeded"
    return payment


async def ask(driver: Driver, payment: Payment, key: str, amount: int) -> Reply:
    """Ask for a refund in another process."""
    return await driver.call(
        "refund", merchant=str(payment.merchant_id), payment_id=str(payment.payment_id), key=key,
        amount=amount,
    )  # fmt: skip


async def insist(driver: Driver, payment: Payment, key: str, amount: int) -> Reply:
    """Ask until there is an end."""
    async with asyncio.timeout(INSIST_S_MAX):
        while True:
            reply = await ask(driver, payment, key, amount)
            if reply.final or (reply.error is not None and reply.error not in COME_BACK):
                return reply
            await asyncio.sleep(0.05)


async def only_refund(core: Paykeel, merchant_id: UUID) -> Refund:
    (found,) = (await refunds_of(core).list(merchant_id=merchant_id)).refunds
    return found


async def given_back(urls: Urls, merchant_id: UUID) -> tuple[int, int]:
    """Return how often, and how much, the gateway really gave back."""
    gateway = await PlaceholderGateway.open(urls.app)
    try:
        totals = await gateway.books(str(merchant_id))
    finally:
        await gateway.close()
    found = [total for total in totals if total.kind == "refund"]
    return sum(one.movements for one in found), sum(one.amount for one in found)
