"""Capture: take what is reserved, all of it or a part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paykeel.errors import IllegalTransition, InvalidField
from paykeel.money import check_amount
from paykeel.payments.operations import Operation, operate
from paykeel.payments.states import Status

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel.gateways.port import Capabilities
    from paykeel.idempotency import Answer
    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources


async def capture(
    resources: Resources,
    merchant_id: UUID,
    payment_id: UUID,
    raw_key: str | None,
    amount: int | None,
    *,
    final: bool,
) -> tuple[Payment, Answer]:
    """Take ``amount`` of what is reserved; all that is left when it is ``None``."""
    if amount is not None:
        check_amount(amount)

    def amount_of(payment: Payment, capabilities: Capabilities) -> int:
        if payment.status is not Status.AUTHORIZED:
            raise IllegalTransition(
                f"Only an authorized payment can be captured; this one is {payment.status}.",
                status=str(payment.status),
            )
        left = payment.amount_authorized - payment.amount_captured
        if amount is not None and amount > left:
            raise InvalidField(
                "amount",
                "amount_over_authorized",
                f"There are {left} minor units left to capture.",
            )
        if amount is not None and amount < left and not capabilities.partial_capture:
            raise InvalidField(
                "amount",
                "partial_capture_unsupported",
                f"This gateway captures all {left} minor units that are left, or nothing.",
            )
        if not final and not capabilities.multiple_captures:
            raise InvalidField(
                "final", "multiple_captures_unsupported", "This gateway captures only once."
            )
        return left if amount is None else amount

    operation = Operation(
        verb="capture",
        claims_as="capture",
        path="capture",
        body={"amount": amount, "final": final},
        amount_of=amount_of,
        final=final,
    )
    return await operate(resources, merchant_id, payment_id, operation, raw_key)
