"""A gateway's notice: the same settling, brought by the gateway itself."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.db.pool import fetch_on
from paykeel.errors import NotFound, Refused
from paykeel.payments.moves import Attempt
from paykeel.payments.settle import SQL

if TYPE_CHECKING:
    import asyncpg

    from paykeel.db.sql import Statement
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


async def check_no_open_notice(resources: Resources, merchant_id: UUID, payment_id: UUID) -> None:
    """Refuse to give money back while some may be out of which it is not clear what it is.

    Raises:
        Refused: ``refund_notice_open``.
    """
    row = await resources.database.fetchrow(
        SQL["has_open_notice"], merchant_id=merchant_id, payment_id=payment_id
    )
    if row is not None:
        raise Refused(
            f"The gateway tells of a refund of this payment, {row['gateway_id']}, that is not "
            "booked. Look at `paykeel refunds notices list`: wait for its answer, make room by "
            "rejecting or canceling what waits for approval, or book or dismiss it first.",
            code="refund_notice_open",
            gateway_id=row["gateway_id"],
        )


async def fetchrow_held(
    resources: Resources, statement: Statement, **values: Any
) -> asyncpg.Record | None:
    """Run a statement that sends money back, with its payment held before.

    A snapshot is older than the lock that its statement waits for: only the statement after the
    lock sees every notice that was stored, and those that come later find the money on its way.
    """
    async with resources.database.connection() as connection, connection.transaction():
        await fetch_on(
            connection,
            SQL["hold_payment"],
            {"merchant_id": values["merchant_id"], "payment_id": values["payment_id"]},
        )
        rows = await fetch_on(connection, statement, values)
    return rows[0] if rows else None


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
