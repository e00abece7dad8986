"""Complete: go on after the buyer has done the step that the gateway asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paykeel.errors import IllegalTransition, InvalidField
from paykeel.payments.operations import Operation, operate
from paykeel.payments.states import Status
from paykeel.texts import check_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from paykeel.gateways.port import Capabilities
    from paykeel.idempotency import Answer
    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources

DATA_ENTRIES_MAX = 20
DATA_KEY_CHARACTERS_MAX = 64
DATA_VALUE_CHARACTERS_MAX = 4_000


async def complete(
    resources: Resources,
    merchant_id: UUID,
    payment_id: UUID,
    raw_key: str | None,
    data: Mapping[str, str],
) -> tuple[Payment, Answer]:
    """Hand the gateway what the buyer's step gave back, or ask how it ended."""
    if len(data) > DATA_ENTRIES_MAX:
        raise InvalidField("data", "data_too_many", f"At most {DATA_ENTRIES_MAX} entries.")
    for name, value in data.items():
        check_text(name, "data", DATA_KEY_CHARACTERS_MAX)
        check_text(value, f"data.{name}", DATA_VALUE_CHARACTERS_MAX)
    operation = Operation(
        verb="complete",
        claims_as="complete",
        path="actions",
        body={"data": dict(data)},
        amount_of=_amount_of,
        data=data,
    )
    return await operate(resources, merchant_id, payment_id, operation, raw_key)


def _amount_of(payment: Payment, _capabilities: Capabilities) -> int:
    """Return the whole amount of a payment that waits for its buyer."""
    if payment.status is not Status.REQUIRES_ACTION:
        raise IllegalTransition(
            f"This payment is {payment.status} and waits for no action.",
            status=str(payment.status),
        )
    return payment.amount
