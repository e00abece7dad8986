"""Cancel: call off a payment before it is captured, and release what is reserved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paykeel.errors import IllegalTransition
from paykeel.payments.operations import Operation, operate
from paykeel.payments.review import call_off
from paykeel.payments.states import Status

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel.gateways.port import Capabilities
    from paykeel.idempotency import Answer
    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources

CANCELABLE = frozenset({Status.REQUIRES_ACTION, Status.PROCESSING, Status.AUTHORIZED})


async def cancel(
    resources: Resources, merchant_id: UUID, payment_id: UUID, raw_key: str | None
) -> tuple[Payment, Answer]:
    """Release what is reserved, or stop what waits for the buyer or the gateway.

    What was captured before stays captured: such a payment ends as ``succeeded``. What is held for
    a person was never sent, and is called off without asking the gateway.
    """
    operation = Operation(
        verb="void",
        claims_as="cancel",
        path="cancel",
        body={},
        amount_of=releasable,
        ends_in="canceled",
        unsent=call_off,
    )
    return await operate(resources, merchant_id, payment_id, operation, raw_key)


def releasable(payment: Payment, _capabilities: Capabilities | None = None) -> int:
    """Return what a void is about, in minor units.

    Raises:
        IllegalTransition: The payment cannot be canceled as it stands.
    """
    if payment.status not in CANCELABLE:
        raise IllegalTransition(
            f"This payment is {payment.status} and cannot be canceled.",
            status=str(payment.status),
        )
    return (payment.amount_authorized or payment.amount) - payment.amount_captured
