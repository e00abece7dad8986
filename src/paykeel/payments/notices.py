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
    payment = await find_noticed(resources, notice)
    rows = await resources.database.fetch(
        SQL["get_attempts"], merchant_id=payment.merchant_id, payment_id=payment.payment_id
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


async def find_noticed(resources: Resources, notice: Notice) -> Payment:
    """Find the payment by its id or, should the database have forgotten that, by its key."""
    merchant_id, payment_id = _id(notice.merchant_id), _id(notice.payment_id)
    if merchant_id is not None and payment_id is not None:
        try:
            return await resources.settler.get(merchant_id, payment_id)
        except NotFound:
            pass
    if merchant_id is not None and notice.idempotency_key is not None:
        stored = await resources.idempotency.find(merchant_id, notice.idempotency_key)
        if stored is not None:
            return await resources.settler.get(merchant_id, stored.payment_id)
    raise NotFound("The notice names no payment of ours.")


def _id(text: str | None) -> UUID | None:
    """Read an id, if it is one."""
    try:
        return None if text is None else UUID(text)
    except ValueError:
        return None
