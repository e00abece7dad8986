"""A gateway's notice: the same settling, brought by the gateway itself."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING
from uuid import UUID

from paykeel.errors import NotFound
from paykeel.payments.moves import Attempt
from paykeel.payments.settle import SQL

if TYPE_CHECKING:
    from paykeel.gateways.port import Notice
    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources

_ATTEMPT_COLUMNS = tuple(f.name for f in fields(Attempt))


async def take_notice(resources: Resources, notice: Notice) -> Payment:
    """Let a verified notice take effect; a repeated or late one changes nothing.

    Raises:
        NotFound: No payment of ours was sent under the notice's reference.
    """
    if notice.merchant_id is None or notice.payment_id is None:
        raise NotFound("The notice does not say which payment it is about.")
    try:
        merchant_id, payment_id = UUID(notice.merchant_id), UUID(notice.payment_id)
    except ValueError as error:
        raise NotFound("The notice names no payment of ours.") from error
    payment = await resources.settler.get(merchant_id, payment_id)
    rows = await resources.database.fetch(
        SQL["get_attempts"], merchant_id=merchant_id, payment_id=payment_id
    )
    for row in rows:
        # What the gateway gave back only helps to find it; the reference is what must agree.
        if row["reference"].hex() == notice.reference:
            attempt = Attempt(**{name: row[name] for name in _ATTEMPT_COLUMNS})
            gateway = await resources.gateways.by_name(payment.gateway)
            waits = resources.waits(gateway.capabilities, attempt.recover_count)
            settled, _ = await resources.settler.settle(
                payment, attempt, notice.outcome, waits, "webhook"
            )
            return settled
    raise NotFound("Nothing of this payment was sent under that reference.")
